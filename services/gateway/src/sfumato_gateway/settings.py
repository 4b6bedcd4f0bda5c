"""Settings of the gateway."""

from pydantic import Field

from sfumato_mesh.settings import MeshSettings


class GatewaySettings(MeshSettings):
    """What a gateway must be told, beside what every service is. It holds no data credentials and keeps no state."""

    accountant_target: str = Field(default="", description="Address of the accountant, dns:///NAME:PORT for several.")
    executor_target: str = Field(default="", description="Address of the executor's front.")
    login_issuer: str = Field(
        default="",
        description="OpenID Connect provider at which people log in; empty: an administrator hands tokens out.",
    )
    login_client_id: str = Field(default="", description="Client id of the device flow at that provider.")
    login_scopes: tuple[str, ...] = Field(default=("openid",), description="Scopes to ask that provider for.")
    minimum_client_version: str = Field(default="0.1.0", description="Oldest client that is served.")

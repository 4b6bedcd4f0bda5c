"""Settings that every service has. Each service adds its own in a subclass.

A value comes from the constructor, else from the environment (SFUMATO_ISSUER, nested parts by "__"), else from the TOML
file that SFUMATO_CONFIG names, else it is the default. One file may serve all services: each reads its own fields.
"""

import os
import tomllib
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pydantic import AfterValidator, Field, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from sfumato_mesh.keys import public_key_from_hex


def _checked_key(text: str) -> str:
    public_key_from_hex(text)
    return text


PublicKeyHex = Annotated[str, AfterValidator(_checked_key)]
"""An Ed25519 public key as 64 hexadecimal digits."""


class MeshSettings(BaseSettings):
    """What every service must know about itself and its mesh. Never changes while it runs."""

    model_config = SettingsConfigDict(
        env_prefix="SFUMATO_", env_nested_delimiter="__", extra="ignore", frozen=True, hide_input_in_errors=True
    )

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """Least severe level that is logged."""
    otlp_endpoint: str = ""
    """OTLP/gRPC collector for traces, "http://collector:4317"; empty: nothing is exported."""
    issuer: str = "https://sfumato.invalid/local"
    """`iss` of bearer tokens."""
    audience: str = "sfumato"
    """`aud` of bearer tokens."""
    token_keys: dict[str, PublicKeyHex] = Field(default_factory=dict)
    """The issuer's public keys by their `kid`."""
    signing_key: Path | None = None
    """PEM file of this service's own Ed25519 key, made at the first start; it signs principals."""
    principal_keys: dict[str, PublicKeyHex] = Field(default_factory=dict)
    """Public key of each service that may call this one, by the service's name: "gateway", "executor"."""
    listen_address: str = "127.0.0.1:0"
    """Where the service listens; port 0: any that is free."""
    health_address: str = "127.0.0.1:0"
    """Where its health answers, in plain text, for probes; port 0: any that is free."""
    drain_seconds: float = Field(default=30.0, ge=0, le=3600)
    """How long running calls may go on after SIGTERM."""
    max_message_bytes: int = Field(default=1024 * 1024, ge=1024, le=64 * 1024 * 1024)
    """Largest request: a small message can take 36 times its size in memory."""
    max_response_bytes: int = Field(default=8 * 1024 * 1024, ge=1024, le=64 * 1024 * 1024)
    """Largest response message."""
    max_concurrent_calls: int = Field(default=500, ge=1)
    """Calls above it are refused at once: RESOURCE_EXHAUSTED."""

    max_connection_age_seconds: float = Field(default=600.0, ge=1, le=86400)
    """Age at which a connection takes no new call, so that clients find new replicas; twice that ends its calls."""

    def token_public_keys(self) -> dict[str, Ed25519PublicKey]:
        """Return the issuer's public keys by their `kid`."""
        return {kid: public_key_from_hex(text) for kid, text in self.token_keys.items()}

    def principal_public_keys(self) -> dict[str, Ed25519PublicKey]:
        """Return the public keys of the services that may call, by name."""
        return {service: public_key_from_hex(text) for service, text in self.principal_keys.items()}

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Return the sources, strongest first.

        Raises:
            FileNotFoundError: SFUMATO_CONFIG names no file.
        """
        del dotenv_settings, file_secret_settings
        named = os.environ.get("SFUMATO_CONFIG")
        if not named:
            return (init_settings, env_settings)
        file = Path(named)
        if not file.is_file():
            raise FileNotFoundError(f"SFUMATO_CONFIG names no file: {file}")
        return (init_settings, env_settings, TomlConfigSettingsSource(settings_cls, toml_file=file))


SettingsT = TypeVar("SettingsT", bound=MeshSettings)


def settings_of(kind: type[SettingsT], program: str) -> SettingsT:
    """Return a process's settings.

    Raises:
        SystemExit: some are missing or wrong; the text names each, and no value.
    """
    try:
        return kind()
    except ValidationError as error:
        problems = [
            f"{'__'.join(['SFUMATO_' + str(first).upper(), *map(str, rest)])}: {each['msg']}"
            for each in error.errors(include_input=False, include_url=False)
            for first, *rest in [each["loc"]]
        ]
    except (FileNotFoundError, tomllib.TOMLDecodeError) as error:
        problems = [str(error)]
    raise SystemExit("\n".join(f"{program}: {each}" for each in problems))

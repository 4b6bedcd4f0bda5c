"""Who may come in to an embedded mesh: tokens of its own issuer, checked as those of an OpenID provider will be."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sfumato_embedded.folder import connection_file, write_private
from sfumato_mesh.tokens import LocalIssuer

ISSUER = "https://embedded.sfumato.invalid"
AUDIENCE = "sfumato"
ADMINISTRATOR = "admin"
ANALYST = "analyst"
LIFETIME = timedelta(days=30)


@dataclass(frozen=True)
class Connection:
    """What the SDK and the CLI need to reach a running mesh."""

    target: str
    """host:port of the gateway."""
    token: str
    """The analyst's token."""
    admin_token: str
    """The administrator's token."""
    data: str
    """The mesh's folder."""

    def save(self) -> None:
        """Write the connection file, readable by this user alone."""
        fields = {"target": self.target, "token": self.token, "admin_token": self.admin_token, "data": self.data}
        write_private(connection_file(), fields)


def issue(issuer: LocalIssuer, subject: str, now: datetime) -> str:
    """A token of `subject` that ends 30 days from `now`."""
    return issuer.issue(subject, LIFETIME, now=now)

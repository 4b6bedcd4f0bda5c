"""Settings of the accountant."""

from pathlib import Path

from pydantic import Field

from sfumato_mesh.settings import MeshSettings


class AccountantSettings(MeshSettings):
    """What an accountant must be told, beside what every service is."""

    store_url: str
    """sqlite:///ABSOLUTE/PATH, or mongodb://HOST/DATABASE."""
    ledger_key_file: Path
    """Ed25519 key (PEM) that signs heads and receipts; made if it is absent. All replicas need the same one."""
    ledger_next_key_file: Path | None = None
    """Key that follows it when a chain's key is rotated; made if it is absent. All replicas need it before that act."""
    snapshot_folder: Path | None = None
    """Where this accountant keeps snapshots of the ledger's state, so that it starts at once; may be lost or deleted at
    any time. None: it reads every chain from its beginning."""
    administrator_issuer: str = ""
    """`iss` of the first administrator, users/admin, who is made where no user was ever; empty: none is made."""
    administrator_subject: str = ""
    """`sub` of the first administrator."""
    clock_skew_seconds: float = Field(default=2.0, gt=0)
    """Nothing is appended while the clock is off by more than this."""
    max_message_bytes: int = Field(default=4 * 1024 * 1024, ge=1024, le=64 * 1024 * 1024)
    """Largest request: a public one of 1 MiB, with the plan that was made of it."""

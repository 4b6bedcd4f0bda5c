"""Settings of the executor: of its front and of its workers, which must agree."""

from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import Field, SecretStr

from sfumato_mesh.keys import load_or_create_signing_key
from sfumato_mesh.settings import MeshSettings

_QUEUES: Final = r"^(queries|preparations|library)(,(queries|preparations|library)){0,2}$"


class ExecutorSettings(MeshSettings):
    """What the executor must be told, beside what every service is."""

    accountant_target: str = "127.0.0.1:7402"
    """gRPC target of the accountant; dns:///NAME:PORT balances over its replicas."""
    broker_url: SecretStr = SecretStr("memory://")
    """amqp://USER:PASSWORD@HOST/VHOST, redis://HOST/DATABASE, or memory:// where front and worker are one process."""
    queue_prefix: str = Field(default="sfumato", pattern=r"^[a-z0-9-]{1,64}$")
    """Begins the names of the queues: keeps meshes apart that share a broker."""
    releases: str = "releases"
    """Where releases, marks and prepared data are kept: a directory, or s3://BUCKET[/PREFIX]."""
    releases_credentials: str = Field(default="releases", pattern=r"^[a-z][a-z0-9-]{0,62}$")
    """Name of the credentials that open the bucket."""
    credentials_dir: Path | None = None
    """Folder of named credentials."""
    data_root: Path | None = None
    """Folder below which sources may name files; unset: no source is a file. Workers only."""
    cache_dir: Path = Path("cache")
    """Where workers keep copies of prepared data, if releases are in a bucket."""
    lease_seconds: float = Field(default=20.0, gt=0)
    """How long a query may be under way before it is queued again."""
    preparation_lease_seconds: float = Field(default=900.0, gt=0)
    """The same for preparations."""
    settle_interval_seconds: float = Field(default=1.0, gt=0)
    """How often the front looks for what is open."""
    sweep_interval_seconds: float = Field(default=60.0, gt=0)
    """How often the front looks for what lost."""
    max_message_bytes: int = Field(default=4 * 1024 * 1024, ge=1024, le=64 * 1024 * 1024)
    """Largest request: a public one of 1 MiB, with the record of its dataset."""
    worker_concurrency: int = Field(default=2, ge=1, le=1024)
    """Tasks at once in one worker: processes, each with an engine of its own."""

    library_seconds: float = Field(default=300.0, gt=0, le=86_400)
    """How long a library's process may run; what it was paid for is given up after two such times and a minute. Fronts
    and workers must agree."""
    library_memory_bytes: int = Field(default=6 * 1024**3, ge=256 * 1024**2)
    """Address space of a library's process."""
    library_result_bytes: int = Field(default=256 * 1024**2, ge=1024)
    """Largest result of one."""
    library_threads: int = Field(default=2, ge=1, le=64)
    """Threads that one may compute in."""
    worker_queues: str = Field(default="queries,preparations,library", pattern=_QUEUES)
    """Which tasks a worker takes. Jobs of libraries are long: give them a worker of their own, or they keep others."""

    def load_signing_key(self) -> Ed25519PrivateKey:
        """Return the executor's key, made if its file is absent. All fronts and workers have the same.

        Raises:
            ValueError: no file is named, or it holds something else.
        """
        if self.signing_key is None:
            raise ValueError("SFUMATO_SIGNING_KEY names no file: the executor signs its calls to the accountant")
        return load_or_create_signing_key(self.signing_key)

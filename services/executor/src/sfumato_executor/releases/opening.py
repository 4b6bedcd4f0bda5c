"""The stores that a setting names."""

from dataclasses import dataclass
from pathlib import Path

import urllib3

from sfumato_executor.releases.bucket_objects import BucketObjects
from sfumato_executor.releases.directory_objects import DirectoryObjects
from sfumato_executor.releases.marks import Marks
from sfumato_executor.releases.objects import ObjectStore
from sfumato_executor.releases.prepared import BucketPrepared, DirectoryPrepared, PreparedData
from sfumato_executor.releases.store import ReleaseStore
from sfumato_executor.sources.credentials import bucket_credentials
from sfumato_executor.sources.refusal import SourceRefusedError


@dataclass(frozen=True)
class Stores:
    """What the executor keeps, all of it in one place."""

    releases: ReleaseStore
    marks: Marks
    prepared: PreparedData


def open_stores(place: str, *, cache: Path, credentials: Path | None, credentials_name: str) -> Stores:
    """Return the stores at a place.

    Args:
        place: path of a directory, or s3://BUCKET[/PREFIX].
        cache: folder for copies of prepared data; not used with a directory.
        credentials: folder of named credentials (SFUMATO_CREDENTIALS_DIR); needed for a bucket.
        credentials_name: which of them open the bucket.

    Raises:
        ValueError: the place is malformed, or its credentials are missing.
        StoreUnavailableError: a directory cannot be made.
    """
    if not place.startswith("s3://"):
        directory = DirectoryObjects(Path(place))
        return stores_of(directory, DirectoryPrepared(directory))
    try:
        access = bucket_credentials(credentials, credentials_name)
    except SourceRefusedError as refused:
        raise ValueError(f"releases in {place}: {refused.problem}") from None
    url = urllib3.util.parse_url(place)
    prefix = (url.path or "").strip("/")
    bucket = BucketObjects(access, url.host or "", f"{prefix}/" if prefix else "")
    return stores_of(bucket, BucketPrepared(bucket, cache))


def stores_of(objects: ObjectStore, prepared: PreparedData) -> Stores:
    """Return the stores over an object store."""
    return Stores(ReleaseStore(objects), Marks(objects), prepared)

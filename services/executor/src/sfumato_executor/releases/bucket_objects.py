"""Objects in a bucket of S3, or of what speaks like it; tried with MinIO.

The store must honour `If-None-Match: *` and `If-Match` on PUT, and read after write. Conditional requests go over URLs
that the `minio` client signs, since its own `put_object` takes no such header.
"""

import contextlib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Final

import urllib3
from minio import Minio
from minio.error import MinioException, S3Error

from sfumato_executor.releases.objects import StoredKey, StoredObject, StoreUnavailableError, checked_key
from sfumato_executor.sources.credentials import BucketCredentials

_MISSING: Final = "NoSuchKey"
_SIGNED_FOR: Final = timedelta(minutes=5)
_PRECONDITION_FAILED: Final = 412
_ABSENT: Final = 404  # the answer to If-Match where there is no object
_CONFLICT: Final = 409  # S3's own answer to a lost race of conditional writes
_ANSWERS: Final = {
    "If-None-Match": (_PRECONDITION_FAILED, _CONFLICT),
    "If-Match": (_PRECONDITION_FAILED, _CONFLICT, _ABSENT),
}
_TIMEOUT: Final = urllib3.Timeout(connect=3.0, read=30.0)
_TRIES: Final = 3


class BucketObjects:
    """An ObjectStore in a bucket, all keys under one prefix. Threads may share it; processes may not."""

    def __init__(self, access: BucketCredentials, bucket: str, prefix: str = "") -> None:
        """Open the store; nothing is called yet. `prefix` ends with "/" or is empty."""
        self._http = urllib3.PoolManager(
            timeout=_TIMEOUT, maxsize=16, retries=urllib3.Retry(total=2, backoff_factor=0.1, status_forcelist=())
        )
        self._client = Minio(
            access.endpoint,
            access_key=access.access_key,
            secret_key=access.secret_key,
            secure=access.secure,
            region=access.region,  # named, so that no call asks the server for it first
            http_client=self._http,
        )
        self._bucket = bucket
        self._prefix = prefix

    def put_if_absent(self, key: str, data: bytes) -> bool:
        """Put the bytes durably unless the key is taken; return whether they were put.

        urllib3 repeats a request whose answer was lost, so False may answer one's own first request.
        """
        return self._put_on_condition(key, data, {"If-None-Match": "*"})

    def read(self, key: str) -> StoredObject | None:
        """Return the object; None: there is none."""
        with _unavailable():
            try:
                response = self._client.get_object(self._bucket, self._name(key))
            except S3Error as error:
                if error.code == _MISSING:
                    return None
                raise
            try:
                return StoredObject(response.read(), response.headers["ETag"])
            finally:
                response.close()
                response.release_conn()

    def read_at_once(self, key: str, most: int) -> bytes | None:
        """Return None: nothing of a bucket is at hand."""
        del key, most
        return None

    def replace(self, key: str, data: bytes, version: str | None) -> bool:
        """Put the bytes durably if the present version is this one; return whether it was."""
        return self._put_on_condition(key, data, {"If-None-Match": "*"} if version is None else {"If-Match": version})

    def keys(self, prefix: str, *, after: str = "") -> Iterator[StoredKey]:
        """Yield the objects under a prefix and after a key, in the order of keys."""
        with _unavailable():
            listing = self._client.list_objects(
                self._bucket,
                prefix=self._prefix + prefix,
                recursive=True,
                start_after=self._prefix + after if after else None,
            )
            for each in listing:
                if each.object_name is not None and each.last_modified is not None:
                    yield StoredKey(each.object_name.removeprefix(self._prefix), each.last_modified)

    def delete(self, key: str) -> None:
        """Delete an object; nothing happens if there is none."""
        with _unavailable():
            self._client.remove_object(self._bucket, self._name(key))

    def put_file(self, key: str, path: Path) -> None:
        """Put a file's bytes durably, whatever was there; large files in parts."""
        with _unavailable():
            self._client.fput_object(self._bucket, self._name(key), str(path))

    def get_file(self, key: str, path: Path) -> bool:
        """Write an object's bytes to a new file; return False if there is none."""
        with _unavailable():
            try:
                self._client.fget_object(self._bucket, self._name(key), str(path))
            except S3Error as error:
                if error.code == _MISSING:
                    return False
                raise
        return True

    def check_writable(self) -> None:
        """Return if an object can be put now; else raise StoreUnavailableError."""
        with _unavailable():
            self._put("probe", b"sfumato", {})

    def make_bucket(self) -> None:
        """Make the bucket unless it is there."""
        with _unavailable():
            if not self._client.bucket_exists(self._bucket):
                self._client.make_bucket(self._bucket)

    def _name(self, key: str) -> str:
        return self._prefix + checked_key(key)

    def _put_on_condition(self, key: str, data: bytes, condition: dict[str, str]) -> bool:
        with _unavailable():
            for _ in range(_TRIES):
                status = self._put(key, data, condition)
                if status in (_PRECONDITION_FAILED, _ABSENT):
                    return False
                if status != _CONFLICT:
                    return True
            raise StoreUnavailableError("the bucket of releases stays contended")

    def _put(self, key: str, data: bytes, headers: dict[str, str]) -> int:
        url = self._client.get_presigned_url("PUT", self._bucket, self._name(key), expires=_SIGNED_FOR)
        response = self._http.request("PUT", url, body=data, headers=headers)
        answered = _ANSWERS.get(next(iter(headers), ""), ())
        if response.status >= 300 and response.status not in answered:
            raise StoreUnavailableError("the bucket of releases refuses to be written")
        return response.status


@contextlib.contextmanager
def _unavailable() -> Iterator[None]:
    try:
        yield
    except (MinioException, urllib3.exceptions.HTTPError, OSError) as error:
        raise StoreUnavailableError("the bucket of releases cannot be used") from error

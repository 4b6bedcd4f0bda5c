"""Objects of a bucket as seekable files: ranged reads by the `minio` client."""

import io
from collections.abc import Iterator
from typing import BinaryIO, cast

import urllib3
from minio import Minio
from minio.error import MinioException

from sfumato.v1 import source_pb2
from sfumato_executor.sources.credentials import BucketCredentials
from sfumato_executor.sources.patterns import WILDCARD, expression, fixed_prefix
from sfumato_executor.sources.refusal import SourceRefusedError

_READ_AHEAD = 4 << 20
_TIMEOUT = urllib3.Timeout(connect=5.0, read=60.0)
_RETRY = urllib3.Retry(total=4, backoff_factor=0.2, status_forcelist=(500, 502, 503, 504))


def bucket_files(source: source_pb2.S3Source, credentials: BucketCredentials) -> Iterator[tuple[str, BinaryIO]]:
    """Open the objects that a source names, one after the other, by key.

    Yields:
        (key, file); the file is closed when the next is asked for.

    Raises:
        SourceRefusedError: nothing is named, or the store refuses.
    """
    client = Minio(
        credentials.endpoint,
        access_key=credentials.access_key,
        secret_key=credentials.secret_key,
        secure=credentials.secure,
        region=credentials.region,
        http_client=urllib3.PoolManager(timeout=_TIMEOUT, retries=_RETRY),
    )
    for key in _keys(client, source):
        with io.BufferedReader(BucketObject(client, source.bucket, key, source.object_version), _READ_AHEAD) as file:
            yield key, cast("BinaryIO", file)


def _keys(client: Minio, source: source_pb2.S3Source) -> list[str]:
    if WILDCARD not in source.key:
        return [source.key]
    if source.object_version:
        raise SourceRefusedError("an object version goes with one key, not with *")
    match = expression(source.key).fullmatch
    try:
        listed = client.list_objects(source.bucket, prefix=fixed_prefix(source.key), recursive=True)
        found = sorted(str(item.object_name) for item in listed if match(str(item.object_name)))
    except (MinioException, urllib3.exceptions.HTTPError) as error:
        raise SourceRefusedError(f"bucket {source.bucket} cannot be listed ({type(error).__name__})") from None
    if not found:
        raise SourceRefusedError(f"no object of bucket {source.bucket} matches {source.key}")
    return found


class BucketObject(io.RawIOBase):
    """One object, read by ranges. All ranges are of one state: a change on the way is refused, never mixed."""

    def __init__(self, client: Minio, bucket: str, key: str, version: str) -> None:
        super().__init__()
        self._client, self._bucket, self._key = client, bucket, key
        self._version = version or None
        self._position = 0
        try:
            state = client.stat_object(bucket, key, version_id=self._version)
        except (MinioException, urllib3.exceptions.HTTPError) as error:
            raise self._refused(error) from None
        self._size = int(state.size or 0)
        self._headers: dict[str, str | list[str] | tuple[str]] = {"If-Match": f'"{state.etag}"'}

    def readable(self) -> bool:
        """Whether it can be read: always."""
        return True

    def seekable(self) -> bool:
        """Whether it can be read from anywhere: always."""
        return True

    def tell(self) -> int:
        """Position of the next byte."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to a position from the start, from here or from the end."""
        origin = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = max(0, origin + offset)
        return self._position

    def readinto(self, buffer: "memoryview | bytearray") -> int:  # type: ignore[override]
        """Fill a buffer from the current position; 0 at the end."""
        length = min(len(buffer), self._size - self._position)
        if length <= 0:
            return 0
        content = self._range(self._position, length)
        buffer[:length] = content
        self._position += length
        return length

    def _range(self, offset: int, length: int) -> bytes:
        try:
            response = self._client.get_object(
                self._bucket,
                self._key,
                offset=offset,
                length=length,
                request_headers=self._headers,
                version_id=self._version,
            )
            try:
                content = response.read()
            finally:
                response.close()
                response.release_conn()
        except (MinioException, urllib3.exceptions.HTTPError) as error:
            raise self._refused(error) from None
        if len(content) != length:
            raise SourceRefusedError(f"{self._key} ended early")
        return content

    def _refused(self, error: Exception) -> SourceRefusedError:
        reason = getattr(error, "code", None) or type(error).__name__
        return SourceRefusedError(f"{self._key} of bucket {self._bucket} cannot be read ({reason})")

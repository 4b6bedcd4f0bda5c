from buf.validate import validate_pb2 as _validate_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Source(_message.Message):
    __slots__ = ("path", "s3", "format")
    PATH_FIELD_NUMBER: _ClassVar[int]
    S3_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    path: PathSource
    s3: S3Source
    format: FileFormat
    def __init__(self, path: _Optional[_Union[PathSource, _Mapping]] = ..., s3: _Optional[_Union[S3Source, _Mapping]] = ..., format: _Optional[_Union[FileFormat, _Mapping]] = ...) -> None: ...

class PathSource(_message.Message):
    __slots__ = ("path",)
    PATH_FIELD_NUMBER: _ClassVar[int]
    path: str
    def __init__(self, path: _Optional[str] = ...) -> None: ...

class S3Source(_message.Message):
    __slots__ = ("bucket", "key", "object_version", "credentials")
    BUCKET_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    OBJECT_VERSION_FIELD_NUMBER: _ClassVar[int]
    CREDENTIALS_FIELD_NUMBER: _ClassVar[int]
    bucket: str
    key: str
    object_version: str
    credentials: str
    def __init__(self, bucket: _Optional[str] = ..., key: _Optional[str] = ..., object_version: _Optional[str] = ..., credentials: _Optional[str] = ...) -> None: ...

class FileFormat(_message.Message):
    __slots__ = ("parquet", "csv", "arrow")
    PARQUET_FIELD_NUMBER: _ClassVar[int]
    CSV_FIELD_NUMBER: _ClassVar[int]
    ARROW_FIELD_NUMBER: _ClassVar[int]
    parquet: ParquetFormat
    csv: CsvFormat
    arrow: ArrowFormat
    def __init__(self, parquet: _Optional[_Union[ParquetFormat, _Mapping]] = ..., csv: _Optional[_Union[CsvFormat, _Mapping]] = ..., arrow: _Optional[_Union[ArrowFormat, _Mapping]] = ...) -> None: ...

class ParquetFormat(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ArrowFormat(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class CsvFormat(_message.Message):
    __slots__ = ("delimiter", "quote", "headerless", "null_values", "encoding")
    DELIMITER_FIELD_NUMBER: _ClassVar[int]
    QUOTE_FIELD_NUMBER: _ClassVar[int]
    HEADERLESS_FIELD_NUMBER: _ClassVar[int]
    NULL_VALUES_FIELD_NUMBER: _ClassVar[int]
    ENCODING_FIELD_NUMBER: _ClassVar[int]
    delimiter: str
    quote: str
    headerless: bool
    null_values: _containers.RepeatedScalarFieldContainer[str]
    encoding: str
    def __init__(self, delimiter: _Optional[str] = ..., quote: _Optional[str] = ..., headerless: bool = ..., null_values: _Optional[_Iterable[str]] = ..., encoding: _Optional[str] = ...) -> None: ...

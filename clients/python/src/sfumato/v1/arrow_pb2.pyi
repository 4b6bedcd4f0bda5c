from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor

class ArrowSchema(_message.Message):
    __slots__ = ("serialized_schema",)
    SERIALIZED_SCHEMA_FIELD_NUMBER: _ClassVar[int]
    serialized_schema: bytes
    def __init__(self, serialized_schema: _Optional[bytes] = ...) -> None: ...

class ArrowBatch(_message.Message):
    __slots__ = ("row_count", "start_offset", "crc32c", "serialized_record_batch")
    ROW_COUNT_FIELD_NUMBER: _ClassVar[int]
    START_OFFSET_FIELD_NUMBER: _ClassVar[int]
    CRC32C_FIELD_NUMBER: _ClassVar[int]
    SERIALIZED_RECORD_BATCH_FIELD_NUMBER: _ClassVar[int]
    row_count: int
    start_offset: int
    crc32c: int
    serialized_record_batch: bytes
    def __init__(self, row_count: _Optional[int] = ..., start_offset: _Optional[int] = ..., crc32c: _Optional[int] = ..., serialized_record_batch: _Optional[bytes] = ...) -> None: ...

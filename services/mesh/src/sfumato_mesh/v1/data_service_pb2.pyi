from buf.validate import validate_pb2 as _validate_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor

class PrepareVersionRequest(_message.Message):
    __slots__ = ("preparation_id",)
    PREPARATION_ID_FIELD_NUMBER: _ClassVar[int]
    preparation_id: str
    def __init__(self, preparation_id: _Optional[str] = ...) -> None: ...

class PrepareVersionResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

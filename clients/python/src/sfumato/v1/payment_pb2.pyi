from buf.validate import validate_pb2 as _validate_pb2
from sfumato.v1 import charge_pb2 as _charge_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Payment(_message.Message):
    __slots__ = ("rho", "epsilon")
    RHO_FIELD_NUMBER: _ClassVar[int]
    EPSILON_FIELD_NUMBER: _ClassVar[int]
    rho: _charge_pb2.RhoDelta
    epsilon: _charge_pb2.EpsilonDelta
    def __init__(self, rho: _Optional[_Union[_charge_pb2.RhoDelta, _Mapping]] = ..., epsilon: _Optional[_Union[_charge_pb2.EpsilonDelta, _Mapping]] = ...) -> None: ...

from buf.validate import validate_pb2 as _validate_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Charge(_message.Message):
    __slots__ = ("rho_picos", "epsilon_picos", "delta_attos")
    RHO_PICOS_FIELD_NUMBER: _ClassVar[int]
    EPSILON_PICOS_FIELD_NUMBER: _ClassVar[int]
    DELTA_ATTOS_FIELD_NUMBER: _ClassVar[int]
    rho_picos: int
    epsilon_picos: int
    delta_attos: int
    def __init__(self, rho_picos: _Optional[int] = ..., epsilon_picos: _Optional[int] = ..., delta_attos: _Optional[int] = ...) -> None: ...

class LossLimit(_message.Message):
    __slots__ = ("rho", "epsilon", "threshold_delta_attos")
    RHO_FIELD_NUMBER: _ClassVar[int]
    EPSILON_FIELD_NUMBER: _ClassVar[int]
    THRESHOLD_DELTA_ATTOS_FIELD_NUMBER: _ClassVar[int]
    rho: RhoDelta
    epsilon: EpsilonDelta
    threshold_delta_attos: int
    def __init__(self, rho: _Optional[_Union[RhoDelta, _Mapping]] = ..., epsilon: _Optional[_Union[EpsilonDelta, _Mapping]] = ..., threshold_delta_attos: _Optional[int] = ...) -> None: ...

class RhoDelta(_message.Message):
    __slots__ = ("rho_picos", "delta_attos")
    RHO_PICOS_FIELD_NUMBER: _ClassVar[int]
    DELTA_ATTOS_FIELD_NUMBER: _ClassVar[int]
    rho_picos: int
    delta_attos: int
    def __init__(self, rho_picos: _Optional[int] = ..., delta_attos: _Optional[int] = ...) -> None: ...

class EpsilonDelta(_message.Message):
    __slots__ = ("epsilon_picos", "delta_attos")
    EPSILON_PICOS_FIELD_NUMBER: _ClassVar[int]
    DELTA_ATTOS_FIELD_NUMBER: _ClassVar[int]
    epsilon_picos: int
    delta_attos: int
    def __init__(self, epsilon_picos: _Optional[int] = ..., delta_attos: _Optional[int] = ...) -> None: ...

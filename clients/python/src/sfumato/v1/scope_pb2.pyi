from buf.validate import validate_pb2 as _validate_pb2
from sfumato.v1 import charge_pb2 as _charge_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Scope(_message.Message):
    __slots__ = ("population", "dataset", "project", "analyst")
    POPULATION_FIELD_NUMBER: _ClassVar[int]
    DATASET_FIELD_NUMBER: _ClassVar[int]
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    ANALYST_FIELD_NUMBER: _ClassVar[int]
    population: str
    dataset: str
    project: str
    analyst: str
    def __init__(self, population: _Optional[str] = ..., dataset: _Optional[str] = ..., project: _Optional[str] = ..., analyst: _Optional[str] = ...) -> None: ...

class ScopeCharge(_message.Message):
    __slots__ = ("scope", "charge")
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    CHARGE_FIELD_NUMBER: _ClassVar[int]
    scope: Scope
    charge: _charge_pb2.Charge
    def __init__(self, scope: _Optional[_Union[Scope, _Mapping]] = ..., charge: _Optional[_Union[_charge_pb2.Charge, _Mapping]] = ...) -> None: ...

class ScopePrice(_message.Message):
    __slots__ = ("scope", "charge", "limit", "remaining", "remaining_after", "affordable")
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    CHARGE_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    REMAINING_FIELD_NUMBER: _ClassVar[int]
    REMAINING_AFTER_FIELD_NUMBER: _ClassVar[int]
    AFFORDABLE_FIELD_NUMBER: _ClassVar[int]
    scope: Scope
    charge: _charge_pb2.Charge
    limit: _charge_pb2.Charge
    remaining: _charge_pb2.Charge
    remaining_after: _charge_pb2.Charge
    affordable: bool
    def __init__(self, scope: _Optional[_Union[Scope, _Mapping]] = ..., charge: _Optional[_Union[_charge_pb2.Charge, _Mapping]] = ..., limit: _Optional[_Union[_charge_pb2.Charge, _Mapping]] = ..., remaining: _Optional[_Union[_charge_pb2.Charge, _Mapping]] = ..., remaining_after: _Optional[_Union[_charge_pb2.Charge, _Mapping]] = ..., affordable: bool = ...) -> None: ...

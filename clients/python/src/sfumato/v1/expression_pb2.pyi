import datetime

from buf.validate import validate_pb2 as _validate_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.type import date_pb2 as _date_pb2
from sfumato.v1 import function_pb2 as _function_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Expression(_message.Message):
    __slots__ = ("column", "literal", "call", "case_when", "cast", "in_list", "bin")
    COLUMN_FIELD_NUMBER: _ClassVar[int]
    LITERAL_FIELD_NUMBER: _ClassVar[int]
    CALL_FIELD_NUMBER: _ClassVar[int]
    CASE_WHEN_FIELD_NUMBER: _ClassVar[int]
    CAST_FIELD_NUMBER: _ClassVar[int]
    IN_LIST_FIELD_NUMBER: _ClassVar[int]
    BIN_FIELD_NUMBER: _ClassVar[int]
    column: str
    literal: Literal
    call: Call
    case_when: CaseWhen
    cast: Cast
    in_list: InList
    bin: Bin
    def __init__(self, column: _Optional[str] = ..., literal: _Optional[_Union[Literal, _Mapping]] = ..., call: _Optional[_Union[Call, _Mapping]] = ..., case_when: _Optional[_Union[CaseWhen, _Mapping]] = ..., cast: _Optional[_Union[Cast, _Mapping]] = ..., in_list: _Optional[_Union[InList, _Mapping]] = ..., bin: _Optional[_Union[Bin, _Mapping]] = ...) -> None: ...

class NamedExpression(_message.Message):
    __slots__ = ("alias", "expression")
    ALIAS_FIELD_NUMBER: _ClassVar[int]
    EXPRESSION_FIELD_NUMBER: _ClassVar[int]
    alias: str
    expression: Expression
    def __init__(self, alias: _Optional[str] = ..., expression: _Optional[_Union[Expression, _Mapping]] = ...) -> None: ...

class Literal(_message.Message):
    __slots__ = ("boolean", "integer", "real", "text", "date", "timestamp")
    BOOLEAN_FIELD_NUMBER: _ClassVar[int]
    INTEGER_FIELD_NUMBER: _ClassVar[int]
    REAL_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    DATE_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    boolean: bool
    integer: int
    real: float
    text: str
    date: _date_pb2.Date
    timestamp: _timestamp_pb2.Timestamp
    def __init__(self, boolean: bool = ..., integer: _Optional[int] = ..., real: _Optional[float] = ..., text: _Optional[str] = ..., date: _Optional[_Union[_date_pb2.Date, _Mapping]] = ..., timestamp: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class Call(_message.Message):
    __slots__ = ("function", "arguments", "time_unit", "otherwise")
    FUNCTION_FIELD_NUMBER: _ClassVar[int]
    ARGUMENTS_FIELD_NUMBER: _ClassVar[int]
    TIME_UNIT_FIELD_NUMBER: _ClassVar[int]
    OTHERWISE_FIELD_NUMBER: _ClassVar[int]
    function: _function_pb2.Function
    arguments: _containers.RepeatedCompositeFieldContainer[Expression]
    time_unit: _function_pb2.TimeUnit
    otherwise: Literal
    def __init__(self, function: _Optional[_Union[_function_pb2.Function, str]] = ..., arguments: _Optional[_Iterable[_Union[Expression, _Mapping]]] = ..., time_unit: _Optional[_Union[_function_pb2.TimeUnit, str]] = ..., otherwise: _Optional[_Union[Literal, _Mapping]] = ...) -> None: ...

class CaseWhen(_message.Message):
    __slots__ = ("branches", "otherwise")
    BRANCHES_FIELD_NUMBER: _ClassVar[int]
    OTHERWISE_FIELD_NUMBER: _ClassVar[int]
    branches: _containers.RepeatedCompositeFieldContainer[CaseBranch]
    otherwise: Expression
    def __init__(self, branches: _Optional[_Iterable[_Union[CaseBranch, _Mapping]]] = ..., otherwise: _Optional[_Union[Expression, _Mapping]] = ...) -> None: ...

class CaseBranch(_message.Message):
    __slots__ = ("condition", "value")
    CONDITION_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    condition: Expression
    value: Expression
    def __init__(self, condition: _Optional[_Union[Expression, _Mapping]] = ..., value: _Optional[_Union[Expression, _Mapping]] = ...) -> None: ...

class Cast(_message.Message):
    __slots__ = ("value", "type", "otherwise")
    VALUE_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    OTHERWISE_FIELD_NUMBER: _ClassVar[int]
    value: Expression
    type: _function_pb2.DataType
    otherwise: Literal
    def __init__(self, value: _Optional[_Union[Expression, _Mapping]] = ..., type: _Optional[_Union[_function_pb2.DataType, str]] = ..., otherwise: _Optional[_Union[Literal, _Mapping]] = ...) -> None: ...

class InList(_message.Message):
    __slots__ = ("value", "items")
    VALUE_FIELD_NUMBER: _ClassVar[int]
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    value: Expression
    items: _containers.RepeatedCompositeFieldContainer[Literal]
    def __init__(self, value: _Optional[_Union[Expression, _Mapping]] = ..., items: _Optional[_Iterable[_Union[Literal, _Mapping]]] = ...) -> None: ...

class Bin(_message.Message):
    __slots__ = ("value", "edges")
    VALUE_FIELD_NUMBER: _ClassVar[int]
    EDGES_FIELD_NUMBER: _ClassVar[int]
    value: Expression
    edges: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, value: _Optional[_Union[Expression, _Mapping]] = ..., edges: _Optional[_Iterable[float]] = ...) -> None: ...

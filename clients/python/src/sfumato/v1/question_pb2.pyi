from buf.validate import validate_pb2 as _validate_pb2
from sfumato.v1 import expression_pb2 as _expression_pb2
from sfumato.v1 import model_spec_pb2 as _model_spec_pb2
from sfumato.v1 import plan_pb2 as _plan_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Assurance(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ASSURANCE_UNSPECIFIED: _ClassVar[Assurance]
    ASSURANCE_HARDENED: _ClassVar[Assurance]
    ASSURANCE_LIBRARY: _ClassVar[Assurance]
ASSURANCE_UNSPECIFIED: Assurance
ASSURANCE_HARDENED: Assurance
ASSURANCE_LIBRARY: Assurance

class Question(_message.Message):
    __slots__ = ("plan", "sql", "model", "engine")
    PLAN_FIELD_NUMBER: _ClassVar[int]
    SQL_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    ENGINE_FIELD_NUMBER: _ClassVar[int]
    plan: _plan_pb2.Plan
    sql: SqlQuery
    model: _model_spec_pb2.ModelSpec
    engine: str
    def __init__(self, plan: _Optional[_Union[_plan_pb2.Plan, _Mapping]] = ..., sql: _Optional[_Union[SqlQuery, _Mapping]] = ..., model: _Optional[_Union[_model_spec_pb2.ModelSpec, _Mapping]] = ..., engine: _Optional[str] = ...) -> None: ...

class SqlQuery(_message.Message):
    __slots__ = ("statement", "dataset", "parameters")
    class ParametersEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: _expression_pb2.Literal
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[_expression_pb2.Literal, _Mapping]] = ...) -> None: ...
    STATEMENT_FIELD_NUMBER: _ClassVar[int]
    DATASET_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    statement: str
    dataset: str
    parameters: _containers.MessageMap[str, _expression_pb2.Literal]
    def __init__(self, statement: _Optional[str] = ..., dataset: _Optional[str] = ..., parameters: _Optional[_Mapping[str, _expression_pb2.Literal]] = ...) -> None: ...

from buf.validate import validate_pb2 as _validate_pb2
from sfumato.v1 import expression_pb2 as _expression_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Relation(_message.Message):
    __slots__ = ("scan", "filter", "derive")
    SCAN_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    DERIVE_FIELD_NUMBER: _ClassVar[int]
    scan: Scan
    filter: Filter
    derive: Derive
    def __init__(self, scan: _Optional[_Union[Scan, _Mapping]] = ..., filter: _Optional[_Union[Filter, _Mapping]] = ..., derive: _Optional[_Union[Derive, _Mapping]] = ...) -> None: ...

class Scan(_message.Message):
    __slots__ = ("dataset",)
    DATASET_FIELD_NUMBER: _ClassVar[int]
    dataset: str
    def __init__(self, dataset: _Optional[str] = ...) -> None: ...

class Filter(_message.Message):
    __slots__ = ("input", "predicate")
    INPUT_FIELD_NUMBER: _ClassVar[int]
    PREDICATE_FIELD_NUMBER: _ClassVar[int]
    input: Relation
    predicate: _expression_pb2.Expression
    def __init__(self, input: _Optional[_Union[Relation, _Mapping]] = ..., predicate: _Optional[_Union[_expression_pb2.Expression, _Mapping]] = ...) -> None: ...

class Derive(_message.Message):
    __slots__ = ("input", "columns")
    INPUT_FIELD_NUMBER: _ClassVar[int]
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    input: Relation
    columns: _containers.RepeatedCompositeFieldContainer[_expression_pb2.NamedExpression]
    def __init__(self, input: _Optional[_Union[Relation, _Mapping]] = ..., columns: _Optional[_Iterable[_Union[_expression_pb2.NamedExpression, _Mapping]]] = ...) -> None: ...

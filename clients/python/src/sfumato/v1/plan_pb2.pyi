from buf.validate import validate_pb2 as _validate_pb2
from sfumato.v1 import expression_pb2 as _expression_pb2
from sfumato.v1 import measure_pb2 as _measure_pb2
from sfumato.v1 import relation_pb2 as _relation_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Plan(_message.Message):
    __slots__ = ("source", "group_by", "measures", "contribution_bounds")
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    GROUP_BY_FIELD_NUMBER: _ClassVar[int]
    MEASURES_FIELD_NUMBER: _ClassVar[int]
    CONTRIBUTION_BOUNDS_FIELD_NUMBER: _ClassVar[int]
    source: _relation_pb2.Relation
    group_by: GroupBy
    measures: _containers.RepeatedCompositeFieldContainer[_measure_pb2.Measure]
    contribution_bounds: ContributionBounds
    def __init__(self, source: _Optional[_Union[_relation_pb2.Relation, _Mapping]] = ..., group_by: _Optional[_Union[GroupBy, _Mapping]] = ..., measures: _Optional[_Iterable[_Union[_measure_pb2.Measure, _Mapping]]] = ..., contribution_bounds: _Optional[_Union[ContributionBounds, _Mapping]] = ...) -> None: ...

class GroupBy(_message.Message):
    __slots__ = ("keys", "public_keys", "threshold_keys")
    KEYS_FIELD_NUMBER: _ClassVar[int]
    PUBLIC_KEYS_FIELD_NUMBER: _ClassVar[int]
    THRESHOLD_KEYS_FIELD_NUMBER: _ClassVar[int]
    keys: _containers.RepeatedCompositeFieldContainer[_expression_pb2.NamedExpression]
    public_keys: PublicKeys
    threshold_keys: ThresholdKeys
    def __init__(self, keys: _Optional[_Iterable[_Union[_expression_pb2.NamedExpression, _Mapping]]] = ..., public_keys: _Optional[_Union[PublicKeys, _Mapping]] = ..., threshold_keys: _Optional[_Union[ThresholdKeys, _Mapping]] = ...) -> None: ...

class PublicKeys(_message.Message):
    __slots__ = ("keys",)
    KEYS_FIELD_NUMBER: _ClassVar[int]
    keys: _containers.RepeatedCompositeFieldContainer[KeyTuple]
    def __init__(self, keys: _Optional[_Iterable[_Union[KeyTuple, _Mapping]]] = ...) -> None: ...

class KeyTuple(_message.Message):
    __slots__ = ("values",)
    VALUES_FIELD_NUMBER: _ClassVar[int]
    values: _containers.RepeatedCompositeFieldContainer[_expression_pb2.Literal]
    def __init__(self, values: _Optional[_Iterable[_Union[_expression_pb2.Literal, _Mapping]]] = ...) -> None: ...

class ThresholdKeys(_message.Message):
    __slots__ = ("weight",)
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    weight: int
    def __init__(self, weight: _Optional[int] = ...) -> None: ...

class ContributionBounds(_message.Message):
    __slots__ = ("max_groups", "max_rows_per_group", "max_rows")
    MAX_GROUPS_FIELD_NUMBER: _ClassVar[int]
    MAX_ROWS_PER_GROUP_FIELD_NUMBER: _ClassVar[int]
    MAX_ROWS_FIELD_NUMBER: _ClassVar[int]
    max_groups: int
    max_rows_per_group: int
    max_rows: int
    def __init__(self, max_groups: _Optional[int] = ..., max_rows_per_group: _Optional[int] = ..., max_rows: _Optional[int] = ...) -> None: ...

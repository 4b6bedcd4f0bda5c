from buf.validate import validate_pb2 as _validate_pb2
from sfumato.v1 import expression_pb2 as _expression_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Noise(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    NOISE_UNSPECIFIED: _ClassVar[Noise]
    NOISE_LAPLACE: _ClassVar[Noise]
    NOISE_GAUSSIAN: _ClassVar[Noise]
NOISE_UNSPECIFIED: Noise
NOISE_LAPLACE: Noise
NOISE_GAUSSIAN: Noise

class Measure(_message.Message):
    __slots__ = ("alias", "count", "count_units", "sum", "mean", "quantile", "histogram", "weight", "noise")
    ALIAS_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    COUNT_UNITS_FIELD_NUMBER: _ClassVar[int]
    SUM_FIELD_NUMBER: _ClassVar[int]
    MEAN_FIELD_NUMBER: _ClassVar[int]
    QUANTILE_FIELD_NUMBER: _ClassVar[int]
    HISTOGRAM_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    NOISE_FIELD_NUMBER: _ClassVar[int]
    alias: str
    count: Count
    count_units: CountUnits
    sum: Sum
    mean: Mean
    quantile: Quantile
    histogram: Histogram
    weight: int
    noise: Noise
    def __init__(self, alias: _Optional[str] = ..., count: _Optional[_Union[Count, _Mapping]] = ..., count_units: _Optional[_Union[CountUnits, _Mapping]] = ..., sum: _Optional[_Union[Sum, _Mapping]] = ..., mean: _Optional[_Union[Mean, _Mapping]] = ..., quantile: _Optional[_Union[Quantile, _Mapping]] = ..., histogram: _Optional[_Union[Histogram, _Mapping]] = ..., weight: _Optional[int] = ..., noise: _Optional[_Union[Noise, str]] = ...) -> None: ...

class Bounds(_message.Message):
    __slots__ = ("lower", "upper")
    LOWER_FIELD_NUMBER: _ClassVar[int]
    UPPER_FIELD_NUMBER: _ClassVar[int]
    lower: float
    upper: float
    def __init__(self, lower: _Optional[float] = ..., upper: _Optional[float] = ...) -> None: ...

class Count(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: _expression_pb2.Expression
    def __init__(self, value: _Optional[_Union[_expression_pb2.Expression, _Mapping]] = ...) -> None: ...

class CountUnits(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Sum(_message.Message):
    __slots__ = ("value", "bounds")
    VALUE_FIELD_NUMBER: _ClassVar[int]
    BOUNDS_FIELD_NUMBER: _ClassVar[int]
    value: _expression_pb2.Expression
    bounds: Bounds
    def __init__(self, value: _Optional[_Union[_expression_pb2.Expression, _Mapping]] = ..., bounds: _Optional[_Union[Bounds, _Mapping]] = ...) -> None: ...

class Mean(_message.Message):
    __slots__ = ("value", "bounds")
    VALUE_FIELD_NUMBER: _ClassVar[int]
    BOUNDS_FIELD_NUMBER: _ClassVar[int]
    value: _expression_pb2.Expression
    bounds: Bounds
    def __init__(self, value: _Optional[_Union[_expression_pb2.Expression, _Mapping]] = ..., bounds: _Optional[_Union[Bounds, _Mapping]] = ...) -> None: ...

class Quantile(_message.Message):
    __slots__ = ("value", "level", "candidates", "candidate_count")
    VALUE_FIELD_NUMBER: _ClassVar[int]
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    CANDIDATES_FIELD_NUMBER: _ClassVar[int]
    CANDIDATE_COUNT_FIELD_NUMBER: _ClassVar[int]
    value: _expression_pb2.Expression
    level: float
    candidates: _containers.RepeatedScalarFieldContainer[float]
    candidate_count: int
    def __init__(self, value: _Optional[_Union[_expression_pb2.Expression, _Mapping]] = ..., level: _Optional[float] = ..., candidates: _Optional[_Iterable[float]] = ..., candidate_count: _Optional[int] = ...) -> None: ...

class Histogram(_message.Message):
    __slots__ = ("bins",)
    BINS_FIELD_NUMBER: _ClassVar[int]
    bins: _expression_pb2.Expression
    def __init__(self, bins: _Optional[_Union[_expression_pb2.Expression, _Mapping]] = ...) -> None: ...

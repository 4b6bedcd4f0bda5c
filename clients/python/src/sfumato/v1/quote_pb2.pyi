import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from sfumato.v1 import arrow_pb2 as _arrow_pb2
from sfumato.v1 import charge_pb2 as _charge_pb2
from sfumato.v1 import plan_pb2 as _plan_pb2
from sfumato.v1 import question_pb2 as _question_pb2
from sfumato.v1 import scope_pb2 as _scope_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Quote(_message.Message):
    __slots__ = ("charge", "scopes", "affordable", "measures", "schema", "canonical_plan", "plan_digest", "engine", "assurance", "data_versions", "release_query", "notes", "give_up_after")
    CHARGE_FIELD_NUMBER: _ClassVar[int]
    SCOPES_FIELD_NUMBER: _ClassVar[int]
    AFFORDABLE_FIELD_NUMBER: _ClassVar[int]
    MEASURES_FIELD_NUMBER: _ClassVar[int]
    SCHEMA_FIELD_NUMBER: _ClassVar[int]
    CANONICAL_PLAN_FIELD_NUMBER: _ClassVar[int]
    PLAN_DIGEST_FIELD_NUMBER: _ClassVar[int]
    ENGINE_FIELD_NUMBER: _ClassVar[int]
    ASSURANCE_FIELD_NUMBER: _ClassVar[int]
    DATA_VERSIONS_FIELD_NUMBER: _ClassVar[int]
    RELEASE_QUERY_FIELD_NUMBER: _ClassVar[int]
    NOTES_FIELD_NUMBER: _ClassVar[int]
    GIVE_UP_AFTER_FIELD_NUMBER: _ClassVar[int]
    charge: _charge_pb2.Charge
    scopes: _containers.RepeatedCompositeFieldContainer[_scope_pb2.ScopePrice]
    affordable: bool
    measures: _containers.RepeatedCompositeFieldContainer[MeasureAccuracy]
    schema: _arrow_pb2.ArrowSchema
    canonical_plan: _plan_pb2.Plan
    plan_digest: bytes
    engine: str
    assurance: _question_pb2.Assurance
    data_versions: _containers.RepeatedCompositeFieldContainer[DataVersion]
    release_query: str
    notes: _containers.RepeatedScalarFieldContainer[str]
    give_up_after: _duration_pb2.Duration
    def __init__(self, charge: _Optional[_Union[_charge_pb2.Charge, _Mapping]] = ..., scopes: _Optional[_Iterable[_Union[_scope_pb2.ScopePrice, _Mapping]]] = ..., affordable: bool = ..., measures: _Optional[_Iterable[_Union[MeasureAccuracy, _Mapping]]] = ..., schema: _Optional[_Union[_arrow_pb2.ArrowSchema, _Mapping]] = ..., canonical_plan: _Optional[_Union[_plan_pb2.Plan, _Mapping]] = ..., plan_digest: _Optional[bytes] = ..., engine: _Optional[str] = ..., assurance: _Optional[_Union[_question_pb2.Assurance, str]] = ..., data_versions: _Optional[_Iterable[_Union[DataVersion, _Mapping]]] = ..., release_query: _Optional[str] = ..., notes: _Optional[_Iterable[str]] = ..., give_up_after: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class DataVersion(_message.Message):
    __slots__ = ("dataset", "version")
    DATASET_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    dataset: str
    version: int
    def __init__(self, dataset: _Optional[str] = ..., version: _Optional[int] = ...) -> None: ...

class MeasureAccuracy(_message.Message):
    __slots__ = ("alias", "charge", "mechanisms", "intervals", "unit")
    ALIAS_FIELD_NUMBER: _ClassVar[int]
    CHARGE_FIELD_NUMBER: _ClassVar[int]
    MECHANISMS_FIELD_NUMBER: _ClassVar[int]
    INTERVALS_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    alias: str
    charge: _charge_pb2.Charge
    mechanisms: _containers.RepeatedCompositeFieldContainer[Mechanism]
    intervals: _containers.RepeatedCompositeFieldContainer[Interval]
    unit: str
    def __init__(self, alias: _Optional[str] = ..., charge: _Optional[_Union[_charge_pb2.Charge, _Mapping]] = ..., mechanisms: _Optional[_Iterable[_Union[Mechanism, _Mapping]]] = ..., intervals: _Optional[_Iterable[_Union[Interval, _Mapping]]] = ..., unit: _Optional[str] = ...) -> None: ...

class Mechanism(_message.Message):
    __slots__ = ("kind", "scale", "step", "sensitivity_l0", "sensitivity_l1", "sensitivity_l2", "sensitivity_linf", "candidate_count", "threshold", "description")
    class Kind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        KIND_UNSPECIFIED: _ClassVar[Mechanism.Kind]
        KIND_DISCRETE_GAUSSIAN: _ClassVar[Mechanism.Kind]
        KIND_DISCRETE_LAPLACE: _ClassVar[Mechanism.Kind]
        KIND_NOISY_MAX: _ClassVar[Mechanism.Kind]
        KIND_GAUSSIAN_THRESHOLD: _ClassVar[Mechanism.Kind]
        KIND_LAPLACE_THRESHOLD: _ClassVar[Mechanism.Kind]
        KIND_LIBRARY: _ClassVar[Mechanism.Kind]
    KIND_UNSPECIFIED: Mechanism.Kind
    KIND_DISCRETE_GAUSSIAN: Mechanism.Kind
    KIND_DISCRETE_LAPLACE: Mechanism.Kind
    KIND_NOISY_MAX: Mechanism.Kind
    KIND_GAUSSIAN_THRESHOLD: Mechanism.Kind
    KIND_LAPLACE_THRESHOLD: Mechanism.Kind
    KIND_LIBRARY: Mechanism.Kind
    KIND_FIELD_NUMBER: _ClassVar[int]
    SCALE_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    SENSITIVITY_L0_FIELD_NUMBER: _ClassVar[int]
    SENSITIVITY_L1_FIELD_NUMBER: _ClassVar[int]
    SENSITIVITY_L2_FIELD_NUMBER: _ClassVar[int]
    SENSITIVITY_LINF_FIELD_NUMBER: _ClassVar[int]
    CANDIDATE_COUNT_FIELD_NUMBER: _ClassVar[int]
    THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    kind: Mechanism.Kind
    scale: float
    step: float
    sensitivity_l0: int
    sensitivity_l1: float
    sensitivity_l2: float
    sensitivity_linf: float
    candidate_count: int
    threshold: int
    description: str
    def __init__(self, kind: _Optional[_Union[Mechanism.Kind, str]] = ..., scale: _Optional[float] = ..., step: _Optional[float] = ..., sensitivity_l0: _Optional[int] = ..., sensitivity_l1: _Optional[float] = ..., sensitivity_l2: _Optional[float] = ..., sensitivity_linf: _Optional[float] = ..., candidate_count: _Optional[int] = ..., threshold: _Optional[int] = ..., description: _Optional[str] = ...) -> None: ...

class Interval(_message.Message):
    __slots__ = ("confidence", "group_size", "absolute", "level")
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    GROUP_SIZE_FIELD_NUMBER: _ClassVar[int]
    ABSOLUTE_FIELD_NUMBER: _ClassVar[int]
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    confidence: float
    group_size: int
    absolute: float
    level: float
    def __init__(self, confidence: _Optional[float] = ..., group_size: _Optional[int] = ..., absolute: _Optional[float] = ..., level: _Optional[float] = ...) -> None: ...

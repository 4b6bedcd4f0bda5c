from buf.validate import validate_pb2 as _validate_pb2
from sfumato.v1 import charge_pb2 as _charge_pb2
from sfumato.v1 import ledger_pb2 as _ledger_pb2
from sfumato.v1 import population_admin_service_pb2 as _population_admin_service_pb2
from sfumato.v1 import quote_pb2 as _quote_pb2
from sfumato.v1 import scope_pb2 as _scope_pb2
from sfumato_mesh.v1 import query_price_pb2 as _query_price_pb2
from sfumato_mesh.v1 import reservation_pb2 as _reservation_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class PreviewQueryRequest(_message.Message):
    __slots__ = ("query", "project", "base_query_id")
    QUERY_FIELD_NUMBER: _ClassVar[int]
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    BASE_QUERY_ID_FIELD_NUMBER: _ClassVar[int]
    query: _query_price_pb2.QueryPrice
    project: str
    base_query_id: str
    def __init__(self, query: _Optional[_Union[_query_price_pb2.QueryPrice, _Mapping]] = ..., project: _Optional[str] = ..., base_query_id: _Optional[str] = ...) -> None: ...

class PreviewQueryResponse(_message.Message):
    __slots__ = ("scopes", "affordable", "release_query_id", "data_versions", "derived", "base_query_ids", "free_base_count")
    SCOPES_FIELD_NUMBER: _ClassVar[int]
    AFFORDABLE_FIELD_NUMBER: _ClassVar[int]
    RELEASE_QUERY_ID_FIELD_NUMBER: _ClassVar[int]
    DATA_VERSIONS_FIELD_NUMBER: _ClassVar[int]
    DERIVED_FIELD_NUMBER: _ClassVar[int]
    BASE_QUERY_IDS_FIELD_NUMBER: _ClassVar[int]
    FREE_BASE_COUNT_FIELD_NUMBER: _ClassVar[int]
    scopes: _containers.RepeatedCompositeFieldContainer[_scope_pb2.ScopePrice]
    affordable: bool
    release_query_id: str
    data_versions: _containers.RepeatedCompositeFieldContainer[_quote_pb2.DataVersion]
    derived: bool
    base_query_ids: _containers.RepeatedScalarFieldContainer[str]
    free_base_count: int
    def __init__(self, scopes: _Optional[_Iterable[_Union[_scope_pb2.ScopePrice, _Mapping]]] = ..., affordable: bool = ..., release_query_id: _Optional[str] = ..., data_versions: _Optional[_Iterable[_Union[_quote_pb2.DataVersion, _Mapping]]] = ..., derived: bool = ..., base_query_ids: _Optional[_Iterable[str]] = ..., free_base_count: _Optional[int] = ...) -> None: ...

class ReserveQueryRequest(_message.Message):
    __slots__ = ("query", "body_digest", "project", "limit", "labels", "bases_checked", "base_query_id", "derived_measures")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    QUERY_FIELD_NUMBER: _ClassVar[int]
    BODY_DIGEST_FIELD_NUMBER: _ClassVar[int]
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    BASES_CHECKED_FIELD_NUMBER: _ClassVar[int]
    BASE_QUERY_ID_FIELD_NUMBER: _ClassVar[int]
    DERIVED_MEASURES_FIELD_NUMBER: _ClassVar[int]
    query: _query_price_pb2.QueryPrice
    body_digest: bytes
    project: str
    limit: _charge_pb2.LossLimit
    labels: _containers.ScalarMap[str, str]
    bases_checked: bool
    base_query_id: str
    derived_measures: _containers.RepeatedCompositeFieldContainer[_quote_pb2.MeasureAccuracy]
    def __init__(self, query: _Optional[_Union[_query_price_pb2.QueryPrice, _Mapping]] = ..., body_digest: _Optional[bytes] = ..., project: _Optional[str] = ..., limit: _Optional[_Union[_charge_pb2.LossLimit, _Mapping]] = ..., labels: _Optional[_Mapping[str, str]] = ..., bases_checked: bool = ..., base_query_id: _Optional[str] = ..., derived_measures: _Optional[_Iterable[_Union[_quote_pb2.MeasureAccuracy, _Mapping]]] = ...) -> None: ...

class ReserveQueryResponse(_message.Message):
    __slots__ = ("reservation", "base_query_ids", "left", "free_base_count")
    RESERVATION_FIELD_NUMBER: _ClassVar[int]
    BASE_QUERY_IDS_FIELD_NUMBER: _ClassVar[int]
    LEFT_FIELD_NUMBER: _ClassVar[int]
    FREE_BASE_COUNT_FIELD_NUMBER: _ClassVar[int]
    reservation: _reservation_pb2.Reservation
    base_query_ids: _containers.RepeatedScalarFieldContainer[str]
    left: _containers.RepeatedCompositeFieldContainer[_scope_pb2.ScopePrice]
    free_base_count: int
    def __init__(self, reservation: _Optional[_Union[_reservation_pb2.Reservation, _Mapping]] = ..., base_query_ids: _Optional[_Iterable[str]] = ..., left: _Optional[_Iterable[_Union[_scope_pb2.ScopePrice, _Mapping]]] = ..., free_base_count: _Optional[int] = ...) -> None: ...

class CommitQueryRequest(_message.Message):
    __slots__ = ("query_id", "attempt", "release_digest", "data_versions", "measures", "mark")
    QUERY_ID_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    RELEASE_DIGEST_FIELD_NUMBER: _ClassVar[int]
    DATA_VERSIONS_FIELD_NUMBER: _ClassVar[int]
    MEASURES_FIELD_NUMBER: _ClassVar[int]
    MARK_FIELD_NUMBER: _ClassVar[int]
    query_id: str
    attempt: str
    release_digest: bytes
    data_versions: _containers.RepeatedCompositeFieldContainer[_quote_pb2.DataVersion]
    measures: _containers.RepeatedCompositeFieldContainer[_quote_pb2.MeasureAccuracy]
    mark: _ledger_pb2.LedgerHead
    def __init__(self, query_id: _Optional[str] = ..., attempt: _Optional[str] = ..., release_digest: _Optional[bytes] = ..., data_versions: _Optional[_Iterable[_Union[_quote_pb2.DataVersion, _Mapping]]] = ..., measures: _Optional[_Iterable[_Union[_quote_pb2.MeasureAccuracy, _Mapping]]] = ..., mark: _Optional[_Union[_ledger_pb2.LedgerHead, _Mapping]] = ...) -> None: ...

class CommitQueryResponse(_message.Message):
    __slots__ = ("outcome",)
    class Outcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        OUTCOME_UNSPECIFIED: _ClassVar[CommitQueryResponse.Outcome]
        OUTCOME_PENDING: _ClassVar[CommitQueryResponse.Outcome]
        OUTCOME_WON: _ClassVar[CommitQueryResponse.Outcome]
        OUTCOME_LOST: _ClassVar[CommitQueryResponse.Outcome]
    OUTCOME_UNSPECIFIED: CommitQueryResponse.Outcome
    OUTCOME_PENDING: CommitQueryResponse.Outcome
    OUTCOME_WON: CommitQueryResponse.Outcome
    OUTCOME_LOST: CommitQueryResponse.Outcome
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    outcome: CommitQueryResponse.Outcome
    def __init__(self, outcome: _Optional[_Union[CommitQueryResponse.Outcome, str]] = ...) -> None: ...

class ChargeQueryRequest(_message.Message):
    __slots__ = ("query_id", "cancelled")
    QUERY_ID_FIELD_NUMBER: _ClassVar[int]
    CANCELLED_FIELD_NUMBER: _ClassVar[int]
    query_id: str
    cancelled: bool
    def __init__(self, query_id: _Optional[str] = ..., cancelled: bool = ...) -> None: ...

class ChargeQueryResponse(_message.Message):
    __slots__ = ("reservation",)
    RESERVATION_FIELD_NUMBER: _ClassVar[int]
    reservation: _reservation_pb2.Reservation
    def __init__(self, reservation: _Optional[_Union[_reservation_pb2.Reservation, _Mapping]] = ...) -> None: ...

class CheckMarkRequest(_message.Message):
    __slots__ = ("mark",)
    MARK_FIELD_NUMBER: _ClassVar[int]
    mark: _ledger_pb2.LedgerHead
    def __init__(self, mark: _Optional[_Union[_ledger_pb2.LedgerHead, _Mapping]] = ...) -> None: ...

class CheckMarkResponse(_message.Message):
    __slots__ = ("contained", "superseded_by")
    CONTAINED_FIELD_NUMBER: _ClassVar[int]
    SUPERSEDED_BY_FIELD_NUMBER: _ClassVar[int]
    contained: bool
    superseded_by: _ledger_pb2.LedgerHead
    def __init__(self, contained: bool = ..., superseded_by: _Optional[_Union[_ledger_pb2.LedgerHead, _Mapping]] = ...) -> None: ...

class ReopenPopulationRequest(_message.Message):
    __slots__ = ("request", "lost_head")
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    LOST_HEAD_FIELD_NUMBER: _ClassVar[int]
    request: _population_admin_service_pb2.ReopenPopulationRequest
    lost_head: _ledger_pb2.LedgerHead
    def __init__(self, request: _Optional[_Union[_population_admin_service_pb2.ReopenPopulationRequest, _Mapping]] = ..., lost_head: _Optional[_Union[_ledger_pb2.LedgerHead, _Mapping]] = ...) -> None: ...

class ReopenPopulationResponse(_message.Message):
    __slots__ = ("response",)
    RESPONSE_FIELD_NUMBER: _ClassVar[int]
    response: _population_admin_service_pb2.ReopenPopulationResponse
    def __init__(self, response: _Optional[_Union[_population_admin_service_pb2.ReopenPopulationResponse, _Mapping]] = ...) -> None: ...

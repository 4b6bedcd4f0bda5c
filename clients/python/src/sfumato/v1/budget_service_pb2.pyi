import datetime

from buf.validate import validate_pb2 as _validate_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from sfumato.v1 import charge_pb2 as _charge_pb2
from sfumato.v1 import grant_pb2 as _grant_pb2
from sfumato.v1 import scope_pb2 as _scope_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Budget(_message.Message):
    __slots__ = ("scope", "grant", "limit", "spent", "delegated", "remaining", "window_spent", "window_end_time", "spent_epsilon_picos", "frozen")
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    GRANT_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    SPENT_FIELD_NUMBER: _ClassVar[int]
    DELEGATED_FIELD_NUMBER: _ClassVar[int]
    REMAINING_FIELD_NUMBER: _ClassVar[int]
    WINDOW_SPENT_FIELD_NUMBER: _ClassVar[int]
    WINDOW_END_TIME_FIELD_NUMBER: _ClassVar[int]
    SPENT_EPSILON_PICOS_FIELD_NUMBER: _ClassVar[int]
    FROZEN_FIELD_NUMBER: _ClassVar[int]
    scope: _scope_pb2.Scope
    grant: _grant_pb2.Grant
    limit: _charge_pb2.Charge
    spent: _charge_pb2.Charge
    delegated: _charge_pb2.Charge
    remaining: _charge_pb2.Charge
    window_spent: _charge_pb2.Charge
    window_end_time: _timestamp_pb2.Timestamp
    spent_epsilon_picos: int
    frozen: bool
    def __init__(self, scope: _Optional[_Union[_scope_pb2.Scope, _Mapping]] = ..., grant: _Optional[_Union[_grant_pb2.Grant, _Mapping]] = ..., limit: _Optional[_Union[_charge_pb2.Charge, _Mapping]] = ..., spent: _Optional[_Union[_charge_pb2.Charge, _Mapping]] = ..., delegated: _Optional[_Union[_charge_pb2.Charge, _Mapping]] = ..., remaining: _Optional[_Union[_charge_pb2.Charge, _Mapping]] = ..., window_spent: _Optional[_Union[_charge_pb2.Charge, _Mapping]] = ..., window_end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., spent_epsilon_picos: _Optional[int] = ..., frozen: bool = ...) -> None: ...

class ListBudgetsRequest(_message.Message):
    __slots__ = ("page_size", "page_token", "dataset", "population", "delta_attos")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    DATASET_FIELD_NUMBER: _ClassVar[int]
    POPULATION_FIELD_NUMBER: _ClassVar[int]
    DELTA_ATTOS_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    dataset: str
    population: str
    delta_attos: int
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., dataset: _Optional[str] = ..., population: _Optional[str] = ..., delta_attos: _Optional[int] = ...) -> None: ...

class ListBudgetsResponse(_message.Message):
    __slots__ = ("budgets", "next_page_token")
    BUDGETS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    budgets: _containers.RepeatedCompositeFieldContainer[Budget]
    next_page_token: str
    def __init__(self, budgets: _Optional[_Iterable[_Union[Budget, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class GetBudgetTimelineRequest(_message.Message):
    __slots__ = ("scope", "start_time", "end_time", "step", "delta_attos")
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    DELTA_ATTOS_FIELD_NUMBER: _ClassVar[int]
    scope: _scope_pb2.Scope
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    step: _duration_pb2.Duration
    delta_attos: int
    def __init__(self, scope: _Optional[_Union[_scope_pb2.Scope, _Mapping]] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., step: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., delta_attos: _Optional[int] = ...) -> None: ...

class GetBudgetTimelineResponse(_message.Message):
    __slots__ = ("points", "typical_count")
    POINTS_FIELD_NUMBER: _ClassVar[int]
    TYPICAL_COUNT_FIELD_NUMBER: _ClassVar[int]
    points: _containers.RepeatedCompositeFieldContainer[BudgetPoint]
    typical_count: _charge_pb2.Charge
    def __init__(self, points: _Optional[_Iterable[_Union[BudgetPoint, _Mapping]]] = ..., typical_count: _Optional[_Union[_charge_pb2.Charge, _Mapping]] = ...) -> None: ...

class BudgetPoint(_message.Message):
    __slots__ = ("time", "spent", "limit", "spent_epsilon_picos")
    TIME_FIELD_NUMBER: _ClassVar[int]
    SPENT_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    SPENT_EPSILON_PICOS_FIELD_NUMBER: _ClassVar[int]
    time: _timestamp_pb2.Timestamp
    spent: _charge_pb2.Charge
    limit: _charge_pb2.Charge
    spent_epsilon_picos: int
    def __init__(self, time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., spent: _Optional[_Union[_charge_pb2.Charge, _Mapping]] = ..., limit: _Optional[_Union[_charge_pb2.Charge, _Mapping]] = ..., spent_epsilon_picos: _Optional[int] = ...) -> None: ...

class DelegateBudgetRequest(_message.Message):
    __slots__ = ("scope", "user", "limit", "request_id")
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    scope: _scope_pb2.Scope
    user: str
    limit: _charge_pb2.LossLimit
    request_id: str
    def __init__(self, scope: _Optional[_Union[_scope_pb2.Scope, _Mapping]] = ..., user: _Optional[str] = ..., limit: _Optional[_Union[_charge_pb2.LossLimit, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class DelegateBudgetResponse(_message.Message):
    __slots__ = ("grant", "budget")
    GRANT_FIELD_NUMBER: _ClassVar[int]
    BUDGET_FIELD_NUMBER: _ClassVar[int]
    grant: _grant_pb2.Grant
    budget: Budget
    def __init__(self, grant: _Optional[_Union[_grant_pb2.Grant, _Mapping]] = ..., budget: _Optional[_Union[Budget, _Mapping]] = ...) -> None: ...

class ReclaimBudgetRequest(_message.Message):
    __slots__ = ("grant", "request_id")
    GRANT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    grant: str
    request_id: str
    def __init__(self, grant: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class ReclaimBudgetResponse(_message.Message):
    __slots__ = ("grant", "reclaimed")
    GRANT_FIELD_NUMBER: _ClassVar[int]
    RECLAIMED_FIELD_NUMBER: _ClassVar[int]
    grant: _grant_pb2.Grant
    reclaimed: _charge_pb2.Charge
    def __init__(self, grant: _Optional[_Union[_grant_pb2.Grant, _Mapping]] = ..., reclaimed: _Optional[_Union[_charge_pb2.Charge, _Mapping]] = ...) -> None: ...

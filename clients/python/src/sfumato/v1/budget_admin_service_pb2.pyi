from buf.validate import validate_pb2 as _validate_pb2
from sfumato.v1 import budget_service_pb2 as _budget_service_pb2
from sfumato.v1 import charge_pb2 as _charge_pb2
from sfumato.v1 import grant_pb2 as _grant_pb2
from sfumato.v1 import scope_pb2 as _scope_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GrantBudgetRequest(_message.Message):
    __slots__ = ("scope", "limit", "window", "justification", "request_id", "etag", "validate_only")
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    WINDOW_FIELD_NUMBER: _ClassVar[int]
    JUSTIFICATION_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    scope: _scope_pb2.Scope
    limit: _charge_pb2.LossLimit
    window: _grant_pb2.BudgetWindow
    justification: str
    request_id: str
    etag: str
    validate_only: bool
    def __init__(self, scope: _Optional[_Union[_scope_pb2.Scope, _Mapping]] = ..., limit: _Optional[_Union[_charge_pb2.LossLimit, _Mapping]] = ..., window: _Optional[_Union[_grant_pb2.BudgetWindow, _Mapping]] = ..., justification: _Optional[str] = ..., request_id: _Optional[str] = ..., etag: _Optional[str] = ..., validate_only: bool = ...) -> None: ...

class GrantBudgetResponse(_message.Message):
    __slots__ = ("grant", "before", "after")
    GRANT_FIELD_NUMBER: _ClassVar[int]
    BEFORE_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    grant: _grant_pb2.Grant
    before: _budget_service_pb2.Budget
    after: _budget_service_pb2.Budget
    def __init__(self, grant: _Optional[_Union[_grant_pb2.Grant, _Mapping]] = ..., before: _Optional[_Union[_budget_service_pb2.Budget, _Mapping]] = ..., after: _Optional[_Union[_budget_service_pb2.Budget, _Mapping]] = ...) -> None: ...

class GetGrantRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class GetGrantResponse(_message.Message):
    __slots__ = ("grant",)
    GRANT_FIELD_NUMBER: _ClassVar[int]
    grant: _grant_pb2.Grant
    def __init__(self, grant: _Optional[_Union[_grant_pb2.Grant, _Mapping]] = ...) -> None: ...

class ListGrantsRequest(_message.Message):
    __slots__ = ("parent", "page_size", "page_token")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    parent: str
    page_size: int
    page_token: str
    def __init__(self, parent: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListGrantsResponse(_message.Message):
    __slots__ = ("grants", "next_page_token")
    GRANTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    grants: _containers.RepeatedCompositeFieldContainer[_grant_pb2.Grant]
    next_page_token: str
    def __init__(self, grants: _Optional[_Iterable[_Union[_grant_pb2.Grant, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class FreezeBudgetRequest(_message.Message):
    __slots__ = ("scope", "justification", "request_id")
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    JUSTIFICATION_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    scope: _scope_pb2.Scope
    justification: str
    request_id: str
    def __init__(self, scope: _Optional[_Union[_scope_pb2.Scope, _Mapping]] = ..., justification: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class FreezeBudgetResponse(_message.Message):
    __slots__ = ("budget",)
    BUDGET_FIELD_NUMBER: _ClassVar[int]
    budget: _budget_service_pb2.Budget
    def __init__(self, budget: _Optional[_Union[_budget_service_pb2.Budget, _Mapping]] = ...) -> None: ...

class WithholdReleaseRequest(_message.Message):
    __slots__ = ("query", "withheld", "justification", "request_id")
    QUERY_FIELD_NUMBER: _ClassVar[int]
    WITHHELD_FIELD_NUMBER: _ClassVar[int]
    JUSTIFICATION_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    query: str
    withheld: bool
    justification: str
    request_id: str
    def __init__(self, query: _Optional[str] = ..., withheld: bool = ..., justification: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class WithholdReleaseResponse(_message.Message):
    __slots__ = ("sequence", "population")
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    POPULATION_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    population: str
    def __init__(self, sequence: _Optional[int] = ..., population: _Optional[str] = ...) -> None: ...

class UnfreezeBudgetRequest(_message.Message):
    __slots__ = ("scope", "justification", "request_id")
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    JUSTIFICATION_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    scope: _scope_pb2.Scope
    justification: str
    request_id: str
    def __init__(self, scope: _Optional[_Union[_scope_pb2.Scope, _Mapping]] = ..., justification: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class UnfreezeBudgetResponse(_message.Message):
    __slots__ = ("budget",)
    BUDGET_FIELD_NUMBER: _ClassVar[int]
    budget: _budget_service_pb2.Budget
    def __init__(self, budget: _Optional[_Union[_budget_service_pb2.Budget, _Mapping]] = ...) -> None: ...

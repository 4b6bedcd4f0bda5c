import datetime

from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.api import resource_pb2 as _resource_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from sfumato.v1 import arrow_pb2 as _arrow_pb2
from sfumato.v1 import charge_pb2 as _charge_pb2
from sfumato.v1 import question_pb2 as _question_pb2
from sfumato.v1 import quote_pb2 as _quote_pb2
from sfumato.v1 import receipt_pb2 as _receipt_pb2
from sfumato.v1 import scope_pb2 as _scope_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Query(_message.Message):
    __slots__ = ("name", "state", "question", "plan_digest", "analyst", "project", "data_versions", "charge", "scopes", "origin", "receipt", "labels", "create_time", "end_time", "expire_time")
    class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATE_UNSPECIFIED: _ClassVar[Query.State]
        STATE_OPEN: _ClassVar[Query.State]
        STATE_SUCCEEDED: _ClassVar[Query.State]
        STATE_FAILED: _ClassVar[Query.State]
        STATE_CANCELLED: _ClassVar[Query.State]
    STATE_UNSPECIFIED: Query.State
    STATE_OPEN: Query.State
    STATE_SUCCEEDED: Query.State
    STATE_FAILED: Query.State
    STATE_CANCELLED: Query.State
    class Origin(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        ORIGIN_UNSPECIFIED: _ClassVar[Query.Origin]
        ORIGIN_DRAWN: _ClassVar[Query.Origin]
        ORIGIN_REPEATED: _ClassVar[Query.Origin]
        ORIGIN_DERIVED: _ClassVar[Query.Origin]
    ORIGIN_UNSPECIFIED: Query.Origin
    ORIGIN_DRAWN: Query.Origin
    ORIGIN_REPEATED: Query.Origin
    ORIGIN_DERIVED: Query.Origin
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    QUESTION_FIELD_NUMBER: _ClassVar[int]
    PLAN_DIGEST_FIELD_NUMBER: _ClassVar[int]
    ANALYST_FIELD_NUMBER: _ClassVar[int]
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    DATA_VERSIONS_FIELD_NUMBER: _ClassVar[int]
    CHARGE_FIELD_NUMBER: _ClassVar[int]
    SCOPES_FIELD_NUMBER: _ClassVar[int]
    ORIGIN_FIELD_NUMBER: _ClassVar[int]
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    name: str
    state: Query.State
    question: _question_pb2.Question
    plan_digest: bytes
    analyst: str
    project: str
    data_versions: _containers.RepeatedCompositeFieldContainer[_quote_pb2.DataVersion]
    charge: _charge_pb2.Charge
    scopes: _containers.RepeatedCompositeFieldContainer[_scope_pb2.ScopeCharge]
    origin: Query.Origin
    receipt: _receipt_pb2.Receipt
    labels: _containers.ScalarMap[str, str]
    create_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    expire_time: _timestamp_pb2.Timestamp
    def __init__(self, name: _Optional[str] = ..., state: _Optional[_Union[Query.State, str]] = ..., question: _Optional[_Union[_question_pb2.Question, _Mapping]] = ..., plan_digest: _Optional[bytes] = ..., analyst: _Optional[str] = ..., project: _Optional[str] = ..., data_versions: _Optional[_Iterable[_Union[_quote_pb2.DataVersion, _Mapping]]] = ..., charge: _Optional[_Union[_charge_pb2.Charge, _Mapping]] = ..., scopes: _Optional[_Iterable[_Union[_scope_pb2.ScopeCharge, _Mapping]]] = ..., origin: _Optional[_Union[Query.Origin, str]] = ..., receipt: _Optional[_Union[_receipt_pb2.Receipt, _Mapping]] = ..., labels: _Optional[_Mapping[str, str]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class QueryEvent(_message.Message):
    __slots__ = ("query", "progress", "schema", "batch", "complete")
    QUERY_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    SCHEMA_FIELD_NUMBER: _ClassVar[int]
    BATCH_FIELD_NUMBER: _ClassVar[int]
    COMPLETE_FIELD_NUMBER: _ClassVar[int]
    query: Query
    progress: Progress
    schema: _arrow_pb2.ArrowSchema
    batch: _arrow_pb2.ArrowBatch
    complete: Complete
    def __init__(self, query: _Optional[_Union[Query, _Mapping]] = ..., progress: _Optional[_Union[Progress, _Mapping]] = ..., schema: _Optional[_Union[_arrow_pb2.ArrowSchema, _Mapping]] = ..., batch: _Optional[_Union[_arrow_pb2.ArrowBatch, _Mapping]] = ..., complete: _Optional[_Union[Complete, _Mapping]] = ...) -> None: ...

class Progress(_message.Message):
    __slots__ = ("give_up_time", "done_steps", "total_steps")
    GIVE_UP_TIME_FIELD_NUMBER: _ClassVar[int]
    DONE_STEPS_FIELD_NUMBER: _ClassVar[int]
    TOTAL_STEPS_FIELD_NUMBER: _ClassVar[int]
    give_up_time: _timestamp_pb2.Timestamp
    done_steps: int
    total_steps: int
    def __init__(self, give_up_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., done_steps: _Optional[int] = ..., total_steps: _Optional[int] = ...) -> None: ...

class Complete(_message.Message):
    __slots__ = ("query", "row_count", "scopes")
    QUERY_FIELD_NUMBER: _ClassVar[int]
    ROW_COUNT_FIELD_NUMBER: _ClassVar[int]
    SCOPES_FIELD_NUMBER: _ClassVar[int]
    query: Query
    row_count: int
    scopes: _containers.RepeatedCompositeFieldContainer[_scope_pb2.ScopePrice]
    def __init__(self, query: _Optional[_Union[Query, _Mapping]] = ..., row_count: _Optional[int] = ..., scopes: _Optional[_Iterable[_Union[_scope_pb2.ScopePrice, _Mapping]]] = ...) -> None: ...

import datetime

from buf.validate import validate_pb2 as _validate_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from sfumato.v1 import charge_pb2 as _charge_pb2
from sfumato.v1 import payment_pb2 as _payment_pb2
from sfumato.v1 import query_pb2 as _query_pb2
from sfumato.v1 import question_pb2 as _question_pb2
from sfumato.v1 import quote_pb2 as _quote_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class QuoteQueryRequest(_message.Message):
    __slots__ = ("question", "payment", "project", "confidence", "group_sizes")
    QUESTION_FIELD_NUMBER: _ClassVar[int]
    PAYMENT_FIELD_NUMBER: _ClassVar[int]
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    GROUP_SIZES_FIELD_NUMBER: _ClassVar[int]
    question: _question_pb2.Question
    payment: _payment_pb2.Payment
    project: str
    confidence: float
    group_sizes: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, question: _Optional[_Union[_question_pb2.Question, _Mapping]] = ..., payment: _Optional[_Union[_payment_pb2.Payment, _Mapping]] = ..., project: _Optional[str] = ..., confidence: _Optional[float] = ..., group_sizes: _Optional[_Iterable[int]] = ...) -> None: ...

class QuoteQueryResponse(_message.Message):
    __slots__ = ("quote",)
    QUOTE_FIELD_NUMBER: _ClassVar[int]
    quote: _quote_pb2.Quote
    def __init__(self, quote: _Optional[_Union[_quote_pb2.Quote, _Mapping]] = ...) -> None: ...

class RunQueryRequest(_message.Message):
    __slots__ = ("question", "payment", "limit", "request_id", "project", "confidence", "fresh", "labels")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    QUESTION_FIELD_NUMBER: _ClassVar[int]
    PAYMENT_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    FRESH_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    question: _question_pb2.Question
    payment: _payment_pb2.Payment
    limit: _charge_pb2.LossLimit
    request_id: str
    project: str
    confidence: float
    fresh: bool
    labels: _containers.ScalarMap[str, str]
    def __init__(self, question: _Optional[_Union[_question_pb2.Question, _Mapping]] = ..., payment: _Optional[_Union[_payment_pb2.Payment, _Mapping]] = ..., limit: _Optional[_Union[_charge_pb2.LossLimit, _Mapping]] = ..., request_id: _Optional[str] = ..., project: _Optional[str] = ..., confidence: _Optional[float] = ..., fresh: bool = ..., labels: _Optional[_Mapping[str, str]] = ...) -> None: ...

class RunQueryResponse(_message.Message):
    __slots__ = ("event",)
    EVENT_FIELD_NUMBER: _ClassVar[int]
    event: _query_pb2.QueryEvent
    def __init__(self, event: _Optional[_Union[_query_pb2.QueryEvent, _Mapping]] = ...) -> None: ...

class RunDummyQueryRequest(_message.Message):
    __slots__ = ("question", "payment", "row_count", "seed", "confidence")
    QUESTION_FIELD_NUMBER: _ClassVar[int]
    PAYMENT_FIELD_NUMBER: _ClassVar[int]
    ROW_COUNT_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    question: _question_pb2.Question
    payment: _payment_pb2.Payment
    row_count: int
    seed: int
    confidence: float
    def __init__(self, question: _Optional[_Union[_question_pb2.Question, _Mapping]] = ..., payment: _Optional[_Union[_payment_pb2.Payment, _Mapping]] = ..., row_count: _Optional[int] = ..., seed: _Optional[int] = ..., confidence: _Optional[float] = ...) -> None: ...

class RunDummyQueryResponse(_message.Message):
    __slots__ = ("event",)
    EVENT_FIELD_NUMBER: _ClassVar[int]
    event: _query_pb2.QueryEvent
    def __init__(self, event: _Optional[_Union[_query_pb2.QueryEvent, _Mapping]] = ...) -> None: ...

class AttachQueryRequest(_message.Message):
    __slots__ = ("name", "start_row")
    NAME_FIELD_NUMBER: _ClassVar[int]
    START_ROW_FIELD_NUMBER: _ClassVar[int]
    name: str
    start_row: int
    def __init__(self, name: _Optional[str] = ..., start_row: _Optional[int] = ...) -> None: ...

class AttachQueryResponse(_message.Message):
    __slots__ = ("event",)
    EVENT_FIELD_NUMBER: _ClassVar[int]
    event: _query_pb2.QueryEvent
    def __init__(self, event: _Optional[_Union[_query_pb2.QueryEvent, _Mapping]] = ...) -> None: ...

class GetQueryRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class GetQueryResponse(_message.Message):
    __slots__ = ("query",)
    QUERY_FIELD_NUMBER: _ClassVar[int]
    query: _query_pb2.Query
    def __init__(self, query: _Optional[_Union[_query_pb2.Query, _Mapping]] = ...) -> None: ...

class ListQueriesRequest(_message.Message):
    __slots__ = ("page_size", "page_token", "dataset", "project", "analyst", "states", "labels", "start_time", "end_time")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    DATASET_FIELD_NUMBER: _ClassVar[int]
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    ANALYST_FIELD_NUMBER: _ClassVar[int]
    STATES_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    dataset: str
    project: str
    analyst: str
    states: _containers.RepeatedScalarFieldContainer[_query_pb2.Query.State]
    labels: _containers.ScalarMap[str, str]
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., dataset: _Optional[str] = ..., project: _Optional[str] = ..., analyst: _Optional[str] = ..., states: _Optional[_Iterable[_Union[_query_pb2.Query.State, str]]] = ..., labels: _Optional[_Mapping[str, str]] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ListQueriesResponse(_message.Message):
    __slots__ = ("queries", "next_page_token")
    QUERIES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    queries: _containers.RepeatedCompositeFieldContainer[_query_pb2.Query]
    next_page_token: str
    def __init__(self, queries: _Optional[_Iterable[_Union[_query_pb2.Query, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class CancelQueryRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class CancelQueryResponse(_message.Message):
    __slots__ = ("query",)
    QUERY_FIELD_NUMBER: _ClassVar[int]
    query: _query_pb2.Query
    def __init__(self, query: _Optional[_Union[_query_pb2.Query, _Mapping]] = ...) -> None: ...

import datetime

from buf.validate import validate_pb2 as _validate_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from sfumato.v1 import query_pb2 as _query_pb2
from sfumato.v1 import scope_pb2 as _scope_pb2
from sfumato_mesh.v1 import reservation_pb2 as _reservation_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GetReservationRequest(_message.Message):
    __slots__ = ("query_id", "with_left")
    QUERY_ID_FIELD_NUMBER: _ClassVar[int]
    WITH_LEFT_FIELD_NUMBER: _ClassVar[int]
    query_id: str
    with_left: bool
    def __init__(self, query_id: _Optional[str] = ..., with_left: bool = ...) -> None: ...

class GetReservationResponse(_message.Message):
    __slots__ = ("reservation", "left")
    RESERVATION_FIELD_NUMBER: _ClassVar[int]
    LEFT_FIELD_NUMBER: _ClassVar[int]
    reservation: _reservation_pb2.Reservation
    left: _containers.RepeatedCompositeFieldContainer[_scope_pb2.ScopePrice]
    def __init__(self, reservation: _Optional[_Union[_reservation_pb2.Reservation, _Mapping]] = ..., left: _Optional[_Iterable[_Union[_scope_pb2.ScopePrice, _Mapping]]] = ...) -> None: ...

class WatchReservationRequest(_message.Message):
    __slots__ = ("query_id", "known_open")
    QUERY_ID_FIELD_NUMBER: _ClassVar[int]
    KNOWN_OPEN_FIELD_NUMBER: _ClassVar[int]
    query_id: str
    known_open: bool
    def __init__(self, query_id: _Optional[str] = ..., known_open: bool = ...) -> None: ...

class WatchReservationResponse(_message.Message):
    __slots__ = ("reservation", "left")
    RESERVATION_FIELD_NUMBER: _ClassVar[int]
    LEFT_FIELD_NUMBER: _ClassVar[int]
    reservation: _reservation_pb2.Reservation
    left: _containers.RepeatedCompositeFieldContainer[_scope_pb2.ScopePrice]
    def __init__(self, reservation: _Optional[_Union[_reservation_pb2.Reservation, _Mapping]] = ..., left: _Optional[_Iterable[_Union[_scope_pb2.ScopePrice, _Mapping]]] = ...) -> None: ...

class ListOpenReservationsRequest(_message.Message):
    __slots__ = ("create_before_time", "page_size", "page_token")
    CREATE_BEFORE_TIME_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    create_before_time: _timestamp_pb2.Timestamp
    page_size: int
    page_token: str
    def __init__(self, create_before_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListOpenReservationsResponse(_message.Message):
    __slots__ = ("reservations", "next_page_token")
    RESERVATIONS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    reservations: _containers.RepeatedCompositeFieldContainer[_reservation_pb2.Reservation]
    next_page_token: str
    def __init__(self, reservations: _Optional[_Iterable[_Union[_reservation_pb2.Reservation, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class ListReservationsRequest(_message.Message):
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

class ListReservationsResponse(_message.Message):
    __slots__ = ("reservations", "next_page_token")
    RESERVATIONS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    reservations: _containers.RepeatedCompositeFieldContainer[_reservation_pb2.Reservation]
    next_page_token: str
    def __init__(self, reservations: _Optional[_Iterable[_Union[_reservation_pb2.Reservation, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

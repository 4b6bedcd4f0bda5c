import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from sfumato.v1 import charge_pb2 as _charge_pb2
from sfumato.v1 import query_pb2 as _query_pb2
from sfumato.v1 import quote_pb2 as _quote_pb2
from sfumato.v1 import receipt_pb2 as _receipt_pb2
from sfumato.v1 import scope_pb2 as _scope_pb2
from sfumato_mesh.v1 import task_pb2 as _task_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Claim(_message.Message):
    __slots__ = ("query_id", "body_digest", "population", "task", "plan_digest", "salt", "analyst", "project", "labels", "family_digest")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    QUERY_ID_FIELD_NUMBER: _ClassVar[int]
    BODY_DIGEST_FIELD_NUMBER: _ClassVar[int]
    POPULATION_FIELD_NUMBER: _ClassVar[int]
    TASK_FIELD_NUMBER: _ClassVar[int]
    PLAN_DIGEST_FIELD_NUMBER: _ClassVar[int]
    SALT_FIELD_NUMBER: _ClassVar[int]
    ANALYST_FIELD_NUMBER: _ClassVar[int]
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    FAMILY_DIGEST_FIELD_NUMBER: _ClassVar[int]
    query_id: str
    body_digest: bytes
    population: str
    task: _task_pb2.Task
    plan_digest: bytes
    salt: bytes
    analyst: str
    project: str
    labels: _containers.ScalarMap[str, str]
    family_digest: bytes
    def __init__(self, query_id: _Optional[str] = ..., body_digest: _Optional[bytes] = ..., population: _Optional[str] = ..., task: _Optional[_Union[_task_pb2.Task, _Mapping]] = ..., plan_digest: _Optional[bytes] = ..., salt: _Optional[bytes] = ..., analyst: _Optional[str] = ..., project: _Optional[str] = ..., labels: _Optional[_Mapping[str, str]] = ..., family_digest: _Optional[bytes] = ...) -> None: ...

class Reservation(_message.Message):
    __slots__ = ("claim", "state", "data_versions", "charge", "scopes", "create_time", "give_up_time", "reserved_sequence", "terminal_sequence", "attempt", "release_digest", "release_query_id", "origin", "receipt", "cancelled", "withheld", "expire_time")
    class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATE_UNSPECIFIED: _ClassVar[Reservation.State]
        STATE_OPEN: _ClassVar[Reservation.State]
        STATE_COMMITTED: _ClassVar[Reservation.State]
        STATE_CHARGED: _ClassVar[Reservation.State]
        STATE_SHARED: _ClassVar[Reservation.State]
    STATE_UNSPECIFIED: Reservation.State
    STATE_OPEN: Reservation.State
    STATE_COMMITTED: Reservation.State
    STATE_CHARGED: Reservation.State
    STATE_SHARED: Reservation.State
    CLAIM_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    DATA_VERSIONS_FIELD_NUMBER: _ClassVar[int]
    CHARGE_FIELD_NUMBER: _ClassVar[int]
    SCOPES_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    GIVE_UP_TIME_FIELD_NUMBER: _ClassVar[int]
    RESERVED_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    TERMINAL_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    RELEASE_DIGEST_FIELD_NUMBER: _ClassVar[int]
    RELEASE_QUERY_ID_FIELD_NUMBER: _ClassVar[int]
    ORIGIN_FIELD_NUMBER: _ClassVar[int]
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    CANCELLED_FIELD_NUMBER: _ClassVar[int]
    WITHHELD_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    claim: Claim
    state: Reservation.State
    data_versions: _containers.RepeatedCompositeFieldContainer[_quote_pb2.DataVersion]
    charge: _charge_pb2.Charge
    scopes: _containers.RepeatedCompositeFieldContainer[_scope_pb2.ScopeCharge]
    create_time: _timestamp_pb2.Timestamp
    give_up_time: _timestamp_pb2.Timestamp
    reserved_sequence: int
    terminal_sequence: int
    attempt: str
    release_digest: bytes
    release_query_id: str
    origin: _query_pb2.Query.Origin
    receipt: _receipt_pb2.Receipt
    cancelled: bool
    withheld: bool
    expire_time: _timestamp_pb2.Timestamp
    def __init__(self, claim: _Optional[_Union[Claim, _Mapping]] = ..., state: _Optional[_Union[Reservation.State, str]] = ..., data_versions: _Optional[_Iterable[_Union[_quote_pb2.DataVersion, _Mapping]]] = ..., charge: _Optional[_Union[_charge_pb2.Charge, _Mapping]] = ..., scopes: _Optional[_Iterable[_Union[_scope_pb2.ScopeCharge, _Mapping]]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., give_up_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., reserved_sequence: _Optional[int] = ..., terminal_sequence: _Optional[int] = ..., attempt: _Optional[str] = ..., release_digest: _Optional[bytes] = ..., release_query_id: _Optional[str] = ..., origin: _Optional[_Union[_query_pb2.Query.Origin, str]] = ..., receipt: _Optional[_Union[_receipt_pb2.Receipt, _Mapping]] = ..., cancelled: bool = ..., withheld: bool = ..., expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

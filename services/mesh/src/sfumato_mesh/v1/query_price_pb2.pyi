import datetime

from buf.validate import validate_pb2 as _validate_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from sfumato.v1 import charge_pb2 as _charge_pb2
from sfumato_mesh.v1 import task_pb2 as _task_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class QueryPrice(_message.Message):
    __slots__ = ("query_id", "task", "plan_digest", "charge", "datasets", "fresh", "give_up_after", "versions", "family_digest", "derivable", "base")
    QUERY_ID_FIELD_NUMBER: _ClassVar[int]
    TASK_FIELD_NUMBER: _ClassVar[int]
    PLAN_DIGEST_FIELD_NUMBER: _ClassVar[int]
    CHARGE_FIELD_NUMBER: _ClassVar[int]
    DATASETS_FIELD_NUMBER: _ClassVar[int]
    FRESH_FIELD_NUMBER: _ClassVar[int]
    GIVE_UP_AFTER_FIELD_NUMBER: _ClassVar[int]
    VERSIONS_FIELD_NUMBER: _ClassVar[int]
    FAMILY_DIGEST_FIELD_NUMBER: _ClassVar[int]
    DERIVABLE_FIELD_NUMBER: _ClassVar[int]
    BASE_FIELD_NUMBER: _ClassVar[int]
    query_id: str
    task: _task_pb2.Task
    plan_digest: bytes
    charge: _charge_pb2.Charge
    datasets: _containers.RepeatedScalarFieldContainer[str]
    fresh: bool
    give_up_after: _duration_pb2.Duration
    versions: _containers.RepeatedScalarFieldContainer[int]
    family_digest: bytes
    derivable: bool
    base: bool
    def __init__(self, query_id: _Optional[str] = ..., task: _Optional[_Union[_task_pb2.Task, _Mapping]] = ..., plan_digest: _Optional[bytes] = ..., charge: _Optional[_Union[_charge_pb2.Charge, _Mapping]] = ..., datasets: _Optional[_Iterable[str]] = ..., fresh: bool = ..., give_up_after: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., versions: _Optional[_Iterable[int]] = ..., family_digest: _Optional[bytes] = ..., derivable: bool = ..., base: bool = ...) -> None: ...

import datetime

from buf.validate import validate_pb2 as _validate_pb2
from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.api import resource_pb2 as _resource_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Accounting(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ACCOUNTING_UNSPECIFIED: _ClassVar[Accounting]
    ACCOUNTING_ZCDP: _ClassVar[Accounting]
    ACCOUNTING_BASIC: _ClassVar[Accounting]

class PrivacyUnitKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PRIVACY_UNIT_KIND_UNSPECIFIED: _ClassVar[PrivacyUnitKind]
    PRIVACY_UNIT_KIND_ROW: _ClassVar[PrivacyUnitKind]
    PRIVACY_UNIT_KIND_IDENTIFIER: _ClassVar[PrivacyUnitKind]
ACCOUNTING_UNSPECIFIED: Accounting
ACCOUNTING_ZCDP: Accounting
ACCOUNTING_BASIC: Accounting
PRIVACY_UNIT_KIND_UNSPECIFIED: PrivacyUnitKind
PRIVACY_UNIT_KIND_ROW: PrivacyUnitKind
PRIVACY_UNIT_KIND_IDENTIFIER: PrivacyUnitKind

class Population(_message.Message):
    __slots__ = ("name", "display_name", "description", "accounting", "unit", "identifier_space", "state", "successors", "create_time", "update_time", "etag")
    class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATE_UNSPECIFIED: _ClassVar[Population.State]
        STATE_ACTIVE: _ClassVar[Population.State]
        STATE_CLOSED: _ClassVar[Population.State]
        STATE_BEHIND: _ClassVar[Population.State]
    STATE_UNSPECIFIED: Population.State
    STATE_ACTIVE: Population.State
    STATE_CLOSED: Population.State
    STATE_BEHIND: Population.State
    NAME_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    ACCOUNTING_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    IDENTIFIER_SPACE_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    SUCCESSORS_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    name: str
    display_name: str
    description: str
    accounting: Accounting
    unit: PrivacyUnitKind
    identifier_space: str
    state: Population.State
    successors: _containers.RepeatedScalarFieldContainer[str]
    create_time: _timestamp_pb2.Timestamp
    update_time: _timestamp_pb2.Timestamp
    etag: str
    def __init__(self, name: _Optional[str] = ..., display_name: _Optional[str] = ..., description: _Optional[str] = ..., accounting: _Optional[_Union[Accounting, str]] = ..., unit: _Optional[_Union[PrivacyUnitKind, str]] = ..., identifier_space: _Optional[str] = ..., state: _Optional[_Union[Population.State, str]] = ..., successors: _Optional[_Iterable[str]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., update_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., etag: _Optional[str] = ...) -> None: ...

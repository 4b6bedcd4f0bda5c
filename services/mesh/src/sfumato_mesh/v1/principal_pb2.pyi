import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from sfumato.v1 import user_pb2 as _user_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class SignedPrincipal(_message.Message):
    __slots__ = ("principal", "key_id", "signature")
    PRINCIPAL_FIELD_NUMBER: _ClassVar[int]
    KEY_ID_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    principal: bytes
    key_id: str
    signature: bytes
    def __init__(self, principal: _Optional[bytes] = ..., key_id: _Optional[str] = ..., signature: _Optional[bytes] = ...) -> None: ...

class Principal(_message.Message):
    __slots__ = ("user", "roles", "projects", "method", "audience", "expire_time", "service")
    USER_FIELD_NUMBER: _ClassVar[int]
    ROLES_FIELD_NUMBER: _ClassVar[int]
    PROJECTS_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    AUDIENCE_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    user: str
    roles: _containers.RepeatedCompositeFieldContainer[_user_pb2.RoleBinding]
    projects: _containers.RepeatedScalarFieldContainer[str]
    method: str
    audience: str
    expire_time: _timestamp_pb2.Timestamp
    service: str
    def __init__(self, user: _Optional[str] = ..., roles: _Optional[_Iterable[_Union[_user_pb2.RoleBinding, _Mapping]]] = ..., projects: _Optional[_Iterable[str]] = ..., method: _Optional[str] = ..., audience: _Optional[str] = ..., expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., service: _Optional[str] = ...) -> None: ...

import datetime

from buf.validate import validate_pb2 as _validate_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from sfumato.v1 import charge_pb2 as _charge_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Policy(_message.Message):
    __slots__ = ("engines", "max_charge", "shared_releases", "accuracy", "public_row_count", "release_retention")
    class SharedReleases(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        SHARED_RELEASES_UNSPECIFIED: _ClassVar[Policy.SharedReleases]
        SHARED_RELEASES_NONE: _ClassVar[Policy.SharedReleases]
        SHARED_RELEASES_PROJECT: _ClassVar[Policy.SharedReleases]
        SHARED_RELEASES_EVERYONE: _ClassVar[Policy.SharedReleases]
    SHARED_RELEASES_UNSPECIFIED: Policy.SharedReleases
    SHARED_RELEASES_NONE: Policy.SharedReleases
    SHARED_RELEASES_PROJECT: Policy.SharedReleases
    SHARED_RELEASES_EVERYONE: Policy.SharedReleases
    ENGINES_FIELD_NUMBER: _ClassVar[int]
    MAX_CHARGE_FIELD_NUMBER: _ClassVar[int]
    SHARED_RELEASES_FIELD_NUMBER: _ClassVar[int]
    ACCURACY_FIELD_NUMBER: _ClassVar[int]
    PUBLIC_ROW_COUNT_FIELD_NUMBER: _ClassVar[int]
    RELEASE_RETENTION_FIELD_NUMBER: _ClassVar[int]
    engines: _containers.RepeatedScalarFieldContainer[str]
    max_charge: _charge_pb2.LossLimit
    shared_releases: Policy.SharedReleases
    accuracy: AccuracyPolicy
    public_row_count: int
    release_retention: _duration_pb2.Duration
    def __init__(self, engines: _Optional[_Iterable[str]] = ..., max_charge: _Optional[_Union[_charge_pb2.LossLimit, _Mapping]] = ..., shared_releases: _Optional[_Union[Policy.SharedReleases, str]] = ..., accuracy: _Optional[_Union[AccuracyPolicy, _Mapping]] = ..., public_row_count: _Optional[int] = ..., release_retention: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class AccuracyPolicy(_message.Message):
    __slots__ = ("default_confidence", "group_sizes")
    DEFAULT_CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    GROUP_SIZES_FIELD_NUMBER: _ClassVar[int]
    default_confidence: float
    group_sizes: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, default_confidence: _Optional[float] = ..., group_sizes: _Optional[_Iterable[int]] = ...) -> None: ...

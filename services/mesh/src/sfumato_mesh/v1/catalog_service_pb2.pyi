import datetime

from buf.validate import validate_pb2 as _validate_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from sfumato.v1 import dataset_pb2 as _dataset_pb2
from sfumato.v1 import population_pb2 as _population_pb2
from sfumato.v1 import project_pb2 as _project_pb2
from sfumato.v1 import user_pb2 as _user_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class DatasetRecord(_message.Message):
    __slots__ = ("dataset", "population", "published", "preparation_id", "deleted")
    DATASET_FIELD_NUMBER: _ClassVar[int]
    POPULATION_FIELD_NUMBER: _ClassVar[int]
    PUBLISHED_FIELD_NUMBER: _ClassVar[int]
    PREPARATION_ID_FIELD_NUMBER: _ClassVar[int]
    DELETED_FIELD_NUMBER: _ClassVar[int]
    dataset: _dataset_pb2.Dataset
    population: _population_pb2.Population
    published: _dataset_pb2.Dataset
    preparation_id: str
    deleted: bool
    def __init__(self, dataset: _Optional[_Union[_dataset_pb2.Dataset, _Mapping]] = ..., population: _Optional[_Union[_population_pb2.Population, _Mapping]] = ..., published: _Optional[_Union[_dataset_pb2.Dataset, _Mapping]] = ..., preparation_id: _Optional[str] = ..., deleted: bool = ...) -> None: ...

class GetDatasetRecordRequest(_message.Message):
    __slots__ = ("name", "version", "project", "brief")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    BRIEF_FIELD_NUMBER: _ClassVar[int]
    name: str
    version: int
    project: str
    brief: bool
    def __init__(self, name: _Optional[str] = ..., version: _Optional[int] = ..., project: _Optional[str] = ..., brief: bool = ...) -> None: ...

class GetDatasetRecordResponse(_message.Message):
    __slots__ = ("record",)
    RECORD_FIELD_NUMBER: _ClassVar[int]
    record: DatasetRecord
    def __init__(self, record: _Optional[_Union[DatasetRecord, _Mapping]] = ...) -> None: ...

class ResolveUserRequest(_message.Message):
    __slots__ = ("issuer", "subject")
    ISSUER_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    issuer: str
    subject: str
    def __init__(self, issuer: _Optional[str] = ..., subject: _Optional[str] = ...) -> None: ...

class ResolveUserResponse(_message.Message):
    __slots__ = ("user", "projects")
    USER_FIELD_NUMBER: _ClassVar[int]
    PROJECTS_FIELD_NUMBER: _ClassVar[int]
    user: _user_pb2.User
    projects: _containers.RepeatedCompositeFieldContainer[_project_pb2.Project]
    def __init__(self, user: _Optional[_Union[_user_pb2.User, _Mapping]] = ..., projects: _Optional[_Iterable[_Union[_project_pb2.Project, _Mapping]]] = ...) -> None: ...

class Preparation(_message.Message):
    __slots__ = ("preparation_id", "dataset", "user", "validate_only", "state", "dataset_version", "problems", "create_time", "end_time")
    class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATE_UNSPECIFIED: _ClassVar[Preparation.State]
        STATE_OPEN: _ClassVar[Preparation.State]
        STATE_READY: _ClassVar[Preparation.State]
        STATE_REFUSED: _ClassVar[Preparation.State]
        STATE_CANCELLED: _ClassVar[Preparation.State]
    STATE_UNSPECIFIED: Preparation.State
    STATE_OPEN: Preparation.State
    STATE_READY: Preparation.State
    STATE_REFUSED: Preparation.State
    STATE_CANCELLED: Preparation.State
    PREPARATION_ID_FIELD_NUMBER: _ClassVar[int]
    DATASET_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    DATASET_VERSION_FIELD_NUMBER: _ClassVar[int]
    PROBLEMS_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    preparation_id: str
    dataset: _dataset_pb2.Dataset
    user: str
    validate_only: bool
    state: Preparation.State
    dataset_version: _dataset_pb2.DatasetVersion
    problems: _containers.RepeatedScalarFieldContainer[str]
    create_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    def __init__(self, preparation_id: _Optional[str] = ..., dataset: _Optional[_Union[_dataset_pb2.Dataset, _Mapping]] = ..., user: _Optional[str] = ..., validate_only: bool = ..., state: _Optional[_Union[Preparation.State, str]] = ..., dataset_version: _Optional[_Union[_dataset_pb2.DatasetVersion, _Mapping]] = ..., problems: _Optional[_Iterable[str]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class CreatePreparationRequest(_message.Message):
    __slots__ = ("dataset", "preparation_id", "validate_only")
    DATASET_FIELD_NUMBER: _ClassVar[int]
    PREPARATION_ID_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    dataset: str
    preparation_id: str
    validate_only: bool
    def __init__(self, dataset: _Optional[str] = ..., preparation_id: _Optional[str] = ..., validate_only: bool = ...) -> None: ...

class CreatePreparationResponse(_message.Message):
    __slots__ = ("preparation",)
    PREPARATION_FIELD_NUMBER: _ClassVar[int]
    preparation: Preparation
    def __init__(self, preparation: _Optional[_Union[Preparation, _Mapping]] = ...) -> None: ...

class GetPreparationRequest(_message.Message):
    __slots__ = ("preparation_id",)
    PREPARATION_ID_FIELD_NUMBER: _ClassVar[int]
    preparation_id: str
    def __init__(self, preparation_id: _Optional[str] = ...) -> None: ...

class GetPreparationResponse(_message.Message):
    __slots__ = ("preparation",)
    PREPARATION_FIELD_NUMBER: _ClassVar[int]
    preparation: Preparation
    def __init__(self, preparation: _Optional[_Union[Preparation, _Mapping]] = ...) -> None: ...

class ListPreparationsRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListPreparationsResponse(_message.Message):
    __slots__ = ("preparations", "next_page_token")
    PREPARATIONS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    preparations: _containers.RepeatedCompositeFieldContainer[Preparation]
    next_page_token: str
    def __init__(self, preparations: _Optional[_Iterable[_Union[Preparation, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class EndPreparationRequest(_message.Message):
    __slots__ = ("preparation_id", "state", "problems")
    PREPARATION_ID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    PROBLEMS_FIELD_NUMBER: _ClassVar[int]
    preparation_id: str
    state: Preparation.State
    problems: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, preparation_id: _Optional[str] = ..., state: _Optional[_Union[Preparation.State, str]] = ..., problems: _Optional[_Iterable[str]] = ...) -> None: ...

class EndPreparationResponse(_message.Message):
    __slots__ = ("preparation",)
    PREPARATION_FIELD_NUMBER: _ClassVar[int]
    preparation: Preparation
    def __init__(self, preparation: _Optional[_Union[Preparation, _Mapping]] = ...) -> None: ...

class DeletePreparationRequest(_message.Message):
    __slots__ = ("preparation_id",)
    PREPARATION_ID_FIELD_NUMBER: _ClassVar[int]
    preparation_id: str
    def __init__(self, preparation_id: _Optional[str] = ...) -> None: ...

class DeletePreparationResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

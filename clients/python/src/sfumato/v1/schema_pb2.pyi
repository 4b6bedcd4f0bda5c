import datetime

from buf.validate import validate_pb2 as _validate_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.type import date_pb2 as _date_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class DatasetSchema(_message.Message):
    __slots__ = ("columns", "max_rows")
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    MAX_ROWS_FIELD_NUMBER: _ClassVar[int]
    columns: _containers.RepeatedCompositeFieldContainer[Column]
    max_rows: int
    def __init__(self, columns: _Optional[_Iterable[_Union[Column, _Mapping]]] = ..., max_rows: _Optional[int] = ...) -> None: ...

class Column(_message.Message):
    __slots__ = ("name", "description", "boolean", "integer", "real", "category", "text", "date", "timestamp", "nullable", "unit", "dummy_null_share")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    BOOLEAN_FIELD_NUMBER: _ClassVar[int]
    INTEGER_FIELD_NUMBER: _ClassVar[int]
    REAL_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    DATE_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    NULLABLE_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    DUMMY_NULL_SHARE_FIELD_NUMBER: _ClassVar[int]
    name: str
    description: str
    boolean: BooleanType
    integer: IntegerType
    real: RealType
    category: CategoryType
    text: TextType
    date: DateType
    timestamp: TimestampType
    nullable: bool
    unit: str
    dummy_null_share: float
    def __init__(self, name: _Optional[str] = ..., description: _Optional[str] = ..., boolean: _Optional[_Union[BooleanType, _Mapping]] = ..., integer: _Optional[_Union[IntegerType, _Mapping]] = ..., real: _Optional[_Union[RealType, _Mapping]] = ..., category: _Optional[_Union[CategoryType, _Mapping]] = ..., text: _Optional[_Union[TextType, _Mapping]] = ..., date: _Optional[_Union[DateType, _Mapping]] = ..., timestamp: _Optional[_Union[TimestampType, _Mapping]] = ..., nullable: bool = ..., unit: _Optional[str] = ..., dummy_null_share: _Optional[float] = ...) -> None: ...

class BooleanType(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class IntegerType(_message.Message):
    __slots__ = ("lower", "upper")
    LOWER_FIELD_NUMBER: _ClassVar[int]
    UPPER_FIELD_NUMBER: _ClassVar[int]
    lower: int
    upper: int
    def __init__(self, lower: _Optional[int] = ..., upper: _Optional[int] = ...) -> None: ...

class RealType(_message.Message):
    __slots__ = ("lower", "upper")
    LOWER_FIELD_NUMBER: _ClassVar[int]
    UPPER_FIELD_NUMBER: _ClassVar[int]
    lower: float
    upper: float
    def __init__(self, lower: _Optional[float] = ..., upper: _Optional[float] = ...) -> None: ...

class CategoryType(_message.Message):
    __slots__ = ("values",)
    VALUES_FIELD_NUMBER: _ClassVar[int]
    values: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, values: _Optional[_Iterable[str]] = ...) -> None: ...

class TextType(_message.Message):
    __slots__ = ("max_length",)
    MAX_LENGTH_FIELD_NUMBER: _ClassVar[int]
    max_length: int
    def __init__(self, max_length: _Optional[int] = ...) -> None: ...

class DateType(_message.Message):
    __slots__ = ("lower", "upper")
    LOWER_FIELD_NUMBER: _ClassVar[int]
    UPPER_FIELD_NUMBER: _ClassVar[int]
    lower: _date_pb2.Date
    upper: _date_pb2.Date
    def __init__(self, lower: _Optional[_Union[_date_pb2.Date, _Mapping]] = ..., upper: _Optional[_Union[_date_pb2.Date, _Mapping]] = ...) -> None: ...

class TimestampType(_message.Message):
    __slots__ = ("lower", "upper")
    LOWER_FIELD_NUMBER: _ClassVar[int]
    UPPER_FIELD_NUMBER: _ClassVar[int]
    lower: _timestamp_pb2.Timestamp
    upper: _timestamp_pb2.Timestamp
    def __init__(self, lower: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., upper: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from typing import ClassVar as _ClassVar

DESCRIPTOR: _descriptor.FileDescriptor

class DataType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DATA_TYPE_UNSPECIFIED: _ClassVar[DataType]
    DATA_TYPE_BOOLEAN: _ClassVar[DataType]
    DATA_TYPE_INTEGER: _ClassVar[DataType]
    DATA_TYPE_REAL: _ClassVar[DataType]
    DATA_TYPE_TEXT: _ClassVar[DataType]
    DATA_TYPE_CATEGORY: _ClassVar[DataType]
    DATA_TYPE_DATE: _ClassVar[DataType]
    DATA_TYPE_TIMESTAMP: _ClassVar[DataType]

class TimeUnit(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TIME_UNIT_UNSPECIFIED: _ClassVar[TimeUnit]
    TIME_UNIT_YEAR: _ClassVar[TimeUnit]
    TIME_UNIT_QUARTER: _ClassVar[TimeUnit]
    TIME_UNIT_MONTH: _ClassVar[TimeUnit]
    TIME_UNIT_WEEK: _ClassVar[TimeUnit]
    TIME_UNIT_DAY: _ClassVar[TimeUnit]
    TIME_UNIT_WEEKDAY: _ClassVar[TimeUnit]
    TIME_UNIT_DAY_OF_YEAR: _ClassVar[TimeUnit]
    TIME_UNIT_HOUR: _ClassVar[TimeUnit]
    TIME_UNIT_MINUTE: _ClassVar[TimeUnit]
    TIME_UNIT_SECOND: _ClassVar[TimeUnit]

class Function(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    FUNCTION_UNSPECIFIED: _ClassVar[Function]
    FUNCTION_EQUAL: _ClassVar[Function]
    FUNCTION_NOT_EQUAL: _ClassVar[Function]
    FUNCTION_LESS: _ClassVar[Function]
    FUNCTION_LESS_OR_EQUAL: _ClassVar[Function]
    FUNCTION_GREATER: _ClassVar[Function]
    FUNCTION_GREATER_OR_EQUAL: _ClassVar[Function]
    FUNCTION_IS_NULL: _ClassVar[Function]
    FUNCTION_AND: _ClassVar[Function]
    FUNCTION_OR: _ClassVar[Function]
    FUNCTION_NOT: _ClassVar[Function]
    FUNCTION_ADD: _ClassVar[Function]
    FUNCTION_SUBTRACT: _ClassVar[Function]
    FUNCTION_MULTIPLY: _ClassVar[Function]
    FUNCTION_DIVIDE: _ClassVar[Function]
    FUNCTION_FLOOR_DIVIDE: _ClassVar[Function]
    FUNCTION_MODULO: _ClassVar[Function]
    FUNCTION_NEGATE: _ClassVar[Function]
    FUNCTION_ABS: _ClassVar[Function]
    FUNCTION_SIGN: _ClassVar[Function]
    FUNCTION_FLOOR: _ClassVar[Function]
    FUNCTION_CEIL: _ClassVar[Function]
    FUNCTION_ROUND: _ClassVar[Function]
    FUNCTION_SQRT: _ClassVar[Function]
    FUNCTION_EXP: _ClassVar[Function]
    FUNCTION_LN: _ClassVar[Function]
    FUNCTION_LOG10: _ClassVar[Function]
    FUNCTION_POWER: _ClassVar[Function]
    FUNCTION_LEAST: _ClassVar[Function]
    FUNCTION_GREATEST: _ClassVar[Function]
    FUNCTION_CLIP: _ClassVar[Function]
    FUNCTION_COALESCE: _ClassVar[Function]
    FUNCTION_LOWER: _ClassVar[Function]
    FUNCTION_UPPER: _ClassVar[Function]
    FUNCTION_TRIM: _ClassVar[Function]
    FUNCTION_LENGTH: _ClassVar[Function]
    FUNCTION_PREFIX: _ClassVar[Function]
    FUNCTION_STARTS_WITH: _ClassVar[Function]
    FUNCTION_ENDS_WITH: _ClassVar[Function]
    FUNCTION_CONTAINS: _ClassVar[Function]
    FUNCTION_EXTRACT: _ClassVar[Function]
    FUNCTION_TRUNCATE_TIME: _ClassVar[Function]
    FUNCTION_TIME_DIFFERENCE: _ClassVar[Function]
DATA_TYPE_UNSPECIFIED: DataType
DATA_TYPE_BOOLEAN: DataType
DATA_TYPE_INTEGER: DataType
DATA_TYPE_REAL: DataType
DATA_TYPE_TEXT: DataType
DATA_TYPE_CATEGORY: DataType
DATA_TYPE_DATE: DataType
DATA_TYPE_TIMESTAMP: DataType
TIME_UNIT_UNSPECIFIED: TimeUnit
TIME_UNIT_YEAR: TimeUnit
TIME_UNIT_QUARTER: TimeUnit
TIME_UNIT_MONTH: TimeUnit
TIME_UNIT_WEEK: TimeUnit
TIME_UNIT_DAY: TimeUnit
TIME_UNIT_WEEKDAY: TimeUnit
TIME_UNIT_DAY_OF_YEAR: TimeUnit
TIME_UNIT_HOUR: TimeUnit
TIME_UNIT_MINUTE: TimeUnit
TIME_UNIT_SECOND: TimeUnit
FUNCTION_UNSPECIFIED: Function
FUNCTION_EQUAL: Function
FUNCTION_NOT_EQUAL: Function
FUNCTION_LESS: Function
FUNCTION_LESS_OR_EQUAL: Function
FUNCTION_GREATER: Function
FUNCTION_GREATER_OR_EQUAL: Function
FUNCTION_IS_NULL: Function
FUNCTION_AND: Function
FUNCTION_OR: Function
FUNCTION_NOT: Function
FUNCTION_ADD: Function
FUNCTION_SUBTRACT: Function
FUNCTION_MULTIPLY: Function
FUNCTION_DIVIDE: Function
FUNCTION_FLOOR_DIVIDE: Function
FUNCTION_MODULO: Function
FUNCTION_NEGATE: Function
FUNCTION_ABS: Function
FUNCTION_SIGN: Function
FUNCTION_FLOOR: Function
FUNCTION_CEIL: Function
FUNCTION_ROUND: Function
FUNCTION_SQRT: Function
FUNCTION_EXP: Function
FUNCTION_LN: Function
FUNCTION_LOG10: Function
FUNCTION_POWER: Function
FUNCTION_LEAST: Function
FUNCTION_GREATEST: Function
FUNCTION_CLIP: Function
FUNCTION_COALESCE: Function
FUNCTION_LOWER: Function
FUNCTION_UPPER: Function
FUNCTION_TRIM: Function
FUNCTION_LENGTH: Function
FUNCTION_PREFIX: Function
FUNCTION_STARTS_WITH: Function
FUNCTION_ENDS_WITH: Function
FUNCTION_CONTAINS: Function
FUNCTION_EXTRACT: Function
FUNCTION_TRUNCATE_TIME: Function
FUNCTION_TIME_DIFFERENCE: Function

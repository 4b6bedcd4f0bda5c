from buf.validate import validate_pb2 as _validate_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Synthesizer(_message.Message):
    __slots__ = ("columns", "aim", "mst", "mwem", "pac")
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    AIM_FIELD_NUMBER: _ClassVar[int]
    MST_FIELD_NUMBER: _ClassVar[int]
    MWEM_FIELD_NUMBER: _ClassVar[int]
    PAC_FIELD_NUMBER: _ClassVar[int]
    columns: _containers.RepeatedCompositeFieldContainer[SynthesizerColumn]
    aim: AimSynthesizer
    mst: MstSynthesizer
    mwem: MwemSynthesizer
    pac: PacSynthesizer
    def __init__(self, columns: _Optional[_Iterable[_Union[SynthesizerColumn, _Mapping]]] = ..., aim: _Optional[_Union[AimSynthesizer, _Mapping]] = ..., mst: _Optional[_Union[MstSynthesizer, _Mapping]] = ..., mwem: _Optional[_Union[MwemSynthesizer, _Mapping]] = ..., pac: _Optional[_Union[PacSynthesizer, _Mapping]] = ...) -> None: ...

class SynthesizerColumn(_message.Message):
    __slots__ = ("name", "bin_count")
    NAME_FIELD_NUMBER: _ClassVar[int]
    BIN_COUNT_FIELD_NUMBER: _ClassVar[int]
    name: str
    bin_count: int
    def __init__(self, name: _Optional[str] = ..., bin_count: _Optional[int] = ...) -> None: ...

class AimSynthesizer(_message.Message):
    __slots__ = ("degree", "rounds", "max_model_mib")
    DEGREE_FIELD_NUMBER: _ClassVar[int]
    ROUNDS_FIELD_NUMBER: _ClassVar[int]
    MAX_MODEL_MIB_FIELD_NUMBER: _ClassVar[int]
    degree: int
    rounds: int
    max_model_mib: int
    def __init__(self, degree: _Optional[int] = ..., rounds: _Optional[int] = ..., max_model_mib: _Optional[int] = ...) -> None: ...

class MstSynthesizer(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class MwemSynthesizer(_message.Message):
    __slots__ = ("query_count", "iterations", "marginal_width")
    QUERY_COUNT_FIELD_NUMBER: _ClassVar[int]
    ITERATIONS_FIELD_NUMBER: _ClassVar[int]
    MARGINAL_WIDTH_FIELD_NUMBER: _ClassVar[int]
    query_count: int
    iterations: int
    marginal_width: int
    def __init__(self, query_count: _Optional[int] = ..., iterations: _Optional[int] = ..., marginal_width: _Optional[int] = ...) -> None: ...

class PacSynthesizer(_message.Message):
    __slots__ = ("reporting_length",)
    REPORTING_LENGTH_FIELD_NUMBER: _ClassVar[int]
    reporting_length: int
    def __init__(self, reporting_length: _Optional[int] = ...) -> None: ...

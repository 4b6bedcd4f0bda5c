from buf.validate import validate_pb2 as _validate_pb2
from google.protobuf import field_mask_pb2 as _field_mask_pb2
from sfumato.v1 import charge_pb2 as _charge_pb2
from sfumato.v1 import population_pb2 as _population_pb2
from sfumato.v1 import receipt_pb2 as _receipt_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class CreatePopulationRequest(_message.Message):
    __slots__ = ("population_id", "population", "validate_only")
    POPULATION_ID_FIELD_NUMBER: _ClassVar[int]
    POPULATION_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    population_id: str
    population: _population_pb2.Population
    validate_only: bool
    def __init__(self, population_id: _Optional[str] = ..., population: _Optional[_Union[_population_pb2.Population, _Mapping]] = ..., validate_only: bool = ...) -> None: ...

class CreatePopulationResponse(_message.Message):
    __slots__ = ("population",)
    POPULATION_FIELD_NUMBER: _ClassVar[int]
    population: _population_pb2.Population
    def __init__(self, population: _Optional[_Union[_population_pb2.Population, _Mapping]] = ...) -> None: ...

class GetPopulationRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class GetPopulationResponse(_message.Message):
    __slots__ = ("population",)
    POPULATION_FIELD_NUMBER: _ClassVar[int]
    population: _population_pb2.Population
    def __init__(self, population: _Optional[_Union[_population_pb2.Population, _Mapping]] = ...) -> None: ...

class ListPopulationsRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListPopulationsResponse(_message.Message):
    __slots__ = ("populations", "next_page_token")
    POPULATIONS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    populations: _containers.RepeatedCompositeFieldContainer[_population_pb2.Population]
    next_page_token: str
    def __init__(self, populations: _Optional[_Iterable[_Union[_population_pb2.Population, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class UpdatePopulationRequest(_message.Message):
    __slots__ = ("population", "update_mask", "allow_missing", "validate_only")
    POPULATION_FIELD_NUMBER: _ClassVar[int]
    UPDATE_MASK_FIELD_NUMBER: _ClassVar[int]
    ALLOW_MISSING_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    population: _population_pb2.Population
    update_mask: _field_mask_pb2.FieldMask
    allow_missing: bool
    validate_only: bool
    def __init__(self, population: _Optional[_Union[_population_pb2.Population, _Mapping]] = ..., update_mask: _Optional[_Union[_field_mask_pb2.FieldMask, _Mapping]] = ..., allow_missing: bool = ..., validate_only: bool = ...) -> None: ...

class UpdatePopulationResponse(_message.Message):
    __slots__ = ("population",)
    POPULATION_FIELD_NUMBER: _ClassVar[int]
    population: _population_pb2.Population
    def __init__(self, population: _Optional[_Union[_population_pb2.Population, _Mapping]] = ...) -> None: ...

class DeletePopulationRequest(_message.Message):
    __slots__ = ("name", "etag")
    NAME_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    name: str
    etag: str
    def __init__(self, name: _Optional[str] = ..., etag: _Optional[str] = ...) -> None: ...

class DeletePopulationResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class MergePopulationsRequest(_message.Message):
    __slots__ = ("sources", "population_id", "justification", "request_id")
    SOURCES_FIELD_NUMBER: _ClassVar[int]
    POPULATION_ID_FIELD_NUMBER: _ClassVar[int]
    JUSTIFICATION_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    sources: _containers.RepeatedScalarFieldContainer[str]
    population_id: str
    justification: str
    request_id: str
    def __init__(self, sources: _Optional[_Iterable[str]] = ..., population_id: _Optional[str] = ..., justification: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class MergePopulationsResponse(_message.Message):
    __slots__ = ("population",)
    POPULATION_FIELD_NUMBER: _ClassVar[int]
    population: _population_pb2.Population
    def __init__(self, population: _Optional[_Union[_population_pb2.Population, _Mapping]] = ...) -> None: ...

class SplitPopulationRequest(_message.Message):
    __slots__ = ("source", "parts", "justification", "request_id")
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    PARTS_FIELD_NUMBER: _ClassVar[int]
    JUSTIFICATION_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    source: str
    parts: _containers.RepeatedCompositeFieldContainer[SplitPart]
    justification: str
    request_id: str
    def __init__(self, source: _Optional[str] = ..., parts: _Optional[_Iterable[_Union[SplitPart, _Mapping]]] = ..., justification: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class SplitPopulationResponse(_message.Message):
    __slots__ = ("populations",)
    POPULATIONS_FIELD_NUMBER: _ClassVar[int]
    populations: _containers.RepeatedCompositeFieldContainer[_population_pb2.Population]
    def __init__(self, populations: _Optional[_Iterable[_Union[_population_pb2.Population, _Mapping]]] = ...) -> None: ...

class SplitPart(_message.Message):
    __slots__ = ("population_id", "datasets")
    POPULATION_ID_FIELD_NUMBER: _ClassVar[int]
    DATASETS_FIELD_NUMBER: _ClassVar[int]
    population_id: str
    datasets: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, population_id: _Optional[str] = ..., datasets: _Optional[_Iterable[str]] = ...) -> None: ...

class RotateLedgerKeyRequest(_message.Message):
    __slots__ = ("population", "request_id")
    POPULATION_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    population: str
    request_id: str
    def __init__(self, population: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class RotateLedgerKeyResponse(_message.Message):
    __slots__ = ("key",)
    KEY_FIELD_NUMBER: _ClassVar[int]
    key: _receipt_pb2.SigningKey
    def __init__(self, key: _Optional[_Union[_receipt_pb2.SigningKey, _Mapping]] = ...) -> None: ...

class ReopenPopulationRequest(_message.Message):
    __slots__ = ("population", "receipts", "written_off", "justification", "request_id")
    POPULATION_FIELD_NUMBER: _ClassVar[int]
    RECEIPTS_FIELD_NUMBER: _ClassVar[int]
    WRITTEN_OFF_FIELD_NUMBER: _ClassVar[int]
    JUSTIFICATION_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    population: str
    receipts: _containers.RepeatedCompositeFieldContainer[_receipt_pb2.Receipt]
    written_off: _charge_pb2.Charge
    justification: str
    request_id: str
    def __init__(self, population: _Optional[str] = ..., receipts: _Optional[_Iterable[_Union[_receipt_pb2.Receipt, _Mapping]]] = ..., written_off: _Optional[_Union[_charge_pb2.Charge, _Mapping]] = ..., justification: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class ReopenPopulationResponse(_message.Message):
    __slots__ = ("population", "sequence")
    POPULATION_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    population: _population_pb2.Population
    sequence: int
    def __init__(self, population: _Optional[_Union[_population_pb2.Population, _Mapping]] = ..., sequence: _Optional[int] = ...) -> None: ...

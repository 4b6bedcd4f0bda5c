from buf.validate import validate_pb2 as _validate_pb2
from sfumato.v1 import arrow_pb2 as _arrow_pb2
from sfumato.v1 import expression_pb2 as _expression_pb2
from sfumato.v1 import fitted_model_pb2 as _fitted_model_pb2
from sfumato.v1 import ledger_pb2 as _ledger_pb2
from sfumato.v1 import query_pb2 as _query_pb2
from sfumato.v1 import quote_pb2 as _quote_pb2
from sfumato_mesh.v1 import catalog_service_pb2 as _catalog_service_pb2
from sfumato_mesh.v1 import task_pb2 as _task_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class QuoteRequest(_message.Message):
    __slots__ = ("task", "record", "group_sizes", "accepting")
    TASK_FIELD_NUMBER: _ClassVar[int]
    RECORD_FIELD_NUMBER: _ClassVar[int]
    GROUP_SIZES_FIELD_NUMBER: _ClassVar[int]
    ACCEPTING_FIELD_NUMBER: _ClassVar[int]
    task: _task_pb2.Task
    record: _catalog_service_pb2.DatasetRecord
    group_sizes: _containers.RepeatedScalarFieldContainer[int]
    accepting: bool
    def __init__(self, task: _Optional[_Union[_task_pb2.Task, _Mapping]] = ..., record: _Optional[_Union[_catalog_service_pb2.DatasetRecord, _Mapping]] = ..., group_sizes: _Optional[_Iterable[int]] = ..., accepting: bool = ...) -> None: ...

class QuoteResponse(_message.Message):
    __slots__ = ("quote", "population", "datasets", "family_digest", "derivable", "base")
    QUOTE_FIELD_NUMBER: _ClassVar[int]
    POPULATION_FIELD_NUMBER: _ClassVar[int]
    DATASETS_FIELD_NUMBER: _ClassVar[int]
    FAMILY_DIGEST_FIELD_NUMBER: _ClassVar[int]
    DERIVABLE_FIELD_NUMBER: _ClassVar[int]
    BASE_FIELD_NUMBER: _ClassVar[int]
    quote: _quote_pb2.Quote
    population: str
    datasets: _containers.RepeatedScalarFieldContainer[str]
    family_digest: bytes
    derivable: bool
    base: bool
    def __init__(self, quote: _Optional[_Union[_quote_pb2.Quote, _Mapping]] = ..., population: _Optional[str] = ..., datasets: _Optional[_Iterable[str]] = ..., family_digest: _Optional[bytes] = ..., derivable: bool = ..., base: bool = ...) -> None: ...

class FindBaseRequest(_message.Message):
    __slots__ = ("task", "record", "base_query_ids", "group_sizes", "free_base_count")
    TASK_FIELD_NUMBER: _ClassVar[int]
    RECORD_FIELD_NUMBER: _ClassVar[int]
    BASE_QUERY_IDS_FIELD_NUMBER: _ClassVar[int]
    GROUP_SIZES_FIELD_NUMBER: _ClassVar[int]
    FREE_BASE_COUNT_FIELD_NUMBER: _ClassVar[int]
    task: _task_pb2.Task
    record: _catalog_service_pb2.DatasetRecord
    base_query_ids: _containers.RepeatedScalarFieldContainer[str]
    group_sizes: _containers.RepeatedScalarFieldContainer[int]
    free_base_count: int
    def __init__(self, task: _Optional[_Union[_task_pb2.Task, _Mapping]] = ..., record: _Optional[_Union[_catalog_service_pb2.DatasetRecord, _Mapping]] = ..., base_query_ids: _Optional[_Iterable[str]] = ..., group_sizes: _Optional[_Iterable[int]] = ..., free_base_count: _Optional[int] = ...) -> None: ...

class FindBaseResponse(_message.Message):
    __slots__ = ("base_query_id", "measures")
    BASE_QUERY_ID_FIELD_NUMBER: _ClassVar[int]
    MEASURES_FIELD_NUMBER: _ClassVar[int]
    base_query_id: str
    measures: _containers.RepeatedCompositeFieldContainer[_quote_pb2.MeasureAccuracy]
    def __init__(self, base_query_id: _Optional[str] = ..., measures: _Optional[_Iterable[_Union[_quote_pb2.MeasureAccuracy, _Mapping]]] = ...) -> None: ...

class SubmitRequest(_message.Message):
    __slots__ = ("query_id", "engine")
    QUERY_ID_FIELD_NUMBER: _ClassVar[int]
    ENGINE_FIELD_NUMBER: _ClassVar[int]
    query_id: str
    engine: str
    def __init__(self, query_id: _Optional[str] = ..., engine: _Optional[str] = ...) -> None: ...

class SubmitResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ReadReleaseRequest(_message.Message):
    __slots__ = ("query_id", "start_row", "terminal")
    QUERY_ID_FIELD_NUMBER: _ClassVar[int]
    START_ROW_FIELD_NUMBER: _ClassVar[int]
    TERMINAL_FIELD_NUMBER: _ClassVar[int]
    query_id: str
    start_row: int
    terminal: _ledger_pb2.LedgerHead
    def __init__(self, query_id: _Optional[str] = ..., start_row: _Optional[int] = ..., terminal: _Optional[_Union[_ledger_pb2.LedgerHead, _Mapping]] = ...) -> None: ...

class ReadReleaseResponse(_message.Message):
    __slots__ = ("schema", "batch", "row_count")
    SCHEMA_FIELD_NUMBER: _ClassVar[int]
    BATCH_FIELD_NUMBER: _ClassVar[int]
    ROW_COUNT_FIELD_NUMBER: _ClassVar[int]
    schema: _arrow_pb2.ArrowSchema
    batch: _arrow_pb2.ArrowBatch
    row_count: int
    def __init__(self, schema: _Optional[_Union[_arrow_pb2.ArrowSchema, _Mapping]] = ..., batch: _Optional[_Union[_arrow_pb2.ArrowBatch, _Mapping]] = ..., row_count: _Optional[int] = ...) -> None: ...

class RaiseMarkRequest(_message.Message):
    __slots__ = ("head",)
    HEAD_FIELD_NUMBER: _ClassVar[int]
    head: _ledger_pb2.LedgerHead
    def __init__(self, head: _Optional[_Union[_ledger_pb2.LedgerHead, _Mapping]] = ...) -> None: ...

class RaiseMarkResponse(_message.Message):
    __slots__ = ("mark",)
    MARK_FIELD_NUMBER: _ClassVar[int]
    mark: _ledger_pb2.LedgerHead
    def __init__(self, mark: _Optional[_Union[_ledger_pb2.LedgerHead, _Mapping]] = ...) -> None: ...

class GetMarkRequest(_message.Message):
    __slots__ = ("population",)
    POPULATION_FIELD_NUMBER: _ClassVar[int]
    population: str
    def __init__(self, population: _Optional[str] = ...) -> None: ...

class GetMarkResponse(_message.Message):
    __slots__ = ("mark",)
    MARK_FIELD_NUMBER: _ClassVar[int]
    mark: _ledger_pb2.LedgerHead
    def __init__(self, mark: _Optional[_Union[_ledger_pb2.LedgerHead, _Mapping]] = ...) -> None: ...

class RunDummyRequest(_message.Message):
    __slots__ = ("task", "record", "row_count", "seed")
    TASK_FIELD_NUMBER: _ClassVar[int]
    RECORD_FIELD_NUMBER: _ClassVar[int]
    ROW_COUNT_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    task: _task_pb2.Task
    record: _catalog_service_pb2.DatasetRecord
    row_count: int
    seed: int
    def __init__(self, task: _Optional[_Union[_task_pb2.Task, _Mapping]] = ..., record: _Optional[_Union[_catalog_service_pb2.DatasetRecord, _Mapping]] = ..., row_count: _Optional[int] = ..., seed: _Optional[int] = ...) -> None: ...

class RunDummyResponse(_message.Message):
    __slots__ = ("event",)
    EVENT_FIELD_NUMBER: _ClassVar[int]
    event: _query_pb2.QueryEvent
    def __init__(self, event: _Optional[_Union[_query_pb2.QueryEvent, _Mapping]] = ...) -> None: ...

class ReadModelRequest(_message.Message):
    __slots__ = ("query_id",)
    QUERY_ID_FIELD_NUMBER: _ClassVar[int]
    query_id: str
    def __init__(self, query_id: _Optional[str] = ...) -> None: ...

class ReadModelResponse(_message.Message):
    __slots__ = ("fitted_estimator",)
    FITTED_ESTIMATOR_FIELD_NUMBER: _ClassVar[int]
    fitted_estimator: _fitted_model_pb2.FittedEstimator
    def __init__(self, fitted_estimator: _Optional[_Union[_fitted_model_pb2.FittedEstimator, _Mapping]] = ...) -> None: ...

class SampleModelRequest(_message.Message):
    __slots__ = ("query_id", "row_count", "condition", "seed")
    QUERY_ID_FIELD_NUMBER: _ClassVar[int]
    ROW_COUNT_FIELD_NUMBER: _ClassVar[int]
    CONDITION_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    query_id: str
    row_count: int
    condition: _expression_pb2.Expression
    seed: int
    def __init__(self, query_id: _Optional[str] = ..., row_count: _Optional[int] = ..., condition: _Optional[_Union[_expression_pb2.Expression, _Mapping]] = ..., seed: _Optional[int] = ...) -> None: ...

class SampleModelResponse(_message.Message):
    __slots__ = ("schema", "batch")
    SCHEMA_FIELD_NUMBER: _ClassVar[int]
    BATCH_FIELD_NUMBER: _ClassVar[int]
    schema: _arrow_pb2.ArrowSchema
    batch: _arrow_pb2.ArrowBatch
    def __init__(self, schema: _Optional[_Union[_arrow_pb2.ArrowSchema, _Mapping]] = ..., batch: _Optional[_Union[_arrow_pb2.ArrowBatch, _Mapping]] = ...) -> None: ...

class FitDummyModelRequest(_message.Message):
    __slots__ = ("task", "record", "row_count", "seed")
    TASK_FIELD_NUMBER: _ClassVar[int]
    RECORD_FIELD_NUMBER: _ClassVar[int]
    ROW_COUNT_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    task: _task_pb2.Task
    record: _catalog_service_pb2.DatasetRecord
    row_count: int
    seed: int
    def __init__(self, task: _Optional[_Union[_task_pb2.Task, _Mapping]] = ..., record: _Optional[_Union[_catalog_service_pb2.DatasetRecord, _Mapping]] = ..., row_count: _Optional[int] = ..., seed: _Optional[int] = ...) -> None: ...

class FitDummyModelResponse(_message.Message):
    __slots__ = ("fitted_estimator", "schema", "batch")
    FITTED_ESTIMATOR_FIELD_NUMBER: _ClassVar[int]
    SCHEMA_FIELD_NUMBER: _ClassVar[int]
    BATCH_FIELD_NUMBER: _ClassVar[int]
    fitted_estimator: _fitted_model_pb2.FittedEstimator
    schema: _arrow_pb2.ArrowSchema
    batch: _arrow_pb2.ArrowBatch
    def __init__(self, fitted_estimator: _Optional[_Union[_fitted_model_pb2.FittedEstimator, _Mapping]] = ..., schema: _Optional[_Union[_arrow_pb2.ArrowSchema, _Mapping]] = ..., batch: _Optional[_Union[_arrow_pb2.ArrowBatch, _Mapping]] = ...) -> None: ...

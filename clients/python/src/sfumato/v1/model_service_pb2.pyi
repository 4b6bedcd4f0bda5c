from buf.validate import validate_pb2 as _validate_pb2
from google.longrunning import operations_pb2 as _operations_pb2
from sfumato.v1 import arrow_pb2 as _arrow_pb2
from sfumato.v1 import charge_pb2 as _charge_pb2
from sfumato.v1 import expression_pb2 as _expression_pb2
from sfumato.v1 import model_pb2 as _model_pb2
from sfumato.v1 import model_spec_pb2 as _model_spec_pb2
from sfumato.v1 import payment_pb2 as _payment_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class CreateModelRequest(_message.Message):
    __slots__ = ("spec", "payment", "limit", "request_id", "project", "labels", "fresh")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    SPEC_FIELD_NUMBER: _ClassVar[int]
    PAYMENT_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    FRESH_FIELD_NUMBER: _ClassVar[int]
    spec: _model_spec_pb2.ModelSpec
    payment: _payment_pb2.Payment
    limit: _charge_pb2.LossLimit
    request_id: str
    project: str
    labels: _containers.ScalarMap[str, str]
    fresh: bool
    def __init__(self, spec: _Optional[_Union[_model_spec_pb2.ModelSpec, _Mapping]] = ..., payment: _Optional[_Union[_payment_pb2.Payment, _Mapping]] = ..., limit: _Optional[_Union[_charge_pb2.LossLimit, _Mapping]] = ..., request_id: _Optional[str] = ..., project: _Optional[str] = ..., labels: _Optional[_Mapping[str, str]] = ..., fresh: bool = ...) -> None: ...

class RunDummyModelRequest(_message.Message):
    __slots__ = ("spec", "payment", "row_count", "seed")
    SPEC_FIELD_NUMBER: _ClassVar[int]
    PAYMENT_FIELD_NUMBER: _ClassVar[int]
    ROW_COUNT_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    spec: _model_spec_pb2.ModelSpec
    payment: _payment_pb2.Payment
    row_count: int
    seed: int
    def __init__(self, spec: _Optional[_Union[_model_spec_pb2.ModelSpec, _Mapping]] = ..., payment: _Optional[_Union[_payment_pb2.Payment, _Mapping]] = ..., row_count: _Optional[int] = ..., seed: _Optional[int] = ...) -> None: ...

class RunDummyModelResponse(_message.Message):
    __slots__ = ("model", "schema", "batch")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    SCHEMA_FIELD_NUMBER: _ClassVar[int]
    BATCH_FIELD_NUMBER: _ClassVar[int]
    model: _model_pb2.Model
    schema: _arrow_pb2.ArrowSchema
    batch: _arrow_pb2.ArrowBatch
    def __init__(self, model: _Optional[_Union[_model_pb2.Model, _Mapping]] = ..., schema: _Optional[_Union[_arrow_pb2.ArrowSchema, _Mapping]] = ..., batch: _Optional[_Union[_arrow_pb2.ArrowBatch, _Mapping]] = ...) -> None: ...

class GetModelRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class GetModelResponse(_message.Message):
    __slots__ = ("model",)
    MODEL_FIELD_NUMBER: _ClassVar[int]
    model: _model_pb2.Model
    def __init__(self, model: _Optional[_Union[_model_pb2.Model, _Mapping]] = ...) -> None: ...

class ListModelsRequest(_message.Message):
    __slots__ = ("page_size", "page_token", "dataset")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    DATASET_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    dataset: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., dataset: _Optional[str] = ...) -> None: ...

class ListModelsResponse(_message.Message):
    __slots__ = ("models", "next_page_token")
    MODELS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    models: _containers.RepeatedCompositeFieldContainer[_model_pb2.Model]
    next_page_token: str
    def __init__(self, models: _Optional[_Iterable[_Union[_model_pb2.Model, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class SampleModelRequest(_message.Message):
    __slots__ = ("name", "row_count", "condition", "seed")
    NAME_FIELD_NUMBER: _ClassVar[int]
    ROW_COUNT_FIELD_NUMBER: _ClassVar[int]
    CONDITION_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    name: str
    row_count: int
    condition: _expression_pb2.Expression
    seed: int
    def __init__(self, name: _Optional[str] = ..., row_count: _Optional[int] = ..., condition: _Optional[_Union[_expression_pb2.Expression, _Mapping]] = ..., seed: _Optional[int] = ...) -> None: ...

class SampleModelResponse(_message.Message):
    __slots__ = ("schema", "batch")
    SCHEMA_FIELD_NUMBER: _ClassVar[int]
    BATCH_FIELD_NUMBER: _ClassVar[int]
    schema: _arrow_pb2.ArrowSchema
    batch: _arrow_pb2.ArrowBatch
    def __init__(self, schema: _Optional[_Union[_arrow_pb2.ArrowSchema, _Mapping]] = ..., batch: _Optional[_Union[_arrow_pb2.ArrowBatch, _Mapping]] = ...) -> None: ...

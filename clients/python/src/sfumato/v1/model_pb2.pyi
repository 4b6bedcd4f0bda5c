import datetime

from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.api import resource_pb2 as _resource_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from sfumato.v1 import fitted_model_pb2 as _fitted_model_pb2
from sfumato.v1 import model_spec_pb2 as _model_spec_pb2
from sfumato.v1 import quote_pb2 as _quote_pb2
from sfumato.v1 import receipt_pb2 as _receipt_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Model(_message.Message):
    __slots__ = ("name", "spec", "query", "data_versions", "receipt", "fitted_estimator", "create_time", "expire_time")
    NAME_FIELD_NUMBER: _ClassVar[int]
    SPEC_FIELD_NUMBER: _ClassVar[int]
    QUERY_FIELD_NUMBER: _ClassVar[int]
    DATA_VERSIONS_FIELD_NUMBER: _ClassVar[int]
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    FITTED_ESTIMATOR_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    name: str
    spec: _model_spec_pb2.ModelSpec
    query: str
    data_versions: _containers.RepeatedCompositeFieldContainer[_quote_pb2.DataVersion]
    receipt: _receipt_pb2.Receipt
    fitted_estimator: _fitted_model_pb2.FittedEstimator
    create_time: _timestamp_pb2.Timestamp
    expire_time: _timestamp_pb2.Timestamp
    def __init__(self, name: _Optional[str] = ..., spec: _Optional[_Union[_model_spec_pb2.ModelSpec, _Mapping]] = ..., query: _Optional[str] = ..., data_versions: _Optional[_Iterable[_Union[_quote_pb2.DataVersion, _Mapping]]] = ..., receipt: _Optional[_Union[_receipt_pb2.Receipt, _Mapping]] = ..., fitted_estimator: _Optional[_Union[_fitted_model_pb2.FittedEstimator, _Mapping]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

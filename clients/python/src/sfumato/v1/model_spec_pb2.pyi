from buf.validate import validate_pb2 as _validate_pb2
from sfumato.v1 import estimator_pb2 as _estimator_pb2
from sfumato.v1 import relation_pb2 as _relation_pb2
from sfumato.v1 import synthesizer_pb2 as _synthesizer_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ModelSpec(_message.Message):
    __slots__ = ("source", "synthesizer", "estimator")
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    SYNTHESIZER_FIELD_NUMBER: _ClassVar[int]
    ESTIMATOR_FIELD_NUMBER: _ClassVar[int]
    source: _relation_pb2.Relation
    synthesizer: _synthesizer_pb2.Synthesizer
    estimator: _estimator_pb2.Estimator
    def __init__(self, source: _Optional[_Union[_relation_pb2.Relation, _Mapping]] = ..., synthesizer: _Optional[_Union[_synthesizer_pb2.Synthesizer, _Mapping]] = ..., estimator: _Optional[_Union[_estimator_pb2.Estimator, _Mapping]] = ...) -> None: ...

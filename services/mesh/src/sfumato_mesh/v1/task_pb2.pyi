from buf.validate import validate_pb2 as _validate_pb2
from sfumato.v1 import payment_pb2 as _payment_pb2
from sfumato.v1 import plan_pb2 as _plan_pb2
from sfumato.v1 import question_pb2 as _question_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Task(_message.Message):
    __slots__ = ("question", "plan", "payment", "confidence")
    QUESTION_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    PAYMENT_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    question: _question_pb2.Question
    plan: _plan_pb2.Plan
    payment: _payment_pb2.Payment
    confidence: float
    def __init__(self, question: _Optional[_Union[_question_pb2.Question, _Mapping]] = ..., plan: _Optional[_Union[_plan_pb2.Plan, _Mapping]] = ..., payment: _Optional[_Union[_payment_pb2.Payment, _Mapping]] = ..., confidence: _Optional[float] = ...) -> None: ...

import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from sfumato.v1 import charge_pb2 as _charge_pb2
from sfumato.v1 import question_pb2 as _question_pb2
from sfumato.v1 import quote_pb2 as _quote_pb2
from sfumato.v1 import scope_pb2 as _scope_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Receipt(_message.Message):
    __slots__ = ("signed_statement", "signature", "statement")
    SIGNED_STATEMENT_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    STATEMENT_FIELD_NUMBER: _ClassVar[int]
    signed_statement: str
    signature: Signature
    statement: ReceiptStatement
    def __init__(self, signed_statement: _Optional[str] = ..., signature: _Optional[_Union[Signature, _Mapping]] = ..., statement: _Optional[_Union[ReceiptStatement, _Mapping]] = ...) -> None: ...

class Signature(_message.Message):
    __slots__ = ("key_id", "ed25519")
    KEY_ID_FIELD_NUMBER: _ClassVar[int]
    ED25519_FIELD_NUMBER: _ClassVar[int]
    key_id: str
    ed25519: bytes
    def __init__(self, key_id: _Optional[str] = ..., ed25519: _Optional[bytes] = ...) -> None: ...

class SigningKey(_message.Message):
    __slots__ = ("key_id", "public_key", "start_time", "end_time")
    KEY_ID_FIELD_NUMBER: _ClassVar[int]
    PUBLIC_KEY_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    key_id: str
    public_key: bytes
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    def __init__(self, key_id: _Optional[str] = ..., public_key: _Optional[bytes] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ReceiptStatement(_message.Message):
    __slots__ = ("query", "population", "sequence", "entry_hash", "plan_digest", "engine", "assurance", "data_versions", "charge", "scopes", "measures", "release_digest", "release_query", "release_time", "claim_digest", "derived")
    QUERY_FIELD_NUMBER: _ClassVar[int]
    POPULATION_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    ENTRY_HASH_FIELD_NUMBER: _ClassVar[int]
    PLAN_DIGEST_FIELD_NUMBER: _ClassVar[int]
    ENGINE_FIELD_NUMBER: _ClassVar[int]
    ASSURANCE_FIELD_NUMBER: _ClassVar[int]
    DATA_VERSIONS_FIELD_NUMBER: _ClassVar[int]
    CHARGE_FIELD_NUMBER: _ClassVar[int]
    SCOPES_FIELD_NUMBER: _ClassVar[int]
    MEASURES_FIELD_NUMBER: _ClassVar[int]
    RELEASE_DIGEST_FIELD_NUMBER: _ClassVar[int]
    RELEASE_QUERY_FIELD_NUMBER: _ClassVar[int]
    RELEASE_TIME_FIELD_NUMBER: _ClassVar[int]
    CLAIM_DIGEST_FIELD_NUMBER: _ClassVar[int]
    DERIVED_FIELD_NUMBER: _ClassVar[int]
    query: str
    population: str
    sequence: int
    entry_hash: bytes
    plan_digest: bytes
    engine: str
    assurance: _question_pb2.Assurance
    data_versions: _containers.RepeatedCompositeFieldContainer[_quote_pb2.DataVersion]
    charge: _charge_pb2.Charge
    scopes: _containers.RepeatedCompositeFieldContainer[_scope_pb2.ScopeCharge]
    measures: _containers.RepeatedCompositeFieldContainer[_quote_pb2.MeasureAccuracy]
    release_digest: bytes
    release_query: str
    release_time: _timestamp_pb2.Timestamp
    claim_digest: bytes
    derived: bool
    def __init__(self, query: _Optional[str] = ..., population: _Optional[str] = ..., sequence: _Optional[int] = ..., entry_hash: _Optional[bytes] = ..., plan_digest: _Optional[bytes] = ..., engine: _Optional[str] = ..., assurance: _Optional[_Union[_question_pb2.Assurance, str]] = ..., data_versions: _Optional[_Iterable[_Union[_quote_pb2.DataVersion, _Mapping]]] = ..., charge: _Optional[_Union[_charge_pb2.Charge, _Mapping]] = ..., scopes: _Optional[_Iterable[_Union[_scope_pb2.ScopeCharge, _Mapping]]] = ..., measures: _Optional[_Iterable[_Union[_quote_pb2.MeasureAccuracy, _Mapping]]] = ..., release_digest: _Optional[bytes] = ..., release_query: _Optional[str] = ..., release_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., claim_digest: _Optional[bytes] = ..., derived: bool = ...) -> None: ...

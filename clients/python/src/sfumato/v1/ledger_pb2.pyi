import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from sfumato.v1 import charge_pb2 as _charge_pb2
from sfumato.v1 import grant_pb2 as _grant_pb2
from sfumato.v1 import population_pb2 as _population_pb2
from sfumato.v1 import quote_pb2 as _quote_pb2
from sfumato.v1 import receipt_pb2 as _receipt_pb2
from sfumato.v1 import scope_pb2 as _scope_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class LedgerEntry(_message.Message):
    __slots__ = ("population", "sequence", "time", "previous_hash", "entry_hash", "records", "signature")
    POPULATION_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_HASH_FIELD_NUMBER: _ClassVar[int]
    ENTRY_HASH_FIELD_NUMBER: _ClassVar[int]
    RECORDS_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    population: str
    sequence: int
    time: _timestamp_pb2.Timestamp
    previous_hash: bytes
    entry_hash: bytes
    records: _containers.RepeatedCompositeFieldContainer[LedgerRecord]
    signature: _receipt_pb2.Signature
    def __init__(self, population: _Optional[str] = ..., sequence: _Optional[int] = ..., time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., previous_hash: _Optional[bytes] = ..., entry_hash: _Optional[bytes] = ..., records: _Optional[_Iterable[_Union[LedgerRecord, _Mapping]]] = ..., signature: _Optional[_Union[_receipt_pb2.Signature, _Mapping]] = ...) -> None: ...

class LedgerRecord(_message.Message):
    __slots__ = ("digest", "payload", "event")
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    EVENT_FIELD_NUMBER: _ClassVar[int]
    digest: bytes
    payload: str
    event: LedgerEvent
    def __init__(self, digest: _Optional[bytes] = ..., payload: _Optional[str] = ..., event: _Optional[_Union[LedgerEvent, _Mapping]] = ...) -> None: ...

class LedgerEvent(_message.Message):
    __slots__ = ("salt", "user", "genesis", "reserved", "committed", "charged", "shared", "granted", "frozen", "withheld", "key_rotated", "reopened", "closed")
    SALT_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    GENESIS_FIELD_NUMBER: _ClassVar[int]
    RESERVED_FIELD_NUMBER: _ClassVar[int]
    COMMITTED_FIELD_NUMBER: _ClassVar[int]
    CHARGED_FIELD_NUMBER: _ClassVar[int]
    SHARED_FIELD_NUMBER: _ClassVar[int]
    GRANTED_FIELD_NUMBER: _ClassVar[int]
    FROZEN_FIELD_NUMBER: _ClassVar[int]
    WITHHELD_FIELD_NUMBER: _ClassVar[int]
    KEY_ROTATED_FIELD_NUMBER: _ClassVar[int]
    REOPENED_FIELD_NUMBER: _ClassVar[int]
    CLOSED_FIELD_NUMBER: _ClassVar[int]
    salt: bytes
    user: str
    genesis: Genesis
    reserved: Reserved
    committed: Committed
    charged: Charged
    shared: Shared
    granted: Granted
    frozen: Frozen
    withheld: Withheld
    key_rotated: KeyRotated
    reopened: Reopened
    closed: Closed
    def __init__(self, salt: _Optional[bytes] = ..., user: _Optional[str] = ..., genesis: _Optional[_Union[Genesis, _Mapping]] = ..., reserved: _Optional[_Union[Reserved, _Mapping]] = ..., committed: _Optional[_Union[Committed, _Mapping]] = ..., charged: _Optional[_Union[Charged, _Mapping]] = ..., shared: _Optional[_Union[Shared, _Mapping]] = ..., granted: _Optional[_Union[Granted, _Mapping]] = ..., frozen: _Optional[_Union[Frozen, _Mapping]] = ..., withheld: _Optional[_Union[Withheld, _Mapping]] = ..., key_rotated: _Optional[_Union[KeyRotated, _Mapping]] = ..., reopened: _Optional[_Union[Reopened, _Mapping]] = ..., closed: _Optional[_Union[Closed, _Mapping]] = ...) -> None: ...

class Genesis(_message.Message):
    __slots__ = ("public_key", "predecessors", "spent", "accounting")
    PUBLIC_KEY_FIELD_NUMBER: _ClassVar[int]
    PREDECESSORS_FIELD_NUMBER: _ClassVar[int]
    SPENT_FIELD_NUMBER: _ClassVar[int]
    ACCOUNTING_FIELD_NUMBER: _ClassVar[int]
    public_key: bytes
    predecessors: _containers.RepeatedCompositeFieldContainer[LedgerHead]
    spent: _containers.RepeatedCompositeFieldContainer[_scope_pb2.ScopeCharge]
    accounting: _population_pb2.Accounting
    def __init__(self, public_key: _Optional[bytes] = ..., predecessors: _Optional[_Iterable[_Union[LedgerHead, _Mapping]]] = ..., spent: _Optional[_Iterable[_Union[_scope_pb2.ScopeCharge, _Mapping]]] = ..., accounting: _Optional[_Union[_population_pb2.Accounting, str]] = ...) -> None: ...

class Reserved(_message.Message):
    __slots__ = ("query", "claim_digest", "data_versions", "charge", "scopes", "give_up_time", "project")
    QUERY_FIELD_NUMBER: _ClassVar[int]
    CLAIM_DIGEST_FIELD_NUMBER: _ClassVar[int]
    DATA_VERSIONS_FIELD_NUMBER: _ClassVar[int]
    CHARGE_FIELD_NUMBER: _ClassVar[int]
    SCOPES_FIELD_NUMBER: _ClassVar[int]
    GIVE_UP_TIME_FIELD_NUMBER: _ClassVar[int]
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    query: str
    claim_digest: bytes
    data_versions: _containers.RepeatedCompositeFieldContainer[_quote_pb2.DataVersion]
    charge: _charge_pb2.Charge
    scopes: _containers.RepeatedCompositeFieldContainer[_scope_pb2.ScopeCharge]
    give_up_time: _timestamp_pb2.Timestamp
    project: str
    def __init__(self, query: _Optional[str] = ..., claim_digest: _Optional[bytes] = ..., data_versions: _Optional[_Iterable[_Union[_quote_pb2.DataVersion, _Mapping]]] = ..., charge: _Optional[_Union[_charge_pb2.Charge, _Mapping]] = ..., scopes: _Optional[_Iterable[_Union[_scope_pb2.ScopeCharge, _Mapping]]] = ..., give_up_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., project: _Optional[str] = ...) -> None: ...

class Committed(_message.Message):
    __slots__ = ("query", "attempt", "release_digest", "data_versions")
    QUERY_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    RELEASE_DIGEST_FIELD_NUMBER: _ClassVar[int]
    DATA_VERSIONS_FIELD_NUMBER: _ClassVar[int]
    query: str
    attempt: str
    release_digest: bytes
    data_versions: _containers.RepeatedCompositeFieldContainer[_quote_pb2.DataVersion]
    def __init__(self, query: _Optional[str] = ..., attempt: _Optional[str] = ..., release_digest: _Optional[bytes] = ..., data_versions: _Optional[_Iterable[_Union[_quote_pb2.DataVersion, _Mapping]]] = ...) -> None: ...

class Charged(_message.Message):
    __slots__ = ("query", "cancelled")
    QUERY_FIELD_NUMBER: _ClassVar[int]
    CANCELLED_FIELD_NUMBER: _ClassVar[int]
    query: str
    cancelled: bool
    def __init__(self, query: _Optional[str] = ..., cancelled: bool = ...) -> None: ...

class Shared(_message.Message):
    __slots__ = ("query", "claim_digest", "release_query", "attempt", "release_digest", "data_versions", "scopes", "derived", "project", "charge")
    QUERY_FIELD_NUMBER: _ClassVar[int]
    CLAIM_DIGEST_FIELD_NUMBER: _ClassVar[int]
    RELEASE_QUERY_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    RELEASE_DIGEST_FIELD_NUMBER: _ClassVar[int]
    DATA_VERSIONS_FIELD_NUMBER: _ClassVar[int]
    SCOPES_FIELD_NUMBER: _ClassVar[int]
    DERIVED_FIELD_NUMBER: _ClassVar[int]
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    CHARGE_FIELD_NUMBER: _ClassVar[int]
    query: str
    claim_digest: bytes
    release_query: str
    attempt: str
    release_digest: bytes
    data_versions: _containers.RepeatedCompositeFieldContainer[_quote_pb2.DataVersion]
    scopes: _containers.RepeatedCompositeFieldContainer[_scope_pb2.ScopeCharge]
    derived: bool
    project: str
    charge: _charge_pb2.Charge
    def __init__(self, query: _Optional[str] = ..., claim_digest: _Optional[bytes] = ..., release_query: _Optional[str] = ..., attempt: _Optional[str] = ..., release_digest: _Optional[bytes] = ..., data_versions: _Optional[_Iterable[_Union[_quote_pb2.DataVersion, _Mapping]]] = ..., scopes: _Optional[_Iterable[_Union[_scope_pb2.ScopeCharge, _Mapping]]] = ..., derived: bool = ..., project: _Optional[str] = ..., charge: _Optional[_Union[_charge_pb2.Charge, _Mapping]] = ...) -> None: ...

class Granted(_message.Message):
    __slots__ = ("grant", "justification")
    GRANT_FIELD_NUMBER: _ClassVar[int]
    JUSTIFICATION_FIELD_NUMBER: _ClassVar[int]
    grant: _grant_pb2.Grant
    justification: str
    def __init__(self, grant: _Optional[_Union[_grant_pb2.Grant, _Mapping]] = ..., justification: _Optional[str] = ...) -> None: ...

class Frozen(_message.Message):
    __slots__ = ("scope", "frozen", "justification")
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    FROZEN_FIELD_NUMBER: _ClassVar[int]
    JUSTIFICATION_FIELD_NUMBER: _ClassVar[int]
    scope: _scope_pb2.Scope
    frozen: bool
    justification: str
    def __init__(self, scope: _Optional[_Union[_scope_pb2.Scope, _Mapping]] = ..., frozen: bool = ..., justification: _Optional[str] = ...) -> None: ...

class Withheld(_message.Message):
    __slots__ = ("query", "withheld", "justification")
    QUERY_FIELD_NUMBER: _ClassVar[int]
    WITHHELD_FIELD_NUMBER: _ClassVar[int]
    JUSTIFICATION_FIELD_NUMBER: _ClassVar[int]
    query: str
    withheld: bool
    justification: str
    def __init__(self, query: _Optional[str] = ..., withheld: bool = ..., justification: _Optional[str] = ...) -> None: ...

class KeyRotated(_message.Message):
    __slots__ = ("public_key",)
    PUBLIC_KEY_FIELD_NUMBER: _ClassVar[int]
    public_key: bytes
    def __init__(self, public_key: _Optional[bytes] = ...) -> None: ...

class Reopened(_message.Message):
    __slots__ = ("lost_head", "charged", "justification", "queries")
    LOST_HEAD_FIELD_NUMBER: _ClassVar[int]
    CHARGED_FIELD_NUMBER: _ClassVar[int]
    JUSTIFICATION_FIELD_NUMBER: _ClassVar[int]
    QUERIES_FIELD_NUMBER: _ClassVar[int]
    lost_head: LedgerHead
    charged: _containers.RepeatedCompositeFieldContainer[_scope_pb2.ScopeCharge]
    justification: str
    queries: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, lost_head: _Optional[_Union[LedgerHead, _Mapping]] = ..., charged: _Optional[_Iterable[_Union[_scope_pb2.ScopeCharge, _Mapping]]] = ..., justification: _Optional[str] = ..., queries: _Optional[_Iterable[str]] = ...) -> None: ...

class Closed(_message.Message):
    __slots__ = ("successors",)
    SUCCESSORS_FIELD_NUMBER: _ClassVar[int]
    successors: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, successors: _Optional[_Iterable[str]] = ...) -> None: ...

class LedgerHead(_message.Message):
    __slots__ = ("population", "sequence", "entry_hash", "signature")
    POPULATION_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    ENTRY_HASH_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    population: str
    sequence: int
    entry_hash: bytes
    signature: _receipt_pb2.Signature
    def __init__(self, population: _Optional[str] = ..., sequence: _Optional[int] = ..., entry_hash: _Optional[bytes] = ..., signature: _Optional[_Union[_receipt_pb2.Signature, _Mapping]] = ...) -> None: ...

from buf.validate import validate_pb2 as _validate_pb2
from sfumato.v1 import charge_pb2 as _charge_pb2
from sfumato.v1 import ledger_pb2 as _ledger_pb2
from sfumato.v1 import receipt_pb2 as _receipt_pb2
from sfumato.v1 import scope_pb2 as _scope_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ListLedgerEntriesRequest(_message.Message):
    __slots__ = ("parent", "page_size", "page_token", "start_sequence")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    START_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    parent: str
    page_size: int
    page_token: str
    start_sequence: int
    def __init__(self, parent: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., start_sequence: _Optional[int] = ...) -> None: ...

class ListLedgerEntriesResponse(_message.Message):
    __slots__ = ("ledger_entries", "next_page_token")
    LEDGER_ENTRIES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    ledger_entries: _containers.RepeatedCompositeFieldContainer[_ledger_pb2.LedgerEntry]
    next_page_token: str
    def __init__(self, ledger_entries: _Optional[_Iterable[_Union[_ledger_pb2.LedgerEntry, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class WatchLedgerRequest(_message.Message):
    __slots__ = ("population", "start_sequence")
    POPULATION_FIELD_NUMBER: _ClassVar[int]
    START_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    population: str
    start_sequence: int
    def __init__(self, population: _Optional[str] = ..., start_sequence: _Optional[int] = ...) -> None: ...

class WatchLedgerResponse(_message.Message):
    __slots__ = ("ledger_entries",)
    LEDGER_ENTRIES_FIELD_NUMBER: _ClassVar[int]
    ledger_entries: _containers.RepeatedCompositeFieldContainer[_ledger_pb2.LedgerEntry]
    def __init__(self, ledger_entries: _Optional[_Iterable[_Union[_ledger_pb2.LedgerEntry, _Mapping]]] = ...) -> None: ...

class ExportLedgerRequest(_message.Message):
    __slots__ = ("population",)
    POPULATION_FIELD_NUMBER: _ClassVar[int]
    population: str
    def __init__(self, population: _Optional[str] = ...) -> None: ...

class ExportLedgerResponse(_message.Message):
    __slots__ = ("header", "entry", "head")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    ENTRY_FIELD_NUMBER: _ClassVar[int]
    HEAD_FIELD_NUMBER: _ClassVar[int]
    header: ExportHeader
    entry: _ledger_pb2.LedgerEntry
    head: _ledger_pb2.LedgerHead
    def __init__(self, header: _Optional[_Union[ExportHeader, _Mapping]] = ..., entry: _Optional[_Union[_ledger_pb2.LedgerEntry, _Mapping]] = ..., head: _Optional[_Union[_ledger_pb2.LedgerHead, _Mapping]] = ...) -> None: ...

class ExportHeader(_message.Message):
    __slots__ = ("format_version", "population", "keys")
    FORMAT_VERSION_FIELD_NUMBER: _ClassVar[int]
    POPULATION_FIELD_NUMBER: _ClassVar[int]
    KEYS_FIELD_NUMBER: _ClassVar[int]
    format_version: int
    population: str
    keys: _containers.RepeatedCompositeFieldContainer[_receipt_pb2.SigningKey]
    def __init__(self, format_version: _Optional[int] = ..., population: _Optional[str] = ..., keys: _Optional[_Iterable[_Union[_receipt_pb2.SigningKey, _Mapping]]] = ...) -> None: ...

class VerifyLedgerRequest(_message.Message):
    __slots__ = ("population",)
    POPULATION_FIELD_NUMBER: _ClassVar[int]
    population: str
    def __init__(self, population: _Optional[str] = ...) -> None: ...

class VerifyLedgerResponse(_message.Message):
    __slots__ = ("verified_entries", "total_entries", "verified", "defect")
    VERIFIED_ENTRIES_FIELD_NUMBER: _ClassVar[int]
    TOTAL_ENTRIES_FIELD_NUMBER: _ClassVar[int]
    VERIFIED_FIELD_NUMBER: _ClassVar[int]
    DEFECT_FIELD_NUMBER: _ClassVar[int]
    verified_entries: int
    total_entries: int
    verified: LedgerVerified
    defect: LedgerDefect
    def __init__(self, verified_entries: _Optional[int] = ..., total_entries: _Optional[int] = ..., verified: _Optional[_Union[LedgerVerified, _Mapping]] = ..., defect: _Optional[_Union[LedgerDefect, _Mapping]] = ...) -> None: ...

class LedgerVerified(_message.Message):
    __slots__ = ("head", "spent", "population_spent")
    HEAD_FIELD_NUMBER: _ClassVar[int]
    SPENT_FIELD_NUMBER: _ClassVar[int]
    POPULATION_SPENT_FIELD_NUMBER: _ClassVar[int]
    head: _ledger_pb2.LedgerHead
    spent: _containers.RepeatedCompositeFieldContainer[_scope_pb2.ScopeCharge]
    population_spent: _charge_pb2.Charge
    def __init__(self, head: _Optional[_Union[_ledger_pb2.LedgerHead, _Mapping]] = ..., spent: _Optional[_Iterable[_Union[_scope_pb2.ScopeCharge, _Mapping]]] = ..., population_spent: _Optional[_Union[_charge_pb2.Charge, _Mapping]] = ...) -> None: ...

class LedgerDefect(_message.Message):
    __slots__ = ("sequence", "rule", "description")
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    RULE_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    rule: str
    description: str
    def __init__(self, sequence: _Optional[int] = ..., rule: _Optional[str] = ..., description: _Optional[str] = ...) -> None: ...

class GetLedgerHeadRequest(_message.Message):
    __slots__ = ("population",)
    POPULATION_FIELD_NUMBER: _ClassVar[int]
    population: str
    def __init__(self, population: _Optional[str] = ...) -> None: ...

class GetLedgerHeadResponse(_message.Message):
    __slots__ = ("head", "keys")
    HEAD_FIELD_NUMBER: _ClassVar[int]
    KEYS_FIELD_NUMBER: _ClassVar[int]
    head: _ledger_pb2.LedgerHead
    keys: _containers.RepeatedCompositeFieldContainer[_receipt_pb2.SigningKey]
    def __init__(self, head: _Optional[_Union[_ledger_pb2.LedgerHead, _Mapping]] = ..., keys: _Optional[_Iterable[_Union[_receipt_pb2.SigningKey, _Mapping]]] = ...) -> None: ...

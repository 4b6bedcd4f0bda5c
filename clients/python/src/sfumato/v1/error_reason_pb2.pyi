from google.rpc import error_details_pb2 as _error_details_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ErrorReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ERROR_REASON_UNSPECIFIED: _ClassVar[ErrorReason]
    ERROR_REASON_REQUEST_INVALID: _ClassVar[ErrorReason]
    ERROR_REASON_PLAN_REJECTED: _ClassVar[ErrorReason]
    ERROR_REASON_SQL_REJECTED: _ClassVar[ErrorReason]
    ERROR_REASON_PAGE_TOKEN_INVALID: _ClassVar[ErrorReason]
    ERROR_REASON_FIELD_NOT_CHANGEABLE: _ClassVar[ErrorReason]
    ERROR_REASON_TOKEN_MISSING: _ClassVar[ErrorReason]
    ERROR_REASON_TOKEN_INVALID: _ClassVar[ErrorReason]
    ERROR_REASON_TOKEN_EXPIRED: _ClassVar[ErrorReason]
    ERROR_REASON_USER_UNKNOWN: _ClassVar[ErrorReason]
    ERROR_REASON_ACCESS_DENIED: _ClassVar[ErrorReason]
    ERROR_REASON_BUDGET_EXHAUSTED: _ClassVar[ErrorReason]
    ERROR_REASON_BUDGET_FROZEN: _ClassVar[ErrorReason]
    ERROR_REASON_PRICE_ABOVE_LIMIT: _ClassVar[ErrorReason]
    ERROR_REASON_PRICE_ABOVE_POLICY: _ClassVar[ErrorReason]
    ERROR_REASON_GRANT_MISSING: _ClassVar[ErrorReason]
    ERROR_REASON_ACCOUNTING_MISMATCH: _ClassVar[ErrorReason]
    ERROR_REASON_DELEGATION_TOO_LARGE: _ClassVar[ErrorReason]
    ERROR_REASON_DELEGATION_REFUSED: _ClassVar[ErrorReason]
    ERROR_REASON_ENGINE_NOT_ALLOWED: _ClassVar[ErrorReason]
    ERROR_REASON_DATASET_NOT_PUBLISHED: _ClassVar[ErrorReason]
    ERROR_REASON_POPULATIONS_DIFFER: _ClassVar[ErrorReason]
    ERROR_REASON_POPULATION_CLOSED: _ClassVar[ErrorReason]
    ERROR_REASON_LEDGER_BEHIND: _ClassVar[ErrorReason]
    ERROR_REASON_UNIT_MISMATCH: _ClassVar[ErrorReason]
    ERROR_REASON_RESOURCE_IN_USE: _ClassVar[ErrorReason]
    ERROR_REASON_DATA_NOT_PUBLISHABLE: _ClassVar[ErrorReason]
    ERROR_REASON_LEDGER_KEY_MISSING: _ClassVar[ErrorReason]
    ERROR_REASON_GUARANTEE_NOT_ACCEPTED: _ClassVar[ErrorReason]
    ERROR_REASON_REQUEST_ID_REUSED: _ClassVar[ErrorReason]
    ERROR_REASON_ETAG_MISMATCH: _ClassVar[ErrorReason]
    ERROR_REASON_RESOURCE_EXISTS: _ClassVar[ErrorReason]
    ERROR_REASON_MODEL_KIND_MISMATCH: _ClassVar[ErrorReason]
    ERROR_REASON_QUERY_FAILED: _ClassVar[ErrorReason]
    ERROR_REASON_QUERY_CANCELLED: _ClassVar[ErrorReason]
    ERROR_REASON_ROW_OUT_OF_RANGE: _ClassVar[ErrorReason]
    ERROR_REASON_RELEASE_EXPIRED: _ClassVar[ErrorReason]
    ERROR_REASON_RELEASE_WITHHELD: _ClassVar[ErrorReason]
    ERROR_REASON_RELEASE_MISSING: _ClassVar[ErrorReason]
    ERROR_REASON_SERVICE_UNAVAILABLE: _ClassVar[ErrorReason]
    ERROR_REASON_NOT_ACCEPTING: _ClassVar[ErrorReason]
ERROR_REASON_UNSPECIFIED: ErrorReason
ERROR_REASON_REQUEST_INVALID: ErrorReason
ERROR_REASON_PLAN_REJECTED: ErrorReason
ERROR_REASON_SQL_REJECTED: ErrorReason
ERROR_REASON_PAGE_TOKEN_INVALID: ErrorReason
ERROR_REASON_FIELD_NOT_CHANGEABLE: ErrorReason
ERROR_REASON_TOKEN_MISSING: ErrorReason
ERROR_REASON_TOKEN_INVALID: ErrorReason
ERROR_REASON_TOKEN_EXPIRED: ErrorReason
ERROR_REASON_USER_UNKNOWN: ErrorReason
ERROR_REASON_ACCESS_DENIED: ErrorReason
ERROR_REASON_BUDGET_EXHAUSTED: ErrorReason
ERROR_REASON_BUDGET_FROZEN: ErrorReason
ERROR_REASON_PRICE_ABOVE_LIMIT: ErrorReason
ERROR_REASON_PRICE_ABOVE_POLICY: ErrorReason
ERROR_REASON_GRANT_MISSING: ErrorReason
ERROR_REASON_ACCOUNTING_MISMATCH: ErrorReason
ERROR_REASON_DELEGATION_TOO_LARGE: ErrorReason
ERROR_REASON_DELEGATION_REFUSED: ErrorReason
ERROR_REASON_ENGINE_NOT_ALLOWED: ErrorReason
ERROR_REASON_DATASET_NOT_PUBLISHED: ErrorReason
ERROR_REASON_POPULATIONS_DIFFER: ErrorReason
ERROR_REASON_POPULATION_CLOSED: ErrorReason
ERROR_REASON_LEDGER_BEHIND: ErrorReason
ERROR_REASON_UNIT_MISMATCH: ErrorReason
ERROR_REASON_RESOURCE_IN_USE: ErrorReason
ERROR_REASON_DATA_NOT_PUBLISHABLE: ErrorReason
ERROR_REASON_LEDGER_KEY_MISSING: ErrorReason
ERROR_REASON_GUARANTEE_NOT_ACCEPTED: ErrorReason
ERROR_REASON_REQUEST_ID_REUSED: ErrorReason
ERROR_REASON_ETAG_MISMATCH: ErrorReason
ERROR_REASON_RESOURCE_EXISTS: ErrorReason
ERROR_REASON_MODEL_KIND_MISMATCH: ErrorReason
ERROR_REASON_QUERY_FAILED: ErrorReason
ERROR_REASON_QUERY_CANCELLED: ErrorReason
ERROR_REASON_ROW_OUT_OF_RANGE: ErrorReason
ERROR_REASON_RELEASE_EXPIRED: ErrorReason
ERROR_REASON_RELEASE_WITHHELD: ErrorReason
ERROR_REASON_RELEASE_MISSING: ErrorReason
ERROR_REASON_SERVICE_UNAVAILABLE: ErrorReason
ERROR_REASON_NOT_ACCEPTING: ErrorReason

class ErrorDetail(_message.Message):
    __slots__ = ("error_info", "bad_request", "quota_failure", "precondition_failure", "retry_info")
    ERROR_INFO_FIELD_NUMBER: _ClassVar[int]
    BAD_REQUEST_FIELD_NUMBER: _ClassVar[int]
    QUOTA_FAILURE_FIELD_NUMBER: _ClassVar[int]
    PRECONDITION_FAILURE_FIELD_NUMBER: _ClassVar[int]
    RETRY_INFO_FIELD_NUMBER: _ClassVar[int]
    error_info: _error_details_pb2.ErrorInfo
    bad_request: _error_details_pb2.BadRequest
    quota_failure: _error_details_pb2.QuotaFailure
    precondition_failure: _error_details_pb2.PreconditionFailure
    retry_info: _error_details_pb2.RetryInfo
    def __init__(self, error_info: _Optional[_Union[_error_details_pb2.ErrorInfo, _Mapping]] = ..., bad_request: _Optional[_Union[_error_details_pb2.BadRequest, _Mapping]] = ..., quota_failure: _Optional[_Union[_error_details_pb2.QuotaFailure, _Mapping]] = ..., precondition_failure: _Optional[_Union[_error_details_pb2.PreconditionFailure, _Mapping]] = ..., retry_info: _Optional[_Union[_error_details_pb2.RetryInfo, _Mapping]] = ...) -> None: ...

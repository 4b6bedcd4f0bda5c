from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from typing import ClassVar as _ClassVar

DESCRIPTOR: _descriptor.FileDescriptor

class MeshErrorReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    MESH_ERROR_REASON_UNSPECIFIED: _ClassVar[MeshErrorReason]
    MESH_ERROR_REASON_PEER_NOT_ALLOWED: _ClassVar[MeshErrorReason]
    MESH_ERROR_REASON_PRINCIPAL_INVALID: _ClassVar[MeshErrorReason]
    MESH_ERROR_REASON_RESERVATION_UNKNOWN: _ClassVar[MeshErrorReason]
    MESH_ERROR_REASON_TOO_EARLY: _ClassVar[MeshErrorReason]
    MESH_ERROR_REASON_CANNOT_APPEND: _ClassVar[MeshErrorReason]
    MESH_ERROR_REASON_RELEASE_STORE_UNAVAILABLE: _ClassVar[MeshErrorReason]
    MESH_ERROR_REASON_RELEASE_TAMPERED: _ClassVar[MeshErrorReason]
    MESH_ERROR_REASON_DATASET_VERSION_CHANGED: _ClassVar[MeshErrorReason]
    MESH_ERROR_REASON_PREPARATION_UNKNOWN: _ClassVar[MeshErrorReason]
MESH_ERROR_REASON_UNSPECIFIED: MeshErrorReason
MESH_ERROR_REASON_PEER_NOT_ALLOWED: MeshErrorReason
MESH_ERROR_REASON_PRINCIPAL_INVALID: MeshErrorReason
MESH_ERROR_REASON_RESERVATION_UNKNOWN: MeshErrorReason
MESH_ERROR_REASON_TOO_EARLY: MeshErrorReason
MESH_ERROR_REASON_CANNOT_APPEND: MeshErrorReason
MESH_ERROR_REASON_RELEASE_STORE_UNAVAILABLE: MeshErrorReason
MESH_ERROR_REASON_RELEASE_TAMPERED: MeshErrorReason
MESH_ERROR_REASON_DATASET_VERSION_CHANGED: MeshErrorReason
MESH_ERROR_REASON_PREPARATION_UNKNOWN: MeshErrorReason

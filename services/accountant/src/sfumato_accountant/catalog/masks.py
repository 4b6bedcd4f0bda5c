"""What an update changes: the fields of a mask, those that are set, or all."""

from typing import Any

from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message

from sfumato_accountant.catalog.kinds import Kind, P
from sfumato_mesh.refusal import FieldViolation
from sfumato_mesh.refusals import request_invalid

_DEPTH_MAX = 16


def updated(kind: Kind[P], present: P, change: P, mask: FieldMask) -> P:
    """Return `present` with the masked fields of `change`; neither argument is changed.

    An empty mask means the fields that are set in `change`, "*" all. Output-only fields are passed over. A masked
    field that `change` does not set is cleared.

    Raises:
        Refusal: REQUEST_INVALID, with the path, for one that names no field.
    """
    result = kind.message()
    result.CopyFrom(present)
    for path in _paths(kind, change, mask):
        _copy(change, result, path)
    return result


def _paths(kind: Kind[P], change: P, mask: FieldMask) -> list[list[str]]:
    if not mask.paths:
        named = {field.name for field, _ in change.ListFields()}
        return [[field] for field in kind.fields() if field in named]
    if list(mask.paths) == ["*"]:
        return [[field] for field in kind.fields()]
    paths = [path.split(".") for path in mask.paths]
    wrong = [
        FieldViolation(f"update_mask.paths[{index}]", f"{kind.message.DESCRIPTOR.name} has no such field to change")
        for index, path in enumerate(paths)
        if not _is_field(kind.message.DESCRIPTOR, path)
    ]
    if wrong:
        raise request_invalid(f"the update mask names what is no field of a {kind.name}", wrong)
    return [path for path in paths if path[0] not in kind.output_only]


def _is_field(descriptor: Any, path: list[str]) -> bool:
    """Whether a path leads over single messages to a field."""
    if len(path) > _DEPTH_MAX:
        return False
    place = descriptor  # the stubs know two classes of descriptors, of which one is at work
    for name in path:
        field = None if place is None else place.fields_by_name.get(name)
        if field is None:
            return False
        place = None if field.is_repeated else field.message_type
    return True


def _copy(source: Message, target: Message, path: list[str]) -> None:
    """Copy one field; where a message on the way is not set in `source`, clear the field in `target`."""
    for depth, name in enumerate(path[:-1]):
        if not source.HasField(name):
            if target.HasField(name):
                _copy(type(getattr(target, name))(), getattr(target, name), path[depth + 1 :])
            return
        source, target = getattr(source, name), getattr(target, name)
    last = path[-1]
    field = source.DESCRIPTOR.fields_by_name[last]
    target.ClearField(last)
    if field.is_repeated or field.message_type is not None:
        if field.is_repeated or source.HasField(last):
            getattr(target, last).MergeFrom(getattr(source, last))
    elif not field.has_presence or source.HasField(last):
        setattr(target, last, getattr(source, last))

"""Group keys: which there are, and in which order."""

import itertools
import math
from collections.abc import Sequence

from sfumato.v1 import expression_pb2, plan_pb2
from sfumato.v1 import function_pb2 as f
from sfumato_executor.plan.constants import adapted_exactly, read_literal
from sfumato_executor.plan.expressions import Apply, Constant, Expression, Kind, Value
from sfumato_executor.plan.limits import KEYS_MAX, LISTED_KEYS_MAX
from sfumato_executor.plan.listed import PlainTexts
from sfumato_executor.plan.program import Key, KeyDomain
from sfumato_executor.plan.suggestions import suggestion
from sfumato_executor.plan.time_units import starts
from sfumato_mesh.refusal import Refusal
from sfumato_mesh.refusals import plan_rejected

KeyRow = tuple[Value, ...]


def key_rank(row: KeyRow) -> tuple[tuple[bool, Value], ...]:
    """Sort key of a key row: column by column, null last, texts by code point, false before true."""
    return tuple((value is None, value) for value in row)


def check_key(key: Key, path: str) -> None:
    """Raise PLAN_REJECTED ("key_type") for a key that is a real number."""
    if key.value.type.kind is Kind.REAL:
        message = f"{key.alias} is a real number and makes no group key"
        raise plan_rejected("key_type", path, message, hint="put it into bins, or round it down (FLOOR)")


def public_keys(group_by: plan_pb2.GroupBy, keys: Sequence[Key]) -> tuple[KeyDomain, tuple[KeyRow, ...]]:
    """Where keys come from, and the public ones in order.

    Raises PLAN_REJECTED ("keys_not_public", "too_many_keys", "unknown_key", "empty_keys").
    """
    if not keys:
        return KeyDomain.NONE, ()
    domain = group_by.WhichOneof("domain")
    if domain == "threshold_keys":
        return KeyDomain.THRESHOLD, ()
    if domain == "public_keys":
        return KeyDomain.PUBLIC, _listed(group_by.public_keys, keys)
    return KeyDomain.PUBLIC, implied_keys(keys)


def implied_keys(keys: Sequence[Key]) -> tuple[KeyRow, ...]:
    """Every combination of the declared values of the keys, null included where a key can be null."""
    declared = _declared(keys)
    columns = [
        [*sorted(values), *([None] * key.value.type.nullable)]  # type: ignore[type-var]  # of one type, none of them null
        for values, key in zip(declared, keys, strict=True)
    ]
    return tuple(itertools.product(*columns))


def is_implied(rows: Sequence[KeyRow], keys: Sequence[Key]) -> bool:
    """Whether a list of keys in order is the one that no list would give."""
    try:
        declared = _declared(keys)
    except Refusal:
        return False
    count = math.prod(len(values) + key.value.type.nullable for values, key in zip(declared, keys, strict=True))
    return count == len(rows) and tuple(rows) == implied_keys(keys)


def _declared(keys: Sequence[Key]) -> list[Sequence[Value]]:
    """Public values of each key, but for null. Raises PLAN_REJECTED ("keys_not_public", "too_many_keys")."""
    found = []
    count = 1
    for index, key in enumerate(keys):
        values = declared_values(key.value)
        if values is None:
            raise _not_public(key, f"group_by.keys[{index}].expression")
        count *= len(values) + key.value.type.nullable
        if count > KEYS_MAX:
            raise _too_many(f"group_by.keys[{index}]")
        found.append(values)
    return found


def declared_values(value: Expression) -> Sequence[Value] | None:
    """Public values that a key can take, but for null; None where there are none, or too many to list."""
    if isinstance(value, Constant):
        return [] if value.value is None else [value.value]
    match value.type.kind:
        case Kind.BOOLEAN:
            return [False, True]
        case Kind.CATEGORY:
            return value.type.categories
        case Kind.INTEGER:
            return _span(value)
        case Kind.DATE | Kind.TIMESTAMP if isinstance(value, Apply) and value.function == f.FUNCTION_TRUNCATE_TIME:
            lower, upper = int(value.type.lower or 0), int(value.type.upper or 0)
            found = starts(lower, upper, value.type.kind, value.time_unit)
            return list(itertools.islice(found, KEYS_MAX + 1))
        case Kind.DATE:
            return _span(value)
        case _:
            return None


def _span(value: Expression) -> Sequence[int] | None:
    lower, upper = int(value.type.lower or 0), int(value.type.upper or 0)
    return None if upper - lower >= KEYS_MAX else range(lower, upper + 1)


def _listed(listed: plan_pb2.PublicKeys, keys: Sequence[Key]) -> tuple[KeyRow, ...]:
    if not listed.keys:
        message = "the list of public keys is empty"
        raise plan_rejected("empty_keys", "group_by.public_keys.keys", message, hint="name at least one key")
    if len(listed.keys) > LISTED_KEYS_MAX:
        message = f"the list has more than {LISTED_KEYS_MAX:,} keys"
        hint = "declare the values with the column, let keys pass a threshold (threshold_keys), or ask in parts"
        raise plan_rejected("too_many_keys", "group_by.public_keys.keys", message, hint=hint)
    rows: set[KeyRow] = set()
    texts = [PlainTexts(key.value.type) for key in keys]
    for index, item in enumerate(listed.keys):
        values = item.values
        if len(values) != len(keys):
            path = f"group_by.public_keys.keys[{index}]"
            message = f"the key has {len(values)} values for {len(keys)} key columns"
            raise plan_rejected("key_width", path, message, hint=f"give {len(keys)}, in the order of the key columns")
        row: list[Value] = []
        for place, literal in enumerate(values):
            text = texts[place].of(literal)
            row.append(_listed_value(literal, keys[place], (index, place)) if text is None else text)
        rows.add(tuple(row))
    return tuple(sorted(rows))  # a column's values are of one type, and never null


def _listed_value(literal: expression_pb2.Literal, key: Key, place: tuple[int, int]) -> Value:
    wanted = key.value.type
    path = f"group_by.public_keys.keys[{place[0]}].values[{place[1]}]"
    item = read_literal(literal, path)
    if wanted.kind is Kind.CATEGORY and item.type.kind is Kind.TEXT:
        message = f"{str(item.value)[:64]!r} is not one of the declared values of {key.alias}"
        raise plan_rejected("unknown_key", path, message, **suggestion(str(item.value), wanted.categories))
    return adapted_exactly(item, wanted, path).value


def _not_public(key: Key, path: str) -> Exception:
    return plan_rejected(
        "keys_not_public",
        path,
        f"the values of {key.alias} are not public",
        hint="list the keys (public_keys), let them pass a threshold (threshold_keys, costs δ), or put the value into "
        "bins",
    )


def _too_many(path: str) -> Exception:
    message = f"there are more than {KEYS_MAX:,} group keys"
    return plan_rejected("too_many_keys", path, message, hint="use wider bins, fewer key columns, or list the keys")

"""Group keys: which there are, and in which order."""

import itertools
from collections.abc import Sequence

from sfumato.v1 import expression_pb2, plan_pb2
from sfumato.v1 import function_pb2 as f
from sfumato_executor.plan.constants import adapted_exactly, read_literal
from sfumato_executor.plan.expressions import Apply, Constant, Expression, Kind, Value
from sfumato_executor.plan.limits import KEYS_MAX
from sfumato_executor.plan.program import Key, KeyDomain
from sfumato_executor.plan.suggestions import suggestion
from sfumato_executor.plan.time_units import starts
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
    columns: list[list[Value]] = []
    count = 1
    for index, key in enumerate(keys):
        values = _values(key.value)
        if values is None:
            raise _not_public(key, f"group_by.keys[{index}].expression")
        count *= len(values) + key.value.type.nullable
        if count > KEYS_MAX:
            raise _too_many(f"group_by.keys[{index}]")
        columns.append([*sorted(values, key=lambda value: (value is None, value)), *([None] * key.value.type.nullable)])
    return tuple(itertools.product(*columns))


def _values(value: Expression) -> Sequence[Value] | None:
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
    if len(listed.keys) > KEYS_MAX:
        raise _too_many("group_by.public_keys.keys")
    rows: set[KeyRow] = set()
    declared = [frozenset(key.value.type.categories) for key in keys]
    for index, item in enumerate(listed.keys):
        if len(item.values) != len(keys):
            path = f"group_by.public_keys.keys[{index}]"
            message = f"the key has {len(item.values)} values for {len(keys)} key columns"
            raise plan_rejected("key_width", path, message, hint=f"give {len(keys)}, in the order of the key columns")
        rows.add(
            tuple(
                _listed_value(literal, keys[place], declared[place], (index, place))
                for place, literal in enumerate(item.values)
            )
        )
    return tuple(sorted(rows, key=key_rank))


def _listed_value(literal: expression_pb2.Literal, key: Key, declared: frozenset[str], place: tuple[int, int]) -> Value:
    wanted = key.value.type
    if literal.WhichOneof("value") == "text" and (wanted.kind is Kind.TEXT or literal.text in declared):
        return literal.text
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

"""Requests from words: `user.roles.0.role=ROLE_ANALYST` sets a text, `PATH:TYPE=VALUE` what TYPE makes of it.

Types: `flag` (true or false), `number`, `json`, `file` (JSON of a file), `pico` and `atto` (a loss as people write it,
in units of 10^-12 and 10^-18, cut towards zero as limits are), `pico_up` and `atto_up` (rounded up, as costs are),
`mask` (fields of the contract, a comma between; the client of FIELD_MASK_AS wants paths, or one text).
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from .refusals import RefusedError

_LONGEST = 64


def body(assignments: Sequence[str]) -> dict[str, Any]:
    """Return the request that the assignments make, in order.

    Raises:
        RefusedError: a value is not what its type says.
    """
    root: dict[str, Any] = {}
    for each in assignments:
        place, equals, text = each.partition("=")
        path, _, kind = place.partition(":")
        if not equals or not path:
            raise RefusedError(place, "it is no PATH=VALUE")
        _put(root, path.split("."), _value(path, kind or "text", text))
    return root


def _put(root: Any, path: list[str], value: Any) -> None:
    at = root
    for position, name in enumerate(path[:-1]):
        empty: Any = [] if path[position + 1].isdigit() else {}
        if isinstance(at, list):
            at.extend([empty] if int(name) == len(at) else [])
            at = at[int(name)]
        else:
            at = at.setdefault(name, empty)
    if isinstance(at, list):
        at.append(value)
    else:
        at[path[-1]] = value


def _value(path: str, kind: str, text: str) -> Any:
    if kind == "text":
        return text
    if kind == "flag":
        return text == "true"
    if kind == "number":
        if not text.isdigit():
            raise RefusedError(path, f"{text!r} is no whole number")
        return int(text)
    if kind == "mask":
        return _mask(text.split(","))
    if kind == "json":
        return _json(path, text)
    if kind == "file":
        try:
            return _json(text, Path(text).read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise RefusedError(text, f"it cannot be read: {getattr(error, 'strerror', 'not UTF-8')}") from None
    scale, rounding = (12 if kind.startswith("pico") else 18), (ROUND_CEILING if kind.endswith("_up") else ROUND_FLOOR)
    return str(_units(path.rpartition(".")[2], text, scale, rounding))


def _mask(paths: list[str]) -> Any:
    if os.environ.get("FIELD_MASK_AS") == "paths":
        return {"paths": paths}
    return ",".join(re.sub("_([a-z])", lambda found: found[1].upper(), path) for path in paths)


def _json(name: str, text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise RefusedError(name, "it is not JSON") from None


def _units(name: str, text: str, scale: int, rounding: str) -> int:
    """Return a loss in whole units of 10^-scale."""
    option = {"rho_picos": "--rho", "epsilon_picos": "--epsilon", "delta_attos": "--delta"}.get(name, name)
    try:
        number = Decimal(text) if len(text) <= _LONGEST else Decimal("nan")
    except InvalidOperation:
        number = Decimal("nan")
    if not number.is_finite() or not 0 <= number <= 1000:
        raise RefusedError(option, f"{text[:_LONGEST]!r} is no loss", "a number from 0 to 1000: 0.02, 1e-8")
    exact = Context(prec=100, rounding=rounding)
    return int(exact.to_integral_value(exact.scaleb(number, scale)))

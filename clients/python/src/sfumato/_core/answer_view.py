"""An answer as a table for people: values to the digits that their error leaves, ± beside them. No I/O."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sfumato._core.decoding import measure_names
from sfumato._core.numbers import sig, significant, whole
from sfumato._core.tables import Table, clean

SHOWN_ROWS: Final = 20
_SHOWN_ITEMS: Final = 8
_EQUAL_WITHIN: Final = 1e-6
_CENTRED_WITHIN: Final = 0.01
"""Part of the half width by which a value may be off the middle of its interval."""


def answer_table(columns: Mapping[str, Sequence[Any]], units: Mapping[str, str], *, rows: int = SHOWN_ROWS) -> Table:
    """Return the table.

    Args:
        columns: values by name, "<alias>.lower" and "<alias>.upper" among them.
        units: unit of measurement by alias.
        rows: most rows to show.
    """
    measures = measure_names(list(columns))
    hidden = {f"{name}.{end}" for name in measures for end in ("lower", "upper")}
    shown = [name for name in columns if name not in hidden]
    head, drawn, right = [], [], set()
    for i, name in enumerate(shown):
        values = columns[name][:rows]
        if name in measures:
            lower, upper = columns[f"{name}.lower"][:rows], columns[f"{name}.upper"][:rows]
            title, cells = _measure_cells(name, values, lower, upper)
            right.add(i)
        else:
            title, cells = name, [value_text(each) for each in values]
            if any(isinstance(each, int | float) and not isinstance(each, bool) for each in values):
                right.add(i)
        unit = units.get(name, "")
        head.append(title if not unit else f"{title} [{clean(unit)}]")
        drawn.append(cells)
    return Table(tuple(head), tuple(zip(*drawn, strict=True)), frozenset(right))


def _measure_cells(
    name: str, values: Sequence[Any], lower: Sequence[Any], upper: Sequence[Any]
) -> tuple[str, list[str]]:
    halves = [_half_width(low, high) for low, high in zip(lower, upper, strict=True)]
    known = [each for each in halves if each is not None]
    even = all(_is_centred(*each) for each in zip(values, lower, upper, halves, strict=True))
    if even and known and len(known) == len(halves) and max(known) - min(known) <= _EQUAL_WITHIN * max(known):
        cells = [measured_text(value, half) for value, half in zip(values, halves, strict=True)]
        return f"{name} ± {sig(known[0])}", cells
    return name, [_cell(*each) for each in zip(values, lower, upper, halves, strict=True)]


def _half_width(lower: Any, upper: Any) -> float | None:
    if isinstance(lower, list) and isinstance(upper, list):
        widths = [_half_width(*each) for each in zip(lower, upper, strict=False)]
        known = [each for each in widths if each is not None]
        equal = known and len(known) == len(widths) and max(known) - min(known) <= _EQUAL_WITHIN * max(known)
        return known[0] if equal else None
    if not _is_number(lower) or not _is_number(upper):
        return None
    return float(upper - lower) / 2


def _cell(value: Any, lower: Any, upper: Any, half: float | None) -> str:
    if half is None or value is None:
        if value is None or lower is None or upper is None or isinstance(value, list):
            return value_text(value)
        return f"{value_text(value)} ({value_text(lower)} to {value_text(upper)})"
    if not _is_centred(value, lower, upper, half):
        if isinstance(value, list):
            ends = list(zip(value, lower, upper, strict=False))
            more = f" … {len(value)} bins" if len(value) > _SHOWN_ITEMS else ""
            return " ".join(_cell(*each, half) for each in ends[:_SHOWN_ITEMS]) + more
        return f"{measured_text(value, half)} ({measured_text(lower, half)} to {measured_text(upper, half)})"
    return f"{measured_text(value, half)} ± {sig(half)}"


def _is_centred(value: Any, lower: Any, upper: Any, half: float | None) -> bool:
    """Return whether "± half" tells the interval: it does not where one end met a bound."""
    if isinstance(value, list) and isinstance(lower, list) and isinstance(upper, list):
        return all(_is_centred(*each, half) for each in zip(value, lower, upper, strict=False))
    if half is None or not (_is_number(value) and _is_number(lower) and _is_number(upper)):
        return True
    return bool(abs((lower + upper) / 2 - value) <= _CENTRED_WITHIN * half)


def measured_text(value: Any, half: float | None) -> str:
    """Return a noisy value, or a list of them."""
    if isinstance(value, list):
        texts = [measured_text(each, half) for each in value[:_SHOWN_ITEMS]]
        more = f" … {len(value)} bins" if len(value) > _SHOWN_ITEMS else ""
        return " ".join(texts) + more
    return significant(value, half) if _is_number(value) else value_text(value)


def value_text(value: Any) -> str:
    """Return an exact value: a key, or a bound."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return whole(value)
    if isinstance(value, float):
        return sig(value, 6)
    if isinstance(value, list):
        return measured_text(value, None)
    return clean(str(value))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)

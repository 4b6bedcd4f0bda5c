"""Charts of what rises towards a limit, as text and as HTML. No I/O."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sfumato._core.numbers import sig
from sfumato._core.tables import escape

_EIGHTHS: Final = " ▁▂▃▄▅▆▇█"
_LIMIT: Final = "─"


@dataclass(frozen=True)
class ChartColumn:
    """One place of a chart, from left to right."""

    value: float
    """From 0 on."""
    limit: float | None
    """None: there is none there."""


def chart(columns: Sequence[ChartColumn], height: int, ends: tuple[str, str]) -> str:
    """Return bars of so many lines, the limit as a line above them, and the two ends of the time axis."""
    top = _top(columns)
    labels = {height - 1: sig(top, 3), 0: "0"}
    margin = max(len(each) for each in labels.values())
    lines = []
    for line in range(height - 1, -1, -1):
        cells = "".join(_cell(each, line, height, top) for each in columns)
        axis = "┤" if line in labels else "│"
        lines.append(f" {labels.get(line, ''):>{margin}} {axis}{cells}".rstrip())
    gap = max(1, len(columns) - len(ends[0]) - len(ends[1]))
    lines.append(f" {'':>{margin}}  {ends[0]}{' ' * gap}{ends[1]}")
    return "\n".join(lines)


def _top(columns: Sequence[ChartColumn]) -> float:
    return max((max(each.value, each.limit or 0.0) for each in columns), default=0.0) or 1.0


def _cell(column: ChartColumn, line: int, height: int, top: float) -> str:
    eighths = round(column.value / top * height * 8) - 8 * line
    if eighths > 0:
        return _EIGHTHS[min(8, eighths)]
    if column.limit is not None and min(height - 1, int(column.limit / top * height)) == line:
        return _LIMIT
    return " "


def html_chart(title: str, columns: Sequence[ChartColumn], ends: tuple[str, str]) -> str:
    """Return the same as an inline SVG, which scales with its page."""
    top, count = _top(columns), max(1, len(columns))
    bars = "".join(
        f'<rect x="{place}" y="{100 - 100 * each.value / top:.2f}" width="0.9" height="{100 * each.value / top:.2f}"/>'
        for place, each in enumerate(columns)
    )
    limits = "".join(
        f'<rect x="{place}" y="{100 - 100 * each.limit / top:.2f}" width="1" height="1"/>'
        for place, each in enumerate(columns)
        if each.limit is not None
    )
    return (
        f"<div>{escape(title)}</div>"
        f'<svg viewBox="0 0 {count} 101" preserveAspectRatio="none" style="width:40em;height:8em">'
        f'<g fill="#5a8fc2">{bars}</g><g fill="#c25a5a">{limits}</g></svg>'
        f"<div><small>{escape(ends[0])} – {escape(ends[1])}; the line is the limit</small></div>"
    )

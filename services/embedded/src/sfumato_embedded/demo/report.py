"""How the demo sets noisy, exact and raw answers side by side."""

from typing import Any

from rich.table import Table

WHY = (
    "Beside each answer the demo, which is the custodian too, shows what no analyst ever sees: the exact value after\n"
    "clamping and contribution bounding (what noise was added to), and the raw one. They differ where values are\n"
    "moved into the declared bounds, where an aircraft has flights beyond its bounds (2 carriers, 100 flights with\n"
    "each), and where a row names no aircraft at all."
)
_ROWS_SHOWN = 16


def comparison(answer: Any, exact: list[dict[str, Any]], raw: list[dict[str, Any]]) -> Table:
    """Noisy, exact and raw value of every measure, for the keys that were answered."""
    measures = list(answer.measures)
    keys = [name for name in answer.columns if name.split(".")[0] not in measures]
    table = Table(title="custodian's view", title_justify="left", title_style="dim", show_edge=False)
    for key in keys:
        table.add_column(key)
    for measure in measures:
        table.add_column(f"{measure}: answer", justify="right")
        table.add_column("exact, bounded", justify="right")
        table.add_column("raw", justify="right")
    exact_by_key = {tuple(row[key] for key in keys): row for row in exact}
    raw_by_key = {tuple(row[key] for key in keys): row for row in raw}
    for row in answer.rows()[:_ROWS_SHOWN]:
        place = tuple(row[key] for key in keys)
        cells = [str(value) for value in place]
        for measure in measures:
            cells.append(_number(row[measure]))
            cells.append(_number(exact_by_key.get(place, {}).get(measure)))
            cells.append(_number(raw_by_key.get(place, {}).get(measure)))
        table.add_row(*cells)
    if answer.row_count > _ROWS_SHOWN:
        table.caption = f"{answer.row_count - _ROWS_SHOWN} more keys were released"
    if len(raw) > answer.row_count and keys:
        table.caption = f"{len(raw) - answer.row_count} of {len(raw)} keys stayed below the threshold, unseen"
    return table


def _number(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, list):
        return ", ".join(_number(each) for each in value)
    if isinstance(value, float):
        return f"{value:,.1f}"
    return f"{value:,}" if isinstance(value, int) else str(value)

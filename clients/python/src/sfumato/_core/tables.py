"""Aligned text and escaped HTML for views. No I/O.

Texts come from a server: control characters never reach a terminal, markup never reaches a notebook.
"""

import html
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

_STYLE: Final = "text-align:{align};padding:2px 10px;border-bottom:1px solid #8884"
_BAR_CELLS: Final = 10


def clean(text: str) -> str:
    """Return the text without control and formatting characters (terminal escapes, direction marks)."""
    return "".join(" " if char in "\n\t" else char for char in text if char in "\n\t" or _printable(char))


def clean_lines(text: str) -> str:
    """Return the same for a text of several lines, which stay."""
    return "\n".join(clean(line) for line in text.split("\n"))


def _printable(char: str) -> bool:
    return unicodedata.category(char) not in {"Cc", "Cf", "Cs", "Co", "Cn"}


def width(text: str) -> int:
    """Return how many cells of a terminal a text takes."""
    wide = sum(unicodedata.east_asian_width(char) in "WF" for char in text)
    return len(text) + wide - sum(unicodedata.combining(char) > 0 for char in text)


@dataclass(frozen=True)
class Table:
    """Rows of text under a head; columns named in `right` are flush right."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    right: frozenset[int] = frozenset()

    def text(self, *, gap: str = "  ", rule: bool = False) -> str:
        """Return the table in aligned lines."""
        lines = [tuple(clean(cell) for cell in row) for row in (self.head, *self.rows)]
        widths = [max(width(row[i]) for row in lines) for i in range(len(self.head))]
        drawn = [gap.join(self._cell(row[i], widths[i], i) for i in range(len(row))).rstrip() for row in lines]
        if rule:
            drawn.insert(1, ("─" * len(gap)).join("─" * each for each in widths))
        return "\n".join(" " + line if line else line for line in drawn)

    def _cell(self, text: str, cells: int, column: int) -> str:
        space = " " * (cells - width(text))
        return space + text if column in self.right else text + space

    def html(self) -> str:
        """Return the table as HTML, every cell escaped."""

        def row(cells: Sequence[str], tag: str) -> str:
            drawn = "".join(
                f'<{tag} style="{_STYLE.format(align="right" if i in self.right else "left")}">{escape(cell)}</{tag}>'
                for i, cell in enumerate(cells)
            )
            return f"<tr>{drawn}</tr>"

        body = "".join(row(each, "td") for each in self.rows)
        return (
            '<table style="border-collapse:collapse;font-variant-numeric:tabular-nums">'
            f"<thead>{row(self.head, 'th')}</thead><tbody>{body}</tbody></table>"
        )


def escape(text: str) -> str:
    """Return the text safe for HTML."""
    return html.escape(clean(text), quote=True)


def bar(part: float, whole: float) -> str:
    """Return a bar of ten cells, filled by part/whole: what is left of a budget."""
    share = min(1.0, max(0.0, part / whole)) if whole > 0 else 0.0
    filled = round(share * _BAR_CELLS)
    return "█" * filled + "░" * (_BAR_CELLS - filled)


def html_bar(part: float, whole: float, label: str) -> str:
    """Return the same as HTML."""
    share = min(1.0, max(0.0, part / whole)) if whole > 0 else 0.0
    return (
        '<span style="display:inline-block;width:10em;height:.8em;background:#8883;border-radius:3px">'
        f'<span style="display:inline-block;width:{share * 100:.1f}%;height:.8em;background:#5a8fc2;border-radius:3px">'
        f"</span></span> {escape(label)}"
    )

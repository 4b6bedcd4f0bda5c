"""What a caller may have meant."""

import difflib
from collections.abc import Sequence

_LENGTH_MAX = 64
_NAMES_MAX = 256
_SHOWN_MAX = 32


def nearest(wanted: str, names: Sequence[str]) -> str | None:
    """The name that is most like `wanted`; None if none is near. Bounded work: long and late names are passed over."""
    short = [name for name in names[:_NAMES_MAX] if len(name) <= _LENGTH_MAX]
    found = difflib.get_close_matches(wanted[:_LENGTH_MAX], short, n=1)
    return found[0] if found else None


def shown(names: Sequence[str]) -> str:
    """The first names as text."""
    return ", ".join(names[:_SHOWN_MAX]) + (", …" if len(names) > _SHOWN_MAX else "")


def suggestion(wanted: str, names: Sequence[str]) -> dict[str, str]:
    """Metadata "hint", and "did_you_mean" if something is near, for a name that is not among `names`."""
    near = nearest(wanted, names)
    if near is None:
        return {"hint": f"there are: {shown(names)}"}
    return {"did_you_mean": near, "hint": f"did you mean {near}? there are: {shown(names)}"}

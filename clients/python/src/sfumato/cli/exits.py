"""Exit statuses, and how an error leaves: on stderr, with reason, field and hint."""

import functools
import json
import sys
from collections.abc import Callable
from typing import Any, Final, ParamSpec, TypeVar

import typer

from sfumato import errors
from sfumato.verification.defects import ExportUnreadable

P = ParamSpec("P")
R = TypeVar("R")

OK: Final = 0
"""An answer."""
WRONG: Final = 1
"""Anything else: a corrupt answer, an invalid receipt, a missing extra."""
REFUSED: Final = 2
"""Refused by the mesh or before it, wrong usage, or an export that cannot be judged; free."""
UNAVAILABLE: Final = 3
"""The mesh could not be reached; the outcome is not known."""
FAILED: Final = 4
"""Paid, and no answer: failed or cancelled."""
INTERRUPTED: Final = 130


def status_of(error: errors.SfumatoError) -> int:
    """Return the exit status for an error."""
    match error:
        case errors.RefusedError() | errors.NotConfigured() | ExportUnreadable():
            return REFUSED
        case errors.Unavailable():
            return UNAVAILABLE
        case errors.QueryFailed() | errors.QueryCancelled():
            return FAILED
    return WRONG


def error_document(error: errors.SfumatoError) -> dict[str, Any]:
    """Return an error as JSON holds it."""
    return {
        "error": type(error).__name__,
        "reason": error.reason,
        "message": error.message,
        "fields": [{"field": each.field, "description": each.description} for each in error.fields],
        "hint": error.hint,
        "metadata": dict(error.metadata),
    }


def guarded(command: Callable[P, R]) -> Callable[P, R]:
    """Let an error of a command leave as text, or as JSON where `--json` was given, with its exit status."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except errors.SfumatoError as error:
            if kwargs.get("as_json"):
                sys.stderr.write(json.dumps(error_document(error), ensure_ascii=False) + "\n")
            else:
                reason = f"\n  {'reason':<12} {error.reason}" if error.reason else ""
                sys.stderr.write(f"{type(error).__name__}: {error}{reason}\n")
            raise typer.Exit(status_of(error)) from None
        except KeyboardInterrupt:
            raise typer.Exit(INTERRUPTED) from None
        except BrokenPipeError:
            sys.stderr.close()
            raise typer.Exit(WRONG) from None

    return run

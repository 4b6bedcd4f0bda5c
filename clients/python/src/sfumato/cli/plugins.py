"""Commands that other packages bring: entry points of the group `sfumato.commands`, loaded when they are called."""

import sys
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final

import typer
import typer.core
import typer.main

GROUP: Final = "sfumato.commands"


def found() -> dict[str, EntryPoint]:
    """Return the entry points by command name."""
    return {each.name: each for each in entry_points(group=GROUP)}


class PluggedGroup(typer.core.TyperGroup):
    """The command line's own commands, and those of other packages."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return all names, without loading anything."""
        own = list(super().list_commands(ctx))
        return [*own, *sorted(name for name in found() if name not in own)]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command; one of another package is loaded now."""
        own = super().get_command(ctx, cmd_name)
        if own is not None:
            return own
        entry = found().get(cmd_name)
        return None if entry is None else command_of(_load(entry), cmd_name)


def _load(entry: EntryPoint) -> Any:
    """Return what an entry point names; where it cannot be imported, a command that says so."""
    try:
        return entry.load()
    except ImportError as error:
        reason = str(error)

        def broken() -> None:
            sys.stderr.write(f"sfumato {entry.name}: {entry.value} cannot be loaded: {reason}\n")
            raise typer.Exit(1)

        broken.__doc__ = f"Cannot be loaded: {reason}"
        return broken


def command_of(plugged: Any, name: str) -> Any:
    """Return the command of a callable, or of a Typer application with several."""
    if isinstance(plugged, typer.Typer):
        command = typer.main.get_command(plugged)
    else:
        single = typer.Typer(add_completion=False)
        single.command(name)(plugged)
        command = typer.main.get_command(single)
    command.name = name
    return command

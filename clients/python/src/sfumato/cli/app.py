"""The commands.

Exit status: 0 an answer; 2 refused, or wrong usage (free); 3 the mesh could not be reached; 4 paid and no answer; 1
anything else. Refusals are on stderr, with reason, field and hint; with `--json` as JSON.
"""

import typer

from sfumato.cli import administration, questions, reading
from sfumato.cli.plugins import PluggedGroup

app = typer.Typer(
    cls=PluggedGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help=(
        "Ask questions about data that you may never see. Address and token: SFUMATO_TARGET and SFUMATO_TOKEN, or the "
        "file that `sfumato up` writes. Exit status: 0 an answer, 2 refused, 3 unreachable, 4 paid and no answer."
    ),
)


for command in (
    reading.datasets,
    reading.describe,
    questions.quote,
    questions.sql,
    questions.dummy,
    reading.budget,
    reading.history,
    reading.receipt,
    reading.convert,
):
    app.command()(command)
app.add_typer(administration.app, name="admin")

"""The commands.

Exit status: 0 an answer; 2 refused, or wrong usage (free); 3 the mesh could not be reached; 4 paid and no answer; 1
anything else. Refusals are on stderr, with reason, field and hint; with `--json` as JSON.
"""

import typer

from sfumato.cli import (
    administration,
    explaining,
    fitting,
    lending,
    models,
    operations,
    questions,
    reading,
    report,
    succession,
    verify,
)
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
    fitting.synth,
    fitting.fit,
    reading.budget,
    lending.delegate,
    lending.reclaim,
    operations.timeline,
    reading.history,
    reading.receipt,
    reading.convert,
    report.report,
    verify.verify,
):
    app.command()(command)
administration.app.command("timeline")(operations.audited_timeline)
administration.app.command("reopen")(operations.reopen)
administration.app.command("merge")(succession.merge)
administration.app.command("split")(succession.split)
administration.app.command("withhold")(succession.withhold)
administration.app.command("allow")(succession.allow)
administration.app.command("explain-error")(explaining.explain_error)
app.add_typer(models.app, name="models")
app.add_typer(administration.app, name="admin")

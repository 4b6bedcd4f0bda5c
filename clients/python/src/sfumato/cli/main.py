"""Entry point: says in one sentence what is missing where the extra `cli` is not installed."""

import sys


def run() -> None:
    """Run the command line."""
    try:
        import rich  # noqa: F401  (asked for here, so that one sentence says what is missing)
        import typer  # noqa: F401
        import yaml  # noqa: F401
    except ImportError as error:
        sys.stderr.write(f"sfumato: {error.name} is missing; the command line needs: pip install 'sfumato[cli]'\n")
        sys.exit(1)
    from sfumato.cli.app import app

    app()

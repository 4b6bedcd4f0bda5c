"""What the scripts leave to Python: JSON in and out of grpcurl and `buf curl`. Python 3.10 or later, nothing else.

    wire connection                      address, "plaintext" or "tls", and token, one a line
    wire body PATH[:TYPE]=VALUE…         a request
    wire pages KEY [CONDITION…]          the pages of a list as one document
    wire last [MEMBER]                   the last message of a stream, or a member of it
    wire export                          the stream of ExportLedger as the lines that `sfumato verify` reads
    wire get PATH                        one field of a document
    wire view KIND                       a document for people
    wire explain [REQUEST_ID]            a failed call in plain words; the exit status says which kind: 1, 2 or 3
    wire refuse FIELD TEXT [HINT]        the same for what a script refuses itself; exit status 2

With --json before the command what is refused is told as JSON.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence

from . import bodies, connection, documents, refusals, views


def main(arguments: Sequence[str]) -> int:
    """Run one command and return its exit status."""
    as_json = arguments[0] == "--json"
    command, *words = arguments[1:] if as_json else arguments
    try:
        if command == "explain":
            return _told(refusals.read(sys.stdin.read(), *words), as_json)
        if command not in _COMMANDS:
            raise refusals.RefusedError("wire", f"{command!r} is no command")
        _COMMANDS[command](words)
    except refusals.RefusedError as error:
        return _told(error.refusal, as_json)
    except BrokenPipeError:
        sys.stderr.close()
        return 1
    return 0


def _told(refusal: refusals.Refusal, as_json: bool) -> int:
    sys.stderr.write(refusal.told(as_json=as_json))
    return refusal.exit_status


def _connection(_: Sequence[str]) -> None:
    sys.stdout.write(connection.lines())


def _body(words: Sequence[str]) -> None:
    sys.stdout.write(json.dumps(bodies.body(words)) + "\n")


def _pages(words: Sequence[str]) -> None:
    documents.write(documents.pages(documents.read(sys.stdin.read()), words[0], words[1:]))


def _last(words: Sequence[str]) -> None:
    last = documents.read(sys.stdin.read())[-1]
    documents.write(last.get(words[0], {}) if words else last)


def _export(_: Sequence[str]) -> None:
    sys.stdout.writelines(documents.export_lines(sys.stdin))


def _get(words: Sequence[str]) -> None:
    sys.stdout.write(documents.text_at(documents.read(sys.stdin.read()), words[0]) + "\n")


def _view(words: Sequence[str]) -> None:
    sys.stdout.write(views.view(words[0], documents.read(sys.stdin.read())[-1]))


def _refuse(words: Sequence[str]) -> None:
    raise refusals.RefusedError(*words)


_COMMANDS: dict[str, Callable[[Sequence[str]], None]] = {
    "connection": _connection,
    "body": _body,
    "pages": _pages,
    "last": _last,
    "export": _export,
    "get": _get,
    "view": _view,
    "refuse": _refuse,
}

"""Documents as the clients print them: one message after another."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Sequence
from typing import IO, Any

from .refusals import RefusedError


def read(text: str) -> list[Any]:
    """Return the messages of a text, which may be one line or many."""
    return list(_messages(iter([text])))


def _messages(chunks: Iterator[str]) -> Iterator[Any]:
    """Yield messages as they are whole."""
    decoder, rest = json.JSONDecoder(), ""
    for chunk in chunks:
        rest = (rest + chunk).lstrip()
        while rest:
            try:
                message, end = decoder.raw_decode(rest)
            except ValueError:
                break  # the message goes on in the next chunk
            yield message
            rest = rest[end:].lstrip()
    if rest:
        raise RefusedError("response", "what the client printed is not JSON")


def write(document: Any) -> None:
    """Print one document."""
    sys.stdout.write(json.dumps(document, ensure_ascii=False, indent=2) + "\n")


def pages(found: Sequence[Any], key: str, conditions: Sequence[str]) -> dict[str, list[Any]]:
    """Return the records of all pages for which every `PATH=TEXT` (or `PATH!=TEXT`) holds; an unset field is ""."""
    records = [each for page in found for each in page.get(key, [])]
    return {key: [each for each in records if all(_holds(each, condition) for condition in conditions)]}


def _holds(record: Any, condition: str) -> bool:
    path, _, wanted = condition.partition("=")
    return (text_at([record], path.rstrip("!")) == wanted) is not path.endswith("!")


def text_at(found: Sequence[Any], path: str) -> str:
    """Return one field of the last message as text; "" where it is unset."""
    value: Any = found[-1] if found else {}
    for name in path.split("."):
        value = value.get(name, "") if isinstance(value, dict) else ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def export_lines(stream: IO[str]) -> Iterator[str]:
    """Yield the lines of an export: one message each, with the field names of the contract.

    Parsed events are left out: they say nothing that the payloads do not.
    """
    for message in _messages(_closing(stream)):
        document = _contract(message)
        for record in document.get("entry", {}).get("records", []):
            record.pop("event", None)
        yield json.dumps(document, ensure_ascii=False, separators=(",", ":")) + "\n"


def _closing(stream: IO[str]) -> Iterator[str]:
    """Yield whole messages: both clients close the outermost brace in the first column."""
    held: list[str] = []
    for line in stream:
        held.append(line)
        if line.startswith("}"):
            yield "".join(held)
            held = []
    if held:
        yield "".join(held)


def _contract(value: Any) -> Any:
    """Return a message of the export with field names in snake_case. It holds no map, so every key is a field."""
    if isinstance(value, dict):
        return {
            re.sub(r"[A-Z]", lambda found: "_" + found[0].lower(), key): _contract(each) for key, each in value.items()
        }
    return [_contract(each) for each in value] if isinstance(value, list) else value

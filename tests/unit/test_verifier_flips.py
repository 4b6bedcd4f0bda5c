"""Flip any bit of an export: it is found, or nothing that is claimed has changed."""

import io
from functools import cache
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sfumato.verification import arrow_files, json_lines
from sfumato.verification.defects import Defect, ExportUnreadable
from sfumato.verification.exports import Entry
from sfumato.verification.opening import opened
from sfumato.verification.verifier import Verdict, verify
from tests.ledger_forge import eventful, key_of, public


@cache
def whole(form: str) -> bytes:
    parts = eventful().parts()
    if form == "jsonl":
        return b"".join(json_lines.lines(parts))
    stream = io.BytesIO()
    arrow_files.write(parts, stream)
    return stream.getvalue()


def claims(path: Path, data: bytes) -> tuple[Verdict, list[Entry]]:
    """Return all that a file says, once it is verified by the key that is trusted."""
    path.write_bytes(data)
    with opened(path) as export:
        verdict = verify(export, {public(key_of(1))}, threads=1)
    with opened(path) as export:
        return verdict, list(export.entries())


@cache
def truth(form: str, path: Path) -> tuple[Verdict, list[Entry]]:
    return claims(path, whole(form))


@pytest.mark.parametrize("form", ["jsonl", "arrow"])
def test_any_flipped_bit(form: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("flips") / f"palmer.{form}"
    size = len(whole(form))

    @settings(max_examples=400, deadline=None)
    @given(st.integers(0, size - 1), st.integers(0, 7))
    @example(0, 0)
    @example(size - 1, 0)
    def flipped(place: int, bit: int) -> None:
        data = bytearray(whole(form))
        data[place] ^= 1 << bit
        try:
            found = claims(path, bytes(data))
        except (Defect, ExportUnreadable):
            return
        assert found == truth(form, path)  # what changed is padding, or a blank for another

    flipped()


def test_in_json_lines_every_byte_counts(tmp_path: Path) -> None:
    """All but white space between tokens, of which exports have only the ends of lines."""
    data = whole("jsonl")
    for place in range(0, len(data), 31):
        flipped = bytearray(data)
        flipped[place] ^= 1
        with pytest.raises((Defect, ExportUnreadable)):
            claims(tmp_path / "palmer.jsonl", bytes(flipped))


@pytest.mark.parametrize("form", ["jsonl", "arrow"])
def test_cut_anywhere_it_is_not_taken_for_whole(form: str, tmp_path: Path) -> None:
    data = whole(form)
    for kept in range(0, len(data) - 1, 97):  # JSON lines may lack the end of the last line
        with pytest.raises((Defect, ExportUnreadable)):
            claims(tmp_path / f"palmer.{form}", data[:kept])

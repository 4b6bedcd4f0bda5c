"""What is shown while a fit is waited for: a bar in a terminal, one place in a notebook, where the model is found."""

import io
import time
from typing import Any

import pytest

from sfumato._transport import waiting
from tests.unit.client_models_scene import ID, MODEL, operation, wired


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_bar_is_drawn_while_a_fit_is_waited_for_and_taken_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "_SHOW_AFTER", 0.0)
    terminal = Terminal()
    with waiting.Waiting(operation(progress={"done_steps": 1, "total_steps": 2}), terminal):
        end = time.monotonic() + 30
        while "step 1 of 2" not in terminal.getvalue() and time.monotonic() < end:
            time.sleep(0.001)
    assert MODEL in terminal.getvalue()
    assert "step 1 of 2" in terminal.getvalue()
    assert terminal.getvalue().endswith("\r\x1b[2K")


def test_an_interrupted_wait_says_where_the_model_is_found(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with wired(CreateModel=[[operation()]], WatchOperation=[[operation()]]) as at:
        job = at.penguins.synthesize(["species"]).run(rho=0.1)

        def interrupted(*_: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(type(at.session), "_read_operations", interrupted)
        with pytest.raises(KeyboardInterrupt):
            job.result()
    assert f"mesh.model({ID!r})" in capsys.readouterr().err


def test_a_notebook_has_one_place_that_is_drawn_anew() -> None:
    calls: list[tuple[str, Any]] = []

    class Handle:
        def update(self, data: dict[str, str], *, raw: bool) -> None:
            calls.append(("update", data["text/html"]))

    def display(data: dict[str, str], *, raw: bool, display_id: bool) -> Handle:
        calls.append(("display", data["text/html"]))
        return Handle()

    cell = waiting._Cell(display)
    for html in ("", "<b>1</b>", "<b>2</b>", ""):
        cell.show(html)
    assert calls == [("display", "<b>1</b>"), ("update", "<b>2</b>"), ("update", "")]

"""`sfumato demo`: ten questions on two real tables, with prices, answers, their exact values, receipts."""

import os
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

import sfumato as sf
from sfumato_embedded.demo.elsewhere import Access, NoAccessError, OwnView
from sfumato_embedded.demo.exact import CustodianView, exact_answer
from sfumato_embedded.demo.questions import PAID, Asked
from sfumato_embedded.demo.raw import RAW, RawTables
from sfumato_embedded.demo.report import WHY, comparison
from sfumato_embedded.demo.setting_up import ensure_tables, set_up
from sfumato_embedded.demo.tables import lay_tables
from sfumato_embedded.folder import DataFolder
from sfumato_embedded.people import ensure_analyst
from sfumato_embedded.threaded import running_mesh


def run_demo(environment: Mapping[str, str]) -> int:
    """Run the demo on a fresh folder, or on the mesh that SFUMATO_TARGET names, and return its exit status."""
    console = Console(highlight=False, width=min(160, max(100, Console().width)))
    started = time.monotonic()
    try:
        access = Access.of(environment)
    except NoAccessError as missing:
        Console(stderr=True).print(f"sfumato: {missing}", markup=False, soft_wrap=True)
        return 1
    if access is None:
        _run_on_a_fresh_mesh(console)
    else:
        _run_elsewhere(access, console)
    console.print(f"\n[dim]ten questions, {time.monotonic() - started:.1f} s with start and preparation[/dim]")
    return 0


def _run_on_a_fresh_mesh(console: Console) -> None:
    with tempfile.TemporaryDirectory(prefix="sfumato-demo-") as name:
        folder = DataFolder(Path(name))
        folder.create()
        lay_tables(folder.data)
        with running_mesh(folder) as running:
            os.environ.pop("SFUMATO_TOKEN", None)
            ensure_analyst(running.connection)
            set_up(running.connection, console)
            with sf.connect(running.connection.target, running.connection.token) as mesh:
                _ask_all(mesh, running.custodian_view, RawTables(folder.data), console)


def _run_elsewhere(access: Access, console: Console) -> None:
    ensure_tables(access.data_root, access.connection, console)
    with (
        tempfile.TemporaryDirectory(prefix="sfumato-demo-") as name,
        sf.connect(access.connection.target, access.connection.token) as mesh,
    ):
        lay_tables(Path(name))
        view = OwnView(access, Path(name))
        _ask_all(mesh, view, RawTables(Path(name)), console)


def _show(console: Console, shown: object) -> None:
    """Print a view of the SDK as a terminal would: unstyled, its lines as they are."""
    console.print(str(shown), markup=False, soft_wrap=True)


def _type(console: Console, code: str) -> None:
    console.print(f">>> {code}", style="bold", markup=False, soft_wrap=True)


def _ask_all(mesh: sf.Mesh, view: CustodianView, raw: RawTables, console: Console) -> None:
    _show(console, mesh.datasets())
    console.print(f"\n{WHY}", style="dim", soft_wrap=True)
    answers = [
        _ask(number, asked, mesh, view, RAW[number - 1](raw), console) for number, asked in enumerate(PAID, start=1)
    ]
    _refused(mesh, console)
    _repeated(mesh, answers[1], console)
    _rehearsed(mesh, console)
    console.rule("what is left, and the proof")
    _show(console, mesh.budget())
    receipt = answers[1].receipt
    _show(console, receipt)
    _show(console, receipt.verify())


def _ask(
    number: int, asked: Asked, mesh: sf.Mesh, view: CustodianView, raw: list[dict[str, Any]], console: Console
) -> Any:
    console.rule(f"{number}. {asked.title}")
    _type(console, asked.code)
    question = asked.build(mesh)
    payment: dict[str, float] = {"rho": asked.rho} | ({"delta": asked.delta} if asked.delta else {})
    _show(console, question.quote(**payment))
    answer = question.run(**payment)
    _show(console, answer)
    record, rows = view(asked.dataset)
    exact = exact_answer(question.to_proto(), asked.payment(), record, rows)
    console.print(comparison(answer, exact, raw))
    return answer


def _refused(mesh: sf.Mesh, console: Console) -> None:
    console.rule("8. Two questions that are refused: free, with a hint")
    penguins = mesh.dataset("penguins")
    for code, question, rho in (
        ('penguins.agg(m=sf.mean("body_mass_gg")).run(rho=0.02)', penguins.agg(m=sf.mean("body_mass_gg")), 0.02),
        ("penguins.agg(n=sf.count()).run(rho=0.5)", penguins.agg(n=sf.count()), 0.5),
    ):
        _type(console, code)
        try:
            question.run(rho=rho)
        except sf.RefusedError as refusal:
            _show(console, f"{type(refusal).__name__}: {refusal}\n")


def _repeated(mesh: sf.Mesh, first: Any, console: Console) -> None:
    console.rule("9. The second question again: the same answer, free")
    again = PAID[1].build(mesh).run(rho=PAID[1].rho)
    _show(console, again)
    same = again.columns == first.columns
    console.print(f"the same numbers: {'yes' if same else 'no'} · drawn anew: {'no' if again.repeated else 'yes'}")


def _rehearsed(mesh: sf.Mesh, console: Console) -> None:
    console.rule("10. A rehearsal on made-up rows: same compiler, same engine, same wire, nothing paid")
    _show(console, PAID[1].build(mesh).dummy(rho=PAID[1].rho, seed=7))

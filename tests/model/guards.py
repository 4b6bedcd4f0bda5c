"""The guards of the protocol, each with the text that holds it, and the scenario in which its absence must be found.

A guard is undone by compiling its function with that text replaced. Where a guard moves or changes its words, its test
says so: name it here as it is now.

Not listed are guards that only save work (a worker drops tasks of queries that have ended), and the put-if-absent of
sealed releases: attempts are fresh, so it never meets another's bytes; the contract suite of the stores holds it.
"""

import inspect
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final
from unittest import mock

from sfumato_accountant.handlers.accountant import AccountantHandlers
from sfumato_accountant.ledger import reserving, sharing
from sfumato_accountant.ledger.chain import Chain
from sfumato_accountant.ledger.chains import Chains
from sfumato_accountant.ledger.claims import Claims
from sfumato_accountant.ledger.reserving import Reserve
from sfumato_accountant.ledger.settling import Commit, GiveUp
from sfumato_accountant.ledger.timekeeping import Timekeeper
from sfumato_executor.reading import ReleaseReader
from sfumato_executor.releases.marks import Marks
from sfumato_executor.settler import Settler
from sfumato_executor.sweeper import Sweeper
from sfumato_executor.telling import MarkRaiser
from sfumato_executor.worker import QueryWorker
from sfumato_gateway.payments import Payments


@dataclass(frozen=True)
class Guard:
    """One guard."""

    name: str
    step: str
    """Its number in the protocol."""
    owner: Any
    function: str
    text: str
    instead: str
    scenario: str
    walks: int = 300
    """Within so many its absence is found."""

    @contextmanager
    def undone(self) -> Iterator[None]:
        """Run a block without the guard."""
        function = inspect.unwrap(inspect.getattr_static(self.owner, self.function))
        source = textwrap.dedent(inspect.getsource(function))
        assert source.count(self.text) == 1, f"{self.name}: {self.function} does not hold {self.text!r} once"
        made: dict[str, Any] = {}
        code = compile(source.replace(self.text, self.instead), f"<{self.name}, undone>", "exec")
        exec(code, function.__globals__, made)
        with mock.patch.object(self.owner, self.function, made[self.function]):
            yield


_BOUND: Final = (
    "if (bound.body_digest, bound.analyst, bound.population) != (claim.body_digest, claim.analyst, claim.population):"
)

GUARDS: Final = (
    Guard("a request id is bound to one body", "2", Claims, "put", _BOUND, "if False:", "twins"),
    Guard(
        "the first claim is the claim", "2", Claims, "put",
        "record if there is None else ClaimRecord.read(there)", "record", "twins",
    ),
    Guard(
        "the gateway hands a paid query to its own body only", "2", Payments, "_reserved",
        "if paid.reservation.claim.body_digest != order.body_digest:", "if False:", "twins",
    ),
    Guard("a paid query is not paid again", "3a", Reserve, "decide", "if paid is not None:", "if False:", "twins"),
    Guard(
        "a frozen scope pays nothing", "3b", reserving, "decide_payment",
        "if pays and (frozen", "if False and (frozen", "repeats",
    ),
    Guard(
        "who shares a release pays for it where it was not paid", "3c", sharing, "unpaid_scopes",
        "if scope not in paid", "if False", "projects",
    ),
    Guard(
        "a shared release fits too", "3c", reserving, "decide_payment",
        "if exhausted(price.population, fold, price.accounting, answer.unpaid, charge, at) is None:", "if True:",
        "projects",
    ),
    Guard(
        "a release crosses analysts only where policy says so", "3c", sharing, "_may_answer",
        "if query.analyst == payer.analyst or query.project in projects:", "if True:", "repeats",
    ),
    Guard(
        "a withheld release answers nothing new", "3c", sharing, "_may_answer",
        "if query.query_id in fold.withheld:", "if False:", "withheld",
    ),
    Guard(
        "every limit holds", "3d", reserving, "decide_payment",
        "if refusal is not None:", "if False:", "limits",
    ),
    Guard(
        "a group counts its own members", "3d", Chain, "_decide",
        "apply(self.fold, event, outcome.claims, position, now)", "pass", "limits",
    ),
    Guard("a taken position is not one's own", "4", Chain, "_settle", "if appended:", "if True:", "twins"),
    Guard(
        "an unknown append is not an append", "4", Chain, "_settle",
        "unknown += 1", "_deliver(group, self._take_own(entry, decided) or self._answers(group, decided, now)); return",
        "twins",
    ),
    Guard(
        "what is not appended is taken back", "4", Chain, "_decide", "with self.fold.tentative():", "if True:", "limits"
    ),
    Guard(
        "time does not run backwards in a chain", "4", Timekeeper, "now",
        "max(self._clock.now(), tail)", "self._clock.now()", "skewed",
    ),
    Guard(
        "a worker runs what is paid in full", "6", QueryWorker, "_price",
        "if not covers(reservation.charge, program.loss):", "if False:", "underpaid",
    ),
    Guard("each draw is an attempt", "7", QueryWorker, "_run", "self.new_attempt()", "query_id", "dying"),
    Guard(
        "a sealed release is read back", "7", QueryWorker, "_draw_and_seal",
        "if self.releases.get(query_id, attempt) != sealed:", "if False:", "torn",
    ),
    Guard(
        "only an open query is committed", "8", Commit, "decide",
        "query.state is not QueryState.OPEN or query", "query", "endings",
    ),
    Guard(
        "a commit is of the version that was paid for", "8", Commit, "decide",
        " or query.versions != self.versions", "", "versions",
    ),
    Guard("what is open is queued again", "9", Settler, "_requeue", "if now - last < lease:", "if True:", "failing"),
    Guard(
        "only an open query is charged", "10", GiveUp, "decide",
        "if query.state is not QueryState.OPEN or terminal_time(now) > now:", "if terminal_time(now) > now:", "endings",
    ),
    Guard(
        "nothing is given up before its time", "10", GiveUp, "decide",
        "if not self.cancelled_by and now < query.give_up_time:", "if False:", "endings",
    ),
    Guard(
        "what nobody answers is given up", "10", Settler, "settle",
        "if self._clock.now() >= reservation.give_up_time.ToDatetime(UTC):", "if False:", "underpaid",
    ),
    Guard(
        "only its owner cancels a query", "11", AccountantHandlers, "ChargeQuery",
        "claim.claim.analyst != caller.user", "False", "endings",
    ),
    Guard(
        "the mark is raised before anything is told", "12", ReleaseReader, "read_answer",
        "self._mark(reservation, read_at))", "asyncio.sleep(0))", "twins",
    ),
    Guard(
        "a mark is only raised", "12", Marks, "raise_to",
        "if present.sequence >= mark.sequence:", "if False:", "fronts",
    ),
    Guard(
        "only the committed bytes are read", "13", ReleaseReader, "_opened",
        "digest_of(sealed) != reservation.release_digest", "False", "tampered",
    ),
    Guard(
        "a withheld release is not read", "13", ReleaseReader, "read_answer",
        "if reservation.withheld:", "if False:", "withheld",
    ),
    Guard(
        "the winner is not swept", "14", Sweeper, "_may_go",
        "reservation.state == Reservation.STATE_COMMITTED and reservation.attempt == sealed.attempt", "False", "swept",
    ),
    Guard(
        "what is open is not swept", "14", Sweeper, "_may_go",
        "if reservation.state not in _ENDED:", "if False:", "swept",
    ),
    Guard(
        "nothing is swept on the word of a chain that lacks its mark", "14", Sweeper, "_may_go",
        "return await self._has_its_mark(reservation.claim.population)", "return True", "restored",
    ),
    Guard(
        "nothing is committed to a chain that lacks its mark", "17", AccountantHandlers, "CommitQuery",
        "await self._require_mark(request, chain.population)", "pass", "reopened",
    ),
    Guard(
        "what is open when a chain goes on is never answered", "17", Commit, "decide",
        "query.reserved_sequence < fold.reopened_at", "False", "reopened",
    ),
    Guard(
        "what a receipt of lost entries names is not paid again", "17", Reserve, "decide",
        "if query_id in fold.receipted:", "if False:", "reopened",
    ),
    Guard(
        "nothing is told of a chain that lacks its mark", "17", MarkRaiser, "check_contained",
        "if not verdict.contained:", "if False:", "restored",
    ),
    Guard(
        "a chain contains a mark by its hash", "17", Chains, "check_mark",
        "given_up or fold.contains(sequence, entry_hash)", "True", "restored",
    ),
)  # fmt: skip

"""Who does what in a walk. Each is a task of its own; between what it does, it waits for the schedule."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, TypeVar

import grpc

from sfumato.v1 import population_admin_service_pb2 as population_pb
from sfumato.v1 import query_service_pb2 as query_pb
from sfumato.v1.charge_pb2 import Charge, RhoDelta
from sfumato.v1.ledger_pb2 import LedgerHead
from sfumato.v1.measure_pb2 import Count, Measure
from sfumato.v1.payment_pb2 import Payment
from sfumato.v1.plan_pb2 import Plan
from sfumato.v1.query_service_pb2_grpc import QueryServiceStub
from sfumato.v1.question_pb2 import Question
from sfumato.v1.quote_pb2 import DataVersion
from sfumato.v1.receipt_pb2 import Receipt
from sfumato.v1.relation_pb2 import Relation, Scan
from sfumato_gateway.identifiers import query_id as query_id_of
from sfumato_mesh.caller import Caller
from sfumato_mesh.refusal import Refusal
from sfumato_mesh.v1 import accountant_service_pb2 as accountant_pb
from sfumato_mesh.v1.accountant_service_pb2_grpc import AccountantServiceStub
from sfumato_mesh.v1.query_price_pb2 import QueryPrice
from sfumato_mesh.v1.task_pb2 import Task
from tests.model.calls import as_executor
from tests.model.judge import Answer, Judge
from tests.model.mesh import World
from tests.model.reading import require
from tests.model.scene import ADA, DATASET, POPULATION, ROOT, Office
from tests.model.stepping import PROCESS, Process

T = TypeVar("T")

_UNKNOWN: Final = frozenset(("SERVICE_UNAVAILABLE", "NOT_ACCEPTING", "CANNOT_APPEND"))
_TRIES: Final = 40
_RETRY_SECONDS: Final = 0.4


@dataclass(frozen=True)
class Ask:
    """A request as a client sends it. Equal number: equal request id."""

    number: int
    analyst: Caller = ADA
    plan: int = 1
    rho: int = 10
    project: str = ""
    fresh: bool = False
    times: int = 1
    """How often it is asked, one after the other."""

    @property
    def request(self) -> query_pb.RunQueryRequest:
        return query_pb.RunQueryRequest(
            question=Question(plan=plan(self.plan)),
            payment=Payment(rho=RhoDelta(rho_picos=self.rho)),
            request_id=str(uuid.UUID(int=self.number)),
            project=self.project,
            fresh=self.fresh,
        )

    @property
    def query_id(self) -> str:
        return query_id_of(self.analyst.user, str(uuid.UUID(int=self.number)))


def plan(number: int) -> Plan:
    return Plan(source=Relation(scan=Scan(dataset=DATASET)), measures=[Measure(alias=f"n{number}", count=Count())])


@dataclass
class Stage:
    """One walk, as its actors see it."""

    world: World
    judge: Judge
    refusals: list[tuple[Ask, str]] = field(default_factory=list)
    receipts: dict[str, Receipt] = field(default_factory=dict)
    """Of all answers that were told, by query."""

    def play(self, name: str, act: Callable[[], Awaitable[None]]) -> "asyncio.Task[None]":
        """Let an actor begin when the schedule says so."""

        async def playing() -> None:
            PROCESS.set(Process(name))
            await self.world.stepper.pause("begins")
            await act()

        return asyncio.create_task(playing())

    async def persist(self, call: Callable[[], Awaitable[T]]) -> T:
        """Repeat a call until its outcome is known.

        Raises:
            Refusal: what the mesh decided.
        """
        for _ in range(_TRIES):
            try:
                return await call()
            except grpc.RpcError as error:
                refusal = Refusal.from_rpc_error(error)
                assert refusal is not None
                if refusal.reason not in _UNKNOWN:
                    raise refusal from None
            await asyncio.sleep(_RETRY_SECONDS)
        raise AssertionError("no outcome, and no fault that would explain it")

    # Analysts.

    async def ask(self, ask: Ask) -> None:
        """Ask until the outcome is known, as often as the request says, and hand it to the judge."""
        for _ in range(ask.times):
            await self._ask(ask)

    async def _ask(self, ask: Ask) -> None:
        try:
            await self.persist(partial(self._run, ask))
        except Refusal as refusal:
            if refusal.reason in ("QUERY_FAILED", "QUERY_CANCELLED"):
                self.judge.failed(self.world, ask.query_id, refusal.reason)
            else:
                self.refusals.append((ask, refusal.reason))

    async def _run(self, ask: Ask) -> None:
        was_behind, was_withheld = self.judge.is_behind(self.world), self._is_withheld(ask.query_id)
        stub = QueryServiceStub(self._gateway(ask.analyst))
        body = ask.request.SerializeToString(deterministic=True)
        rows: list[bytes] = []
        async for response in stub.RunQuery(ask.request):
            kind = response.event.WhichOneof("kind")
            if kind == "batch":
                rows.append(response.event.batch.serialized_record_batch)
            if kind == "complete":
                query = response.event.complete.query
                answer = Answer(
                    ask.query_id, ask.analyst.user, tuple(rows), query.receipt.statement.sequence,
                    query.charge.rho_picos,
                )  # fmt: skip
                self.receipts[ask.query_id] = query.receipt
                was_behind = was_behind and self.judge.is_behind(self.world)
                was_withheld = was_withheld and self._is_withheld(ask.query_id)  # not only when it was asked
                self.judge.told(self.world, answer, body, was_behind=was_behind, was_withheld=was_withheld)

    def _is_withheld(self, query_id: str) -> bool:
        return self._release_of(query_id) in self.judge.read(self.world).withheld

    async def ask_other_body(self, ask: Ask) -> None:
        """Use a request id of somebody's for another question: only one of the two may ever be answered."""
        await self.ask(Ask(ask.number, ask.analyst, ask.plan + 100, ask.rho, ask.project))

    async def cancel(self, ask: Ask, user: Caller) -> None:
        """Cancel a query, of one's own or of another."""
        request = query_pb.CancelQueryRequest(name=f"queries/{ask.query_id}")
        try:
            await self.persist(lambda: QueryServiceStub(self._gateway(user)).CancelQuery(request))
        except Refusal as refusal:
            require(refusal.reason == "ACCESS_DENIED", f"cancelling ended in {refusal.reason}")
        else:
            require(user == ask.analyst, f"{user.user} cancelled the query of {ask.analyst.user}")

    def _gateway(self, user: Caller) -> Any:
        gateways = list(self.world.gateways.values())
        chosen = gateways[self.world.schedule.pick(len(gateways))]
        return self.world.channel_to(chosen, lambda: user)

    # Those who do not keep to the rules.

    async def lie(self, ask: Ask, charge: int) -> None:
        """A gateway that reserves less than the price."""
        task = Task(question=ask.request.question, plan=plan(ask.plan), payment=ask.request.payment, confidence=0.95)
        price = QueryPrice(
            query_id=ask.query_id,
            task=task,
            plan_digest=b"p" * 32,
            charge=Charge(rho_picos=charge),
            datasets=[DATASET],
            versions=[1],
        )
        price.give_up_after.FromSeconds(4)
        request = accountant_pb.ReserveQueryRequest(query=price, body_digest=b"b" * 32)
        try:
            await self.persist(lambda: self._accountant(lambda: ask.analyst).ReserveQuery(request))
        except Refusal as refusal:
            self.refusals.append((ask, refusal.reason))

    async def commit_another_version(self, ask: Ask) -> None:
        """A worker that read another version than was paid for, and keeps trying."""
        for number in range(1, 5):
            request = accountant_pb.CommitQueryRequest(
                query_id=ask.query_id,
                attempt=str(uuid.UUID(int=number)),
                release_digest=b"d" * 32,
                data_versions=[DataVersion(dataset=DATASET, version=77)],
            )
            try:
                await self._accountant(as_executor).CommitQuery(request)
            except grpc.RpcError:
                await self.world.stepper.pause("tries again")

    async def give_up_early(self, ask: Ask) -> None:
        """A settler whose clock runs ahead."""
        for _ in range(4):
            request = accountant_pb.ChargeQueryRequest(query_id=ask.query_id, cancelled=False)
            try:
                await self._accountant(as_executor).ChargeQuery(request)
            except grpc.RpcError:
                await self.world.stepper.pause("tries again")

    async def swap_sealed_bytes(self) -> None:
        """Somebody at the release store, who puts one sealed release in the place of another."""
        world = self.world
        while True:
            sealed = [key for key in world.objects.data if key.startswith("releases/")]
            if len(sealed) > 1:
                break
            await asyncio.sleep(0.5)
        self.judge.tampered = True
        first, second = sealed[:2]
        world.objects.data[first], world.objects.data[second] = world.objects.data[second], world.objects.data[first]

    # Custodians and operators.

    async def freeze(self, *, analyst: str = "", thaw: bool = True) -> None:
        await self.persist(lambda: self._office().freeze(True, analyst=analyst))
        if thaw:
            await self.world.stepper.pause("thaws")
            await self.persist(lambda: self._office().freeze(False, analyst=analyst))

    async def limit(self, rho: int, *, analyst: str = "", project: str = "") -> None:
        await self.persist(lambda: self._office().grant(rho, analyst=analyst, project=project))

    async def queue_again(self, ask: Ask, times: int) -> None:
        """Put a task on the queue again and again, as brokers do."""
        for _ in range(times):
            self.world.queue.put(ask.query_id)
            await self.world.stepper.pause("queues again")

    async def withhold(self, ask: Ask, *, thaw: bool) -> None:
        """Withhold the release that answers a query, once there is one, and perhaps allow it again."""
        while (release := self._release_of(ask.query_id)) is None:  # noqa: ASYNC110  (of the books, not of a task)
            await asyncio.sleep(0.2)
        await self.persist(lambda: self._office().withhold(f"queries/{release}", True))
        if thaw:
            await self.idle(3)
            await self.persist(lambda: self._office().withhold(f"queries/{release}", False))

    def _release_of(self, query_id: str) -> str | None:
        """Return the query that drew what answers a query; None: nothing does, or it has lost its books."""
        paid = self.judge.read(self.world).queries.get(query_id)
        return None if paid is None or paid.release is None else paid.release[0]

    async def kill_when_sealed(self) -> None:
        """Kill the workers as soon as one of them has sealed.

        Time stands still while there is anything to do, and to look is: after many looks, wait. Nobody may be left
        who seals before the settler's time has come.
        """
        looks = 0
        while not any(key.startswith("releases/") for key in self.world.objects.data):
            looks += 1
            await (asyncio.sleep(0.2) if looks % 200 == 0 else self.world.stepper.pause("looks"))
        await self.kill("worker1", "worker2")

    async def publish(self) -> None:
        await self.persist(lambda: self._office().publish())

    def _accountant(self, speak: Callable[[], Caller]) -> Any:
        return AccountantServiceStub(self.world.channel_to(self.world.accountant(), speak))

    def _office(self) -> Office:
        return Office(self.world)

    async def kill(self, *names: str) -> None:
        for name in names:
            await self.world.kill(name)
            await self.world.stepper.pause("kills")

    async def restore(self, before: int, after: int) -> None:
        """Take a backup and put it in place later, while nobody is at the books.

        Args:
            before: steps until the backup is taken.
            after: steps until it is put in place.
        """
        world = self.world
        await self.idle(before)
        backup = world.disk.books.copy()
        await self.idle(after)
        world.closed = True
        for registry, _ in world.accountants.values():
            world.stepper.kill(registry.process)
        await asyncio.sleep(3.0)
        world.disk.restore(backup)
        self.judge.restored = True
        world.closed = False
        for name in world.accountants:
            world.start_accountant(name)

    async def restore_and_reopen(self, before: int, after: int, *, shows_receipts: bool) -> None:
        await self.restore(before, after)
        await self.idle(3)
        await self.reopen(shows_receipts=shows_receipts)

    async def reopen(self, *, shows_receipts: bool) -> None:
        """Let a population go on whose chain lacks its mark, and charge for what was lost."""
        mark = self.judge.mark(self.world)
        if mark is None or not self.judge.is_behind(self.world):
            return
        queries = self.judge.read(self.world).queries
        lost = [receipt for query_id, receipt in self.receipts.items() if query_id not in queries]
        request = population_pb.ReopenPopulationRequest(
            population=POPULATION,
            receipts=lost if shows_receipts else [],
            written_off=Charge(rho_picos=0 if shows_receipts else 20),
            justification="the newer disk is gone",
            request_id=str(uuid.uuid4()),
        )
        head = LedgerHead(population=POPULATION, sequence=mark[0], entry_hash=mark[1])
        reopen = accountant_pb.ReopenPopulationRequest(request=request, lost_head=head)
        try:
            await self.persist(lambda: self._accountant(lambda: ROOT).ReopenPopulation(reopen))
        except Refusal as refusal:  # somebody told of it meanwhile, before it was known to be behind
            require(refusal.reason == "REQUEST_INVALID", f"reopening was refused: {refusal.reason}")

    async def idle(self, steps: int) -> None:
        """Do nothing for so many steps of one's own."""
        for _ in range(steps):
            await self.world.stepper.pause("idles")

"""The judge: after every step, all that the protocol promises, held against the disks and against what was told."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.model.mesh import World
from tests.model.reading import Reading, require
from tests.model.scene import POPULATION
from tests.model.stepping import Violation


@dataclass(frozen=True)
class Answer:
    """An answer as a client got it."""

    query_id: str
    user: str
    rows: tuple[bytes, ...]
    sequence: int
    """Where its receipt says that it is in the chain."""
    charge: int


@dataclass
class Judge:
    """Judges one walk."""

    answers: dict[str, Answer] = field(default_factory=dict)
    """By query."""
    bodies: dict[str, bytes] = field(default_factory=dict)
    """Query → the body that was answered."""
    failures: dict[str, str] = field(default_factory=dict)
    reading: Reading | None = None
    reports: list[BaseException] = field(default_factory=list)
    restored: bool = False
    """Whether a backup was put in place: what was told before is judged by the mark alone."""
    tampered: bool = False
    """Whether somebody changed sealed bytes: what cannot be read any more may be told to have failed."""
    _given_up: int = 0
    _told_position: int = -1
    _told_keys: set[str] = field(default_factory=set)
    _books: Any = None
    _winners: dict[str, bytes] = field(default_factory=dict)
    """Key of each committed release in the store → its digest."""
    _seen: dict[str, bytes] = field(default_factory=dict)

    def check(self, world: World) -> None:
        """Check every rule that the disks show."""
        if self.reports:
            raise Violation(f"a service failed: {self.reports[0]!r}") from self.reports[0]
        books = world.disk.books
        if self.reading is None or self._books is not books:
            self._books = books
            self.reading = Reading(POPULATION, books.sides)
            self._winners.clear()
            self._seen.clear()
            self._given_up = 0
        reading = self.reading
        chain = books.chain(POPULATION)
        if reading.length < len(chain):
            for entry in chain[reading.length :]:
                reading.take(entry)
            if len(reading.lost) > self._given_up:
                self._given_up = len(reading.lost)
                self._give_up_lost(reading)
            for paid in reading.queries.values():
                if paid.terminal == "committed" and paid.release is not None:
                    self._winners.setdefault(_key(paid.release), paid.release[2])
        if self._told_position >= 0:
            mark = self.mark(world)
            require(mark is not None and mark[0] >= self._told_position, "the mark was lowered")
        if not self.tampered:
            self._check_releases(world)

    def _give_up_lost(self, reading: Reading) -> None:
        """A chain goes on without entries that it lost: queries that only those knew may be paid, and asked, anew.

        Not those whose receipts were shown, nor those that are open in what is left: they may have been answered.
        """
        receipted = set().union(*reading.lost.values())
        for query_id in set(self.answers) - receipted - set(reading.queries):
            del self.answers[query_id], self.bodies[query_id]
        self._told_position = -1
        self._told_keys.clear()

    def _check_releases(self, world: World) -> None:
        for key in self._told_keys:
            require(key in world.objects.data, f"{key} was told, and is gone")
        for key, digest in self._winners.items():
            data = world.objects.data.get(key)
            # A worker from before a restoration may commit what lost, and was swept, in the books that are gone.
            # Nobody is ever told of it.
            if data is None and self.restored and key not in self._told_keys:
                continue
            require(data is not None, f"the winner {key} is gone")
            if data is not self._seen.get(key):
                assert data is not None
                require(hashlib.sha256(data).digest() == digest, f"the winner {key} is not what was committed")
                self._seen[key] = data

    def read(self, world: World) -> Reading:
        """Return what the chain says now."""
        self.check(world)
        assert self.reading is not None
        return self.reading

    def is_behind(self, world: World) -> bool:
        """Return whether the chain lacks what was told of it."""
        mark = self.mark(world)
        if mark is None:
            return False
        sequence, entry_hash = mark
        if mark in self.read(world).lost:
            return False
        chain = world.disk.books.chain(POPULATION)
        return sequence >= len(chain) or chain[sequence].entry_hash != entry_hash

    def mark(self, world: World) -> tuple[int, bytes] | None:
        data = world.objects.data.get("marks/palmer.json")
        if data is None:
            return None
        fields: Mapping[str, str] = json.loads(data)
        return int(fields["seq"]), bytes.fromhex(fields["hash"])

    def told(self, world: World, answer: Answer, body: bytes, *, was_behind: bool, was_withheld: bool) -> None:
        """Take up an answer that a client holds now.

        Args:
            world: as it is now.
            answer: what it was.
            body: the request that asked for it.
            was_behind: whether the chain lacked its mark when the client asked.
            was_withheld: whether the release was withheld when the client asked.
        """
        query_id = answer.query_id
        require(not was_behind, f"{query_id} was told from a chain that is behind its mark")
        require(not was_withheld, f"{query_id} was told although it is withheld")
        require(self.bodies.setdefault(query_id, body) == body, f"{query_id} answers two bodies")
        first = self.answers.setdefault(query_id, answer)
        require(first.rows == answer.rows, f"{query_id} has two different answers")
        mark = self.mark(world)
        require(mark is not None and mark[0] >= answer.sequence, f"{query_id} was told before it was marked")
        if self.is_behind(world):
            return  # told before the backup was put in place
        assert self.reading is not None
        self.check(world)
        paid = self.reading.queries.get(query_id)
        require(paid is not None, f"{query_id} was answered and is not paid")
        assert paid is not None
        require(paid.terminal in ("committed", "shared"), f"{query_id} was answered, and is {paid.terminal or 'open'}")
        require(paid.position == answer.sequence, f"the receipt of {query_id} names another position")
        require(paid.analyst == answer.user, f"{query_id} was told to {answer.user}")
        require(query_id not in self.failures or self.restored, f"{query_id} failed before it was answered")
        assert paid.release is not None
        self._told_position = max(self._told_position, answer.sequence)
        self._told_keys.add(_key(paid.release))
        origin = self.answers.get(paid.release[0])
        require(origin is None or origin.rows == answer.rows, f"{query_id} differs from the release that it shares")

    def failed(self, world: World, query_id: str, reason: str) -> None:
        """Take up that a client was told that its query ended without an answer."""
        self.failures[query_id] = reason
        if self.restored or self.tampered:
            return
        self.check(world)
        assert self.reading is not None
        require(query_id not in self.answers, f"{query_id} was answered before it failed")
        paid = self.reading.queries.get(query_id)
        require(paid is not None and paid.terminal == "charged", f"{query_id} was told to have failed, and did not")

    def spent(self) -> dict[tuple[str, str, str], int]:
        assert self.reading is not None
        return {scope: amount for scope, amount in self.reading.spent.items() if amount}


def _key(release: tuple[str, str, bytes]) -> str:
    query_id, attempt, _ = release
    return f"releases/{query_id[:2]}/{query_id}.{attempt}"

"""Analysts who do not give up: every question is asked, under one request id, until its outcome is known."""

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import sfumato as sf
from tests.crash.scene import Ask

_ATTEMPT_SECONDS = 20.0
_PATIENCE_SECONDS = 90.0


@dataclass
class Driver:
    """Asks from several threads. The SDK repeats what it can; what it gives up as unknown is repeated here."""

    target: str
    tokens: dict[str, str]
    questions: Sequence[Ask]
    threads: int = 6
    answers: defaultdict[str, list[sf.Answer]] = field(default_factory=lambda: defaultdict(list))
    failures: dict[str, Exception] = field(default_factory=dict)
    unknown: int = 0
    """Outcomes that were not known at first."""
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _next: int = 0
    _running: list[threading.Thread] = field(default_factory=list)

    def start(self) -> None:
        self._running = [
            threading.Thread(target=self._work, name=f"analyst-{number}", daemon=True) for number in range(self.threads)
        ]
        for thread in self._running:
            thread.start()

    @property
    def answered(self) -> int:
        with self._lock:
            return len(self.answers) + len(self.failures)

    def wait_until(self, number: int) -> None:
        """Return when so many questions have an outcome."""
        end = time.monotonic() + _PATIENCE_SECONDS
        while self.answered < number:
            assert time.monotonic() < end, f"{self.answered} of {number} outcomes: {self.failures}"
            time.sleep(0.005)

    def join(self) -> None:
        for thread in self._running:
            thread.join(_PATIENCE_SECONDS)
            assert not thread.is_alive()

    def _work(self) -> None:
        clients = {name: sf.connect(self.target, token) for name, token in self.tokens.items()}
        try:
            while (question := self._take()) is not None:
                self._ask(clients[question.analyst], question)
        finally:
            for client in clients.values():
                client.close()

    def _take(self) -> Ask | None:
        with self._lock:
            if self._next == len(self.questions):
                return None
            self._next += 1
            return self.questions[self._next - 1]

    def _ask(self, client: sf.Mesh, question: Ask) -> None:
        try:
            answer = ask_until_known(client, question, self._note_unknown)
        except Exception as error:  # noqa: BLE001  (it is the test's to judge)
            with self._lock:
                self.failures[question.request_id] = error
        else:
            with self._lock:
                self.answers[question.request_id].append(answer)

    def _note_unknown(self) -> None:
        with self._lock:
            self.unknown += 1


def ask_until_known(client: sf.Mesh, question: Ask, unknown: Callable[[], None] = lambda: None) -> sf.Answer:
    """Return the answer, or raise what the mesh decided.

    Args:
        client: of the question's analyst.
        question: asked again and again under its one request id.
        unknown: called each time the outcome is not known.
    """
    end = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            return question.run(client, _ATTEMPT_SECONDS)
        except sf.Unavailable:
            unknown()
            if time.monotonic() > end:
                raise
            time.sleep(0.05)

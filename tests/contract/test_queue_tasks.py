"""One suite for the queue, over memory:// and over a real broker: ids travel, tasks repeat, nothing else is in it."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import redis
from celery import Celery

from sfumato_executor.embedded_worker import EmbeddedWorker, start_in_thread
from sfumato_executor.queue import QueueUnavailableError, TaskQueue, make_app, register_tasks


@dataclass
class Tasks:
    """What workers were given, in order."""

    queries: list[str] = field(default_factory=list)
    preparations: list[str] = field(default_factory=list)
    hold: threading.Event | None = None
    running: int = 0
    most: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def run_query(self, query_id: str) -> None:
        with self.lock:
            self.running += 1
            self.most = max(self.most, self.running)
            self.queries.append(query_id)
        if self.hold is not None:
            self.hold.wait(10)
        with self.lock:
            self.running -= 1

    def prepare(self, preparation_id: str) -> None:
        self.preparations.append(preparation_id)


@dataclass
class Broker:
    """A broker of its own, as far as names go."""

    url: str
    prefix: str

    def app(self, tasks: Tasks | None = None) -> Celery:
        app = make_app(self.url, self.prefix)
        if tasks is not None:
            register_tasks(app, tasks.run_query, tasks.prepare)
        return app


_REAL = ("amqp", "redis")
_VARIABLES = {name: f"SFUMATO_TEST_{name.upper()}_URL" for name in _REAL}


def _url(name: str) -> str:
    url = os.environ.get(_VARIABLES[name], "")
    if not url:
        pytest.fail(f"{_VARIABLES[name]} is not set: `make services` starts the server, or name your own")
    return url


@pytest.fixture(params=["memory", *(pytest.param(name, marks=pytest.mark.servers) for name in _REAL)])
def broker(request: pytest.FixtureRequest) -> Iterator[Broker]:
    url = _url(request.param) if request.param in _REAL else "memory://"
    broker = Broker(url, f"test-{uuid.uuid4().hex}")
    yield broker
    _delete_queues(broker)


def _delete_queues(broker: Broker) -> None:
    app = broker.app()
    with app.connection_for_write() as connection, connection.channel() as channel:
        for queue in app.conf.task_queues:
            queue.bind(channel).declare()
            queue.bind(channel).delete()
            queue.exchange.bind(channel).delete()


@pytest.fixture
def tasks() -> Tasks:
    return Tasks()


def _until(condition: Callable[[], bool], seconds: float = 15) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.002)


def _ids(count: int) -> list[str]:
    return [str(uuid.uuid4()) for _ in range(count)]


@pytest.fixture
def worker(broker: Broker, tasks: Tasks) -> Iterator[EmbeddedWorker]:
    worker = start_in_thread(broker.app(tasks))
    yield worker
    assert worker.stop()


def _submitter(broker: Broker) -> TaskQueue:
    return TaskQueue(broker.app())


def test_tasks_reach_a_worker(broker: Broker, tasks: Tasks, worker: EmbeddedWorker) -> None:
    queue, queries, preparations = _submitter(broker), _ids(50), _ids(3)
    for query in queries:
        queue.submit_query(query)
    for preparation in preparations:
        queue.submit_preparation(preparation)
    _until(lambda: len(tasks.queries) == 50 and len(tasks.preparations) == 3)
    assert sorted(tasks.queries) == sorted(queries)
    assert sorted(tasks.preparations) == sorted(preparations)
    queue.close()


def test_what_is_queued_before_a_worker_starts_waits_for_it(broker: Broker, tasks: Tasks) -> None:
    queue, queries = _submitter(broker), _ids(3)
    queue.check_reachable()
    for query in queries:
        queue.submit_query(query)
    worker = start_in_thread(broker.app(tasks))
    _until(lambda: sorted(tasks.queries) == sorted(queries))
    assert worker.stop()


def test_a_task_may_come_twice(broker: Broker, tasks: Tasks, worker: EmbeddedWorker) -> None:
    queue, [query] = _submitter(broker), _ids(1)
    queue.submit_query(query)
    queue.submit_query(query)
    _until(lambda: tasks.queries == [query, query])


def test_two_at_once_and_none_taken_ahead(broker: Broker, tasks: Tasks) -> None:
    tasks.hold = threading.Event()
    worker = start_in_thread(broker.app(tasks), concurrency=2)
    queue = _submitter(broker)
    for query in _ids(6):
        queue.submit_query(query)
    _until(lambda: tasks.running == 2)
    time.sleep(0.1)
    assert tasks.most == 2
    tasks.hold.set()
    _until(lambda: len(tasks.queries) == 6)
    assert worker.stop()


def test_the_message_holds_an_id_and_no_pickle(broker: Broker) -> None:
    app = broker.app()
    queue, [query] = TaskQueue(app), _ids(1)
    queue.check_reachable()
    queue.submit_query(query)
    with app.connection_for_read() as connection, connection.channel() as channel:
        waiting = app.conf.task_queues[0].bind(channel)
        message: Any = None
        _until(lambda: bool(_take(waiting, lambda each: _set(each))))
        message = _TAKEN.pop()
        assert message.content_type == "application/json"
        body = message.body if isinstance(message.body, str) else bytes(message.body).decode()
        assert json.loads(body)[:2] == [[query], {}]
        assert query in message.headers["argsrepr"]
        message.ack()


_TAKEN: list[Any] = []


def _set(message: Any) -> bool:
    _TAKEN.append(message)
    return True


def _take(waiting: Any, keep: Callable[[Any], bool]) -> bool:
    message = waiting.get(no_ack=False)
    return message is not None and keep(message)


def test_other_content_is_not_taken(broker: Broker, tasks: Tasks, worker: EmbeddedWorker) -> None:
    app = broker.app()
    assert app.conf.accept_content == ["json"]
    assert app.conf.result_backend is None
    with app.connection_for_write() as connection:
        producer: Any = connection.Producer()
        producer.publish(
            b"cos\nsystem\n(S'true'\ntR.",
            content_type="application/x-python-serialize",
            content_encoding="binary",
            exchange=app.conf.task_queues[0].exchange,
            routing_key=app.conf.task_queues[0].routing_key,
            headers={"task": "sfumato.run_query", "id": "1"},
        )
    [query] = _ids(1)
    _submitter(broker).submit_query(query)
    _until(lambda: tasks.queries == [query])


def test_a_raising_task_does_not_end_the_worker(broker: Broker) -> None:
    seen: list[str] = []

    def run_query(query_id: str) -> None:
        seen.append(query_id)
        raise RuntimeError("must not happen, and must not hurt")

    app = broker.app()
    register_tasks(app, run_query, lambda _: None)
    worker = start_in_thread(app)
    queue, queries = _submitter(broker), _ids(3)
    for query in queries:
        queue.submit_query(query)
    _until(lambda: len(seen) >= 3)
    assert worker.stop()


def test_stop_waits_for_running_tasks_and_start_again_works(broker: Broker, tasks: Tasks) -> None:
    tasks.hold = threading.Event()
    worker = start_in_thread(broker.app(tasks))
    queue = _submitter(broker)
    queue.submit_query(_ids(1)[0])
    _until(lambda: tasks.running == 1)
    threading.Timer(0.2, tasks.hold.set).start()
    assert worker.stop()
    assert tasks.running == 0
    second = start_in_thread(broker.app(tasks))
    queue.submit_query(_ids(1)[0])
    _until(lambda: len(tasks.queries) == 2)
    assert second.stop()


def test_reachable(broker: Broker) -> None:
    queue = _submitter(broker)
    queue.check_reachable()
    queue.check_reachable()


@pytest.mark.parametrize(
    "url", ["amqp://guest:secret-password@127.0.0.1:9//", "redis://:secret-password@127.0.0.1:9/0"]
)
def test_a_broker_that_is_away_says_nothing_of_its_password(url: str) -> None:
    queue = TaskQueue(make_app(url, "test"))
    for call in (queue.check_reachable, lambda: queue.submit_query(_ids(1)[0])):
        begun = time.monotonic()
        with pytest.raises(QueueUnavailableError) as caught:
            call()
        assert time.monotonic() - begun < 5
        assert "secret-password" not in str(caught.value)
        assert caught.value.__suppress_context__


@pytest.mark.servers
def test_queues_of_a_real_broker_are_quorum_queues_with_confirms() -> None:
    app = make_app(_url("amqp"), "test")
    assert all(queue.queue_arguments == {"x-queue-type": "quorum"} for queue in app.conf.task_queues)
    with app.connection_for_write() as connection:
        connection.ensure_connection()
        assert connection.connection.confirm_publish


@pytest.mark.servers
def test_meshes_share_a_redis_and_leave_nothing_in_it() -> None:
    """What is queued, and what is taken and not acknowledged, lies under the mesh's own prefix."""
    client = redis.Redis.from_url(_url("redis"))
    brokers = [Broker(_url("redis"), f"test-{uuid.uuid4().hex}") for _ in range(2)]
    one, other = Tasks(), Tasks()
    queue, [query] = _submitter(brokers[0]), _ids(1)
    queue.submit_query(query)
    stranger = start_in_thread(brokers[1].app(other))
    _submitter(brokers[1]).submit_query(_ids(1)[0])
    _until(lambda: len(other.queries) == 1)
    assert stranger.stop()
    assert query not in other.queries
    held = one.hold = threading.Event()
    worker = start_in_thread(brokers[0].app(one))
    _until(lambda: one.running == 1)
    taken = [key.decode() for key in client.scan_iter("*unacked*") if brokers[0].prefix.encode() in key]
    assert taken
    assert not client.exists("unacked")
    held.set()
    assert worker.stop()
    for broker in brokers:
        _delete_queues(broker)
        assert not [key for key in client.scan_iter(f"{broker.prefix}.*") if b"unacked_mutex" not in key]


def test_only_memory_dies_with_the_process(broker: Broker) -> None:
    assert _submitter(broker).volatile is (broker.url == "memory://")


_KILLED_WORKER = """
import os, sys, threading, time
from pathlib import Path
from sfumato_executor.service import WorkerParts
from sfumato_executor.worker_process import ProcessParts, make_worker_app, run_worker

url, prefix, folder, hold = sys.argv[1], sys.argv[2], Path(sys.argv[3]), sys.argv[4] == "hold"


class Parts:
    stopping = threading.Event()

    def run_query(self, query_id):
        assert "polars" not in sys.modules
        (folder / f"{query_id}.{os.getpid()}.begun").touch()
        if hold:
            time.sleep(60)
        (folder / f"{query_id}.{os.getpid()}.ended").touch()


parts = ProcessParts(Parts)
app = make_worker_app(url, prefix, parts)
loaded = {name for name in ("polars", "opendp") if name in sys.modules}
assert not loaded, loaded
sys.exit(run_worker(app, 1, ("queries", "preparations", "library")))
"""


@pytest.mark.servers
@pytest.mark.parametrize(("name", "victim"), [("amqp", "child"), ("amqp", "parent"), ("redis", "child")])
def test_a_killed_worker_gives_its_task_back(name: str, victim: str, tmp_path: Path) -> None:
    """Over Redis only a parent that lives gives a killed child's task back; else the settler queues it again."""
    broker = Broker(_url(name), f"test-{uuid.uuid4().hex}")
    queue, [query] = TaskQueue(broker.app()), _ids(1)

    def start(mode: str) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-c", _KILLED_WORKER, broker.url, broker.prefix, str(tmp_path), mode]
        return subprocess.Popen(command, start_new_session=True)

    first = start("hold")
    second = None
    try:
        queue.submit_query(query)
        _until(lambda: bool(list(tmp_path.glob("*.begun"))), 40)
        [begun] = tmp_path.glob("*.begun")
        child = int(begun.name.split(".")[1])
        assert child != first.pid
        if victim == "child":
            os.kill(child, signal.SIGKILL)
            _until(lambda: len(list(tmp_path.glob("*.begun"))) == 2, 40)
        else:
            os.killpg(first.pid, signal.SIGKILL)
            second = start("go")
            _until(lambda: len(list(tmp_path.glob(f"{query}.*.ended"))) == 1, 40)
            second.send_signal(signal.SIGTERM)
            assert second.wait(60) == 0  # see run_worker
    finally:
        for process in (first, second):
            if process is not None and process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(10)
        _delete_queues(broker)

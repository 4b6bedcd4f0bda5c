"""The servers that the tests talk to: S3, the MongoDB protocol, AMQP, Redis.

    python3 scripts/services up       bring up what is missing, wait until all answer, write the environment file
    python3 scripts/services env      print that file: SFUMATO_TEST_…_URL lines, secrets included
    python3 scripts/services status   what runs, and what `up` would do about the rest
    python3 scripts/services down     stop what was started
    python3 scripts/services grpcurl  have the program that scripts/admin calls with, and print its path

For each server the first open way is taken: the variable SFUMATO_TEST_…_URL (nothing is started), a Docker engine
(compose.yaml), the program on the PATH, a build or a Debian package. Builds are cached outside the tree, in
${XDG_CACHE_HOME:-~/.cache}/sfumato-services. Python 3.11 or later, standard library only.
"""

from __future__ import annotations

import argparse
import os
import sys
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

from .errors import ServiceError
from .grpcurl import have_grpcurl
from .parts import ALL, Part, bring_up, given, is_up, open_ways, take_down
from .workplace import REPOSITORY, Workplace, cache_directory, locked, prepare_state, write_private

_EMBEDDED = "`make test-embedded` runs every test that needs no server."
_speaking = threading.Lock()


def main(arguments: Sequence[str]) -> int:
    """Run one command and return the exit status."""
    parser = argparse.ArgumentParser(prog="services", description="The servers that the tests talk to.")
    parser.add_argument("command", choices=["up", "down", "status", "env", "grpcurl"])
    parser.add_argument("--state-dir", type=Path, default=REPOSITORY / "build" / "services", metavar="DIR")
    parser.add_argument("--durable", action="store_true", help="keep fsync on: for benchmarks and power-loss tests")
    chosen = parser.parse_args(arguments)
    environment = dict(os.environ)
    workplace = Workplace(chosen.state_dir.resolve(), cache_directory(environment), environment, chosen.durable)
    commands = {"up": _up, "down": _down, "status": _status, "env": _env, "grpcurl": _grpcurl}
    return commands[chosen.command](workplace)


def _up(workplace: Workplace) -> int:
    """Bring all parts up at once; builds queue. One part's failure leaves the others and their messages alone."""
    prepare_state(workplace.state)
    began = time.monotonic()

    def one(part: Part) -> str | ServiceError:
        try:
            url = bring_up(part, workplace, lambda text: _say(part, text))
        except ServiceError as failure:
            return failure
        _say(part, f"ready after {time.monotonic() - began:.1f} s")
        return url

    with locked(workplace.state / "lock"), ThreadPoolExecutor(len(ALL)) as pool:
        outcomes = list(zip(ALL, pool.map(one, ALL), strict=True))
        lines = [f"{part.variable}={outcome}\n" for part, outcome in outcomes if isinstance(outcome, str)]
        write_private(_environment_file(workplace), "".join(lines))
    failures = [(part, outcome) for part, outcome in outcomes if isinstance(outcome, ServiceError)]
    for part, failure in failures:
        _say(part, str(failure))
    if failures:
        names = ", ".join(part.name for part, _ in failures)
        print(f"services: {names} could not be brought up; the reasons stand above. {_EMBEDDED}", file=sys.stderr)
    return 1 if failures else 0


def _down(workplace: Workplace) -> int:
    status = 0
    if not workplace.state.exists():
        return status
    with locked(workplace.state / "lock"):
        for part in ALL:
            try:
                if take_down(part, workplace):
                    _say(part, "stopped")
            except ServiceError as failure:
                _say(part, str(failure))
                status = 1
        _environment_file(workplace).unlink(missing_ok=True)
    return status


def _status(workplace: Workplace) -> int:
    """Say what runs. Exit status 0 only when every part does."""
    all_are_up = True
    for part in ALL:
        own = workplace.running(part.name)
        if given(part, workplace) is not None:
            print(f"{part.name}: named by {part.variable}")
        elif own is not None and is_up(part, workplace):
            print(f"{part.name}: running ({own.way}) at {urlsplit(own.url).netloc.rpartition('@')[2]}")
        else:
            all_are_up = False
            print(f"{part.name}: not running; {_outlook(part, workplace)}")
    return 0 if all_are_up else 1


def _outlook(part: Part, workplace: Workplace) -> str:
    try:
        ways = open_ways(part, workplace)
    except ServiceError as failure:
        return str(failure)
    return "`up` would try: " + ", ".join(way.name for way in ways)


def _env(workplace: Workplace) -> int:
    try:
        print(_environment_file(workplace).read_text(), end="")
    except FileNotFoundError:
        print(f"services: none are up; run `make services`. {_EMBEDDED}", file=sys.stderr)
        return 1
    return 0


def _grpcurl(workplace: Workplace) -> int:
    try:
        print(have_grpcurl(workplace))
    except ServiceError as failure:
        print(f"services: {failure}", file=sys.stderr)
        return 1
    return 0


def _environment_file(workplace: Workplace) -> Path:
    return workplace.state / "env"


def _say(part: Part, text: str) -> None:
    with _speaking:
        print(f"{part.name}: {text}", file=sys.stderr, flush=True)

"""How long stored releases live: what policy says now, and what it said while somebody acted on it.

A release whose time was once over stays expired, however long policy lets releases live afterwards: its bytes may have
been deleted. So each rule under which anything was decided is kept with the time from which it held, and that before
the decision is told. A rule that came and went unseen has deleted nothing, and is not missed.
"""

import json
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from sfumato.v1.dataset_pb2 import Dataset
from sfumato_accountant.catalog.collection import Collection
from sfumato_accountant.stores.ports import RecordStore
from sfumato_mesh.clock import Clock
from sfumato_mesh.digests import sha256

_KIND: Final = "retention"
_FRESH_SECONDS: Final = 1.0
"""How long a rule is taken to hold without a look at the dataset. A day is a short life for a release."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Rule:
    """How long releases of a dataset live, from an instant until the next rule."""

    since: datetime
    length: timedelta | None
    """None: for ever."""


@dataclass(frozen=True, slots=True)
class Retention:
    """The rules of the datasets that a question reads; of several the strictest holds."""

    histories: tuple[tuple[Rule, ...], ...] = ()
    """Of each dataset, oldest first; none: its releases live for ever."""

    def end_of(self, committed_at: datetime | None) -> datetime | None:
        """Return when a release can no longer be read that was committed at an instant; None: never, as things are."""
        if committed_at is None:
            return None
        ends = [end for rules in self.histories if (end := _end(rules, committed_at)) is not None]
        return min(ends, default=None)


FOR_EVER: Final = Retention()
"""No rule was ever made."""


def _end(rules: Sequence[Rule], committed_at: datetime) -> datetime | None:
    """Return the first instant at which the rule of the time says that a release's life is over."""
    for rule, following in zip(rules, [*rules[1:], None], strict=True):
        if rule.length is None:
            continue
        try:
            end = max(committed_at + rule.length, rule.since)
        except OverflowError:  # behind the last year there is: never
            continue
        if following is None or end < following.since:
            return end
    return None


class Retentions:
    """The rules of all datasets, deleted ones too. For one event loop."""

    def __init__(
        self,
        datasets: Collection[Dataset],
        records: RecordStore,
        clock: Clock,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._datasets = datasets
        self._records = records
        self._clock = clock
        self._monotonic = monotonic
        self._known: dict[str, tuple[float, tuple[Rule, ...]]] = {}

    async def of(self, names: Iterable[str]) -> Retention:
        """Return the rules of datasets, as of the last second."""
        return Retention(tuple([rules for name in names if (rules := await self._rules(name))]))

    async def of_read(self, datasets: Iterable[Dataset]) -> Retention:
        """Return the rules of datasets that were read just now."""
        return Retention(tuple([rules for each in datasets if (rules := await self._present(each))]))

    async def _rules(self, name: str) -> tuple[Rule, ...]:
        until, rules = self._known.get(name, (0.0, ()))
        if self._monotonic() < until:
            return rules
        entry = await self._datasets.find(name.partition("/")[2])
        return () if entry is None else await self._kept(entry.message)

    async def _present(self, dataset: Dataset) -> tuple[Rule, ...]:
        until, rules = self._known.get(dataset.name, (0.0, ()))
        if self._monotonic() < until and _length(rules) == _stated(dataset):
            return rules
        return await self._kept(dataset)

    async def _kept(self, dataset: Dataset) -> tuple[Rule, ...]:
        """Return the rules with the present one at their end, after it is kept."""
        record_id, stated = dataset.name.partition("/")[2], _stated(dataset)
        while True:
            asked = self._monotonic()
            record = await self._records.get(_KIND, record_id)
            rules = () if record is None else _decode(record.body)
            if _length(rules) == stated:
                break
            rules = (*rules, Rule(self._clock.now(), stated))
            body = _encode(rules)
            etag = sha256(body).hex()[:16]
            if record is None:
                written = await self._records.insert(_KIND, record_id, body, etag)
            else:
                written = await self._records.replace(_KIND, record_id, body, etag, record.etag)
            if written:
                break
        self._known[dataset.name] = (asked + _FRESH_SECONDS, rules)
        return rules


def _stated(dataset: Dataset) -> timedelta | None:
    policy = dataset.policy
    return policy.release_retention.ToTimedelta() if policy.HasField("release_retention") else None


def _length(rules: Sequence[Rule]) -> timedelta | None:
    return rules[-1].length if rules else None


def _encode(rules: Iterable[Rule]) -> bytes:
    """Return rules as JSON: microseconds since 1970, and of life."""
    return json.dumps(
        [
            [(rule.since - _EPOCH) // _MICROSECOND, None if rule.length is None else rule.length // _MICROSECOND]
            for rule in rules
        ]
    ).encode()


def _decode(body: bytes) -> tuple[Rule, ...]:
    return tuple(
        Rule(_EPOCH + since * _MICROSECOND, None if length is None else length * _MICROSECOND)
        for since, length in json.loads(body)
    )

"""The compiler: a plan, a payment and public metadata become a checked and priced program.

Nothing here sees data. Equal inputs give equal programs; questions that differ only in form give equal digests.
"""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from google.protobuf.message import Message

from sfumato.v1 import dataset_pb2, measure_pb2, payment_pb2, plan_pb2
from sfumato_executor.plan import keys as group_keys
from sfumato_executor.plan.asking import Asking
from sfumato_executor.plan.bounding import bounding, bounding_note
from sfumato_executor.plan.digest import program_digest
from sfumato_executor.plan.engine_policy import check_engine
from sfumato_executor.plan.funds import Funds, funds
from sfumato_executor.plan.inference import Inference
from sfumato_executor.plan.limits import CHOICES_MAX, ENTRIES_MAX, check_limits
from sfumato_executor.plan.losses import total
from sfumato_executor.plan.measures import WantedDraw, WantedMeasure, weighted
from sfumato_executor.plan.pricing import THRESHOLD_VECTOR, PricedDraws, Terms, price
from sfumato_executor.plan.program import DrawKind, Key, KeyDomain, MeasureKind, Output, Program
from sfumato_executor.plan.resolution import Rows, resolve
from sfumato_mesh.engine_names import NATIVE
from sfumato_mesh.refusals import plan_rejected

ENGINE: Final = NATIVE
DEFAULT_MAX_ROWS: Final = 2**36
"""Capacity in rows where the schema says none."""
_CACHED: Final = 256
_CACHED_KEYS: Final = 300_000
"""Public keys of all programs that are kept: what they weigh."""

_cache: OrderedDict[bytes, Program] = OrderedDict()
_cache_lock = threading.Lock()


def compile_plan(
    plan: plan_pb2.Plan, payment: payment_pb2.Payment, dataset: dataset_pb2.Dataset, accounting: int
) -> Program:
    """Check and price a plan.

    Args:
        plan: the question.
        payment: the loss to spend; the program's loss is at most that, in every field.
        dataset: name, schema, privacy unit and policy of the dataset that the plan reads.
        accounting: number of `sfumato.v1.Accounting` of its population.

    Raises:
        Refusal: PLAN_REJECTED, ENGINE_NOT_ALLOWED or ACCOUNTING_MISMATCH.
    """
    key = _cache_key((plan, payment, dataset.schema, dataset.privacy_unit, dataset.policy), dataset.name, accounting)
    with _cache_lock:
        found = _cache.get(key)
        if found is not None:
            _cache.move_to_end(key)
            return found
    program = _compiled(plan, payment, dataset, accounting)
    with _cache_lock:
        _cache[key] = program
        keys = sum(len(each.public_keys) for each in _cache.values())
        while len(_cache) > _CACHED or keys > _CACHED_KEYS:
            keys -= len(_cache.popitem(last=False)[1].public_keys)
    return program


def _cache_key(messages: Sequence[Message], name: str, accounting: int) -> bytes:
    digest = hashlib.sha256(f"{name}\n{accounting}".encode())
    for message in messages:
        content = message.SerializeToString(deterministic=True)
        digest.update(b"%d:" % len(content))
        digest.update(content)
    return digest.digest()


@dataclass(frozen=True)
class _Question:
    """A plan understood: what is asked of which rows, before any price."""

    rows: Rows
    keys: tuple[Key, ...]
    domain: KeyDomain
    public: tuple[group_keys.KeyRow, ...]
    measures: tuple[WantedMeasure, ...]
    notes: tuple[str, ...]

    @property
    def key_count(self) -> int | None:
        """Groups that are answered; None where keys pass a threshold."""
        return None if self.domain is KeyDomain.THRESHOLD else max(1, len(self.public))


def _understood(plan: plan_pb2.Plan, dataset: dataset_pb2.Dataset, money: Funds) -> _Question:
    inference = Inference(dataset.name, dataset.privacy_unit.column)
    rows = resolve(plan, dataset, inference)
    keys = _keys(plan, rows, inference)
    domain, public = group_keys.public_keys(plan.group_by, keys)
    units = {column.name: column.unit for column in dataset.schema.columns if column.unit}
    asking = Asking(inference, rows, units, money)
    measures = tuple(asking.measure(measure, f"measures[{index}]") for index, measure in enumerate(plan.measures))
    _check_measures(measures, keys)
    return _Question(rows, keys, domain, public, measures, tuple(asking.notes))


def _compiled(
    plan: plan_pb2.Plan, payment: payment_pb2.Payment, dataset: dataset_pb2.Dataset, accounting: int
) -> Program:
    check_engine(ENGINE, dataset)
    check_limits(plan)
    thresholded = plan.group_by.WhichOneof("domain") == "threshold_keys"
    money = funds(payment, accounting, thresholded)
    asked = _understood(plan, dataset, money)
    rule = bounding(dataset.privacy_unit, plan.contribution_bounds, asked.key_count, grouped=bool(asked.keys))
    max_rows = dataset.schema.max_rows or DEFAULT_MAX_ROWS
    wanted = _in_order(asked.measures, _threshold(plan, money) if thresholded else None)
    _check_size([draw for draw, _, _ in wanted], asked.key_count or 1)
    priced = price(wanted, thresholded, Terms(rule, asked.key_count, max_rows, money))
    places = {draw.key: index for index, (draw, _, _) in enumerate(wanted)}
    outputs = tuple(_output(measure, places) for measure in asked.measures)
    note = bounding_note(dataset.privacy_unit, rule)
    condition, domain = asked.rows.filter, (asked.domain, asked.public)
    return Program(
        dataset=dataset.name,
        filter=condition,
        keys=asked.keys,
        domain=asked.domain,
        public_keys=asked.public,
        bounding=rule,
        vectors=priced.vectors,
        draws=priced.draws,
        outputs=outputs,
        loss=total([draw.loss for draw in priced.draws]),
        digest=program_digest(ENGINE, dataset.name, condition, asked.keys, domain, rule, priced, outputs, max_rows),
        notes=(*([note] if note else []), *asked.notes, *_notes(asked, priced)),
        max_rows=max_rows,
        threshold_weight=(plan.group_by.threshold_keys.weight or 1) if thresholded else 0,
    )


def _keys(plan: plan_pb2.Plan, rows: Rows, inference: Inference) -> tuple[Key, ...]:
    if plan.HasField("group_by") and not plan.group_by.keys:
        raise plan_rejected("empty_keys", "group_by.keys", "there is no key to group by", hint="leave group_by out")
    found = []
    for index, named in enumerate(plan.group_by.keys):
        path = f"group_by.keys[{index}].expression"
        key = Key(named.alias, inference.typed(named.expression, rows.columns, path).expression)
        group_keys.check_key(key, path)
        found.append(key)
    return tuple(found)


def _check_measures(measures: Sequence[WantedMeasure], keys: Sequence[Key]) -> None:
    if not measures:
        raise plan_rejected("measure", "measures", "the plan measures nothing", hint="ask for a count, for example")
    aliases = [*(key.alias for key in keys), *(measure.alias for measure in measures)]
    names = [*aliases, *(f"{measure.alias}.{end}" for measure in measures for end in ("lower", "upper"))]
    if len(set(names)) < len(names):
        message = "keys and measures must have different names"
        raise plan_rejected("alias", "measures", message, hint="rename one of them")


def _threshold(plan: plan_pb2.Plan, money: Funds) -> tuple[WantedDraw, int]:
    """The draw that finds keys: Laplace noise if ε is paid or every measure asks for it, else Gaussian."""
    laplace = money.pure or all(measure.noise == measure_pb2.NOISE_LAPLACE for measure in plan.measures)
    kind = DrawKind.LAPLACE_THRESHOLD if laplace else DrawKind.GAUSSIAN_THRESHOLD
    return WantedDraw(kind, THRESHOLD_VECTOR), 2 * (plan.group_by.threshold_keys.weight or 1)


def _in_order(
    measures: Sequence[WantedMeasure], threshold: tuple[WantedDraw, int] | None
) -> list[tuple[WantedDraw, int, str]]:
    """Draws in canonical order, key discovery first, each with its weight and the path of its first measure."""
    paths: dict[str, str] = {}
    for measure in measures:
        for draw in measure.draws:
            paths.setdefault(draw.key, measure.path)
    by_key = weighted(measures)
    ordered = [(*by_key[key], paths[key]) for key in sorted(by_key)]
    return ordered if threshold is None else [(*threshold, "group_by.threshold_keys"), *ordered]


def _check_size(draws: Sequence[WantedDraw], key_count: int) -> None:
    entries = sum(key_count * draw.vector.bins for draw in draws if draw.kind is not DrawKind.NOISY_MAX)
    choices = sum(key_count * draw.vector.bins for draw in draws if draw.kind is DrawKind.NOISY_MAX)
    if entries > ENTRIES_MAX or choices > CHOICES_MAX:
        message = f"the answer would take {entries:,} noisy numbers and {choices:,} scored candidates"
        hint = f"at most {ENTRIES_MAX:,} and {CHOICES_MAX:,}: use fewer keys, bins, candidates or measures"
        raise plan_rejected("too_many_answers", "group_by" if key_count > 1 else "measures", message, hint=hint)


def _output(measure: WantedMeasure, places: dict[str, int]) -> Output:
    return Output(
        alias=measure.alias,
        kind=measure.kind,
        draws=tuple(places[draw.key] for draw in measure.draws),
        type=measure.type,
        lower=measure.lower,
        upper=measure.upper,
        unit=measure.unit,
        bin_labels=measure.bin_labels,
        weight=measure.weight,
    )


def _notes(asked: _Question, priced: PricedDraws) -> list[str]:
    notes = []
    if asked.domain is KeyDomain.PUBLIC:
        notes.append(f"every one of {len(asked.public):,} public keys is answered, with rows or without")
        nullable = [
            key.alias for index, key in enumerate(asked.keys) if any(row[index] is None for row in asked.public)
        ]
        if nullable:
            notes.append(f"{', '.join(nullable)}: null is a key too")
    if asked.domain is KeyDomain.THRESHOLD:
        threshold = priced.draws[0].threshold
        notes.append(f"a key is answered only if a noisy count of its privacy units reaches {threshold:,}")
    readers: dict[str, list[str]] = {}
    for measure in asked.measures:
        for draw in measure.draws:
            readers.setdefault(draw.key, []).append(measure.alias)
    notes += [
        f"{', '.join(aliases)} share one noisy number, which is paid once"
        for aliases in (sorted(set(aliases)) for aliases in readers.values())
        if len(aliases) > 1
    ]
    for measure in asked.measures:
        if measure.kind in (MeasureKind.SUM, MeasureKind.MEAN):
            unit = f" {measure.unit}" if measure.unit else ""
            notes.append(
                f"{measure.alias}: values are moved into {measure.lower:.15g} to {measure.upper:.15g}{unit} first"
            )
    return notes

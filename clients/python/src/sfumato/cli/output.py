"""What commands print: one JSON document with full-precision numbers, or views for people."""

import csv
import datetime
import io
import json
import math
import sys
from collections.abc import Callable
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message

from sfumato.answers import Answer
from sfumato.budgets import Budget, Window
from sfumato.charges import Charge, ScopeLine
from sfumato.datasets import Dataset, DatasetLine
from sfumato.frames import Frame
from sfumato.jobs import ModelJob
from sfumato.models import AnyModel, EstimatorModel, Sample
from sfumato.queries import Query
from sfumato.quotes import MeasureQuote, Quote
from sfumato.timelines import Timeline


def show(as_json: bool, document: Callable[[], Any], view: Callable[[], object]) -> None:
    """Print the document as JSON, or the view."""
    sys.stdout.write((json_text(document()) if as_json else str(view())) + "\n")


def json_text(document: Any) -> str:
    """Return a document as JSON."""
    return json.dumps(_plain(document), ensure_ascii=False, indent=2, allow_nan=False)


def _plain(value: Any) -> Any:
    """Return the value as JSON takes it: times as ISO 8601, what is not finite as null."""
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, datetime.date | datetime.datetime):
        return value.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def proto(message: Message) -> dict[str, Any]:
    """Return a message with the field names of the contract; 64-bit integers are decimal text."""
    return MessageToDict(message, preserving_proto_field_name=True)


def charge(value: Charge) -> dict[str, Any]:
    """Return a charge: exact integers as decimal text, and numbers for convenience."""
    return {
        "rho_picos": str(value.rho_picos),
        "epsilon_picos": None if value.epsilon_picos is None else str(value.epsilon_picos),
        "delta_attos": str(value.delta_attos),
        "rho": value.rho,
        "delta": value.delta,
    }


def _scope(value: ScopeLine | Budget) -> dict[str, Any]:
    return {
        "population": value.population,
        "dataset": value.dataset,
        "project": value.project,
        "analyst": value.analyst,
    }


def scope_line(value: ScopeLine) -> dict[str, Any]:
    """Return what one scope pays and has left."""
    after = value.remaining_after
    return {
        "scope": _scope(value),
        "charge": charge(value.charge),
        "limit": charge(value.limit),
        "remaining": charge(value.remaining),
        "remaining_after": None if after is None else charge(after),
        "affordable": value.affordable,
    }


def quote(value: Quote) -> dict[str, Any]:
    """Return a quote."""
    return {
        "charge": charge(value.charge),
        "affordable": value.affordable,
        "scopes": [scope_line(each) for each in value.scopes],
        "measures": [_measure(each) for each in value.measures],
        "notes": list(value.notes),
        "repeats": value.repeats or None,
        "engine": value.engine,
        "data_versions": value.data_versions,
        "plan_digest": value.plan_digest,
    }


def _measure(value: MeasureQuote) -> dict[str, Any]:
    return {
        "alias": value.alias,
        "description": value.description,
        "unit": value.unit,
        "noise": value.noise,
        "charge": charge(value.charge),
        "half_widths": [
            {
                "confidence": each.confidence,
                "group_size": each.group_size or None,
                "absolute": each.absolute,
                "level": each.level,
            }
            for each in value.half_widths
        ],
    }


def answer(value: Answer) -> dict[str, Any]:
    """Return an answer."""
    return {
        "query": value.query or None,
        "request_id": value.request_id or None,
        "dummy": value.is_dummy,
        "repeated": value.repeated,
        "derived": value.derived,
        "free": value.is_free,
        "charge": charge(value.charge),
        "paid": [charge(each) for each in value.paid],
        "remaining": [scope_line(each) for each in value.remaining],
        "columns": list(value.columns),
        "rows": value.rows(),
        "receipt": None if value.is_dummy else proto(value.receipt.to_proto()),
    }


def table_csv(value: Frame) -> str:
    """Return the rows as CSV; intervals beside their measures, lists as JSON."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(value.columns)
    for row in value.rows():
        writer.writerow([json.dumps(_plain(each)) if isinstance(each, list) else each for each in row.values()])
    return text.getvalue()


def budget(value: Budget) -> dict[str, Any]:
    """Return the state of a scope."""
    return {
        "scope": _scope(value),
        "limit": charge(value.limit),
        "spent": charge(value.spent),
        "remaining": charge(value.remaining),
        "spent_epsilon": value.spent_epsilon,
        "frozen": value.frozen,
        "since": value.since or None,
        "delegated": charge(value.delegated),
        "remaining_for_life": charge(value.remaining_for_life),
        "window": None if value.window is None else _window(value.window),
        "grant": value.grant or None,
        "lender": value.lender or None,
    }


def _window(value: Window) -> dict[str, Any]:
    return {
        "limit": None if value.limit is None else charge(value.limit),
        "spent": charge(value.spent),
        "remaining": None if value.remaining is None else charge(value.remaining),
        "end_time": value.end,
    }


def timeline(value: Timeline) -> dict[str, Any]:
    """Return how a scope was spent over time."""
    return {
        "population": value.population,
        "scope": value.scope,
        "delta": value.delta,
        "typical_count": None if value.typical_count is None else charge(value.typical_count),
        "counts_left": value.counts_left,
        "points": [
            {
                "time": each.time,
                "spent": charge(each.spent),
                "limit": None if each.limit is None else charge(each.limit),
                "spent_epsilon": each.spent_epsilon,
            }
            for each in value
        ],
    }


def dataset_line(value: DatasetLine) -> dict[str, Any]:
    """Return one line of the list of datasets."""
    return {
        "name": value.name,
        "description": value.description,
        "privacy_unit": value.privacy_unit,
        "population": value.population,
        "version": value.version,
        "spendable_rho": value.spendable_rho,
        "spendable_epsilon": value.spendable_epsilon,
    }


def dataset(value: Dataset) -> dict[str, Any]:
    """Return a dataset: its record, and what is left."""
    return {"dataset": proto(value.to_proto()), "budgets": [budget(each) for each in value.budgets]}


def query(value: Query) -> dict[str, Any]:
    """Return a query."""
    return {
        "name": value.name,
        "state": value.state,
        "repeated": value.repeated,
        "derived": value.derived,
        "free": value.is_free,
        "datasets": value.datasets,
        "analyst": value.analyst,
        "charge": charge(value.charge),
        "paid": [charge(each) for each in value.paid],
        "labels": value.labels,
        "create_time": value.create_time,
    }


def model(value: AnyModel, *, parameters: bool = False) -> dict[str, Any]:
    """Return a model; with the parameters of an estimator, if asked."""
    document = {
        "name": value.name or None,
        "kind": value.kind,
        "spec": proto(value.spec),
        "query": value.query or None,
        "dummy": value.is_dummy,
        "datasets": value.datasets,
        "charge": charge(value.charge),
        "create_time": None if value.is_dummy else value.create_time,
        "expire_time": value.expire_time,
    }
    if parameters and isinstance(value, EstimatorModel):
        document["parameters"] = proto(value.parameters)
    return document


def job(value: ModelJob[AnyModel]) -> dict[str, Any]:
    """Return a fit: its model's name, which `sfumato models` takes, and how far it is."""
    now = value.progress
    return {
        "model": f"models/{value.id}",
        "query": value.query,
        "state": now.state,
        "elapsed_seconds": now.elapsed,
        "done_steps": now.done_steps,
        "total_steps": now.total_steps or None,
        "give_up_time": now.give_up_time,
    }


def sample(value: Sample) -> dict[str, Any]:
    """Return rows that were drawn from a model."""
    return {
        "model": value.model or None,
        "seed": value.seed,
        "dummy": value.is_dummy,
        "asked": value.asked,
        "columns": list(value.columns),
        "rows": value.rows(),
    }

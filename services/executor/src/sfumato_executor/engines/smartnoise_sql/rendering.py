"""From noisy statistics to the answer's columns: arithmetic on what was released, free of charge."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as compute

from sfumato_executor.engine import UnreadableReleaseError
from sfumato_executor.engines.library.program import Job

_KEY_TYPES: Final = {"boolean": pa.bool_(), "category": pa.string(), "integer": pa.int64()}
_Number = float | None


def answer_schema(job: Job) -> pa.Schema:
    """Return the columns of the answer."""
    told: Any = job
    kinds = {key["name"]: key["kind"] for key in told["keys"]}
    return pa.schema([(output["alias"], _type(output, kinds)) for output in told["outputs"]])


def _type(output: Mapping[str, Any], kinds: Mapping[str, str]) -> pa.DataType:
    if output["form"] == "key":
        return _KEY_TYPES[kinds[output["key"]]]
    return pa.int64() if output["whole"] else pa.float64()


def render(job: Job, release: pa.Table) -> pa.Table:
    """Return the answer's columns, sorted and cut as the statement says.

    Raises:
        UnreadableReleaseError: the release is of another program.
    """
    told: Any = job
    names = [key["name"] for key in told["keys"]] + [each["name"] for each in told["statistics"]]
    if release.column_names != names:
        raise UnreadableReleaseError("the release has other columns than the program")
    schema = answer_schema(job)
    keys = {key["name"]: key for key in told["keys"]}
    columns = [_column(output, keys, release) for output in told["outputs"]]
    answer = pa.table(
        [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)], schema=schema
    )
    if told["order"]:
        order = [(alias, "descending" if down else "ascending") for alias, down in told["order"]]
        answer = answer.take(compute.sort_indices(answer, sort_keys=order))
    return answer if told["limit"] is None else answer.slice(0, told["limit"])


def _column(output: Mapping[str, Any], keys: Mapping[str, Any], release: pa.Table) -> Sequence[object]:
    if output["form"] == "key":
        return [_key(keys[output["key"]], code) for code in release.column(output["key"]).to_pylist()]
    parts = [release.column(name).to_pylist() for name in output["statistics"]]
    made = [_FORMS[output["form"]](*row) for row in zip(*parts, strict=True)]
    return [None if each is None else int(each) for each in made] if output["whole"] else made


def _key(key: Mapping[str, Any], code: int) -> object:
    if not 0 <= code < key["size"]:
        raise UnreadableReleaseError("a key is not one of the program's")
    if key["nullable"] and code == key["size"] - 1:
        return None
    match key["kind"]:
        case "boolean":
            return bool(code)
        case "category":
            return key["labels"][code]
        case _:
            return code + key["lower"]


def _itself(value: float) -> _Number:
    return value


def _mean(total: float, count: float) -> _Number:
    """The noisy sum over the noisy count; null where that is below 1, since such a mean says nothing."""
    return total / count if count >= 1 else None


def _variance(total: float, count: float, squares: float) -> _Number:
    """As the library computes it, a negative one being 0."""
    mean = _mean(total, count)
    return None if mean is None else max(0.0, squares / count - mean * mean)


def _deviation(total: float, count: float, squares: float) -> _Number:
    variance = _variance(total, count, squares)
    return None if variance is None else math.sqrt(variance)


_FORMS: Final[dict[str, Callable[..., _Number]]] = {
    "rows": _itself,
    "count": _itself,
    "sum": _itself,
    "mean": _mean,
    "variance": _variance,
    "deviation": _deviation,
}

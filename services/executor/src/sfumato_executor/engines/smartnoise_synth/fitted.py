"""What the release of a synthesizer holds: axes, and marginals over them or a pool of rows. Checked before use."""

import json
import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from sfumato_executor.engine import UnreadableReleaseError
from sfumato_executor.engines.library.program import MODEL_METADATA
from sfumato_executor.engines.smartnoise_synth.domain import Axis

ARRAYS: Final = pa.schema([("name", pa.string()), ("shape", pa.list_(pa.int64())), ("values", pa.list_(pa.float64()))])
"""Columns of a release: one named array a row, its numbers in row-major order."""

Table = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Marginal:
    """Weights of combinations of codes: axis i of the array is axis `places[i]` of the model."""

    places: tuple[int, ...]
    weights: Table


@dataclass(frozen=True)
class Fitted:
    """A fitted synthesizer: either marginals or a pool."""

    axes: tuple[Axis, ...]
    marginals: tuple[Marginal, ...]
    """Of a junction tree, each behind one with which it shares all axes that it shares with those before it."""
    pool: npt.NDArray[np.int64] | None
    """Codes: a row a drawn row, a column an axis."""


def fitted(release: pa.Table) -> Fitted:
    """Return the synthesizer in a release.

    Raises:
        UnreadableReleaseError: there is none, or its arrays do not fit its axes.
    """
    try:
        described = json.loads((release.schema.metadata or {})[MODEL_METADATA])
        axes = tuple(Axis.from_json(axis) for axis in described["axes"])
        if release.schema.names != ARRAYS.names or not axes:
            raise ValueError("no arrays")
        arrays = {str(row["name"]): _array(row) for row in release.to_pylist()}
        pool = _pool(arrays, axes) if any(name.startswith("pool:") for name in arrays) else None
        marginals = () if pool is not None else tuple(_marginal(name, values, axes) for name, values in arrays.items())
        if pool is None and {place for each in marginals for place in each.places} != set(range(len(axes))):
            raise ValueError("an axis is in no marginal")
    except (LookupError, TypeError, ValueError, OverflowError) as error:
        raise UnreadableReleaseError("it is no synthesizer") from error
    return Fitted(axes, marginals, pool)


def _array(row: dict[str, Any]) -> Table:
    shape, values = tuple(row["shape"]), np.asarray(row["values"], dtype=np.float64)
    if not shape or math.prod(shape) != len(values) or not np.isfinite(values).all() or (values < 0).any():
        raise ValueError("no array")
    return values.reshape(shape)


def _marginal(name: str, weights: Table, axes: tuple[Axis, ...]) -> Marginal:
    kind, _, listed = name.partition(":")
    places = tuple(int(place) for place in listed.split(","))
    sizes = tuple(axes[place].size for place in places)
    if kind != "marginal" or min(places) < 0 or len(set(places)) < len(places) or weights.shape != sizes:
        raise ValueError("no marginal")
    if not weights.sum() > 0:
        raise ValueError("an empty marginal")
    return Marginal(places, weights)


def _pool(arrays: dict[str, Table], axes: tuple[Axis, ...]) -> npt.NDArray[np.int64]:
    columns = [arrays[f"pool:{place}"] for place in range(len(axes))]
    if len(arrays) != len(axes) or len({column.shape for column in columns}) != 1 or columns[0].ndim != 1:
        raise ValueError("no pool")
    codes = np.stack(columns, axis=1).astype(np.int64)
    if not len(codes) or (codes >= np.array([axis.size for axis in axes])).any():
        raise ValueError("a code outside its axis")
    return codes

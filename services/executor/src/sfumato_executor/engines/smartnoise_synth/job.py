"""Fits a synthesizer; the only module that imports SmartNoise-Synth. Runs in the confined process.

What the library's own `fit` reads of the data beside its mechanisms (snsynth 1.0.8) is avoided:

- MST (`mst/mst.py`) and AIM (`aim/aim.py`) take their domain from a transformer that learns it: here it is given.
- `MSTSynthesizer.MST` hands the exact number of rows to the estimation (`known_total`). Here it is the mean of the sums
  of the noisy one-way marginals, weighted by the inverse of their variance: post-processing of what was paid.
- `MSTSynthesizer.compress_domain` scales the noisy count of rare values down without telling the estimation, which
  loses them: here it is scaled back.
- `MWEMSynthesizer.fit` takes dimensions from the least and largest value, and iterations, width of marginals and the
  first distribution from the exact number of rows. Here dimensions and parameters are public, and the number of rows is
  noisy, for a share of ε.
- `MWEMSynthesizer._exponential_mechanism` draws again until it meets a query that was not measured, and after some
  draws takes any: every draw costs. Here one draw is made among those that were not measured.
- PAC-Synth takes δ from the exact number of rows unless it is told one.

Losses are those of adding or removing one row: MST and AIM spend ρ in Gaussian noise of OpenDP and in exponential
mechanisms of ρ = ε²/8 (McKenna et al. 2021 and 2022); MWEM ε in Laplace noise of OpenDP and exponential mechanisms
(Hardt et al. 2012); PAC-Synth (ε, δ).
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Codes = npt.NDArray[np.int64]
Arrays = list[tuple[str, npt.NDArray[np.float64]]]

ARRAYS = pa.schema([("name", pa.string()), ("shape", pa.list_(pa.int64())), ("values", pa.list_(pa.float64()))])
TOTAL_SHARE = 0.1
"""Share of ε that MWEM pays for the number of rows."""
COUNT_SHARE = 0.1
"""Share of ε that PAC-Synth pays for the number of rows: its own 0.005 would often give one below 0, where it ends."""
POOL_CELLS = 2_000_000
POOL_ROWS = 100_000
"""Rows, at most, that a model keeps which cannot be drawn from otherwise."""


def run(job: Mapping[str, Any], rows: pa.Table) -> pa.Table:
    """Fit a synthesizer on rows, and return its arrays: marginals ("marginal:0,2": of axes 0 and 2), or a pool."""
    axes = job["axes"]
    codes = np.stack([encoded(rows.column(place), axis) for place, axis in enumerate(axes)], axis=1)
    sizes = [axis["bins"] + bool(axis["nullable"]) for axis in axes]
    arrays = _FITS[job["method"]](codes, sizes, job)
    columns = zip(*((name, list(values.shape), values.ravel().tolist()) for name, values in arrays), strict=True)
    return pa.Table.from_arrays([pa.array(list(each)) for each in columns], names=ARRAYS.names).cast(ARRAYS)


def encoded(column: pa.ChunkedArray, axis: Mapping[str, Any]) -> Codes:
    """Return the codes of a column of stored values: bins of equal width over public bounds, then null."""
    bins, kind = axis["bins"], axis["kind"]
    missing = column.is_null().to_numpy(zero_copy_only=False)
    if kind in ("boolean", "category"):
        codes = column.cast(pa.int64()).fill_null(0).to_numpy()
    elif kind == "real":
        values = column.fill_null(axis["lower"]).to_numpy()
        width = axis["upper"] - axis["lower"]
        codes = np.floor((values - axis["lower"]) / width * bins).astype(np.int64) if width else np.zeros(len(values))
    else:
        values = column.cast(pa.int64()).fill_null(axis["lower"]).to_numpy()
        width = axis["upper"] - axis["lower"] + 1
        codes = np.array([(int(value) - axis["lower"]) * bins // width for value in values], dtype=np.int64)
    codes = np.clip(codes, 0, bins - 1).astype(np.int64)
    found: Codes = np.where(missing, bins, codes)
    return found


def _mst(codes: Codes, sizes: Sequence[int], job: Mapping[str, Any]) -> Arrays:
    from mbi import Dataset, Domain, LinearMeasurement, estimation, marginal_oracles
    from snsynth.mst.mst import MSTSynthesizer

    class Compressing(MSTSynthesizer):  # type: ignore[misc]
        supports: dict[str, npt.NDArray[np.bool_]]

        def transform_data(self, data: Any, supports: Any) -> Any:
            self.supports = supports
            return super().transform_data(data, supports)

    names = [str(place) for place in range(len(sizes))]
    data = Dataset(codes, Domain(names, sizes))
    synthesizer = Compressing()
    sigma = math.sqrt(3 / (2 * job["rho"]))
    singles = synthesizer.measure(data, [(name,) for name in names], sigma)
    total = _noisy_total([np.asarray(each.noisy_measurement) for each in singles])
    data, singles, _ = synthesizer.compress_domain(data, singles)
    singles = [_unscaled(each, synthesizer.supports[each.clique[0]], LinearMeasurement) for each in singles]
    pairs: list[Any] = []
    if len(names) > 1:
        chosen = synthesizer.select(data, job["rho"] / 3.0, singles, total)
        pairs = synthesizer.measure(data, chosen, sigma)
    model = estimation.mirror_descent(
        data.domain,
        [*singles, *pairs],
        known_total=total,
        iters=5000,
        marginal_oracle=marginal_oracles.message_passing_stable,
    )
    return [_decompressed(name, values, synthesizer.supports) for name, values in _marginals(model)]


def _noisy_total(noisy: Sequence[npt.NDArray[np.float64]]) -> float:
    """Number of rows, from noisy one-way marginals of one noise: each sum has the variance of its size."""
    weights = np.array([1 / len(values) for values in noisy])
    sums = np.array([values.sum() for values in noisy])
    return max(1.0, float((weights * sums).sum() / weights.sum()))


def _unscaled(measurement: Any, support: npt.NDArray[np.bool_], make: Callable[..., Any]) -> Any:
    noisy = np.array(measurement.noisy_measurement, dtype=np.float64)
    dropped = support.size - int(support.sum())
    if dropped and noisy.size == support.sum() + 1:
        noisy[-1] *= math.sqrt(dropped + 1.0)
    return make(noisy, measurement.clique, measurement.stddev)


def _marginals(model: Any) -> Arrays:
    """Marginals of a graphical model over the cliques of a junction tree, each behind one that it shares axes with."""
    import networkx
    from mbi import junction_tree, marginal_oracles

    tree, _ = junction_tree.make_junction_tree(model.domain, [set(clique) for clique in model.cliques])
    marginals = marginal_oracles.message_passing_stable(model.potentials.expand(list(tree.nodes)))
    found: Arrays = []
    for component in networkx.connected_components(tree):
        for clique in networkx.dfs_preorder_nodes(tree, next(iter(component))):
            values = np.asarray(marginals.project(tuple(clique)).datavector(flatten=False), dtype=np.float64)
            found.append((",".join(clique), np.maximum(values, 0.0)))
    return found


def _decompressed(name: str, values: npt.NDArray[np.float64], supports: Mapping[str, Any]) -> tuple[str, Any]:
    """A marginal over whole axes: what MST has put together as rare is spread evenly, as its `reverse_data` does."""
    for place, axis in enumerate(name.split(",")):
        support = supports[axis]
        kept, rest = np.flatnonzero(support), np.flatnonzero(~support)
        moved = np.moveaxis(values, place, 0)
        whole = np.zeros((support.size, *moved.shape[1:]))
        whole[kept] = moved[: len(kept)]
        if len(rest) and len(moved) > len(kept):
            whole[rest] = moved[len(kept)] / len(rest)
        values = np.moveaxis(whole, 0, place)
    return f"marginal:{name}", values


def _aim(codes: Codes, sizes: Sequence[int], job: Mapping[str, Any]) -> Arrays:
    from mbi import Dataset, Domain
    from snsynth.aim.aim import AIMSynthesizer

    names = [str(place) for place in range(len(sizes))]
    data = Dataset(codes, Domain(names, sizes))
    synthesizer = AIMSynthesizer(rounds=job["rounds"], max_model_size=job["model_mib"], degree=job["degree"])
    synthesizer.rho = job["rho"]
    workload = synthesizer.get_workload(data, degree=job["degree"], max_cells=job["max_cells"])
    synthesizer.AIM(data, workload)
    return [(f"marginal:{name}", values) for name, values in _marginals(synthesizer.synthesizer)]


def _mwem(codes: Codes, sizes: Sequence[int], job: Mapping[str, Any]) -> Arrays:
    from snsynth.mwem import Histogram, MWEMSynthesizer
    from snsynth.utils import laplace_noise

    total = max(1.0, len(codes) + laplace_noise(1 / (TOTAL_SHARE * job["epsilon"])))

    class Bounded(MWEMSynthesizer):  # type: ignore[misc]
        def _initialize_a(self, histogram: Any, dimensions: Any) -> Any:
            del dimensions
            return np.full(histogram.shape, total / histogram.size)

        def _exponential_mechanism(
            self, hist: Any, synth_hist: Any, queries: Any, eps: float, measurements: Any, iteration: int
        ) -> int:
            del iteration
            left = [place for place in range(len(queries)) if place not in measurements]
            scores = np.array([queries[place].error(hist, synth_hist) * (eps / 2.0) for place in left])
            weights = np.exp(scores - scores.max())
            return int(np.random.choice(left, p=weights / weights.sum()))

        def _multiplicative_weights(self, synth_hist: Any, queries: Any, m: Any, hist: Any, iterate: int) -> Any:
            """A noisy count far outside what there can be says no more than its end, and would overflow the update."""
            whole = float(synth_hist.sum())
            within = {query: [min(max(noisy, -whole), 2 * whole) for noisy in told] for query, told in m.items()}
            return super()._multiplicative_weights(synth_hist, queries, within, hist, iterate)

    iterations = job["iterations"]
    synthesizer = Bounded(epsilon=(1 - TOTAL_SHARE) * job["epsilon"], iterations=iterations)
    cells = Histogram.histogramdd_indexes(codes, list(sizes)).astype(np.float64)
    histogram = Histogram(cells, list(sizes), [None] * len(sizes), list(range(len(sizes))))
    histogram.add_cuboid_queries(job["marginal_width"])
    if len(histogram.queries) > job["query_count"]:
        kept = np.random.choice(len(histogram.queries), job["query_count"], replace=False)
        histogram.queries = [histogram.queries[place] for place in kept]
    histogram.iterations = min(iterations, len(histogram.queries))
    histogram.meas_eps = synthesizer.epsilon / 2.0 / histogram.iterations
    synthesizer.histograms, synthesizer.max_iterations = [histogram], histogram.iterations
    [(learned, _, _)] = synthesizer.mwem()
    return [("marginal:" + ",".join(str(place) for place in range(len(sizes))), np.maximum(learned, 0.0))]


def _pac(codes: Codes, sizes: Sequence[int], job: Mapping[str, Any]) -> Arrays:
    from snsynth.aggregate_seeded import AggregateSeededDataset, AggregateSeededSynthesizer

    synthesizer = AggregateSeededSynthesizer(
        reporting_length=job["reporting_length"],
        epsilon=job["epsilon"],
        delta=job["delta"],
        number_of_records_epsilon_proportion=COUNT_SHARE,
    )
    names = [f"column {place}" for place in range(len(sizes))]
    table = [names, *([f"v{code}" for code in row] for row in codes.tolist())]
    synthesizer.synth.fit(AggregateSeededDataset(table))
    drawn = synthesizer.synth.sample(min(POOL_ROWS, POOL_CELLS // len(sizes)))[1:]
    return [
        (f"pool:{place}", _filled([row[place] for row in drawn], size).astype(np.float64))
        for place, size in enumerate(sizes)
    ]


def _filled(texts: Sequence[str], size: int) -> Codes:
    """Codes of drawn values; where PAC-Synth drew none, one of the column's others, or any if there is none."""
    known = np.array([int(text[1:]) for text in texts if text], dtype=np.int64)
    choices = known if len(known) else np.arange(size)
    return np.array([int(text[1:]) if text else np.random.choice(choices) for text in texts], dtype=np.int64)


_FITS: Mapping[str, Callable[[Codes, Sequence[int], Mapping[str, Any]], Arrays]] = {
    "mst": _mst,
    "aim": _aim,
    "mwem": _mwem,
    "pac": _pac,
}

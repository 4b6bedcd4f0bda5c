"""A checked program: what a plan became, with every bound proved and every noise draw priced.

A Program is a function of the plan, the payment and public metadata alone. Engines execute it as it stands; nothing in
it may be chosen by looking at data.
"""

import enum
from dataclasses import dataclass

from sfumato_executor.plan.expressions import Expression, Value, ValueType


@dataclass(frozen=True)
class Bounding:
    """How much one privacy unit contributes after filtering; enforced on the data, whatever it holds.

    ROW: a row is a unit; nothing is bounded. GROUPS: at most `groups` keys of a unit (smallest keyed hash of unit and
    key), then at most `rows` rows of the unit in each (the stored random order). ROWS: at most `rows` rows of a unit
    in all, whatever their keys; `groups` is then `rows`.
    """

    class Kind(enum.Enum):
        """Which rule."""

        ROW = "row"
        GROUPS = "groups"
        ROWS = "rows"

    kind: Kind
    groups: int
    rows: int
    column: str | None
    """Column that names the unit; None where a row is a unit."""


@dataclass(frozen=True)
class Sensitivity:
    """Most that one unit moves an integer vector: entries touched, Σ|Δ|, √ΣΔ² (rounded up) and max|Δ|."""

    l0: int
    l1: float
    l2: float
    linf: int


class VectorKind(enum.Enum):
    """What the exact integers of a vector are."""

    ROWS = "rows"  # rows where `value` is not null (all rows if there is no value)
    UNITS = "units"  # privacy units with a row in the group
    SUM = "sum"  # Σ clamp(round((x − offset) / step), low, high) over rows where x is not null
    BINS = "bins"  # rows in each of `bins` bins: (key, bin), bin fastest; rows where `value` is null are in none.
    # `value` is an INTEGER from 0 to bins − 1, a BOOLEAN (false 0, true 1) or a CATEGORY (its place in `categories`).
    # For NOISY_MAX it is a Bucket whose inner edges lie one float above the candidates: bin = #(candidates < x).


@dataclass(frozen=True)
class Vector:
    """Exact Int64 integers over (key) or (key, bin): all that the private side produces.

    For SUM, `max_rows · max(|low|, |high|)` < 2^62 is proved, so that no sum wraps.
    """

    kind: VectorKind
    value: Expression | None
    sensitivity: Sensitivity
    offset: float = 0.0
    step: float = 1.0  # a power of two, in the value's unit
    low: int = 0
    high: int = 0
    bins: int = 1


class DrawKind(enum.Enum):
    """Mechanism of a draw."""

    GAUSSIAN = "gaussian"  # discrete Gaussian on every entry of the vector
    LAPLACE = "laplace"  # discrete Laplace on every entry of the vector
    NOISY_MAX = "noisy_max"  # one public candidate a key, by noisy maximum of scores made of BINS counts
    GAUSSIAN_THRESHOLD = "gaussian_threshold"  # keys by noisy count of units
    LAPLACE_THRESHOLD = "laplace_threshold"


@dataclass(frozen=True)
class Loss:
    """Loss in integers, rounded up: ρ and ε in 10^-12, δ in 10^-18. `epsilon_picos` is None where only ρ is known."""

    rho_picos: int
    epsilon_picos: int | None
    delta_attos: int


@dataclass(frozen=True)
class Draw:
    """One noise draw over one vector, fully said.

    `scale` is σ, the Laplace scale, or the scale of the noisy maximum, in steps. `threshold` is in units. For
    NOISY_MAX: the bins of the vector are (−∞, c₀], (c₀, c₁], …, (c_last, ∞), len(candidates) + 1 of them; the score of
    candidate i is −|den·#(x ≤ c_i) − num·n| with `level` = num/den; `sensitivity` is that of the score of one key, and
    `keys_per_unit` keys pay.
    """

    kind: DrawKind
    vector: int
    scale: float
    sensitivity: Sensitivity
    loss: Loss
    threshold: int = 0
    candidates: tuple[float, ...] = ()
    level: tuple[int, int] = (0, 1)
    keys_per_unit: int = 1


class MeasureKind(enum.Enum):
    """Form of a measure."""

    COUNT = "count"
    COUNT_UNITS = "count_units"
    SUM = "sum"
    MEAN = "mean"
    QUANTILE = "quantile"
    HISTOGRAM = "histogram"


@dataclass(frozen=True)
class Output:
    """How one measure of the plan is read from draws.

    COUNT, COUNT_UNITS, HISTOGRAM: noisy integers of `draws[0]`. SUM: step·noisy of `draws[0]` (offset 0).
    MEAN: clamp(offset + step·S̃/max(C̃, 1), lower, upper), S̃ of `draws[0]` (centred), C̃ of `draws[1]`.
    QUANTILE: candidate of `draws[0]`. Arrow columns of the answer: `plan.answer.answer_schema`. Outputs stand in the
    order of the plan; several may read one draw.
    """

    alias: str
    kind: MeasureKind
    draws: tuple[int, ...]
    type: ValueType
    """Type of the answer: its kind decides the Arrow column (DATE and TIMESTAMP for quantiles of such)."""
    lower: float = 0.0
    upper: float = 0.0
    unit: str = ""
    bin_labels: tuple[str, ...] = ()
    weight: int = 1
    """Share of the loss as the plan said it; shown in the canonical plan, already spent in the scales."""


class KeyDomain(enum.Enum):
    """Where group keys come from."""

    NONE = "none"  # one group, no key
    PUBLIC = "public"
    THRESHOLD = "threshold"


@dataclass(frozen=True)
class Key:
    """One key column of the answer."""

    alias: str
    value: Expression


@dataclass(frozen=True)
class Program:
    """Everything that execution needs, and everything that a quote says.

    `public_keys` are unique rows of constants (None is the null key), in the order of `keys`, sorted column by column:
    null last, texts by code point, false before true (`plan.keys.key_rank`). `draws` are in
    canonical order: equal digests have equal draws. With THRESHOLD keys `draws[0]` finds the keys and the others are
    asked on the released keys.
    """

    dataset: str
    filter: Expression | None
    keys: tuple[Key, ...]
    domain: KeyDomain
    public_keys: tuple[tuple[Value, ...], ...]
    bounding: Bounding
    vectors: tuple[Vector, ...]
    draws: tuple[Draw, ...]
    outputs: tuple[Output, ...]
    loss: Loss
    digest: bytes
    """SHA-256 of the canonical form with noise and engine; 32 bytes."""
    notes: tuple[str, ...]
    max_rows: int
    threshold_weight: int = 0
    """Share of the loss that finds keys, as the plan said it; 0 where keys are public."""

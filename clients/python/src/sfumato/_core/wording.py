"""Plans in words, for views and messages. No I/O."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from sfumato._core.literals import plain
from sfumato._core.numbers import sig
from sfumato._core.tables import clean
from sfumato.v1 import expression_pb2, function_pb2, measure_pb2, quote_pb2

_INFIX: Final = {
    function_pb2.FUNCTION_EQUAL: "==",
    function_pb2.FUNCTION_NOT_EQUAL: "!=",
    function_pb2.FUNCTION_LESS: "<",
    function_pb2.FUNCTION_LESS_OR_EQUAL: "<=",
    function_pb2.FUNCTION_GREATER: ">",
    function_pb2.FUNCTION_GREATER_OR_EQUAL: ">=",
    function_pb2.FUNCTION_AND: "&",
    function_pb2.FUNCTION_OR: "|",
    function_pb2.FUNCTION_ADD: "+",
    function_pb2.FUNCTION_SUBTRACT: "-",
    function_pb2.FUNCTION_MULTIPLY: "*",
    function_pb2.FUNCTION_DIVIDE: "/",
    function_pb2.FUNCTION_FLOOR_DIVIDE: "//",
    function_pb2.FUNCTION_MODULO: "%",
    function_pb2.FUNCTION_POWER: "**",
}
_MANY: Final = 5
_EVEN_WITHIN: Final = 1e-9


def literal_text(value: expression_pb2.Literal) -> str:
    """Return a constant as Python would show it."""
    shown = plain(value)
    return repr(clean(shown)) if isinstance(shown, str) else str(shown)


def expression_text(node: expression_pb2.Expression) -> str:
    """Return an expression as people write it."""
    match node.WhichOneof("kind"):
        case "column":
            return clean(node.column)
        case "literal":
            return literal_text(node.literal)
        case "call":
            return _call_text(node.call)
        case "case_when":
            parts = [
                f"when({expression_text(each.condition)}).then({expression_text(each.value)})"
                for each in node.case_when.branches
            ]
            if node.case_when.HasField("otherwise"):
                parts.append(f"otherwise({expression_text(node.case_when.otherwise)})")
            return ".".join(parts)
        case "cast":
            kind = function_pb2.DataType.Name(node.cast.type).removeprefix("DATA_TYPE_").lower()
            return f"{_tight(node.cast.value)}.cast({kind!r})"
        case "in_list":
            items = _few([literal_text(each) for each in node.in_list.items])
            return f"{_tight(node.in_list.value)}.is_in([{items}])"
        case "bin":
            return f"cut({expression_text(node.bin.value)}, [{_few([f'{each:g}' for each in node.bin.edges])}])"
    return "?"


def _call_text(node: expression_pb2.Call) -> str:
    if node.function in _INFIX:
        return f" {_INFIX[node.function]} ".join(_tight(each) for each in node.arguments)
    if node.function == function_pb2.FUNCTION_NOT:
        return f"~{_tight(node.arguments[0])}"
    if node.function == function_pb2.FUNCTION_NEGATE:
        return f"-{_tight(node.arguments[0])}"
    name = function_pb2.Function.Name(node.function).removeprefix("FUNCTION_").lower()
    arguments = [expression_text(each) for each in node.arguments]
    if node.time_unit:
        arguments.append(repr(function_pb2.TimeUnit.Name(node.time_unit).removeprefix("TIME_UNIT_").lower()))
    return f"{name}({', '.join(arguments)})"


def _tight(node: expression_pb2.Expression) -> str:
    text = expression_text(node)
    infix = node.WhichOneof("kind") == "call" and node.call.function in _INFIX
    return f"({text})" if infix else text


def _few(texts: list[str]) -> str:
    if len(texts) <= _MANY:
        return ", ".join(texts)
    return ", ".join([*texts[: _MANY - 1], f"… {len(texts)} in all"])


def measure_text(measure: measure_pb2.Measure) -> str:
    """Return a measure in words: "mean body_mass_g", "90 % flipper_length_mm"."""
    match measure.WhichOneof("kind"):
        case "count":
            value = measure.count
            return f"count {expression_text(value.value)}" if value.HasField("value") else "count"
        case "count_units":
            return "privacy units"
        case "sum":
            return f"sum {expression_text(measure.sum.value)}"
        case "mean":
            return f"mean {expression_text(measure.mean.value)}"
        case "quantile":
            level = measure.quantile.level
            return f"{'median' if level == 0.5 else f'{level * 100:g} %'} {expression_text(measure.quantile.value)}"
        case "histogram":
            bins = measure.histogram.bins
            inner = bins.bin.value if bins.WhichOneof("kind") == "bin" else bins
            return f"histogram {expression_text(inner)}"
    return ""


def bins_text(edges: Sequence[float]) -> str:
    """Return a histogram's bins: "8 bins of 500 from 2,500", or its edges."""
    widths = [high - low for low, high in pairwise(edges)]
    if max(widths) - min(widths) <= _EVEN_WITHIN * max(widths):
        return f"{len(widths)} bins of {sig(widths[0], 6)} from {sig(edges[0], 6)}"
    return f"{len(widths)} bins between {_few([sig(each, 6) for each in edges])}"


def noise_text(measure: quote_pb2.MeasureAccuracy) -> str:
    """Return the noise of a measure in words: "discrete Gaussian σ 8.7"."""
    drawn = [_mechanism_text(each) for each in measure.mechanisms]
    if not drawn:
        return "none of its own"
    if len(drawn) == 2 and _is_additive(measure.mechanisms[0]) and _is_additive(measure.mechanisms[1]):
        return f"{drawn[0]} on the sum, {_scale_text(measure.mechanisms[1])} on the count"
    return ", ".join(drawn)


def _is_additive(mechanism: quote_pb2.Mechanism) -> bool:
    return mechanism.kind in {quote_pb2.Mechanism.KIND_DISCRETE_GAUSSIAN, quote_pb2.Mechanism.KIND_DISCRETE_LAPLACE}


def _scale_text(mechanism: quote_pb2.Mechanism) -> str:
    gaussian = {quote_pb2.Mechanism.KIND_DISCRETE_GAUSSIAN, quote_pb2.Mechanism.KIND_GAUSSIAN_THRESHOLD}
    symbol = "σ" if mechanism.kind in gaussian else "scale"
    return f"{symbol} {sig(mechanism.scale * (mechanism.step or 1.0))}"


def _mechanism_text(mechanism: quote_pb2.Mechanism) -> str:
    kinds = quote_pb2.Mechanism
    match mechanism.kind:
        case kinds.KIND_DISCRETE_GAUSSIAN:
            return f"discrete Gaussian {_scale_text(mechanism)}"
        case kinds.KIND_DISCRETE_LAPLACE:
            return f"discrete Laplace {_scale_text(mechanism)}"
        case kinds.KIND_NOISY_MAX:
            return f"noisy max, {mechanism.candidate_count:,} candidates"
        case kinds.KIND_GAUSSIAN_THRESHOLD:
            return f"discrete Gaussian {_scale_text(mechanism)}, threshold {mechanism.threshold:,}"
        case kinds.KIND_LAPLACE_THRESHOLD:
            return f"discrete Laplace {_scale_text(mechanism)}, threshold {mechanism.threshold:,}"
    return clean(mechanism.description) or "not told"


def half_width_text(measure: quote_pb2.MeasureAccuracy) -> str:
    """Return the intervals of a measure: "± 18", "± 430 at 100 rows · ± 43 at 1,000"."""
    parts: list[str] = []
    for each in measure.intervals:
        kind = each.WhichOneof("half_width")
        text = f"± {sig(each.level)} in the level" if kind == "level" else f"± {sig(each.absolute)}"
        if each.group_size:
            text += f" at {each.group_size:,}" + ("" if parts else " rows")
        parts.append(text)
    return " · ".join(parts) or "not told"

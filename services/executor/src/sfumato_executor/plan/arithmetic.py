"""Functions of numbers, and LEAST, GREATEST, CLIP, COALESCE of whatever has an order.

Whole numbers stay INTEGER as long as the result is whole by nature and provably within ±2^62; a plan that could leave
it is refused. With a REAL among the arguments all become REAL.
"""

import functools
import math
import operator
from collections.abc import Callable, Mapping
from typing import Any, Final

from sfumato.v1 import function_pb2 as f
from sfumato_executor.plan import ranges
from sfumato_executor.plan.constants import adapted, constant
from sfumato_executor.plan.encoding import encode
from sfumato_executor.plan.expressions import Apply, Constant, Expression, Kind, ValueType
from sfumato_executor.plan.invocation import Invocation, Rule, as_real, out_of_range, proved_range
from sfumato_executor.plan.unification import NUMBERS, ORDERED, unified
from sfumato_mesh.refusals import plan_rejected

_DECIMALS_MAX = 15


def _numbers(call: Invocation) -> tuple[Expression, ...]:
    for index in range(len(call.arguments)):
        call.of_kind(index, NUMBERS)
    return unified(call.arguments, call.path)


def _sorted(values: tuple[Expression, ...]) -> tuple[Expression, ...]:
    return tuple(sorted(values, key=encode))


def _result(call: Invocation, arguments: tuple[Expression, ...], kind: Kind, proved: ranges.Range | None) -> Expression:
    if proved is None or (kind is Kind.INTEGER and proved.largest > ranges.INTEGER_MAX):
        raise out_of_range(call)
    fold = _FOLDS.get(call.function)
    if fold is not None and not proved.partial:
        values = [argument.value for argument in arguments if isinstance(argument, Constant)]
        if len(values) == len(arguments):
            return constant(kind, fold(values) + 0)
    return call.result(arguments, kind, proved)


_FOLDS: Final[Mapping[int, Callable[[list[Any]], Any]]] = {
    f.FUNCTION_ADD: lambda values: functools.reduce(operator.add, values),
    f.FUNCTION_SUBTRACT: lambda values: functools.reduce(operator.sub, values),
    f.FUNCTION_MULTIPLY: lambda values: functools.reduce(operator.mul, values),
    f.FUNCTION_NEGATE: lambda values: 0 - values[0],
    f.FUNCTION_ABS: lambda values: abs(values[0]),
    f.FUNCTION_SIGN: lambda values: (values[0] > 0) - (values[0] < 0),
    f.FUNCTION_LEAST: min,
    f.FUNCTION_GREATEST: max,
}
"""Functions that are computed here where all arguments are literals, so that 3·1000 is the literal 3000."""


def add(call: Invocation) -> Expression:
    """Sum."""
    call.at_least(2)
    terms = _sorted(_numbers(call))
    known = [proved_range(term) for term in terms]
    if terms[0].type.kind is Kind.INTEGER:
        return _result(call, terms, Kind.INTEGER, ranges.add_integers(known))
    return _result(call, terms, Kind.REAL, ranges.add_reals(known))


def subtract(call: Invocation) -> Expression:
    """Difference."""
    call.exactly(2)
    terms = _numbers(call)
    known = [proved_range(terms[0]), ranges.negate(proved_range(terms[1]))]
    if terms[0].type.kind is Kind.INTEGER:
        return _result(call, terms, Kind.INTEGER, ranges.add_integers(known))
    return _result(call, terms, Kind.REAL, ranges.add_reals(known))


def multiply(call: Invocation) -> Expression:
    """Product."""
    call.at_least(2)
    factors = _sorted(_numbers(call))
    known = [proved_range(factor) for factor in factors]
    if factors[0].type.kind is Kind.INTEGER:
        return _result(call, factors, Kind.INTEGER, ranges.multiply_integers(known))
    return _result(call, factors, Kind.REAL, ranges.multiply_reals(known))


def divide(call: Invocation) -> Expression:
    """Quotient as a real number."""
    call.exactly(2)
    dividend, divisor = call.of_kind(0, NUMBERS), call.of_kind(1, NUMBERS)
    whole = divisor.type.kind is Kind.INTEGER
    over, under = as_real(dividend), as_real(divisor)
    return _result(call, (over, under), Kind.REAL, ranges.divide(proved_range(over), proved_range(under), whole))


def floor_divide(call: Invocation) -> Expression:
    """Quotient, rounded down."""
    call.exactly(2)
    arguments = _numbers(call)
    kind = arguments[0].type.kind
    known = ranges.floor_divide(proved_range(arguments[0]), proved_range(arguments[1]), kind is Kind.INTEGER)
    return _result(call, arguments, kind, known)


def modulo(call: Invocation) -> Expression:
    """Remainder with the divisor's sign."""
    call.exactly(2)
    arguments = _numbers(call)
    kind = arguments[0].type.kind
    known = ranges.modulo(proved_range(arguments[0]), proved_range(arguments[1]), kind is Kind.INTEGER)
    return _result(call, arguments, kind, known)


def negate(call: Invocation) -> Expression:
    """−a."""
    call.exactly(1)
    value = call.of_kind(0, NUMBERS)
    return _result(call, (value,), value.type.kind, ranges.negate(proved_range(value)))


def absolute(call: Invocation) -> Expression:
    """|a|."""
    call.exactly(1)
    value = call.of_kind(0, NUMBERS)
    return _result(call, (value,), value.type.kind, ranges.absolute(proved_range(value)))


def sign(call: Invocation) -> Expression:
    """−1, 0 or 1."""
    call.exactly(1)
    value = call.of_kind(0, NUMBERS)
    return _result(call, (value,), Kind.INTEGER, ranges.sign(proved_range(value)))


def whole_below(call: Invocation) -> Expression:
    """FLOOR and CEIL: INTEGER if the range allows, else REAL; a whole number is itself."""
    call.exactly(1)
    value = call.of_kind(0, NUMBERS)
    if value.type.kind is Kind.INTEGER:
        return value
    known = proved_range(value)
    take = math.floor if call.function == f.FUNCTION_FLOOR else math.ceil
    if known.largest <= ranges.INTEGER_MAX:
        return _result(call, (value,), Kind.INTEGER, ranges.Range(take(known.lower), take(known.upper)))
    return _result(call, (value,), Kind.REAL, ranges.real(float(take(known.lower)), float(take(known.upper))))


def rounded(call: Invocation) -> Expression:
    """ROUND to a literal number of decimals; a whole number is itself."""
    call.exactly(2)
    value, decimals = call.of_kind(0, NUMBERS), call.literal(1, Kind.INTEGER)
    assert isinstance(decimals.value, int)
    if not 0 <= decimals.value <= _DECIMALS_MAX:
        message = f"decimals lie within 0 and {_DECIMALS_MAX}"
        raise plan_rejected("literal", call.path_of(1), message, hint="give 0 to 15")
    if value.type.kind is Kind.INTEGER:
        return value
    return _result(call, (value, decimals), Kind.REAL, ranges.rounded(proved_range(value), decimals.value))


def square_root(call: Invocation) -> Expression:
    """√a."""
    return _real_function(call, lambda known, _: ranges.square_root(known))


def exponential(call: Invocation) -> Expression:
    """e^a."""
    return _real_function(call, lambda known, _: ranges.exponential(known))


def logarithm(call: Invocation) -> Expression:
    """LN and LOG10."""
    base_ten = call.function == f.FUNCTION_LOG10
    return _real_function(call, lambda known, whole: ranges.logarithm(known, base_ten, whole))


def _real_function(call: Invocation, rule: Callable[[ranges.Range, bool], ranges.Range]) -> Expression:
    call.exactly(1)
    value = call.of_kind(0, NUMBERS)
    argument = as_real(value)
    return _result(call, (argument,), Kind.REAL, rule(proved_range(argument), value.type.kind is Kind.INTEGER))


def power(call: Invocation) -> Expression:
    """a^b with a literal b."""
    call.exactly(2)
    base, exponent = as_real(call.of_kind(0, NUMBERS)), call.literal(1, Kind.REAL)
    assert isinstance(exponent.value, float)
    return _result(call, (base, exponent), Kind.REAL, ranges.power(proved_range(base), exponent.value))


def extreme(call: Invocation) -> Expression:
    """LEAST and GREATEST: flat, sorted, without repetition, nulls skipped."""
    call.at_least(2)
    for index in range(len(call.arguments)):
        call.of_kind(index, ORDERED)
    members: dict[str, Expression] = {}
    for value in unified(_flat(call), call.path):
        members[encode(value)] = value
    values = tuple(members[key] for key in sorted(members))
    if len(values) == 1:
        return values[0]
    take = ranges.least if call.function == f.FUNCTION_LEAST else ranges.greatest
    known = take([proved_range(value) for value in values], [value.type.nullable for value in values])
    if all(isinstance(value, Constant) for value in values):
        return _result(call, values, values[0].type.kind, known)
    nullable = all(value.type.nullable for value in values)
    return call.result(values, values[0].type.kind, known, nullable=nullable)


def _flat(call: Invocation) -> tuple[Expression, ...]:
    flat: list[Expression] = []
    for value in call.arguments:
        nested = isinstance(value, Apply) and value.function == call.function
        flat.extend(value.arguments if nested and isinstance(value, Apply) else (value,))
    return tuple(flat)


def clip(call: Invocation) -> Expression:
    """CLIP into literals."""
    call.exactly(3)
    value = call.of_kind(0, ORDERED)
    if value.type.kind is Kind.INTEGER and not all(_is_whole(call, index) for index in (1, 2)):
        value = as_real(value)
    lower, upper = call.literal(1, value.type.kind), call.literal(2, value.type.kind)
    assert isinstance(lower.value, (int, float))
    assert isinstance(upper.value, (int, float))
    if lower.value > upper.value:
        message = "the lower bound of CLIP is above its upper bound"
        raise plan_rejected("bounds", call.path, message, hint="exchange them")
    known = ranges.clip(proved_range(value), lower.value, upper.value)
    return call.result((value, lower, upper), value.type.kind, known)


def _is_whole(call: Invocation, index: int) -> bool:
    literal = call.arguments[index]
    wanted = ValueType(Kind.INTEGER, nullable=False)
    return not isinstance(literal, Constant) or adapted(literal, wanted, call.path_of(index)) is not None


def coalesce(call: Invocation) -> Expression:
    """First value that is not null; what follows one that never is, is dropped."""
    call.at_least(2)
    values = list(unified(call.arguments, call.path))
    for index, value in enumerate(values):
        if not value.type.nullable:
            del values[index + 1 :]
            break
    if len(values) == 1:
        return values[0]
    nullable = all(value.type.nullable for value in values)
    kind = values[0].type.kind
    if kind in ORDERED:
        return call.result(tuple(values), kind, ranges.union([proved_range(v) for v in values]), nullable=nullable)
    value_type = ValueType(kind, nullable, categories=values[0].type.categories)
    return Apply(call.function, tuple(values), value_type)


RULES: Final[Mapping[int, Rule]] = {
    f.FUNCTION_ADD: add,
    f.FUNCTION_SUBTRACT: subtract,
    f.FUNCTION_MULTIPLY: multiply,
    f.FUNCTION_DIVIDE: divide,
    f.FUNCTION_FLOOR_DIVIDE: floor_divide,
    f.FUNCTION_MODULO: modulo,
    f.FUNCTION_NEGATE: negate,
    f.FUNCTION_ABS: absolute,
    f.FUNCTION_SIGN: sign,
    f.FUNCTION_FLOOR: whole_below,
    f.FUNCTION_CEIL: whole_below,
    f.FUNCTION_ROUND: rounded,
    f.FUNCTION_SQRT: square_root,
    f.FUNCTION_EXP: exponential,
    f.FUNCTION_LN: logarithm,
    f.FUNCTION_LOG10: logarithm,
    f.FUNCTION_POWER: power,
    f.FUNCTION_LEAST: extreme,
    f.FUNCTION_GREATEST: extreme,
    f.FUNCTION_CLIP: clip,
    f.FUNCTION_COALESCE: coalesce,
}

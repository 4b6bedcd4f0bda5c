"""Predicates: what SQL says TRUE, FALSE or NULL of, made of the plan's two-valued ones (see `terms.py`)."""

from collections.abc import Callable
from typing import Final, TypeAlias

from sqlglot import exp

from sfumato.v1 import function_pb2 as f
from sfumato.v1.expression_pb2 import Expression, InList, Literal
from sfumato.v1.function_pb2 import Function
from sfumato_gateway.sql.build import FALSE, call, gather, is_null, negated
from sfumato_gateway.sql.context import Terms, flattened, only, unwrapped
from sfumato_gateway.sql.refusals import sql_rejected

_COMPARISONS: Final[dict[type[exp.Expr], tuple["Function", "Function"]]] = {
    exp.EQ: (f.FUNCTION_EQUAL, f.FUNCTION_NOT_EQUAL),
    exp.NEQ: (f.FUNCTION_NOT_EQUAL, f.FUNCTION_EQUAL),
    exp.LT: (f.FUNCTION_LESS, f.FUNCTION_GREATER_OR_EQUAL),
    exp.LTE: (f.FUNCTION_LESS_OR_EQUAL, f.FUNCTION_GREATER),
    exp.GT: (f.FUNCTION_GREATER, f.FUNCTION_LESS_OR_EQUAL),
    exp.GTE: (f.FUNCTION_GREATER_OR_EQUAL, f.FUNCTION_LESS),
}
"""Each comparison, and what holds where it is FALSE: both are false where either side is null."""

_TEXT_TESTS: Final[dict[type[exp.Expr], "Function"]] = {
    exp.StartsWith: f.FUNCTION_STARTS_WITH,
    exp.EndsWith: f.FUNCTION_ENDS_WITH,
    exp.Contains: f.FUNCTION_CONTAINS,
}

Truth: TypeAlias = Callable[[Terms, exp.Expr, bool], Expression]


def _connective(terms: Terms, node: exp.Expr, wanted: bool) -> Expression:
    kind = type(node)
    operands = [terms.truth(each, wanted) for each in flattened(node, kind)]
    return gather(f.FUNCTION_AND if (kind is exp.And) == wanted else f.FUNCTION_OR, operands)


def _not(terms: Terms, node: exp.Expr, wanted: bool) -> Expression:
    return terms.truth(node.this, not wanted)


def _comparison(terms: Terms, node: exp.Expr, wanted: bool) -> Expression:
    only(terms, node, "this", "expression")
    left, right = unwrapped(node.this), unwrapped(node.args["expression"])
    if isinstance(left, exp.Null) or isinstance(right, exp.Null):
        return FALSE
    true_form, false_form = _COMPARISONS[type(node)]
    return call(true_form if wanted else false_form, terms.value(left), terms.value(right))


def _between(terms: Terms, node: exp.Expr, wanted: bool) -> Expression:
    only(terms, node, "this", "low", "high")
    low = exp.GTE(this=node.this, expression=node.args["low"])
    high = exp.LTE(this=node.this, expression=node.args["high"])
    both = [_comparison(terms, low, wanted), _comparison(terms, high, wanted)]
    return gather(f.FUNCTION_AND if wanted else f.FUNCTION_OR, both)


def _in(terms: Terms, node: exp.Expr, wanted: bool) -> Expression:
    only(terms, node, "this", "expressions")
    items = [unwrapped(each) for each in node.expressions]
    if not items:
        raise sql_rejected("unsupported", "IN takes a list of constants", terms.place(node), nearest="x IN (1, 2)")
    literals: list[Literal] = []
    has_null = False
    for item in items:
        if isinstance(item, exp.Null):
            has_null = True
        else:
            literals.append(terms.literals.required(item, "an item of IN"))
    if isinstance(unwrapped(node.this), exp.Null) or not literals or (has_null and not wanted):
        return FALSE  # x NOT IN (…, NULL) is never TRUE
    value = terms.value(node.this)
    found = Expression(in_list=InList(value=value, items=literals))
    return found if wanted else _known(value, negated(found))


def _known(value: Expression, predicate: Expression) -> Expression:
    """Return a predicate that holds only where the value is not null."""
    return call(f.FUNCTION_AND, predicate, negated(is_null(value)))


def _like(terms: Terms, node: exp.Expr, wanted: bool) -> Expression:
    only(terms, node, "this", "expression", "negate")
    pattern = terms.literals.required(node.args["expression"], "the pattern of LIKE")
    if pattern.WhichOneof("value") != "text" or "_" in pattern.text or "\\" in pattern.text:
        raise _pattern_refused(terms, node)
    text, value = pattern.text, terms.value(node.this)
    if type(node) is exp.ILike:
        text, value = text.lower(), call(f.FUNCTION_LOWER, value)
    tests = _pattern_tests(terms, node, text, value)
    holds = gather(f.FUNCTION_AND, tests)
    wanted = wanted != bool(node.args.get("negate"))
    return holds if wanted else _known(value, negated(holds))


def _pattern_tests(terms: Terms, node: exp.Expr, text: str, value: Expression) -> list[Expression]:
    """Return the predicates that together say what a pattern with % says of a value."""
    parts = text.split("%")
    first, last, middle = parts[0], parts[-1], [each for each in parts[1:-1] if each]
    if len(parts) == 1:
        return [call(f.FUNCTION_EQUAL, value, _text(text))]
    if len(middle) > 1 or (middle and (first or last)):
        raise _pattern_refused(terms, node)
    if middle:
        return [call(f.FUNCTION_CONTAINS, value, _text(middle[0]))]
    tests = []
    if first:
        tests.append(call(f.FUNCTION_STARTS_WITH, value, _text(first)))
    if last:
        tests.append(call(f.FUNCTION_ENDS_WITH, value, _text(last)))
    if first and last:  # 'ab%ba' must not match 'aba'
        shortest = Expression(literal=Literal(integer=len(first) + len(last)))
        tests.append(call(f.FUNCTION_GREATER_OR_EQUAL, call(f.FUNCTION_LENGTH, value), shortest))
    return tests or [negated(is_null(value))]


def _pattern_refused(terms: Terms, node: exp.Expr) -> Exception:
    return sql_rejected(
        "unsupported",
        "LIKE takes a constant text with % at its ends, or one % inside; no _ and no \\",
        terms.place(node),
        nearest="x LIKE 'abc%', x LIKE '%abc%', x LIKE '%abc', x LIKE 'a%c'",
    )


def _text(text: str) -> Expression:
    return Expression(literal=Literal(text=text))


def _text_test(terms: Terms, node: exp.Expr, wanted: bool) -> Expression:
    only(terms, node, "this", "expression")
    part = Expression(literal=terms.literals.required(node.args["expression"], "what is looked for in a text"))
    value = terms.value(node.this)
    holds = call(_TEXT_TESTS[type(node)], value, part)
    return holds if wanted else _known(value, negated(holds))


def _is(terms: Terms, node: exp.Expr, wanted: bool) -> Expression:
    only(terms, node, "this", "expression", "negate")
    operand, test = unwrapped(node.this), unwrapped(node.args["expression"])
    if isinstance(test, exp.Boolean):
        holds = terms.truth(operand, bool(test.this))
    elif isinstance(test, exp.Null) and is_predicate(operand):
        known = [terms.truth(operand, True), terms.truth(operand, False)]
        holds = negated(gather(f.FUNCTION_OR, known))
    elif isinstance(test, exp.Null):
        holds = is_null(terms.value(operand))
    else:
        raise sql_rejected("unsupported", "IS takes NULL, TRUE or FALSE", terms.place(node), nearest="x IS NULL")
    wanted = wanted != bool(node.args.get("negate"))
    return holds if wanted else negated(holds)


def _distinct_from(terms: Terms, node: exp.Expr, wanted: bool) -> Expression:
    only(terms, node, "this", "expression")
    left, right = unwrapped(node.this), unwrapped(node.args["expression"])
    if isinstance(left, exp.Null) or isinstance(right, exp.Null):
        other = right if isinstance(left, exp.Null) else left
        same = negated(FALSE) if isinstance(other, exp.Null) else is_null(terms.value(other))
    else:
        a, b = terms.value(left), terms.value(right)
        both_null = call(f.FUNCTION_AND, is_null(a), is_null(b))
        same = call(f.FUNCTION_OR, call(f.FUNCTION_EQUAL, a, b), both_null)
    return same if wanted == (type(node) is exp.NullSafeEQ) else negated(same)


PREDICATES: Final[dict[type[exp.Expr], Truth]] = {
    exp.And: _connective,
    exp.Or: _connective,
    exp.Not: _not,
    **dict.fromkeys(_COMPARISONS, _comparison),
    exp.Between: _between,
    exp.In: _in,
    exp.Like: _like,
    exp.ILike: _like,
    **dict.fromkeys(_TEXT_TESTS, _text_test),
    exp.Is: _is,
    exp.NullSafeEQ: _distinct_from,
    exp.NullSafeNEQ: _distinct_from,
}
"""Kinds of nodes that are predicates by their form."""

NEVER_NULL: Final = frozenset((exp.Is, exp.NullSafeEQ, exp.NullSafeNEQ))
"""Predicates of which SQL never says NULL."""


def is_predicate(node: exp.Expr) -> bool:
    """Return whether a node is a predicate by its form; a boolean column is not: it is a value."""
    return type(unwrapped(node)) in PREDICATES

"""Expressions over one row: SQL's with its three-valued logic into the plan's, whose predicates are two-valued.

For a predicate p, SQL knows three outcomes. `truth(p, True)` is a plan predicate that holds exactly where SQL says
TRUE, `truth(p, False)` one that holds exactly where SQL says FALSE; where SQL says NULL, neither holds. NOT swaps the
two, AND and OR go by De Morgan, comparisons turn round (NOT a > b is a <= b, which is false too where a or b is null).
WHERE, CASE and FILTER take what is TRUE: they ask `truth(p, True)`.
"""

from typing import Final

from sqlglot import exp

from sfumato.v1 import function_pb2 as f
from sfumato.v1.expression_pb2 import Expression
from sfumato_gateway.sql.build import FALSE, TRUE, call, choose, null_of
from sfumato_gateway.sql.context import Terms, only, unwrapped
from sfumato_gateway.sql.functions import FUNCTIONS, unknown_function
from sfumato_gateway.sql.predicates import NEVER_NULL, PREDICATES, is_predicate
from sfumato_gateway.sql.refusals import sql_rejected

_MAX_NAME: Final = 128
"""Bytes and characters of a column's name; the contract's bound."""


class RowTerms(Terms):
    """Expressions over the rows of the statement's only table."""

    def truth(self, node: exp.Expr | None, wanted: bool) -> Expression:
        """Return a plan predicate that holds exactly where SQL says `wanted`; see `Terms`."""
        node = unwrapped(node)
        with self.within(node):
            if type(node) in PREDICATES:
                return PREDICATES[type(node)](self, node, wanted)
            if isinstance(node, exp.Null):
                return FALSE
            if isinstance(node, exp.Boolean):
                return TRUE if bool(node.this) == wanted else FALSE
            if isinstance(node, exp.Case | exp.If) and _is_boolean_case(node):
                branches, otherwise = _branches(self, node)
                chosen = [(self.truth(condition, True), self.truth(value, wanted)) for condition, value in branches]
                return choose(chosen, FALSE if otherwise is None else self.truth(otherwise, wanted))
            return call(f.FUNCTION_EQUAL, self.value(node), TRUE if wanted else FALSE)

    def value(self, node: exp.Expr | None) -> Expression:
        """Return the value of an expression; see `Terms`."""
        node = unwrapped(node)
        with self.within(node):
            literal = self.literals.read(node)
            if literal is not None:
                return Expression(literal=literal)
            if type(node) in NEVER_NULL:
                return self.truth(node, True)
            if type(node) in PREDICATES:
                return choose([(self.truth(node, True), TRUE), (self.truth(node, False), FALSE)])
            if isinstance(node, exp.Column):
                return Expression(column=self.column(node))
            if isinstance(node, exp.Case | exp.If):
                return self._case(node)
            if type(node) in FUNCTIONS:
                return FUNCTIONS[type(node)](self, node)
            raise self._not_understood(node)

    def column(self, node: exp.Column) -> str:
        """Return the name of a column, as it is written.

        Raises:
            Refusal: SQL_REJECTED: `*`, a column of another table, or a name that is too long.
        """
        only(self, node, "this", "table")
        if isinstance(node.this, exp.Star):
            raise self._rows(node)
        if not isinstance(node.this, exp.Identifier) or not 0 < len(node.name) <= _MAX_NAME:
            raise sql_rejected("unsupported", f"a column's name has 1 to {_MAX_NAME} characters", self.place(node))
        if node.table and node.table not in self.table_names:
            place, known = self.place(node), sorted(self.table_names)
            raise sql_rejected(
                "other_table", f"{node.table[:64]} is not in FROM", place, nearest=known[0] if known else ""
            )
        return str(node.name)

    def _case(self, node: exp.Expr) -> Expression:
        branches, otherwise = _branches(self, node)
        conditions = [self.truth(condition, True) for condition, _ in branches]
        written = [*(value for _, value in branches), *([] if otherwise is None else [otherwise])]
        values = [None if isinstance(unwrapped(each), exp.Null) else self.value(each) for each in written]
        sibling = next((each for each in values if each is not None), None)
        if sibling is None:
            raise sql_rejected("unsupported", "CASE has no value but NULL", self.place(node))
        typed = [null_of(sibling) if each is None else each for each in values]
        last = values[-1] if otherwise is not None else None
        return choose(list(zip(conditions, typed[: len(conditions)], strict=True)), last)

    def _rows(self, node: exp.Expr) -> Exception:
        return sql_rejected("not_aggregate", "rows do not leave", self.place(node), nearest="COUNT(*)")

    def _not_understood(self, node: exp.Expr) -> Exception:
        place = self.place(node)
        if isinstance(node, exp.Window):
            return sql_rejected("unsupported", "a window has no bounded sensitivity", place, hint="use GROUP BY")
        if isinstance(node, exp.AggFunc | exp.Filter | exp.WithinGroup):
            return sql_rejected(
                "unsupported",
                "an aggregate stands alone in the select list, not inside an expression, WHERE or GROUP BY",
                place,
                hint="select the aggregates by themselves; what is made of the noisy answer on the client is free",
            )
        if isinstance(node, exp.Null):
            return sql_rejected("unsupported", "NULL has no type here", place, hint="ask x IS NULL, or leave ELSE out")
        if isinstance(node, exp.Star):
            return self._rows(node)
        if isinstance(node, exp.Tuple) and not node.expressions:
            return sql_rejected("syntax", "an operand is missing", place)
        if isinstance(node, exp.Func):
            return unknown_function(self, node, node.sql_name())
        return sql_rejected("unsupported", f"{node.key.upper()} is not understood", place)


def _branches(terms: Terms, node: exp.Expr) -> tuple[list[tuple[exp.Expr, exp.Expr]], exp.Expr | None]:
    """Return (condition, value) of each branch of a CASE or IF, and the value where none holds."""
    if isinstance(node, exp.If):
        return [(node.this, node.args["true"])], node.args.get("false")
    only(terms, node, "this", "ifs", "default")
    subject = node.this
    branches = []
    for each in node.args["ifs"]:
        condition = each.this if subject is None else exp.EQ(this=subject, expression=each.this)
        branches.append((condition, each.args["true"]))
    return branches, node.args.get("default")


def _is_boolean_case(node: exp.Expr) -> bool:
    """Return whether a CASE chooses between predicates."""
    if isinstance(node, exp.If):
        values = [node.args["true"], node.args.get("false")]
    else:
        values = [*(each.args["true"] for each in node.args["ifs"]), node.args.get("default")]
    return any(each is not None and is_predicate(each) for each in values)

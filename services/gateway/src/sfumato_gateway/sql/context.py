"""What the translation of one statement shares: its text, its tables' names, its constants, its bounds."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from sqlglot import exp

from sfumato.v1.expression_pb2 import Expression, Literal
from sfumato_gateway.sql.literals import Literals
from sfumato_gateway.sql.positions import position_of
from sfumato_gateway.sql.refusals import Position, sql_rejected

MAX_DEPTH: Final = 20
"""Of the recursion. A little more than a plan's expressions may have, so that the compiler's refusal names the rule."""
MAX_TERMS: Final = 1_500
"""Expressions translated. A plan holds 1,000; NOT, IS NULL and predicates as values write some operands twice."""


class Terms(ABC):
    """Translates expressions over one row. `truth` and `value` are the two ways to read an expression."""

    def __init__(self, statement: str, parameters: Mapping[str, Literal]) -> None:
        self.statement = statement
        self.literals = Literals(statement, parameters)
        self.table_names: frozenset[str] = frozenset()
        self._depth = 0
        self._terms = 0

    @abstractmethod
    def truth(self, node: exp.Expr | None, wanted: bool) -> Expression:
        """Return a plan predicate that holds exactly where SQL says `wanted` of a predicate; not where SQL says NULL.

        Raises:
            Refusal: SQL_REJECTED.
        """

    @abstractmethod
    def value(self, node: exp.Expr | None) -> Expression:
        """Return the value of an expression; null where SQL says NULL.

        Raises:
            Refusal: SQL_REJECTED.
        """

    def place(self, node: exp.Expr | None) -> Position:
        """Return where a node stands."""
        return position_of(node, self.statement)

    @contextmanager
    def within(self, node: exp.Expr) -> Iterator[None]:
        """Count one more expression, one level deeper; refuse too many and too deep."""
        self._terms += 1
        self._depth += 1
        try:
            if self._terms > MAX_TERMS or self._depth > MAX_DEPTH:
                raise sql_rejected(
                    "unsupported",
                    f"expressions nest more than {MAX_DEPTH} deep, or make more than {MAX_TERMS} terms",
                    self.place(node),
                    hint="ask several smaller questions",
                )
            yield
        finally:
            self._depth -= 1


def present(argument: object) -> bool:
    """Return whether the parser set an argument of a node."""
    return argument is not None and argument is not False and argument != []


def only(terms: Terms, node: exp.Expr, *known: str) -> None:
    """Refuse a node with an argument beyond those known: the grammar is a closed world.

    Raises:
        Refusal: SQL_REJECTED with rule "unsupported".
    """
    for name, argument in node.args.items():
        if name not in known and present(argument):
            raise sql_rejected(
                "unsupported", f"{node.key.upper()} with this option is not understood", terms.place(node)
            )


def unwrapped(node: exp.Expr | None) -> exp.Expr:
    """Return a node without the brackets around it; an empty one for an operand that the parser did not miss."""
    while isinstance(node, exp.Paren):
        node = node.this
    return exp.Tuple() if node is None else node


def flattened(node: exp.Expr, kind: type[exp.Expr]) -> list[exp.Expr]:
    """Return the operands of a chain of one binary operator, left to right, without recursion."""
    operands: list[exp.Expr] = []
    waiting = [node]
    while waiting:
        current = unwrapped(waiting.pop())
        if type(current) is kind:
            waiting += [current.args["expression"], current.this]
        else:
            operands.append(current)
    return operands

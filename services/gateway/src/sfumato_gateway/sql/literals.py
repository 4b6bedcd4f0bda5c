"""Constants: what a statement writes out, and the parameters that a request sends beside it."""

import math
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Final

from google.protobuf.timestamp_pb2 import Timestamp
from google.type.date_pb2 import Date
from sqlglot import exp

from sfumato.v1.expression_pb2 import Literal
from sfumato_gateway.sql.positions import position_of
from sfumato_gateway.sql.refusals import PARAMETERS_FIELD, sql_rejected

MAX_TEXT: Final = 1_024
"""Characters of a text; the contract's bound."""
_MAX_DIGITS: Final = 400
_DATE_TYPES: Final = frozenset((exp.DType.DATE,))
_TIMESTAMP_TYPES: Final = frozenset((exp.DType.TIMESTAMP, exp.DType.TIMESTAMPNTZ, exp.DType.TIMESTAMPTZ))
_INTEGER: Final = re.compile(r"[0-9]+\Z")
_REAL: Final = re.compile(r"[0-9]*\.?[0-9]*([eE][+-]?[0-9]+)?\Z")
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")


class Literals:
    """Reads constants of one statement."""

    def __init__(self, statement: str, parameters: Mapping[str, Literal]) -> None:
        self._statement = statement
        self._parameters = parameters

    def read(self, node: exp.Expr | None) -> Literal | None:
        """Return the constant that a node is; None if it is none. NULL is none: the plan has no such literal.

        Raises:
            Refusal: SQL_REJECTED, it is a constant that no literal of the contract can hold.
        """
        while isinstance(node, exp.Paren):
            node = node.this
        if isinstance(node, exp.Literal):
            return self._text(node) if node.is_string else self._number(node, negative=False)
        if isinstance(node, exp.Boolean):
            return Literal(boolean=bool(node.this))
        if isinstance(node, exp.Placeholder):
            return self._parameter(node)
        if isinstance(node, exp.Neg) and isinstance(node.this, exp.Literal) and not node.this.is_string:
            return self._number(node.this, negative=True)
        if isinstance(node, exp.Cast | exp.TryCast) and isinstance(node.this, exp.Literal) and node.this.is_string:
            return self._time(node)
        return None

    def required(self, node: exp.Expr | None, what: str) -> Literal:
        """Return the constant that a node is; refuse anything else.

        Args:
            node: the node; None if the statement leaves it out.
            what: its name in the refusal: "the level of a quantile".
        """
        literal = self.read(node)
        if literal is None:
            raise sql_rejected(
                "unsupported",
                f"{what} is a constant or a :parameter",
                position_of(node, self._statement),
            )
        return literal

    def number(self, node: exp.Expr | None, what: str) -> float:
        """Return a constant as a real number; dates and timestamps as seconds since 1970.

        Raises:
            Refusal: SQL_REJECTED, it is no number.
        """
        literal = self.required(node, what)
        match literal.WhichOneof("value"):
            case "integer":
                return float(literal.integer)
            case "real":
                return literal.real
            case "date":
                return datetime(literal.date.year, literal.date.month, literal.date.day, tzinfo=UTC).timestamp()
            case "timestamp":
                return literal.timestamp.seconds + literal.timestamp.nanos / 1e9
            case _:
                raise sql_rejected("unsupported", f"{what} is a number", position_of(node, self._statement))

    def decimal(self, node: exp.Expr | None, what: str) -> Decimal:
        """Return a constant number as it is written, so that 1 − 0.9 is 0.1."""
        return Decimal(repr(self.number(node, what)))

    def _number(self, node: exp.Literal, *, negative: bool) -> Literal:
        text = str(node.this)
        if len(text) <= _MAX_DIGITS:
            sign = -1 if negative else 1
            if _INTEGER.match(text):
                if -(2**63) <= sign * int(text) < 2**63:
                    return Literal(integer=sign * int(text))
            elif _REAL.match(text) and math.isfinite(float(text)):
                return Literal(real=sign * float(text))
        raise sql_rejected(
            "unsupported",
            "a number is finite, and a whole number has at most 64 bits",
            position_of(node, self._statement),
        )

    def _text(self, node: exp.Literal) -> Literal:
        text = str(node.this)
        if len(text) > MAX_TEXT:
            place = position_of(node, self._statement)
            raise sql_rejected("unsupported", f"a text has at most {MAX_TEXT} characters", place)
        return Literal(text=text)

    def _parameter(self, node: exp.Placeholder) -> Literal:
        name = str(node.this or "")
        if name in self._parameters:
            return self._parameters[name]
        known = bool(name) and not name.isdigit()
        raise sql_rejected(
            "unsupported",
            f"the request has no parameter {name[:64]}" if known else "parameters are written :name",
            position_of(node, self._statement),
            field=PARAMETERS_FIELD,
        )

    def _time(self, node: exp.Expr) -> Literal | None:
        """Return DATE '2013-01-31' or TIMESTAMP '2013-01-31 12:00:00'; None for casts of text to other types."""
        kind = node.args["to"].this
        text = str(node.this.this)
        try:
            if kind in _DATE_TYPES and _DATE.match(text):
                day = date.fromisoformat(text)
                return Literal(date=Date(year=day.year, month=day.month, day=day.day))
            if kind in _TIMESTAMP_TYPES:
                instant = datetime.fromisoformat(text)
                if instant.tzinfo is None:
                    instant = instant.replace(tzinfo=UTC)
                timestamp = Timestamp()
                timestamp.FromDatetime(instant.astimezone(UTC))
                return Literal(timestamp=timestamp)
        except (ValueError, OverflowError):
            pass
        if kind not in _DATE_TYPES | _TIMESTAMP_TYPES:
            return None
        raise sql_rejected(
            "unsupported",
            "a constant time is written as ISO 8601",
            position_of(node, self._statement),
            nearest="DATE '2013-01-31', TIMESTAMP '2013-01-31 12:00:00'",
        )

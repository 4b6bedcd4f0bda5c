"""Answer: a noisy table with its intervals, what it cost, what is left, and its receipt."""

from collections.abc import Callable
from functools import cached_property
from typing import Any

from sfumato._core.answer_view import SHOWN_ROWS, answer_table
from sfumato._core.decoding import measure_names
from sfumato._core.streams import AnswerReader
from sfumato._core.tables import clean_lines, escape
from sfumato._core.wording import bins_text
from sfumato.charges import Charge, ScopeLine, is_free, left
from sfumato.errors import SfumatoError
from sfumato.frames import Frame
from sfumato.receipts import LedgerEvidence, Receipt
from sfumato.v1 import query_pb2


class Answer(Frame):
    """A noisy table; each measure has "<name>.lower" and "<name>.upper" beside it.

    Attributes:
        query: queries/{query}; "" for a rehearsal.
        request_id: names the payment; asking again with it is free. "" if not known.
        row_count: rows.
        is_dummy: whether it is a rehearsal on made-up rows.
        charge: the price of the release; zero for a rehearsal.
        paid: what was paid for this answer, scope by scope.
        is_free: whether nothing was paid for it.
        repeated: whether an equal question had been answered before, so that no new noise was drawn.
        derived: whether it was computed from the answer to a wider question, so that no new noise was drawn.
        answered_from: queries/{query} that drew the noise, where it was another one; else "".
    """

    def __init__(
        self,
        reader: AnswerReader,
        *,
        request_id: str = "",
        is_dummy: bool = False,
        evidence: Callable[[str, int], LedgerEvidence] | None = None,
    ) -> None:
        super().__init__(reader)
        self._query = reader.query
        self._scopes = tuple(ScopeLine.of(each) for each in reader.complete.scopes) if reader.complete else ()
        self._evidence = evidence
        self.query = reader.query.name
        self.request_id = request_id
        self.is_dummy = is_dummy
        self.charge = Charge.of(reader.query.charge)
        self.paid = tuple(Charge.of(each.charge) for each in reader.query.scopes)
        self.is_free = is_dummy or is_free(reader.query)
        self.repeated = reader.query.origin == query_pb2.Query.ORIGIN_REPEATED
        self.derived = reader.query.origin == query_pb2.Query.ORIGIN_DERIVED
        self.answered_from = reader.query.receipt.statement.release_query

    @property
    def measures(self) -> list[str]:
        """Columns that carry noise."""
        return measure_names(list(self.columns))

    def interval(self, measure: str) -> list[tuple[Any, Any]]:
        """Return (lower, upper) of a measure, row by row: from the noise alone, at the confidence asked for."""
        if measure not in self.measures:
            raise KeyError(measure)
        return list(zip(self.columns[f"{measure}.lower"], self.columns[f"{measure}.upper"], strict=True))

    @property
    def remaining(self) -> tuple[ScopeLine, ...]:
        """What is left in the scopes that paid."""
        return self._scopes

    @property
    def receipt(self) -> Receipt:
        """The signed proof.

        Raises:
            SfumatoError: a rehearsal has none.
        """
        if not self._query.HasField("receipt"):
            raise SfumatoError("a rehearsal has no receipt." if self.is_dummy else "the answer came without a receipt.")
        return Receipt(self._query.receipt, self._query, self._evidence)

    @cached_property
    def _units(self) -> dict[str, str]:
        return {each.alias: each.unit for each in self._query.receipt.statement.measures}

    def _summary(self) -> str:
        if self.is_dummy:
            return "rehearsal on made-up rows · nothing paid"
        cost = "free" if self.is_free else f"paid {self.charge}"
        if self.derived:
            cost = f"answered from {self.answered_from}, a wider question, {cost}"
        elif self.repeated:
            cost = "the same answer as before, free" if self.is_free else f"answered from {self.answered_from}, {cost}"
        parts = [cost, f"left: {left(self._scopes)}" if self._scopes else "", self.query]
        return " · ".join(part for part in parts if part)

    def _more(self) -> str:
        hidden = self.row_count - SHOWN_ROWS
        return f" … {hidden:,} more row{'s' * (hidden > 1)}" if hidden > 0 else ""

    def _bins(self) -> list[str]:
        """Bins of the histograms whose edges the question states."""
        lines = []
        for each in self._query.question.plan.measures:
            edges = each.histogram.bins.bin.edges if each.WhichOneof("kind") == "histogram" else ()
            if len(edges) > 1:
                lines.append(f"{each.alias}: {bins_text(edges)}")
        return lines

    def __repr__(self) -> str:
        table = answer_table(self.columns, self._units).text(gap=" │ ", rule=True)
        bins = "\n".join(f" {each}" for each in self._bins())
        return clean_lines("\n".join(part for part in (table, self._more(), bins, f" {self._summary()}") if part))

    def _repr_html_(self) -> str:
        table = answer_table(self.columns, self._units).html()
        bins = "".join(f"<div>{escape(each)}</div>" for each in self._bins())
        return f"{table}<div>{escape(self._more())}</div>{bins}<div><i>{escape(self._summary())}</i></div>"

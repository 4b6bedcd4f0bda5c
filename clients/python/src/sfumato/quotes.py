"""Quote: what a question costs in each scope, and how exact its answer will be."""

from dataclasses import dataclass

from sfumato._core.tables import Table, clean, clean_lines, escape
from sfumato._core.wording import half_width_text, measure_text, noise_text
from sfumato.charges import Charge, ScopeLine, beside
from sfumato.v1 import question_pb2, quote_pb2


@dataclass(frozen=True)
class HalfWidth:
    """How far noise alone moves an answer, with the quote's confidence."""

    confidence: float
    group_size: int
    """Rows or units of the group for which it holds; 0: any."""
    absolute: float | None
    """In the measure's unit."""
    level: float | None
    """For quantiles: in the level."""


@dataclass(frozen=True)
class MeasureQuote:
    """Noise and error of one measure."""

    alias: str
    """Column of the answer; "" for finding keys."""
    description: str
    """In words; "" where the question's text does not tell."""
    unit: str
    """As the schema says: "g"; "" for counts."""
    noise: str
    """In words."""
    half_widths: tuple[HalfWidth, ...]
    charge: Charge
    """Its part of the price."""
    error: str
    """The half-widths in words."""


class Quote:
    """A price and its errors. Free, and binding nobody: a run states its own payment.

    Attributes:
        charge: the price of a new release.
        scopes: one line for every scope that would pay.
        affordable: whether every scope can pay, and policy allows the price.
        measures: noise and error of each measure.
        notes: public facts that the caller should know, in words.
        repeats: queries/{query} whose release would answer, of an equal or a wider question; "" if there is none.
        engine: who would answer.
    """

    def __init__(self, proto: quote_pb2.Quote, question: question_pb2.Question) -> None:
        self._proto = proto
        words = _descriptions(proto, question)
        self.charge = Charge.of(proto.charge)
        self.scopes = tuple(ScopeLine.of(each) for each in proto.scopes)
        self.affordable = proto.affordable
        self.measures = tuple(_measure(each, words.get(each.alias, "")) for each in proto.measures)
        self.notes = tuple(clean(each) for each in proto.notes)
        self.repeats = proto.release_query
        self.engine = proto.engine
        self.data_versions = {each.dataset.removeprefix("datasets/"): each.version for each in proto.data_versions}
        self.plan_digest = proto.plan_digest.hex()

    def to_proto(self) -> quote_pb2.Quote:
        """Return it as the wire held it; a copy."""
        copy = quote_pb2.Quote()
        copy.CopyFrom(self._proto)
        return copy

    def __getitem__(self, alias: str) -> MeasureQuote:
        for each in self.measures:
            if each.alias == alias:
                return each
        raise KeyError(alias)

    def _confidence(self) -> str:
        levels = {each.confidence for measure in self.measures for each in measure.half_widths}
        return f"{levels.pop() * 100:g} % half-width" if len(levels) == 1 else "half-width"

    def _measures(self) -> Table:
        rows = tuple(
            (
                each.alias or "(keys)",
                each.description + (f" [{each.unit}]" if each.unit else ""),
                each.noise,
                each.error,
            )
            for each in self.measures
        )
        return Table(("measure", "", "noise", self._confidence()), rows)

    def _scopes(self) -> list[tuple[str, str]]:
        lines = []
        for each in self.scopes:
            now, whole = beside(each.remaining, each.limit), beside(each.limit, each.limit)
            after = "not enough" if each.remaining_after is None else beside(each.remaining_after, each.limit)
            lines.append((each.name, f"{now} of {whole} left → {after}"))
        return lines

    def _remarks(self) -> list[str]:
        remarks = list(self.notes)
        sized = any(half.group_size for each in self.measures for half in each.half_widths)
        if sized:
            remarks.append("errors depend on the group's size; other sizes: at=[…]")
        if self.repeats:
            unpaid = any(not each.charge.is_zero for each in self.scopes)
            remarks.append("some scopes have not paid for that answer, and pay it now" if unpaid else "it is free")
        if not self.affordable:
            remarks.append(f"not affordable: {self._why_not()}")
        return remarks

    def _why_not(self) -> str:
        """Return what stands in the way, as far as the scopes tell.

        Where each of them can pay, and one names the caller, only the policy is left, or a freeze without a grant.
        """
        granted = any(not (each.dataset or each.project or each.analyst) for each in self.scopes)
        named = any(each.project or each.analyst for each in self.scopes)
        if not (granted and named):
            return "no budget is granted that would pay it"
        if all(each.affordable for each in self.scopes):
            return "above what the dataset's policy allows one question, or stopped by a freeze"
        return "it would be refused"

    def __repr__(self) -> str:
        price = f"price {self.charge.described()}"
        lines = self._scopes()
        name_width = max((len(name) for name, _ in lines), default=0)
        body = []
        for i, (name, text) in enumerate(lines or [("", "")]):
            body.append(f" {price if i == 0 else ' ' * len(price)}      {name:<{name_width}}  {text}".rstrip())
        remarks = [f" {each}" for each in self._remarks()]
        measures = [self._measures().text(gap="   "), ""] if self.measures else []  # a model may tell none
        shown = [*measures, *body, *([""] if remarks else []), *remarks]
        return clean_lines("\n".join(shown))

    def _repr_html_(self) -> str:
        scopes = "".join(f"<div>{escape(name)}: {escape(text)}</div>" for name, text in self._scopes())
        remarks = "".join(f"<div><i>{escape(each)}</i></div>" for each in self._remarks())
        measures = self._measures().html() if self.measures else ""
        return f"{measures}<div><b>price {escape(self.charge.described())}</b></div>{scopes}{remarks}"


def _descriptions(proto: quote_pb2.Quote, question: question_pb2.Question) -> dict[str, str]:
    """Return measures in words by alias: of the question, or of what the mesh understood of SQL."""
    plan = question.plan if question.WhichOneof("form") == "plan" else proto.canonical_plan
    words = {each.alias: measure_text(each) for each in plan.measures if each.alias}
    return {**words, "": "keys found by threshold"}


def _measure(proto: quote_pb2.MeasureAccuracy, description: str) -> MeasureQuote:
    halves = tuple(
        HalfWidth(
            each.confidence,
            each.group_size,
            each.absolute if each.WhichOneof("half_width") == "absolute" else None,
            each.level if each.WhichOneof("half_width") == "level" else None,
        )
        for each in proto.intervals
    )
    return MeasureQuote(
        proto.alias,
        description,
        clean(proto.unit),
        noise_text(proto),
        halves,
        Charge.of(proto.charge),
        half_width_text(proto),
    )

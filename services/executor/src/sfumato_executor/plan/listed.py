"""Literals of long lists: a text of the right type is taken as it is, without a constant of each."""

from sfumato.v1 import expression_pb2
from sfumato_executor.plan.expressions import Kind, ValueType
from sfumato_executor.plan.limits import TEXT_MAX


class PlainTexts:
    """Texts that are values of a type as they are: those that a category declares, and any where it is TEXT."""

    def __init__(self, wanted: ValueType) -> None:
        self._declared = frozenset(wanted.categories)
        self._any = wanted.kind is Kind.TEXT

    def of(self, literal: expression_pb2.Literal) -> str | None:
        """The literal's text, if it is such a value; None: read it as any other literal."""
        if literal.WhichOneof("value") != "text":
            return None
        text = literal.text
        return text if text in self._declared or (self._any and len(text) <= TEXT_MAX) else None

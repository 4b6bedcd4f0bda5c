"""How many expression nodes a request holds, counted as far as the limit: before anything goes through all of them.

The guard takes some 3 µs a node, and a request of 1 MiB holds hundreds of thousands. What costs next to nothing (items
of lists, public keys, candidates) is not counted here: the rules of their fields say how many there may be.
"""

from functools import cache
from typing import Any, Final

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from sfumato.v1.expression_pb2 import Expression
from sfumato_mesh.interceptors.behaviour import Behaviour, CallInterceptor
from sfumato_mesh.refusals import plan_rejected

NODES_MAX: Final = 1_000
"""Expression nodes of a plan as written."""
_MESSAGES_MAX: Final = 4 * NODES_MAX
"""Of nodes and what is around them (calls, branches, measures, keys): more than so many around fewer nodes break a rule
of length or are empty, and the guard ends at the first of them."""

_PATH: Final = "question.plan"  # the one place of expressions in the public contract


class PlanSizeInterceptor(CallInterceptor):
    """Refuses requests whose plan has more nodes than any that is answered."""

    def around(self, method: str, proceed: Behaviour) -> Behaviour:
        """Return `proceed` for requests of bounded plans; what did not parse passes."""
        del method

        async def bounded(request: Any, context: Any) -> Any:
            if isinstance(request, Message):
                check_plan_size(request)
            return await proceed(request, context)

        return bounded


def check_plan_size(request: Message) -> None:
    """Count the expressions of a message, in time that the limit bounds.

    Raises:
        Refusal: PLAN_REJECTED ("too_many_nodes").
    """
    nodes = messages = 0
    pending: list[Message] = [request]
    while pending:
        message = pending.pop()
        for field in _ways(message.DESCRIPTOR):
            if field.is_repeated:
                below = getattr(message, field.name)
            elif message.HasField(field.name):
                below = (getattr(message, field.name),)
            else:
                continue
            messages += len(below)
            nodes += len(below) if field.message_type is Expression.DESCRIPTOR else 0
            if nodes > NODES_MAX:
                raise plan_rejected(
                    "too_many_nodes",
                    _PATH,
                    f"the plan has more than {NODES_MAX:,} expression nodes",
                    hint="ask in several questions, or use a list (IN) in place of many comparisons",
                )
            if messages > _MESSAGES_MAX:
                return
            pending.extend(below)


@cache
def _ways(descriptor: Descriptor) -> tuple[FieldDescriptor, ...]:
    """Return the fields of a message type through which it may hold expressions."""
    return tuple(field for field in descriptor.fields if _leads_to_expressions(field.message_type, frozenset()))


def _leads_to_expressions(descriptor: Descriptor | None, seen: frozenset[str]) -> bool:
    if descriptor is None or descriptor.full_name in seen:
        return False
    if descriptor.full_name == Expression.DESCRIPTOR.full_name:
        return True
    within = seen | {descriptor.full_name}
    return any(_leads_to_expressions(field.message_type, within) for field in descriptor.fields)

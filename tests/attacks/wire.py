"""Raw calls as an attacker makes them: any bytes, any token, whatever comes back."""

import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import grpc
from google.protobuf import text_format
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from sfumato.v1 import payment_pb2, plan_pb2, query_pb2, query_service_pb2, question_pb2, quote_pb2
from sfumato_mesh.refusal import Refusal
from tests.mesh_scene import MeshScene

Metadata = tuple[tuple[str, str | bytes], ...]

HARMLESS = frozenset(
    (
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.UNAUTHENTICATED,
        grpc.StatusCode.PERMISSION_DENIED,
        grpc.StatusCode.FAILED_PRECONDITION,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
    )
)
"""Codes that tell a caller what to mend. INTERNAL and UNKNOWN are bugs, whatever was sent."""


@dataclass(frozen=True)
class Outcome:
    """What a call gave: messages, or a status with its typed refusal."""

    code: grpc.StatusCode
    messages: list[Any] = field(default_factory=list)
    refusal: Refusal | None = None
    text: str = ""
    seconds: float = 0.0

    @property
    def reason(self) -> str:
        """Of the refusal; empty where there is none."""
        return self.refusal.reason if self.refusal is not None else ""

    @property
    def rule(self) -> str:
        """Of the refusal; empty where there is none."""
        return self.refusal.metadata.get("rule", "") if self.refusal is not None else ""

    @property
    def fields(self) -> list[str]:
        """Paths that the refusal names."""
        return [] if self.refusal is None else [violation.field for violation in self.refusal.fields]

    @property
    def said(self) -> str:
        """All that a refusal tells, without the id of its trace."""
        refusal = self.refusal
        if refusal is None:
            return f"{self.code} {self.text}"
        kept = {key: value for key, value in refusal.metadata.items() if key != "trace_id"}
        return f"{self.code} {refusal.reason} {refusal.message} {sorted(kept.items())} {self.fields}"

    @property
    def events(self) -> list[query_pb2.QueryEvent]:
        """Events of a stream of queries."""
        return [message.event for message in self.messages]

    @property
    def query(self) -> query_pb2.Query:
        """The query in its last state."""
        return [event.complete.query for event in self.events if event.WhichOneof("kind") == "complete"][-1]


def raw(channel: grpc.Channel, method: str, body: bytes, metadata: Metadata = (), timeout: float = 20.0) -> Outcome:
    """Send bytes to a method ("/package.Service/Method") and read all that comes back, as bytes."""
    started = time.perf_counter()
    messages: list[bytes] = []
    try:
        send: Any = channel.unary_stream(method)
        messages.extend(send(body, metadata=metadata, timeout=timeout))
    except grpc.RpcError as error:
        spent = time.perf_counter() - started
        return Outcome(error.code(), messages, Refusal.from_rpc_error(error), error.details() or "", spent)
    return Outcome(grpc.StatusCode.OK, messages, seconds=time.perf_counter() - started)


class Attacker:
    """An analyst who speaks the wire directly."""

    def __init__(self, scene: MeshScene, subject: str = "analyst") -> None:
        self.channel = scene.channel()
        self.metadata: Metadata = scene.metadata(subject)

    def call(self, service: str, method: str, request: Message, answer: type[Message]) -> Outcome:
        """Call a method of `sfumato.v1`."""
        body = request.SerializeToString()
        found = raw(self.channel, f"/sfumato.v1.{service}/{method}", body, self.metadata)
        messages = [answer.FromString(message) for message in found.messages]
        return Outcome(found.code, messages, found.refusal, found.text, found.seconds)

    def run(self, question: "question_pb2.Question | str", payment: payment_pb2.Payment, **fields: Any) -> Outcome:
        """RunQuery, with a new request_id unless one is given."""
        fields.setdefault("request_id", str(uuid.uuid4()))
        request = query_service_pb2.RunQueryRequest(question=_question(question), payment=payment, **fields)
        return self.call("QueryService", "RunQuery", request, query_service_pb2.RunQueryResponse)

    def quote(self, question: "question_pb2.Question | str", payment: payment_pb2.Payment, **fields: Any) -> Outcome:
        """QuoteQuery."""
        request = query_service_pb2.QuoteQueryRequest(question=_question(question), payment=payment, **fields)
        return self.call("QueryService", "QuoteQuery", request, query_service_pb2.QuoteQueryResponse)

    def quoted(self, question: "question_pb2.Question | str", payment: payment_pb2.Payment) -> quote_pb2.Quote:
        """The quote of a question that can be asked."""
        outcome = self.quote(question, payment)
        assert outcome.code is grpc.StatusCode.OK, outcome.said
        quote: quote_pb2.Quote = outcome.messages[0].quote
        return quote

    def spent(self, dataset: str) -> list[int]:
        """What is left in every scope that a count of rows would be charged to, in picos of ρ."""
        quote = self.quoted(question(f'source {{ scan {{ dataset: "datasets/{dataset}" }} }} {COUNT}'), rho(10**6))
        return [line.remaining.rho_picos for line in quote.scopes]

    def close(self) -> None:
        """Close the channel."""
        self.channel.close()


COUNT = 'measures { alias: "n" count { } }'


def rho(picos: int, delta_attos: int = 0) -> payment_pb2.Payment:
    """A payment in ρ."""
    payment = payment_pb2.Payment()
    payment.rho.rho_picos, payment.rho.delta_attos = picos, delta_attos
    return payment


def epsilon(picos: int, delta_attos: int = 0) -> payment_pb2.Payment:
    """A payment in ε."""
    payment = payment_pb2.Payment()
    payment.epsilon.epsilon_picos, payment.epsilon.delta_attos = picos, delta_attos
    return payment


def question(plan: str) -> question_pb2.Question:
    """A question from a plan in protobuf's text form."""
    return question_pb2.Question(plan=text_format.Parse(plan, plan_pb2.Plan()))


def sql(statement: str, dataset: str = "") -> question_pb2.Question:
    """A question in SQL."""
    return question_pb2.Question(sql=question_pb2.SqlQuery(statement=statement, dataset=dataset))


def _question(given: "question_pb2.Question | str") -> question_pb2.Question:
    return question(given) if isinstance(given, str) else given


def varint(value: int) -> bytes:
    """A number as protobuf writes it."""
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*encoded, value))


def wrapped(inside: bytes, numbers: Sequence[int]) -> bytes:
    """Bytes as a message field inside message fields: `numbers` from the outermost in."""
    for number in reversed(numbers):
        inside = varint(number << 3 | 2) + varint(len(inside)) + inside
    return inside


def methods(channel: grpc.Channel) -> list[str]:
    """Every method that reflection tells of, but reflection's own."""
    database = ProtoReflectionDescriptorDatabase(channel)
    pool = DescriptorPool(database)
    found = []
    for service in database.get_services():
        if not service.startswith("grpc."):
            found += [f"/{service}/{method.name}" for method in pool.FindServiceByName(service).methods]
    return found

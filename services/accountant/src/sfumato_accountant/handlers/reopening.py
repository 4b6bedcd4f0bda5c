"""ReopenPopulation: administrators let a restored chain go on. The gateway adds the mark, which the executor keeps."""

from collections.abc import Iterable, Sequence
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from google.protobuf.json_format import Parse, ParseError

from sfumato.v1 import population_admin_service_pb2 as public
from sfumato.v1.charge_pb2 import Charge
from sfumato.v1.population_pb2 import Population
from sfumato.v1.receipt_pb2 import Receipt, ReceiptStatement
from sfumato_accountant.accounting.accounting import accounting_of
from sfumato_accountant.accounting.loss import NOTHING, Loss
from sfumato_accountant.accounting.scopes import ScopeKey
from sfumato_accountant.catalog.access import is_administrator
from sfumato_accountant.handlers.catalogue import Catalogue
from sfumato_accountant.ledger.acts import Acts
from sfumato_accountant.ledger.chains import Chains
from sfumato_accountant.ledger.fold import Fold
from sfumato_accountant.ledger.reopening import LostAnswer, Reopen
from sfumato_accountant.ledger.signatures import RECEIPT_CONTEXT, Signers
from sfumato_mesh.caller import current_caller
from sfumato_mesh.digests import sha256
from sfumato_mesh.refusal import FieldViolation, Refusal
from sfumato_mesh.refusals import access_denied, request_invalid
from sfumato_mesh.v1 import accountant_service_pb2 as pb

_ID_DIGITS: Final = 16


class Reopening:
    """Reopens populations."""

    def __init__(self, catalogue: Catalogue, chains: Chains, acts: Acts, signers: Signers) -> None:
        self._catalogue = catalogue
        self._chains = chains
        self._acts = acts
        self._signers = signers

    async def reopen(self, request: pb.ReopenPopulationRequest) -> pb.ReopenPopulationResponse:
        """Charge what lost entries spent, and let the chain go on; the same request, repeated, is one act.

        Raises:
            Refusal: ACCESS_DENIED, REQUEST_INVALID, REQUEST_ID_REUSED.
        """
        caller, asked = current_caller(), request.request
        population = await self._catalogue.population(asked.population)
        if population is None or not is_administrator(caller, population.name):
            raise access_denied(asked.population)
        if request.lost_head.population != population.name:
            raise request_invalid("the mark is of another population")
        answered = await self._acts.answered(caller.user, asked.request_id, asked, public.ReopenPopulationResponse())
        if answered is not None:
            return pb.ReopenPopulationResponse(response=answered)
        if not request.lost_head.entry_hash:
            raise _invalid("population", "nothing was ever told of it, so that nothing can be lost")
        chain = self._chains.chain(population.name)
        keys = self._keys(await chain.refresh())
        answers = _answers(population.name, asked.receipts, keys)
        written_off = _written_off(population, asked.written_off)
        act = await self._acts.bind(caller.user, asked.request_id, asked)
        member = Reopen(
            population=population.name,
            lost_sequence=request.lost_head.sequence,
            lost_hash=request.lost_head.entry_hash,
            answers=answers,
            written_off=written_off,
            justification=asked.justification,
            user=caller.user,
            salt=act.salt,
        )
        sequence = await chain.decide(member)
        self._chains.reopened(population.name)
        shown = Population()
        shown.CopyFrom(population)
        shown.state = Population.STATE_ACTIVE
        response = public.ReopenPopulationResponse(population=shown, sequence=sequence)
        return pb.ReopenPopulationResponse(response=await self._acts.answer(act, response))

    def _keys(self, fold: Fold) -> dict[str, Ed25519PublicKey]:
        """Return the keys that may have signed receipts of lost entries, by id: the chain's, and those held here.

        The entry that changed the key may be among the lost ones.
        """
        used = [each.public_key for each in fold.keys]
        following = self._signers.following(used)
        held = [self._signers.first.public_key, *([] if following is None else [following.public_key])]
        return {sha256(each).hex()[:_ID_DIGITS]: Ed25519PublicKey.from_public_bytes(each) for each in (*used, *held)}


def _answers(population: str, receipts: Sequence[Receipt], keys: dict[str, Ed25519PublicKey]) -> tuple[LostAnswer, ...]:
    """Return what receipts prove. Raises Refusal REQUEST_INVALID, naming the first that proves nothing."""
    answers: dict[str, LostAnswer] = {}
    for place, receipt in enumerate(receipts):
        field = f"receipts[{place}]"
        statement = _statement(receipt, keys, field)
        query_id = statement.query.removeprefix("queries/")
        if statement.population != population:
            raise _invalid(field, f"it is of {statement.population or 'no population'}")
        if query_id in answers:
            raise _invalid(field, f"another receipt is of {statement.query}, too")
        scopes = tuple((ScopeKey.from_proto(each.scope), Loss.from_proto(each.charge)) for each in statement.scopes)
        answers[query_id] = LostAnswer(query_id, statement.sequence, statement.entry_hash, scopes)
    return tuple(answers.values())


def _statement(receipt: Receipt, keys: dict[str, Ed25519PublicKey], field: str) -> ReceiptStatement:
    """Return the statement that a key of the ledger has signed: its text, never the message beside it."""
    key = keys.get(receipt.signature.key_id)
    if key is None:
        raise _invalid(field, f"no key of this ledger has the id {receipt.signature.key_id[:64]!r}")
    try:
        key.verify(receipt.signature.ed25519, RECEIPT_CONTEXT + receipt.signed_statement.encode())
        return Parse(receipt.signed_statement, ReceiptStatement(), ignore_unknown_fields=True)
    except InvalidSignature:
        raise _invalid(field, "its signature is not of its statement") from None
    except ParseError:
        raise _invalid(field, "its statement cannot be read") from None


def _written_off(population: Population, charge: Charge) -> Loss:
    """Return what is written off, as the population adds it up. Raises Refusal REQUEST_INVALID."""
    accounting = accounting_of(population.accounting)
    loss = Loss.from_proto(charge)
    if not (charge.rho_picos or charge.epsilon_picos or charge.delta_attos):
        return NOTHING
    if accounting is not None and accounting.takes_charge(entered := accounting.entered(loss)):
        return entered
    raise _invalid("written_off", "zero, or above zero in what the population adds up: ρ, or ε where it is BASIC")


def _invalid(field: str, description: str) -> Refusal:
    fields: Iterable[FieldViolation] = [FieldViolation(field, description)]
    return request_invalid("the population cannot be reopened like this", list(fields))

"""What receipts tell of noise that was drawn: discrete Gaussians whose exact privacy loss can be computed.

A receipt counts if a key of the ledger signed it. Of a signed statement the draws of discrete Gaussian noise are taken
where two things hold:

- the noise is on entries of which a unit moves at most L0, each by at most L∞, with L2 = √L0·L∞: then the worst pair of
  neighbours is one draw moved by L∞, L0 times over. (Noise on each entry is independent and log-concave, so that a
  smaller move is dominated by a larger one; dominating pairs compose entry by entry: Zhu, Dong and Wang 2022, arXiv
  2106.08567.) Where L2 is smaller, as for several bins of one unit, the ρ that is charged says more.
- its own ρ = L2²/(2σ²) is within what the measure was charged. A draw that several measures share stands at each of
  them and is charged once: it is taken once.

All else of the charge stays known by its loss alone.
"""

import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from sfumato._core.receipts import check_receipt, read_statement
from sfumato.errors import InvalidRequest, ReceiptInvalid
from sfumato.v1 import charge_pb2, quote_pb2, receipt_pb2
from sfumato.verification.exports import SigningKey
from sfumato.verification.losses import Loss
from sfumato.verification.receipts import read_receipt

PICO: Final = 10**12
_SAME: Final = 1e-9
"""Relative: doubles that say the same."""
_QUERIES: Final = "queries/"


class Gaussian(NamedTuple):
    """One draw of discrete Gaussian noise on integers."""

    sigma: float
    """In steps."""
    move: int
    """Largest change by one unit, in steps."""

    @property
    def ratio(self) -> float:
        """σ over the move."""
        return self.sigma / self.move


class Known(NamedTuple):
    """What is known of the charge of one query."""

    charge: Loss
    gaussians: tuple[Gaussian, ...]
    """One for each entry that a unit moves."""
    rest: Loss
    """What the Gaussians do not make up."""


def read_receipts(folder: Path, population: str, keys: Sequence[SigningKey]) -> dict[str, Known]:
    """Return what the receipts of a folder tell, by the id of the query that drew the release.

    Args:
        folder: files *.json, each a receipt as ProtoJSON, or the document of `sfumato receipt --json`.
        population: populations/{population}; receipts of others are left out.
        keys: of the ledger.

    Raises:
        InvalidRequest: there is no such folder, or a receipt is not by a key of the ledger.
        ExportUnreadable: a file holds no receipt.
        MissingExtra: `cryptography` is not installed.
    """
    trusted = [receipt_pb2.SigningKey(key_id=key.key_id, public_key=key.public_key) for key in keys]
    found: dict[str, Known] = {}
    if not folder.is_dir():
        raise InvalidRequest(f"{folder} is no folder.", reason="REQUEST_INVALID")
    for path in sorted(folder.glob("*.json")):
        receipt = read_receipt(path)
        statement = _statement(path, receipt)
        if statement.population != population or statement.derived:  # of its draws the base's own receipt tells all
            continue
        try:
            check_receipt(receipt, trusted)
        except ReceiptInvalid as problem:
            raise InvalidRequest(f"{path.name}: {problem.message}", reason="REQUEST_INVALID") from None
        query = (statement.release_query or statement.query).removeprefix(_QUERIES)
        found[query] = known_of(statement)
    return found


def known_of(statement: receipt_pb2.ReceiptStatement) -> Known:
    """Return what a signed statement tells of its charge."""
    charge = _loss(statement.charge)
    gaussians: list[Gaussian] = []
    rho = 0
    seen: Counter[bytes] = Counter()
    covered: set[bytes] = set()
    for measure in statement.measures:
        for mechanism in _own(measure, seen):
            draws = _gaussians(mechanism)
            if draws:
                gaussians += draws
                rho += math.floor(_rho(mechanism) * PICO)
                covered.add(_mark(mechanism))
        seen.update(_mark(each) for each in measure.mechanisms)
    if not gaussians or charge.epsilon is not None or rho > charge.rho:
        return Known(charge, (), charge)
    # Where every draw is told, what is left of ρ was rounding.
    rest = Loss(0, 0, charge.delta) if covered == set(seen) else Loss(charge.rho - rho, None, charge.delta)
    return Known(charge, tuple(gaussians), rest)


def _own(measure: quote_pb2.MeasureAccuracy, seen: Counter[bytes]) -> list[quote_pb2.Mechanism]:
    """Draws that the measure's part of the price pays; none where that cannot be told."""
    mechanisms = list(measure.mechanisms)
    if _within(mechanisms, measure.charge.rho_picos):
        return mechanisms
    fresh = [each for each in mechanisms if not seen[_mark(each)]]
    return fresh if _within(fresh, measure.charge.rho_picos) else []


def _within(mechanisms: Sequence[quote_pb2.Mechanism], rho_picos: int) -> bool:
    spent = sum(_rho(each) for each in mechanisms if each.kind == quote_pb2.Mechanism.KIND_DISCRETE_GAUSSIAN)
    return spent * PICO <= rho_picos * (1 + _SAME)


def _gaussians(mechanism: quote_pb2.Mechanism) -> list[Gaussian]:
    if mechanism.kind != quote_pb2.Mechanism.KIND_DISCRETE_GAUSSIAN:
        return []
    entries, move = mechanism.sensitivity_l0, mechanism.sensitivity_linf
    if entries < 1 or move < 1 or not move.is_integer() or not 0 < mechanism.scale < math.inf:
        return []
    if not math.isclose(mechanism.sensitivity_l2**2, entries * move**2, rel_tol=_SAME):
        return []
    return [Gaussian(mechanism.scale, int(move))] * entries


def _rho(mechanism: quote_pb2.Mechanism) -> float:
    return mechanism.sensitivity_l2**2 / (2 * mechanism.scale**2) if mechanism.scale > 0 else math.inf


def _mark(mechanism: quote_pb2.Mechanism) -> bytes:
    return mechanism.SerializeToString(deterministic=True)


def _loss(charge: charge_pb2.Charge) -> Loss:
    epsilon = charge.epsilon_picos if charge.HasField("epsilon_picos") else None
    return Loss(charge.rho_picos, epsilon, charge.delta_attos)


def _statement(path: Path, receipt: receipt_pb2.Receipt) -> receipt_pb2.ReceiptStatement:
    try:
        return read_statement(receipt)
    except ReceiptInvalid:
        raise InvalidRequest(f"{path.name} holds no receipt.", reason="REQUEST_INVALID") from None

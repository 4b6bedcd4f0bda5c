"""Synthesizers: their domain from the schema, their price from the payment, and what is refused before it is paid."""

from typing import Any

import pytest

from sfumato.v1.charge_pb2 import EpsilonDelta, RhoDelta
from sfumato.v1.dataset_pb2 import Dataset
from sfumato.v1.model_spec_pb2 import ModelSpec
from sfumato.v1.payment_pb2 import Payment
from sfumato.v1.population_pb2 import ACCOUNTING_BASIC, ACCOUNTING_ZCDP
from sfumato.v1.question_pb2 import Question
from sfumato.v1.relation_pb2 import Relation, Scan
from sfumato.v1.synthesizer_pb2 import (
    AimSynthesizer,
    MstSynthesizer,
    MwemSynthesizer,
    PacSynthesizer,
    Synthesizer,
    SynthesizerColumn,
)
from sfumato_executor.engines.library.adapter import Asked
from sfumato_executor.engines.library.program import LibraryProgram
from sfumato_executor.engines.smartnoise_synth.adapter import SynthesizerAdapter
from sfumato_mesh.refusal import Refusal
from sfumato_mesh.zcdp import largest_rho, rho_of_pure
from tests.attacks.tables import NAME, dataset

SCHEMA = """
columns { name: "species" category { values: "Adelie" values: "Gentoo" values: "Chinstrap" } }
columns { name: "female" nullable: true boolean { } }
columns { name: "year" integer { lower: 2007 upper: 2009 } }
columns { name: "mass" real { lower: 2500 upper: 6500 } }
columns { name: "tail" integer { lower: 0 upper: 100000 } }
columns { name: "hatched" date { lower { year: 2007 month: 1 day: 1 } upper { year: 2007 month: 12 day: 31 } } }
columns { name: "note" text { max_length: 20 } }
columns { name: "wide" integer { lower: -4611686018427387904 upper: 4611686018427387904 } }
columns { name: "vast" real { lower: -1e308 upper: 1e308 } }
columns { name: "who" integer { lower: 0 upper: 10000 } }
"""
RHO = Payment(rho=RhoDelta(rho_picos=10**12))
EPSILON = Payment(epsilon=EpsilonDelta(epsilon_picos=2 * 10**12))
BOTH = Payment(epsilon=EpsilonDelta(epsilon_picos=2 * 10**12, delta_attos=10**12))
MST: dict[str, Any] = {"mst": MstSynthesizer()}


def compiled(
    *columns: SynthesizerColumn | str,
    payment: Payment = RHO,
    unit: str = "",
    accounting: int = ACCOUNTING_ZCDP,
    **method: Any,
) -> LibraryProgram:
    made: Dataset = dataset(SCHEMA, unit)
    named = [SynthesizerColumn(name=each) if isinstance(each, str) else each for each in columns]
    spec = ModelSpec(
        source=Relation(scan=Scan(dataset=NAME)), synthesizer=Synthesizer(columns=named, **(method or MST))
    )
    return SynthesizerAdapter().compile(Asked(Question(model=spec), payment, made, accounting, 0.95))


def bins(name: str, count: int) -> SynthesizerColumn:
    return SynthesizerColumn(name=name, bin_count=count)


def rule(*columns: SynthesizerColumn | str, **parts: Any) -> str:
    with pytest.raises(Refusal) as refused:
        compiled(*columns, **parts)
    assert refused.value.metadata["hint"]
    return refused.value.metadata.get("rule", refused.value.reason)


def test_the_domain_is_the_schemas() -> None:
    program = compiled("species", "female", "year", bins("mass", 20), bins("hatched", 12))
    axes = program.job["axes"]
    assert isinstance(axes, list)
    assert [(axis["bins"], axis["nullable"]) for axis in axes] == [
        (3, False),
        (2, True),
        (3, False),
        (20, False),
        (12, False),
    ]


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        (("nothing",), "unknown_column"),
        (("note",), "column"),
        (("mass",), "bins"),
        ((bins("wide", 5),), "column"),
        ((bins("vast", 5),), "column"),
        (("tail",), "bins"),
        ((bins("species", 4),), "bins"),
        ((bins("year", 4),), "bins"),
        (("species", "species"), "alias"),
    ],
)
def test_columns_without_a_public_domain_are_refused(columns: tuple[Any, ...], expected: str) -> None:
    assert rule(*columns) == expected


def test_the_unit_is_no_column() -> None:
    assert rule("who", unit='column: "who" max_rows: 2') == "unknown_column"


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ({"payment": EPSILON}, "noise"),
        ({"payment": EPSILON, "accounting": ACCOUNTING_BASIC}, "ACCOUNTING_MISMATCH"),
        ({"payment": Payment(rho=RhoDelta(rho_picos=1))}, "loss_too_small"),
        ({"payment": EPSILON, "pac": PacSynthesizer()}, "delta_missing"),
        ({"aim": AimSynthesizer(rounds=3)}, "rounds"),
    ],
)
def test_methods_and_losses_that_cannot_be_had(parts: dict[str, Any], expected: str) -> None:
    assert rule("species", "female", **parts) == expected


def test_domains_that_are_too_large() -> None:
    wide: list[SynthesizerColumn | str] = [
        bins("mass", 1000),
        bins("tail", 1000),
        bins("hatched", 365),
        "species",
        "year",
    ]
    assert rule(*wide, payment=EPSILON, mwem=MwemSynthesizer()) == "domain_too_large"
    assert rule(*wide) == "domain_too_large"
    assert rule(bins("mass", 1000), bins("tail", 1000), aim=AimSynthesizer()) == "domain_too_large"


def test_what_a_fit_costs_and_what_the_library_is_told() -> None:
    """ρ for m rows is m² times that of one; ε is m times; δ grows with e^((m−1)ε) as well."""
    unit = 'column: "who" max_rows: 3'
    mst = compiled("species", "female", unit=unit)
    assert (mst.loss.rho_picos, mst.loss.epsilon_picos, mst.loss.delta_attos) == (10**12, None, 0)
    assert float(str(mst.job["rho"])) <= 1 / 9
    assert float(str(mst.job["rho"])) == pytest.approx(1 / 9)
    assert mst.rows.rows_per_unit == 3

    mwem = compiled("species", "female", unit=unit, payment=EPSILON, mwem=MwemSynthesizer())
    assert mwem.loss.rho_picos == rho_of_pure(2 * 10**12)
    assert mwem.loss.epsilon_picos == 2 * 10**12
    assert float(str(mwem.job["epsilon"])) == pytest.approx(2 / 3)

    pac = compiled("species", "female", unit=unit, payment=BOTH, pac=PacSynthesizer())
    assert pac.loss.delta_attos == 10**12 // 2  # the other half serves to convert (ε, δ) to ρ
    assert pac.loss.rho_picos <= largest_rho(2 * 10**12, 10**12 // 2) <= 1.01 * pac.loss.rho_picos
    epsilon = (pac.loss.epsilon_picos or 0) / 1e12
    assert float(str(pac.job["delta"])) == pytest.approx(0.5e-6 / 3 / 2.718281828 ** (2 * epsilon / 3))


def test_measures_add_up_to_the_price() -> None:
    program = compiled("species", "female")
    [measure] = program.measures
    assert measure.charge.rho_picos == program.loss.rho_picos
    assert "smartnoise-synth 1.0.8 mst" in measure.mechanisms[0].description


def test_equal_fits_have_equal_digests_and_others_not() -> None:
    base = compiled("species", "female")
    assert base.digest == compiled("species", "female").digest
    others = (
        compiled("female", "species"),
        compiled("species", "year"),
        compiled("species", "female", payment=Payment(rho=RhoDelta(rho_picos=2 * 10**12))),
        compiled("species", "female", aim=AimSynthesizer()),
    )
    assert len({base.digest, *(each.digest for each in others)}) == 5

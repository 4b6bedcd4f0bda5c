"""The public names, and that they load nothing until they are used."""

import subprocess
import sys

import pytest

import sfumato as sf

NAMES = [
    "AccessDenied",
    "Answer",
    "Bins",
    "Budget",
    "BudgetExhausted",
    "BudgetFrozen",
    "Budgets",
    "Charge",
    "Column",
    "Conflict",
    "CorruptAnswer",
    "Dataset",
    "Datasets",
    "EstimatorFit",
    "EstimatorModel",
    "Expression",
    "FieldProblem",
    "Frame",
    "GrantMissing",
    "Groups",
    "HalfWidth",
    "History",
    "InvalidRequest",
    "Measure",
    "MeasureQuote",
    "Mesh",
    "MissingExtra",
    "ModelJob",
    "Models",
    "NotConfigured",
    "PlanRejected",
    "PreconditionFailed",
    "PriceTooHigh",
    "Progress",
    "Query",
    "QueryCancelled",
    "QueryFailed",
    "Question",
    "Quote",
    "Receipt",
    "ReceiptInvalid",
    "RefusedError",
    "RequestTooLarge",
    "Rows",
    "Sample",
    "ScopeLine",
    "SfumatoError",
    "SqlRejected",
    "Step",
    "SynthesizerFit",
    "SynthesizerModel",
    "Timeline",
    "TimelinePoint",
    "Unauthenticated",
    "Unavailable",
    "Verified",
    "bins",
    "col",
    "connect",
    "count",
    "count_units",
    "cut",
    "decision_tree",
    "epsilon_from_rho",
    "gaussian_naive_bayes",
    "histogram",
    "k_means",
    "linear_regression",
    "lit",
    "logistic_regression",
    "mean",
    "median",
    "principal_components",
    "quantile",
    "random_forest",
    "rho_from_epsilon",
    "standard_scaler",
    "sum",
    "when",
]


def run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout


def test_the_public_names_are_these() -> None:
    assert sorted(sf.__all__) == sorted(NAMES)
    assert set(NAMES) <= set(dir(sf))
    for name in NAMES:
        assert getattr(sf, name).__name__ == name


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        sf.nothing  # noqa: B018


def test_the_generated_contract_loads_nothing_else_of_the_package() -> None:
    loaded = run(
        "import sys, sfumato.v1.query_service_pb2, sfumato.v1.query_service_pb2_grpc\n"
        "print(*(m for m in sys.modules if m.startswith('sfumato')))"
    ).split()
    assert [name for name in loaded if name != "sfumato" and not name.startswith("sfumato.v1")] == []


def test_building_a_question_loads_no_transport_and_no_optional_library() -> None:
    loaded = run(
        "import sys, sfumato as sf\nsf.col('x') > 3; sf.mean('x')\n"
        "optional = {'grpc', 'pyarrow', 'polars', 'pandas', 'typer', 'yaml'}\n"
        "print(*(m for m in sys.modules if m.split('.')[0] in optional))"
    )
    assert loaded.split() == []

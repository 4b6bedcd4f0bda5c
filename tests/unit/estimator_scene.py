"""A dataset with a public row count, and estimators of it, for tests of the engine `diffprivlib`."""

import json
from typing import Any

import pyarrow as pa

from sfumato.v1.dataset_pb2 import Dataset
from sfumato.v1.estimator_pb2 import Estimator, EstimatorStep
from sfumato.v1.fitted_model_pb2 import FittedEstimator
from sfumato.v1.payment_pb2 import Payment
from sfumato.v1.population_pb2 import ACCOUNTING_ZCDP
from sfumato.v1.question_pb2 import Question
from sfumato_executor.engines.diffprivlib import job
from sfumato_executor.engines.diffprivlib.adapter import EstimatorAdapter
from sfumato_executor.engines.diffprivlib.decoding import fitted_estimator
from sfumato_executor.engines.library.adapter import Asked
from sfumato_executor.engines.library.program import MODEL_METADATA, LibraryProgram
from sfumato_executor.engines.library.rows import select_rows
from tests.attacks.tables import dataset, table

ADAPTER = EstimatorAdapter()
SCHEMA = """
columns { name: "who" nullable: false integer { lower: 0 upper: 1000000 } }
columns { name: "mass" nullable: true real { lower: 0 upper: 100 } }
columns { name: "length" nullable: true real { lower: -10 upper: 30 } }
columns { name: "ok" nullable: true boolean {} }
columns { name: "species" nullable: true category { values: "Adelie" values: "Gentoo" } }
columns { name: "island" nullable: true category { values: "a" values: "b" values: "c" } }
columns { name: "free" nullable: true text {} }
"""


def made(row_count: int, unit: str = "") -> Dataset:
    """The dataset; a row count of 0 is not public."""
    found = dataset(SCHEMA, unit)
    found.policy.public_row_count = row_count
    return found


def step(kind: str, **fields: object) -> EstimatorStep:
    """A step by the name of its kind."""
    found = EstimatorStep()
    getattr(found, kind).SetInParent()
    for name, value in fields.items():
        setattr(getattr(found, kind), name, value)
    return found


def compiled(
    of: Dataset, features: list[str], steps: list[EstimatorStep], target: str = "", epsilon: float = 1.0
) -> LibraryProgram:
    """A program that pays a pure ε."""
    question = Question()
    question.model.source.scan.dataset = of.name
    question.model.estimator.CopyFrom(Estimator(features=features, steps=steps, target=target))
    payment = Payment()
    payment.epsilon.epsilon_picos = round(epsilon * 1e12)
    return ADAPTER.compile(Asked(question, payment, of, ACCOUNTING_ZCDP, 0.95))


def fitted(program: LibraryProgram, of: Dataset, columns: dict[str, Any]) -> tuple[pa.Table, FittedEstimator]:
    """The release of a run on these columns, and what it holds."""
    rows = select_rows(program.rows, table(of, columns))
    release = job.run(program.job, rows)
    release = release.replace_schema_metadata({MODEL_METADATA: json.dumps(program.model).encode()})
    return release, fitted_estimator(release)

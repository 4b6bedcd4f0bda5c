"""Rules of schemas and privacy units at registration."""

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from google.type.date_pb2 import Date

from sfumato.v1 import schema_pb2 as pb
from sfumato.v1.dataset_pb2 import PrivacyUnit
from sfumato_accountant.catalog.schemas import schema_violations, unit_violations

GOOD = [
    pb.Column(name="b", boolean=pb.BooleanType()),
    pb.Column(name="i", integer=pb.IntegerType(lower=-(2**62), upper=2**62)),
    pb.Column(name="fixed", integer=pb.IntegerType(lower=4, upper=4)),
    pb.Column(name="r", real=pb.RealType(lower=-1e300, upper=1e300)),
    pb.Column(name="narrow", real=pb.RealType(lower=0, upper=1e-300)),
    pb.Column(name="c", category=pb.CategoryType(values=["", "a"]), nullable=True, dummy_null_share=0.5),
    pb.Column(name="t", text=pb.TextType()),
    pb.Column(name="d", date=pb.DateType(lower=Date(year=1, month=1, day=1), upper=Date(year=9999, month=12, day=31))),
    pb.Column(
        name="ts", timestamp=pb.TimestampType(lower=Timestamp(seconds=1, nanos=1000), upper=Timestamp(seconds=2))
    ),
]

LEAP = Date(year=2023, month=2, day=29)
DAY = Date(year=2024, month=2, day=29)

BAD = [
    ("name", pb.Column(name="a\0b", boolean=pb.BooleanType())),
    ("name", pb.Column(name="a\nb", boolean=pb.BooleanType())),
    ("dummy_null_share", pb.Column(name="a", boolean=pb.BooleanType(), dummy_null_share=0.1)),
    ("integer.lower", pb.Column(name="a", integer=pb.IntegerType(lower=-(2**62) - 1, upper=0))),
    ("integer.upper", pb.Column(name="a", integer=pb.IntegerType(lower=0, upper=2**63 - 1))),
    ("integer.lower", pb.Column(name="a", integer=pb.IntegerType(lower=1, upper=0))),
    ("real.lower", pb.Column(name="a", real=pb.RealType(lower=float("-inf"), upper=0))),
    ("real.upper", pb.Column(name="a", real=pb.RealType(lower=0, upper=float("nan")))),
    ("real.upper", pb.Column(name="a", real=pb.RealType(lower=0, upper=1.1e300))),
    ("real.upper", pb.Column(name="a", real=pb.RealType(lower=1, upper=1))),
    ("real.upper", pb.Column(name="a", real=pb.RealType(lower=0, upper=5e-324))),
    ("category.values", pb.Column(name="a", category=pb.CategoryType())),
    ("category.values[1]", pb.Column(name="a", category=pb.CategoryType(values=["x", "\0"]))),
    ("date.upper", pb.Column(name="a", date=pb.DateType(lower=DAY, upper=LEAP))),
    ("date.lower", pb.Column(name="a", date=pb.DateType(lower=Date(year=2024), upper=DAY))),
    ("date.lower", pb.Column(name="a", date=pb.DateType(lower=DAY, upper=Date(year=2024, month=1, day=1)))),
    ("timestamp.lower", pb.Column(name="a", timestamp=pb.TimestampType(lower=Timestamp(seconds=3), upper=Timestamp()))),
    ("timestamp.upper", pb.Column(name="a", timestamp=pb.TimestampType(lower=Timestamp(), upper=Timestamp(nanos=1)))),
]


def test_sane_columns_pass() -> None:
    assert list(schema_violations(pb.DatasetSchema(columns=GOOD), "dataset.schema")) == []


@pytest.mark.parametrize(("path", "column"), BAD)
def test_each_rule_names_its_field(path: str, column: pb.Column) -> None:
    schema = pb.DatasetSchema(columns=[GOOD[0], column])
    violations = list(schema_violations(schema, "dataset.schema"))
    assert [violation.field for violation in violations] == [f"dataset.schema.columns[1].{path}"]


@pytest.mark.parametrize(("column", "passes"), [("", True), ("i", True), ("t", True), ("r", False), ("nowhere", False)])
def test_the_unit_is_a_column_that_can_name_somebody(column: str, passes: bool) -> None:
    violations = list(
        unit_violations(PrivacyUnit(column=column), pb.DatasetSchema(columns=GOOD), "dataset.privacy_unit")
    )
    assert [violation.field for violation in violations] == ([] if passes else ["dataset.privacy_unit.column"])

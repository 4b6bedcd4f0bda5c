"""The kinds of things that files declare, and the keys of each. No I/O."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from sfumato._core.amounts import ATTO, PICO, attos, picos
from sfumato.admin.codecs import (
    FLAG,
    REAL,
    TEXT,
    WHOLE,
    Choice,
    Codec,
    Instant,
    Key,
    Length,
    Many,
    Reference,
    Shape,
    as_mapping,
    check_keys,
    shown,
    wrong,
)
from sfumato.admin.columns import Columns
from sfumato.v1 import (
    charge_pb2,
    dataset_pb2,
    grant_pb2,
    policy_pb2,
    population_pb2,
    project_pb2,
    schema_pb2,
    scope_pb2,
    source_pb2,
    user_pb2,
)

_UNIT_HINT: Final = "unit: row (each row is a person), or unit: {column: patient, max_rows: 100}"


def _number(units: int, one: int) -> float | str:
    """Return an exact amount: a float where that reads back to the same units, else its decimal text."""
    exact = Decimal(units) / one
    short = float(exact)
    return short if Decimal(repr(short)) == exact else format(exact.normalize(), "f")


@dataclass(frozen=True)
class Limit:
    """How much may be spent: {rho: 0.1}, {rho: 0.1, delta: 1.0e-8} or {epsilon: 1, delta: 1.0e-6}. Zero stops all.

    Of the δ beside ε, `threshold_delta` is what thresholds may spend.
    """

    def load(self, value: Any, path: str) -> charge_pb2.LossLimit:
        """Return the limit."""
        mapping = as_mapping(value, path)
        check_keys(mapping, ("rho", "epsilon", "delta", "threshold_delta"), path)
        if ("rho" in mapping) == ("epsilon" in mapping):
            raise wrong(path, "it holds exactly one of rho and epsilon", "{rho: 0.1}")
        kind = "rho" if "rho" in mapping else "epsilon"
        amount = mapping[kind]
        units = 0 if not isinstance(amount, bool) and amount == 0 else picos(amount, f"{path}.{kind}")
        delta = attos(mapping.get("delta", 0), f"{path}.delta")
        if kind == "rho":
            if "threshold_delta" in mapping:
                hint = "the δ beside ρ is for thresholds: {rho: 0.1, delta: 1.0e-8}"
                raise wrong(f"{path}.threshold_delta", "it goes with epsilon", hint)
            return charge_pb2.LossLimit(rho=charge_pb2.RhoDelta(rho_picos=units, delta_attos=delta))
        share = attos(mapping.get("threshold_delta", 0), f"{path}.threshold_delta")
        if share and share >= delta:
            hint = "the conversion needs some: {epsilon: 1, delta: 1.0e-6, threshold_delta: 5.0e-7}"
            raise wrong(f"{path}.threshold_delta", "it must be below delta", hint)
        within = charge_pb2.EpsilonDelta(epsilon_picos=units, delta_attos=delta)
        return charge_pb2.LossLimit(epsilon=within, threshold_delta_attos=share)

    def dump(self, value: charge_pb2.LossLimit) -> dict[str, Any]:
        """Return the mapping."""
        if value.WhichOneof("kind") == "epsilon":
            shown = {"epsilon": _number(value.epsilon.epsilon_picos, PICO)}
            delta = value.epsilon.delta_attos
        else:
            shown = {"rho": _number(value.rho.rho_picos, PICO)}
            delta = value.rho.delta_attos
        shown |= {"delta": _number(delta, ATTO)} if delta else {}
        share = value.threshold_delta_attos
        return shown | ({"threshold_delta": _number(share, ATTO)} if share else {})


@dataclass(frozen=True)
class Unit:
    """What is protected: `row`, or {column: tailnum, max_groups: 2, max_rows_per_group: 100}."""

    shape: Shape[dataset_pb2.PrivacyUnit]

    def load(self, value: Any, path: str) -> dataset_pb2.PrivacyUnit:
        """Return the privacy unit."""
        if value == "row":
            return dataset_pb2.PrivacyUnit()
        if not isinstance(value, dict):
            raise wrong(path, f"{shown(value)} is no privacy unit", _UNIT_HINT)
        return self.shape.load(value, path)

    def dump(self, value: dataset_pb2.PrivacyUnit) -> Any:
        """Return it."""
        return self.shape.dump(value) if value.column else "row"


@dataclass(frozen=True)
class SourcePlace:
    """Where the bytes are: {path: flights/*.parquet} or {s3: {bucket: lake, key: …}}, and a format if wished."""

    def load(self, value: Any, path: str) -> source_pb2.Source:
        """Return the source."""
        mapping = as_mapping({"path": value} if isinstance(value, str) else value, path)
        check_keys(mapping, ("path", "s3", "format"), path)
        if ("path" in mapping) == ("s3" in mapping):
            raise wrong(path, "it holds exactly one of path and s3", "{path: flights/*.parquet}")
        source = source_pb2.Source()
        if "path" in mapping:
            source.path.path = TEXT.load(mapping["path"], f"{path}.path")
        else:
            source.s3.CopyFrom(_S3.load(mapping["s3"], f"{path}.s3"))
        if mapping.get("format") is not None:
            source.format.CopyFrom(_FORMAT.load(mapping["format"], f"{path}.format"))
        return source

    def dump(self, value: source_pb2.Source) -> dict[str, Any]:
        """Return the mapping."""
        s3 = value.WhichOneof("kind") == "s3"
        shown: dict[str, Any] = {"s3": _S3.dump(value.s3)} if s3 else {"path": value.path.path}
        return {**shown, "format": _FORMAT.dump(value.format)} if value.HasField("format") else shown


@dataclass(frozen=True)
class Format:
    """How files are written: `parquet`, `csv`, `arrow`, or {csv: {delimiter: ";"}}."""

    def load(self, value: Any, path: str) -> source_pb2.FileFormat:
        """Return the format."""
        mapping = as_mapping({value: {}} if isinstance(value, str) else value, path)
        check_keys(mapping, ("parquet", "csv", "arrow"), path)
        if len(mapping) != 1:
            raise wrong(path, "it holds exactly one of parquet, csv and arrow")
        if "csv" in mapping:
            return source_pb2.FileFormat(csv=_CSV.load(mapping["csv"] or {}, f"{path}.csv"))
        if "parquet" in mapping:
            return source_pb2.FileFormat(parquet=source_pb2.ParquetFormat())
        return source_pb2.FileFormat(arrow=source_pb2.ArrowFormat())

    def dump(self, value: source_pb2.FileFormat) -> Any:
        """Return it."""
        kind = value.WhichOneof("kind") or ""
        said = _CSV.dump(value.csv) if kind == "csv" else {}
        return {kind: said} if said else kind


@dataclass(frozen=True)
class RoleEntry:
    """What a user may do: `analyst` everywhere, or {role: analyst, resource: datasets/flights}."""

    shape: Shape[user_pb2.RoleBinding]

    def load(self, value: Any, path: str) -> user_pb2.RoleBinding:
        """Return the binding."""
        return self.shape.load({"role": value} if isinstance(value, str) else value, path)

    def dump(self, value: user_pb2.RoleBinding) -> Any:
        """Return it."""
        shown = self.shape.dump(value)
        return shown if "resource" in shown else shown.get("role", "")


def _enum(items: Any, prefix: str) -> Choice:
    return Choice({name.removeprefix(prefix).lower(): number for name, number in items if number})


_S3: Final = Shape(
    source_pb2.S3Source,
    {name: Key(name, TEXT) for name in ("bucket", "key", "object_version", "credentials")},
    needed=("bucket", "key"),
)
_CSV: Final = Shape(
    source_pb2.CsvFormat,
    {
        "delimiter": Key("delimiter", TEXT),
        "quote": Key("quote", TEXT),
        "headerless": Key("headerless", FLAG),
        "null_values": Key("null_values", Many(TEXT)),
        "encoding": Key("encoding", TEXT),
    },
)
_FORMAT: Final = Format()
_UNIT: Final = Unit(
    Shape(
        dataset_pb2.PrivacyUnit,
        {
            "column": Key("column", TEXT, _UNIT_HINT),
            "max_groups": Key("max_groups", WHOLE),
            "max_rows_per_group": Key("max_rows_per_group", WHOLE),
            "max_rows": Key("max_rows", WHOLE),
        },
        needed=("column",),
    )
)
_ACCURACY: Final = Shape(
    policy_pb2.AccuracyPolicy,
    {"default_confidence": Key("default_confidence", REAL), "group_sizes": Key("group_sizes", Many(WHOLE))},
)
_POLICY: Final = Shape(
    policy_pb2.Policy,
    {
        "engines": Key("engines", Many(TEXT)),
        "max_charge": Key("max_charge", Limit()),
        "accuracy": Key("accuracy", _ACCURACY),
        "release_retention": Key("release_retention", Length()),
        "public_row_count": Key("public_row_count", WHOLE),
        "shared_releases": Key("shared_releases", _enum(policy_pb2.Policy.SharedReleases.items(), "SHARED_RELEASES_")),
    },
)
_WINDOW: Final = Shape(
    grant_pb2.BudgetWindow,
    {"length": Key("length", Length()), "limit": Key("limit", Limit()), "start": Key("anchor_time", Instant())},
    needed=("length", "limit"),
)
_DESCRIBED: Final = {"display_name": Key("display_name", TEXT), "description": Key("description", TEXT)}
_ROLE: Final = RoleEntry(
    Shape(
        user_pb2.RoleBinding,
        {"role": Key("role", _enum(user_pb2.Role.items(), "ROLE_")), "resource": Key("resource", TEXT)},
        needed=("role",),
    )
)

_SCHEMA: Final = Shape(
    schema_pb2.DatasetSchema, {"columns": Key("columns", Columns()), "max_rows": Key("max_rows", WHOLE)}
)


@dataclass(frozen=True)
class DatasetKeys:
    """A dataset: its columns stand at the top level."""

    shape: Shape[dataset_pb2.Dataset]

    def load(self, value: Any, path: str) -> dataset_pb2.Dataset:
        """Return the dataset."""
        mapping = as_mapping(value, path)
        check_keys(mapping, [*self.shape.keys, *_SCHEMA.keys], path)
        own = {key: each for key, each in mapping.items() if key not in _SCHEMA.keys}
        dataset = self.shape.load(own, path)
        declared = {key: each for key, each in mapping.items() if key in _SCHEMA.keys}
        if declared:
            dataset.schema.CopyFrom(_SCHEMA.load(declared, path))
        return dataset

    def dump(self, value: dataset_pb2.Dataset) -> dict[str, Any]:
        """Return the mapping."""
        return {**self.shape.dump(value), **_SCHEMA.dump(value.schema)}


KINDS: Final[Mapping[str, Codec]] = {
    "Population": Shape(
        population_pb2.Population,
        {
            **_DESCRIBED,
            "accounting": Key("accounting", _enum(population_pb2.Accounting.items(), "ACCOUNTING_")),
            "unit": Key(
                "unit",
                _enum(population_pb2.PrivacyUnitKind.items(), "PRIVACY_UNIT_KIND_"),
                "unit: row, or unit: identifier",
            ),
            "identifier_space": Key("identifier_space", TEXT),
        },
        needed=("unit",),
    ),
    "User": Shape(
        user_pb2.User,
        {
            "display_name": Key("display_name", TEXT),
            "issuer": Key("issuer", TEXT),
            "subject": Key("subject", TEXT),
            "roles": Key("roles", Many(_ROLE)),
            "disabled": Key("disabled", FLAG),
        },
        needed=("issuer", "subject"),
    ),
    "Project": Shape(
        project_pb2.Project,
        {
            **_DESCRIBED,
            "members": Key("members", Many(Reference("users"))),
            "datasets": Key("datasets", Many(Reference("datasets"))),
        },
    ),
    "Dataset": DatasetKeys(
        Shape(
            dataset_pb2.Dataset,
            {
                **_DESCRIBED,
                "population": Key("population", Reference("populations")),
                "source": Key("source", SourcePlace()),
                "unit": Key("privacy_unit", _UNIT, _UNIT_HINT),
                "policy": Key("policy", _POLICY),
                "custodians": Key("custodians", Many(Reference("users"))),
            },
            needed=("population", "source", "unit"),
        )
    ),
    "Grant": Shape(
        grant_pb2.Grant,
        {
            "scope": Key(
                "scope",
                Shape(
                    scope_pb2.Scope,
                    {
                        "population": Key("population", Reference("populations")),
                        "dataset": Key("dataset", Reference("datasets")),
                        "project": Key("project", Reference("projects")),
                        "analyst": Key("analyst", Reference("users")),
                    },
                    needed=("population",),
                ),
            ),
            "limit": Key("limit", Limit()),
            "window": Key("window", _WINDOW),
        },
        needed=("scope", "limit"),
    ),
}
"""In the order in which they are applied: each kind may name those before it."""

COLLECTIONS: Final = {
    "Population": "populations",
    "User": "users",
    "Project": "projects",
    "Dataset": "datasets",
    "Grant": "grants",
}
SETTABLE: Final = {
    "Population": ("display_name", "description", "accounting", "unit", "identifier_space"),
    "User": ("display_name", "issuer", "subject", "roles", "disabled"),
    "Project": ("display_name", "description", "members", "datasets"),
    "Dataset": (
        "display_name",
        "description",
        "population",
        "privacy_unit",
        "schema",
        "source",
        "policy",
        "custodians",
    ),
}
"""Fields that a file decides about: what it leaves out goes back to its default."""

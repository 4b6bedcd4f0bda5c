"""Kinds of records that the catalogue keeps."""

from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from google.protobuf.message import Message

from sfumato.v1.dataset_pb2 import Dataset
from sfumato.v1.population_pb2 import Population
from sfumato.v1.project_pb2 import Project
from sfumato.v1.user_pb2 import User
from sfumato_mesh.v1.catalog_service_pb2 import Preparation

P = TypeVar("P", bound=Message)

_OUTPUT_ONLY: Final = frozenset({"name", "create_time", "update_time", "etag"})


@dataclass(frozen=True)
class Kind(Generic[P]):
    """What is particular to one kind of record."""

    name: str
    """Kind in the record store, and the field that holds the resource in requests."""
    collection: str
    """What names begin with: "datasets" of "datasets/flights"."""
    message: type[P]
    immutable: frozenset[str] = frozenset()
    """Fields that never change after creation."""
    output_only: frozenset[str] = _OUTPUT_ONLY
    """Fields that the catalogue writes; requests may hold them and they are not read."""

    def name_of(self, record_id: str) -> str:
        """Return the resource name of an id."""
        return f"{self.collection}/{record_id}"

    def id_of(self, name: str) -> str:
        """Return the id in a resource name; "" for a name of another kind."""
        head, _, record_id = name.partition("/")
        return record_id if head == self.collection else ""

    def fields(self) -> list[str]:
        """Return the names of the fields that requests may set."""
        return [field.name for field in self.message.DESCRIPTOR.fields if field.name not in self.output_only]


POPULATION: Final = Kind(
    "population",
    "populations",
    Population,
    immutable=frozenset({"accounting", "unit"}),
    output_only=_OUTPUT_ONLY | {"state", "successors"},
)
DATASET: Final = Kind(
    "dataset", "datasets", Dataset, immutable=frozenset({"population"}), output_only=_OUTPUT_ONLY | {"version"}
)
PROJECT: Final = Kind("project", "projects", Project)
USER: Final = Kind("user", "users", User, immutable=frozenset({"issuer", "subject"}))
PREPARATION: Final = Kind("preparation", "preparations", Preparation)

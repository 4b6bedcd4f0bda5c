"""Files of declarations: YAML text → checked documents, and back. No I/O."""

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import yaml
from google.protobuf.message import Message

from sfumato._core import nodes
from sfumato.admin.codecs import as_mapping, nearest, under, wrong
from sfumato.admin.kinds import COLLECTIONS, KINDS
from sfumato.v1 import grant_pb2, population_pb2

DEFAULT_JUSTIFICATION: Final = "applied from a declarative file"
_ORDER: Final = {kind: i for i, kind in enumerate(KINDS)}


@dataclass(frozen=True)
class Document:
    """One declared thing."""

    kind: str
    name: str
    """Its id; of a grant: the id that its scope makes."""
    message: Message
    """With its full name; of a grant: scope and limit."""
    place: str
    """Where it stands: "flights.yaml, document 2"."""
    justification: str = DEFAULT_JUSTIFICATION
    """Why, for the ledger; of grants only."""

    @property
    def title(self) -> str:
        """In words: "Dataset flights"."""
        return f"{self.kind} {self.name}"


class _Loader(yaml.SafeLoader):
    """Plain values only, and no key twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """Refuse a key that is there twice: YAML would take the last."""
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, Hashable) and key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} is there twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep=deep)


def read_documents(text: str, file: str) -> list[Document]:
    """Return the documents of a file.

    Args:
        text: YAML, one document or several.
        file: its name, for messages.

    Raises:
        InvalidRequest: it is no YAML, or a document says what cannot be.
    """
    try:
        values = list(yaml.load_all(text, Loader=_Loader))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark is not None else ""
        raise wrong(
            f"{file}{line}", f"it is no YAML: {getattr(error, 'problem', None) or 'it cannot be read'}"
        ) from None
    except (ValueError, RecursionError):
        raise wrong(file, "it is no YAML that can be read") from None
    several = len(values) > 1
    places = [f"{file}, document {i + 1}" if several else file for i in range(len(values))]
    return [_document(value, place) for value, place in zip(values, places, strict=True) if value is not None]


def _document(value: Any, place: str) -> Document:
    mapping = dict(as_mapping(value, place))
    kind = mapping.pop("kind", None)
    if kind not in KINDS:
        what = "kind is needed" if kind is None else f"{kind!r} is no kind"
        raise wrong(f"{place}: kind", what, nearest(str(kind), KINDS) or "one of " + ", ".join(KINDS))
    if kind == "Grant":
        return _grant(mapping, place)
    name = mapping.pop("name", None)
    if not isinstance(name, str) or not nodes.is_id(name):
        what = "name is needed" if name is None else f"{name!r} is no id"
        raise wrong(f"{place}: {kind}: name", what, "lower case letters, digits and hyphens, at most 63")
    message = KINDS[kind].load(mapping, f"{place}: {kind} {name}")
    message.name = f"{COLLECTIONS[kind]}/{name}"
    if isinstance(message, population_pb2.Population) and not message.accounting:
        message.accounting = population_pb2.ACCOUNTING_ZCDP
    return Document(kind, name, message, place)


def _grant(mapping: dict[str, Any], place: str) -> Document:
    why = mapping.pop("justification", DEFAULT_JUSTIFICATION)
    if not isinstance(why, str) or not 10 <= len(why) <= 1024:
        raise wrong(under(f"{place}: Grant", "justification"), "it has 10 to 1024 characters")
    mapping.pop("name", None)  # made of the scope; `get` prints it
    message = KINDS["Grant"].load(mapping, f"{place}: Grant")
    assert isinstance(message, grant_pb2.Grant)
    return Document("Grant", grant_name(message), message, place, why)


def grant_name(grant: grant_pb2.Grant) -> str:
    """Return a grant's name without its collections: "palmer/analyst-ada"."""
    scope = grant.scope
    parts = [
        f"{word}-{value.rpartition('/')[2]}"
        for word, value in (("dataset", scope.dataset), ("project", scope.project), ("analyst", scope.analyst))
        if value
    ]
    return f"{scope.population.rpartition('/')[2]}/{'.'.join(parts) or 'population'}"


def in_order(documents: Iterable[Document]) -> list[Document]:
    """Return the documents in the order in which they can be applied.

    Raises:
        InvalidRequest: one thing is declared twice.
    """
    seen: dict[str, Document] = {}
    for each in documents:
        if each.title in seen:
            raise wrong(each.place, f"{each.title} is declared in {seen[each.title].place} too")
        seen[each.title] = each
    return sorted(seen.values(), key=lambda each: _ORDER[each.kind])


def to_plain(kind: str, message: Message) -> dict[str, Any]:
    """Return a record as a file declares it."""
    head: dict[str, Any] = {"kind": kind}
    if kind != "Grant":
        head["name"] = message.name.rpartition("/")[2]  # type: ignore[attr-defined]
    return {**head, **KINDS[kind].dump(message)}


def write_documents(plain: Iterable[dict[str, Any]]) -> str:
    """Return documents as YAML."""
    return yaml.safe_dump_all(list(plain), sort_keys=False, allow_unicode=True, width=120)


def flatten(plain: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield (path, value) of a document: mappings are walked, lists are values."""
    if isinstance(plain, dict) and plain:
        for key, each in plain.items():
            yield from flatten(each, under(path, key))
    else:
        yield path, plain

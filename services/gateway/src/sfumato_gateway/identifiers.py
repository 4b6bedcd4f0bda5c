"""Ids that the gateway derives, so that any replica derives the same for the same request."""

from typing import Final
from uuid import UUID, uuid5

_QUERIES: Final = UUID("7b0a6b2e-5d0b-5c0c-9b0f-0f6a3a1d2c55")
_PREPARATIONS: Final = UUID("3f1c9d64-8f0e-5a52-8a8e-7a1f0f2c9e10")
# Changing one of these constants would let every replay pay again.


def query_id(user: str, request_id: str) -> str:
    """Return the id of the query that a user names by a request_id."""
    return str(uuid5(_QUERIES, f"{user}\n{UUID(request_id)}"))


def preparation_id(user: str, request_id: str) -> str:
    """Return the id of the preparation that a user names by a request_id."""
    return str(uuid5(_PREPARATIONS, f"{user}\n{UUID(request_id)}"))


def id_of(name: str) -> str:
    """Return the last part of a resource name: "queries/{id}" has the id."""
    return name.rpartition("/")[2]

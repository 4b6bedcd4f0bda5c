"""What policies say of stored releases: of several datasets the strictest rule holds."""

from collections.abc import Iterable
from enum import IntEnum
from typing import Final

from sfumato.v1.dataset_pb2 import Dataset
from sfumato.v1.policy_pb2 import Policy


class Sharing(IntEnum):
    """Whom a stored release may answer again; the strictest first."""

    NONE = 0
    """Who has paid for it."""
    PROJECT = 1
    """Members of a project that has paid for it, on that project's account."""
    EVERYONE = 2
    """Whoever may query."""


_RULES: Final = {
    Policy.SHARED_RELEASES_UNSPECIFIED: Sharing.PROJECT,
    Policy.SHARED_RELEASES_NONE: Sharing.NONE,
    Policy.SHARED_RELEASES_PROJECT: Sharing.PROJECT,
    Policy.SHARED_RELEASES_EVERYONE: Sharing.EVERYONE,
}


def sharing_of(datasets: Iterable[Dataset]) -> Sharing:
    """Return the strictest rule of some datasets; one that this server does not know counts as NONE."""
    return min((_RULES.get(each.policy.shared_releases, Sharing.NONE) for each in datasets), default=Sharing.NONE)

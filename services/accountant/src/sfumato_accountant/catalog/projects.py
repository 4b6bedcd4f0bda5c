"""Rules of projects."""

# ruff: noqa: ARG002  (not every right looks at the record)

from collections.abc import Callable

from sfumato.v1.project_pb2 import Project
from sfumato_accountant.catalog.access import is_administrator, may_see_project
from sfumato_accountant.catalog.rules import Rules
from sfumato_mesh.caller import Caller


class ProjectRules(Rules[Project]):
    """Administrators manage projects; members and auditors read them.

    Members and datasets need not be registered yet: files are applied in any order, and a name without a record
    opens nothing.
    """

    def may_create(self, caller: Caller, message: Project) -> bool:
        """Administrators."""
        return is_administrator(caller)

    def may_change(self, caller: Caller, message: Project) -> bool:
        """Administrators."""
        return is_administrator(caller)

    async def sight(self, caller: Caller) -> Callable[[Project], bool]:
        """Members, administrators, auditors."""
        return lambda project: may_see_project(caller, project)

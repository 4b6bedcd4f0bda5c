"""Who may do what: pure functions of a caller and of records.

| | administrator | custodian | analyst | auditor |
|---|---|---|---|---|
| ask questions of a dataset | | | bound to it, to its population, or everywhere; or through a project | |
| see a dataset | yes | of it | as above | |
| see where its bytes are, change or publish it | yes | of it | | |
| register a dataset | yes | of its population | | |
| grant, freeze | yes | of the population | | |
| read the whole ledger of a population | yes | of the population | | of it, or everywhere |
| manage populations, projects, users | yes | | | |

A custodian of a dataset is named in its record, or holds the role on it, on its population or everywhere. A service
that speaks for itself holds no role: the places that serve it ask for `caller.user` first.
"""

from collections.abc import Iterable

from sfumato.v1.dataset_pb2 import Dataset
from sfumato.v1.population_pb2 import Population
from sfumato.v1.project_pb2 import Project
from sfumato.v1.user_pb2 import ROLE_ADMINISTRATOR, ROLE_ANALYST, ROLE_AUDITOR, ROLE_CUSTODIAN
from sfumato_mesh.caller import Caller


def is_administrator(caller: Caller, *resources: str) -> bool:
    """Whether the caller manages everything, or one of the named resources."""
    return caller.has_role(ROLE_ADMINISTRATOR, *resources)


def is_custodian(caller: Caller, target: Dataset | Population) -> bool:
    """Whether the caller decides about a dataset, or about the limits of a population."""
    if caller.has_role(ROLE_CUSTODIAN, *_resources(target)):
        return True
    return isinstance(target, Dataset) and bool(caller.user) and caller.user in target.custodians


def may_custody(caller: Caller, target: Dataset | Population) -> bool:
    """Whether the caller may change what a custodian decides: its custodians and administrators."""
    return is_custodian(caller, target) or is_administrator(caller, *_resources(target))


def may_audit(caller: Caller, target: Dataset | Population) -> bool:
    """Whether the caller may read all of a population's ledger: auditors, custodians, administrators."""
    return caller.has_role(ROLE_AUDITOR, *_resources(target)) or may_custody(caller, target)


def is_member(caller: Caller, project: Project) -> bool:
    """Whether the caller belongs to a project."""
    return bool(caller.user) and caller.user in project.members


def may_query(caller: Caller, dataset: Dataset, project: Project | None) -> bool:
    """Whether the caller may ask questions of a dataset, paid by a project (None: by itself).

    A project pays only for its members. It opens the datasets that it lists; others need the role.
    """
    if project is not None and not is_member(caller, project):
        return False
    listed = project is not None and dataset.name in project.datasets
    return listed or caller.has_role(ROLE_ANALYST, *_resources(dataset))


def may_see_dataset(caller: Caller, dataset: Dataset, projects: Iterable[Project]) -> bool:
    """Whether the caller may read what is public of a dataset: who may query it in some way, and who manages it."""
    if may_custody(caller, dataset) or may_query(caller, dataset, None):
        return True
    return any(may_query(caller, dataset, project) for project in projects)


def may_see_population(caller: Caller, population: Population, datasets: Iterable[Dataset]) -> bool:
    """Whether the caller may read a population; `datasets` are those that the caller may see."""
    if may_audit(caller, population) or caller.has_role(ROLE_ANALYST, population.name):
        return True
    return any(dataset.population == population.name for dataset in datasets)


def may_see_project(caller: Caller, project: Project) -> bool:
    """Whether the caller may read a project: its members, administrators and auditors."""
    return is_member(caller, project) or is_administrator(caller) or caller.has_role(ROLE_AUDITOR)


def may_see_user(caller: Caller, name: str) -> bool:
    """Whether the caller may read a user: itself, administrators and auditors."""
    return caller.user == name or is_administrator(caller) or caller.has_role(ROLE_AUDITOR)


def _resources(target: Dataset | Population) -> tuple[str, ...]:
    return (target.name, target.population) if isinstance(target, Dataset) else (target.name,)

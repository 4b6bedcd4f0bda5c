"""Row 16, attack: many accounts that share what they learn, each with a budget of its own.

The population's limit counts all of them: a hundred users who ask at once never pass it, whatever each may spend.
"""

import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from sfumato.v1 import budget_admin_service_pb2 as budget_admin
from sfumato.v1 import user_admin_service_pb2 as user_admin
from sfumato.v1 import user_pb2
from sfumato_embedded.identities import ISSUER
from tests.attacks.wire import COUNT, Attacker, rho
from tests.mesh_scene import MeshScene

USERS, EACH, LIMIT = 100, 3 * 10**10, 10**12
NAMES = [f"colluder-{index}" for index in range(USERS)]
PLAN = f'source {{ scan {{ dataset: "datasets/crowd" }} }} {COUNT}'


@pytest.fixture(scope="module")
def crowd(scene: MeshScene) -> MeshScene:
    """A hundred analysts, each of whom may spend the whole limit."""
    scene.publish("crowd", [{"x": 1}] * 50, {"x": {"type": "integer", "bounds": [0, 3]}}, limit={"rho": 1})
    administrator = Attacker(scene, "admin")
    for name in NAMES:
        user = user_pb2.User(issuer=ISSUER, subject=name, roles=[user_pb2.RoleBinding(role=user_pb2.ROLE_ANALYST)])
        created = administrator.call(
            "UserAdminService",
            "CreateUser",
            user_admin.CreateUserRequest(user_id=name, user=user),
            user_admin.CreateUserResponse,
        )
        assert created.messages, created.said
        grant = budget_admin.GrantBudgetRequest(
            justification="collusion is what is tested", request_id=str(uuid.uuid4())
        )
        grant.scope.population, grant.scope.analyst = "populations/crowd", f"users/{name}"
        grant.limit.rho.rho_picos = LIMIT
        granted = administrator.call("BudgetAdminService", "GrantBudget", grant, budget_admin.GrantBudgetResponse)
        assert granted.messages, granted.said
    administrator.close()
    return scene


@pytest.mark.slow
def test_a_hundred_users_at_once_never_pass_the_limit(crowd: MeshScene) -> None:
    colluders = [Attacker(crowd, name) for name in NAMES]
    with ThreadPoolExecutor(25) as pool:
        found = list(pool.map(lambda each: each.run(PLAN, rho(EACH)), colluders))
    outcomes = Counter(outcome.reason or outcome.code.name for outcome in found)
    fitting = LIMIT // EACH
    assert outcomes == {"OK": fitting, "BUDGET_EXHAUSTED": USERS - fitting}
    shares = [line for line in colluders[0].quoted(PLAN, rho(1)).scopes if not line.scope.analyst]
    assert [line.remaining.rho_picos for line in shares] == [LIMIT - fitting * EACH]
    refused = next(outcome for outcome in found if outcome.refusal is not None)
    assert refused.refusal is not None
    assert "colluder" not in refused.said  # the refusal names the scope, nobody who spent from it
    for each in colluders:
        each.close()


def test_an_account_more_is_no_budget_more(crowd: MeshScene) -> None:
    """What is left of the population is left for all together, and equal questions of others are not free."""
    first, second = Attacker(crowd, NAMES[0]), Attacker(crowd, NAMES[1])
    left = [line.remaining.rho_picos for line in first.quoted(PLAN, rho(1)).scopes if not line.scope.analyst]
    for each in (first, second):
        assert each.run(PLAN, rho(LIMIT // 2)).reason == "BUDGET_EXHAUSTED"
    ask = left[0] - 1
    assert first.run(PLAN, rho(ask)).messages
    assert second.run(PLAN, rho(ask)).reason == "BUDGET_EXHAUSTED"
    for each in (first, second):
        each.close()

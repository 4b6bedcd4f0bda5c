"""The interceptors of every server, in their order.

trace → refusals → deadline → authentication → authorisation → guard → handler; at the gateway the size of plans is
looked at before the guard.
"""

from collections.abc import Mapping

from opentelemetry.trace import TracerProvider

from sfumato_mesh import refusals
from sfumato_mesh.clock import Clock, SystemClock
from sfumato_mesh.interceptors.authentication import BearerAuthentication, PrincipalAuthentication, ResolveCaller
from sfumato_mesh.interceptors.authorisation import AuthorisationInterceptor
from sfumato_mesh.interceptors.behaviour import CallInterceptor
from sfumato_mesh.interceptors.deadline import DeadlineInterceptor
from sfumato_mesh.interceptors.guard import GuardInterceptor
from sfumato_mesh.interceptors.plan_size import PlanSizeInterceptor
from sfumato_mesh.interceptors.refused import RefusalInterceptor
from sfumato_mesh.interceptors.rules import INFRASTRUCTURE_RULES, Rule
from sfumato_mesh.interceptors.trace import TraceInterceptor
from sfumato_mesh.principal import PrincipalVerifier
from sfumato_mesh.tokens import TokenVerifier

__all__ = [
    "INFRASTRUCTURE_RULES",
    "AuthorisationInterceptor",
    "BearerAuthentication",
    "CallInterceptor",
    "DeadlineInterceptor",
    "GuardInterceptor",
    "PlanSizeInterceptor",
    "PrincipalAuthentication",
    "RefusalInterceptor",
    "ResolveCaller",
    "Rule",
    "TraceInterceptor",
    "internal_interceptors",
    "public_interceptors",
]


def public_interceptors(
    service: str,
    verifier: TokenVerifier,
    resolve: ResolveCaller,
    rules: Mapping[str, Rule],
    *,
    clock: Clock | None = None,
    tracer_provider: TracerProvider | None = None,
) -> list[CallInterceptor]:
    """Return the chain of a server that people and their programs call, with bearer tokens.

    Args:
        service: the server's own name, "gateway".
        verifier: checks tokens.
        resolve: finds the user behind a verified token.
        rules: every served method by its full name; what is missing is refused.
        clock: what tells tokens the time.
        tracer_provider: what makes spans; None: the process-wide one.
    """
    return [
        TraceInterceptor(tracer_provider),
        RefusalInterceptor(service),
        DeadlineInterceptor(),
        BearerAuthentication(verifier, resolve, rules, clock=clock or SystemClock()),
        AuthorisationInterceptor(rules, refusals.access_denied),
        PlanSizeInterceptor(),
        GuardInterceptor(),
    ]


def internal_interceptors(
    service: str,
    verifier: PrincipalVerifier,
    rules: Mapping[str, Rule],
    *,
    tracer_provider: TracerProvider | None = None,
) -> list[CallInterceptor]:
    """Return the chain of a server that only services of the mesh call, with signed principals.

    Args:
        service: the server's own name, "accountant" or "executor".
        verifier: checks principals.
        rules: every served method by its full name; what is missing is refused.
        tracer_provider: what makes spans; None: the process-wide one.
    """
    return [
        TraceInterceptor(tracer_provider),
        RefusalInterceptor(service),
        DeadlineInterceptor(),
        PrincipalAuthentication(verifier, rules),
        AuthorisationInterceptor(rules, refusals.peer_not_allowed),
        GuardInterceptor(),
    ]

"""The gateway as a whole: the public services, over channels to accountant and executor."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version

import grpc

from sfumato_gateway.answers import Answers
from sfumato_gateway.authentication import UserResolver
from sfumato_gateway.fits import Fits
from sfumato_gateway.forward import FORWARDED, ForwardedService, Handler
from sfumato_gateway.identity import IdentityHandlers, MeshFacts
from sfumato_gateway.marks import Marks
from sfumato_gateway.methods import METHOD_RULES, SERVICE_NAMES
from sfumato_gateway.models import ModelHandlers
from sfumato_gateway.operations import OperationHandlers, OperationsHandlers
from sfumato_gateway.preparations import Preparations
from sfumato_gateway.pricing import Pricing
from sfumato_gateway.queries import QueryHandlers
from sfumato_gateway.questions import warm_up
from sfumato_gateway.reopening import Reopening
from sfumato_gateway.running import Running
from sfumato_gateway.settings import GatewaySettings
from sfumato_mesh.clock import Clock, SystemClock
from sfumato_mesh.server import Handlers

__all__ = ["METHOD_RULES", "SERVICE_NAMES", "Gateway", "open_gateway"]


@dataclass(frozen=True)
class Gateway:
    """An open gateway: serve its handlers under METHOD_RULES, with `resolve` behind the token's check."""

    handlers: Sequence[Handlers]
    resolve: UserResolver
    """Finds the user behind a verified token; for `public_interceptors`."""

    async def warm_up(self) -> None:
        """Load what the first statement in SQL would wait for, beside the event loop."""
        await asyncio.to_thread(warm_up)

    async def close(self) -> None:
        """Give nothing up: the gateway holds nothing. Channels are their maker's."""


async def open_gateway(
    settings: GatewaySettings,
    accountant_channel: grpc.aio.Channel,
    executor_channel: grpc.aio.Channel,
    *,
    clock: Clock | None = None,
) -> Gateway:
    """Open a gateway.

    Args:
        settings: the gateway's.
        accountant_channel: a MeshChannel of the gateway to the accountant.
        executor_channel: a MeshChannel of the gateway to the executor's front.
        clock: what GetMesh tells; None: the machine's.
    """
    marks = Marks(accountant_channel, executor_channel)
    pricing = Pricing(accountant_channel, executor_channel)
    answers = Answers(accountant_channel, executor_channel, marks)
    preparations = Preparations(accountant_channel, executor_channel)
    fits = Fits(accountant_channel, marks)
    running = Running(preparations, fits)
    facts = MeshFacts(
        version=version("sfumato-gateway"),
        minimum_client_version=settings.minimum_client_version,
        issuer=settings.login_issuer,
        client_id=settings.login_client_id,
        audience=settings.audience,
        scopes=settings.login_scopes if settings.login_issuer else (),
    )
    reopening = Reopening(accountant_channel, executor_channel, marks)
    own: dict[str, dict[str, Handler]] = {
        "sfumato.v1.DatasetAdminService": {"PublishDatasetVersion": preparations.publish},
        "sfumato.v1.PopulationAdminService": {"ReopenPopulation": reopening.reopen},
    }
    return Gateway(
        handlers=(
            QueryHandlers(accountant_channel, executor_channel, pricing, answers, marks),
            IdentityHandlers(facts, clock or SystemClock()),
            ModelHandlers(accountant_channel, executor_channel, pricing, marks, fits),
            OperationHandlers(running),
            OperationsHandlers(running),
            *(
                ForwardedService(service, accountant_channel, marks, own.get(str(service.full_name)))
                for service in FORWARDED
            ),
        ),
        resolve=UserResolver(accountant_channel),
    )

"""Whether calls should come to this replica: not while its clock is too far off to append by it.

It would refuse every payment, and a balancer that goes by health sends these to another replica. A database that does
not tell its time is no reason: it is away for the others too.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from sfumato_accountant.stores.ports import StoreUnavailable

INTERVAL_SECONDS: Final = 5.0
_LOG: Final = logging.getLogger(__name__)


async def tell_readiness(
    is_fit: Callable[[], Awaitable[bool]],
    tell: Callable[[bool], Awaitable[None]],
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Tell probes at every interval, until cancelled.

    Args:
        is_fit: whether the clock is near enough to the database's.
        tell: what probes are told; called when it changes.
        sleep: waits.
    """
    told = True
    while True:
        try:
            fit = await is_fit()
        except StoreUnavailable:
            fit = told
        if fit != told:
            _LOG.warning("ready again" if fit else "not ready: the clock differs from the database's")
            await tell(fit)
            told = fit
        await sleep(INTERVAL_SECONDS)

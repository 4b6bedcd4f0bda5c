"""The caller's long-running operations of both kinds: preparations of data, and fits of models.

An id is of one kind or of none: both are derived from user and request_id, each in a name space of its own.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final

import grpc
from google.longrunning.operations_pb2 import Operation

from sfumato_gateway.fits import Fits
from sfumato_gateway.preparations import Preparations, operation_of
from sfumato_mesh.refusal import Refusal

_OF_FITS: Final = "fits:"
"""Begins page tokens from which on fits are listed; preparations come first."""


class Running:
    """Operations by their ids; of others', nothing: ACCESS_DENIED, as for what is not there."""

    def __init__(self, preparations: Preparations, fits: Fits) -> None:
        self._preparations = preparations
        self._fits = fits

    async def get(self, name: str) -> Operation:
        """Return one of the caller's."""
        try:
            return operation_of(await self._preparations.get(name))
        except Refusal as refusal:
            _require_absent(refusal)
        return await self._fits.operation(name)

    async def page(self, size: int, token: str) -> tuple[list[Operation], str]:
        """Return a page of the caller's, of each kind the newest first, and the token of the next."""
        if token.startswith(_OF_FITS):
            operations, following = await self._fits.page(size, token.removeprefix(_OF_FITS))
            return operations, _OF_FITS + following if following else ""
        found, following = await self._preparations.page(size, token)
        operations = [operation_of(each) for each in found]
        if following:
            return operations, following
        if operations:
            return operations, _OF_FITS if (await self._fits.page(1, ""))[0] else ""
        return await self.page(size, _OF_FITS)

    async def cancel(self, name: str) -> None:
        """Give one of the caller's up, unless it has ended."""
        try:
            await self._preparations.cancel(name)
        except Refusal as refusal:
            _require_absent(refusal)
            await self._fits.cancel(name)

    async def delete(self, name: str) -> None:
        """Forget one of the caller's that has ended. A fit is part of history, and stays."""
        try:
            await self._preparations.delete(name)
        except Refusal as refusal:
            _require_absent(refusal)
            await self._fits.operation(name)
            raise _stays(name) from None

    async def changes(self, name: str) -> AsyncGenerator[Operation]:
        """Yield one of the caller's at once, and again when it changed, until it has ended."""
        began = False
        try:
            async with aclosing(self._preparations.changes(name)) as preparations:
                async for preparation in preparations:
                    began = True
                    yield operation_of(preparation)
        except Refusal as refusal:
            if began:
                raise
            _require_absent(refusal)
        if not began:
            async with aclosing(self._fits.changes(name)) as changes:
                async for operation in changes:
                    yield operation


def _require_absent(refusal: Refusal) -> None:
    if refusal.reason != "ACCESS_DENIED":
        raise refusal


def _stays(name: str) -> Refusal:
    resource = f"operations/{name}"
    return Refusal(
        grpc.StatusCode.FAILED_PRECONDITION,
        "RESOURCE_IN_USE",
        "the fit of a model is a paid query, and stays in history",
        metadata={"resource": resource, "used_by": f"queries/{name}", "hint": "cancel it, or leave it"},
        precondition=("RESOURCE_IN_USE", resource, "a query's history is kept"),
    )

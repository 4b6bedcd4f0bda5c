"""A chain on which a little of everything happened, and those who judge it."""

import asyncio
import io
from typing import Any

from sfumato.v1 import ledger_service_pb2 as pb
from sfumato.verification.json_lines import JsonLinesExport, lines
from sfumato.verification.verifier import Verdict, verify
from sfumato_mesh.caller import Caller, calling_as
from tests.contract.ledger_scene import (
    ADA,
    AUDITOR,
    POPULATION,
    PROJECT,
    Scene,
    epsilon,
    question,
    rho,
)


async def lived(scene: Scene) -> Scene:
    """Let a little of everything happen."""
    await scene.grant(rho(1000))
    await scene.grant(rho(100), analyst="users/ada")
    await scene.grant(epsilon(10**13, 10**12), project=PROJECT)
    await scene.answered(question(plan=1, picos=10))
    await scene.answered(question(plan=2, picos=10))
    await scene.reserve(question(plan=1, picos=10))  # the stored release, free
    await scene.reserve(question(plan=2, picos=10, project=PROJECT), replica=1)  # the project pays for it
    given_up = await scene.reserve(question(plan=3, picos=10))
    cancelled = await scene.reserve(question(plan=4, picos=10, project=PROJECT))
    await scene.charge(cancelled.claim.query_id, ADA)
    await scene.freeze(analyst="users/ada")
    await scene.freeze(analyst="users/ada", frozen=False)
    scene.clock.advance(61)
    await scene.charge(given_up.claim.query_id)
    await scene.grant(rho(200), analyst="users/ada")
    await asyncio.gather(*(scene.reserve(question(plan=10 + n, picos=5), replica=n % 2) for n in range(2)))
    return scene


async def exported(scene: Scene, caller: Caller = AUDITOR, replica: int = 0) -> list[pb.ExportLedgerResponse]:
    with calling_as(caller):
        call = scene.replicas[replica].ledger.ExportLedger(pb.ExportLedgerRequest(population=POPULATION))
        return [part async for part in call]


def verdict_of(parts: list[pb.ExportLedgerResponse], **options: Any) -> Verdict:
    export = JsonLinesExport(io.BytesIO(b"".join(lines(parts))), "export.jsonl")
    return verify(export, {parts[0].header.keys[0].public_key}, **options)


async def judged(scene: Scene, caller: Caller = AUDITOR, replica: int = 0) -> list[pb.VerifyLedgerResponse]:
    with calling_as(caller):
        call = scene.replicas[replica].ledger.VerifyLedger(pb.VerifyLedgerRequest(population=POPULATION))
        return [response async for response in call]

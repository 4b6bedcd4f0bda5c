"""What is still open: asked of an accountant, as the executor asks."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import grpc

from sfumato_mesh.channels import SyncMeshChannel, sync_channel
from sfumato_mesh.keys import load_or_create_signing_key
from sfumato_mesh.principal import PrincipalSigner
from sfumato_mesh.v1 import reservation_service_pb2 as pb
from sfumato_mesh.v1.reservation_service_pb2_grpc import ReservationServiceStub

_POLL_SECONDS: Final = 0.2


def open_queries(key: Path, ports: Mapping[str, int]) -> int | None:
    """Return how many queries are paid and have no end yet, at most 1000; None: no accountant answers."""
    target = f"ipv4:127.0.0.1:{ports['accountant1']},127.0.0.1:{ports['accountant2']}"
    signer = PrincipalSigner("executor", load_or_create_signing_key(key))
    with SyncMeshChannel(sync_channel(target), signer, "accountant") as channel:
        stub = ReservationServiceStub(channel)
        try:
            answer = stub.ListOpenReservations(pb.ListOpenReservationsRequest(page_size=1000), timeout=10)
        except grpc.RpcError:
            return None
    return len(answer.reservations)


def wait_until_none_is_open(key: Path, ports: Mapping[str, int], patience_s: float) -> bool:
    """Return whether every paid query came to its end in so many seconds."""
    end = time.monotonic() + patience_s
    while open_queries(key, ports) != 0:
        if time.monotonic() >= end:
            return False
        time.sleep(_POLL_SECONDS)
    return True

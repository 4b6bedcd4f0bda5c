"""Row 26, attack: noise that can be foreseen: a seed, a weak generator, or one stream in two forked workers.

Noise comes from the operating system, in OpenDP's samplers. Two children of one process that has drawn already share
nothing; nor do salts, attempts and the keys of data versions. No request has a place for a seed of real noise (P4).
"""

import subprocess
import sys
from pathlib import Path

from sfumato.v1 import query_service_pb2
from tests.attacks.tables import dataset, table

SCRIPT = """
import os, sys, uuid
import numpy as np
from sfumato_executor.engines.native.noise import OpenDPNoise
from sfumato_executor.plan import losses
from sfumato_executor.plan.program import Draw, DrawKind, Sensitivity
import secrets

one = Sensitivity(1, 1.0, 1.0, 1)
draws = []
for kind, priced in ((DrawKind.GAUSSIAN, losses.gaussian(one, 10**6)), (DrawKind.LAPLACE, losses.laplace(one, 10**9))):
    draws.append(Draw(kind, 0, priced.scale, one, priced.loss))
noise = OpenDPNoise()
zeros = np.zeros(16, dtype=np.int64)

def drawn():
    parts = [str(noise.add(draw, zeros).tolist()) for draw in draws]
    return parts + [str(uuid.uuid4()), secrets.token_hex(16)]

before = drawn()
children = []
for _ in range(3):
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, "|".join(drawn()).encode())
        os._exit(0)
    os.close(writer)
    children.append((child, reader))
seen = [before]
for child, reader in children:
    text = b""
    while part := os.read(reader, 65536):
        text += part
    os.waitpid(child, 0)
    seen.append(text.decode().split("|"))
seen.append(drawn())
for kind in zip(*seen):
    assert len(set(kind)) == 5, kind
print("apart")
"""


def test_forked_workers_share_no_stream() -> None:
    """Equal draws by chance: 16 draws at σ ≈ 700 agree with probability below 1e-45."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=60, cwd=Path(__file__).parents[2]
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.strip() == "apart"


def test_every_data_version_has_a_key_of_its_own() -> None:
    made = dataset('columns { name: "x" integer { upper: 3 } }')
    keys = {table(made, {"x": [1, 2, 3]}).key for _ in range(4)}
    assert len(keys) == 4
    assert all(len(key) == 32 for key in keys)


def test_a_seed_is_for_made_up_rows_alone() -> None:
    """P4: the predecessor's `random_state` let an analyst subtract the noise."""
    for name in ("QuoteQueryRequest", "RunQueryRequest", "AttachQueryRequest"):
        stack, seen = [getattr(query_service_pb2, name).DESCRIPTOR], set()
        while stack:
            message = stack.pop()
            if message.full_name in seen:
                continue
            seen.add(message.full_name)
            for field in message.fields:
                if field.full_name != "sfumato.v1.EstimatorStep.random_forest":  # the algorithm's name
                    assert not any(word in field.name for word in ("seed", "random", "nonce")), field.full_name
                if field.message_type is not None:
                    stack.append(field.message_type)
    assert "seed" in query_service_pb2.RunDummyQueryRequest.DESCRIPTOR.fields_by_name

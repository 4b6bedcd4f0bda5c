"""Cold start, memory, what the client installs, and what the accounting is worth."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import sfumato as sf
from sfumato.conversion import epsilon_from_rho
from tests.bench.bench_queries import publish
from tests.bench.lines import Line, at_most, memory, milliseconds
from tests.mesh_process import REPOSITORY, MeshProcess, free_port

_LIBRARIES = "import grpc.aio, celery, polars, pyarrow, opendp.measurements, protovalidate"
_STARTS = 3
_GATEWAY_SECONDS = 20.0


def rows() -> list[Line]:
    """Measured lines."""
    return [*_cold_start(), _gateway(), *_client_install(), _accounting()]


def _cold_start() -> list[Line]:
    """From the command to the first answer, on a folder that holds a published table."""
    with TemporaryDirectory() as folder:
        mesh = MeshProcess(Path(folder), settings={})
        mesh.start()
        publish(mesh)
        mesh.stop()
        found = []
        libraries = []
        for _ in range(_STARTS):
            libraries.append(milliseconds(lambda: subprocess.run([sys.executable, "-c", _LIBRARIES], check=True)))
            begin = time.perf_counter()
            mesh.start()
            try:
                with sf.connect(mesh.target, mesh.token()) as client:
                    client.dataset("penguins").agg(n=sf.count()).run(rho=0.001, fresh=True)
                took = time.perf_counter() - begin
                assert mesh.process is not None
                found.append((took, memory(mesh.process.pid, "VmRSS")))
            finally:
                mesh.stop()
        seconds, resident = min(found)
        bare = _resident([sys.executable, "-c", f"{_LIBRARIES}, time; time.sleep(60)"], os.environ, 4.0)
        of = "importing the libraries"
        return [
            at_most("cold start to the first answer", seconds, "s", 2.0, min(libraries) / 1e3, of),
            Line("memory of the embedded mesh after its first answer", resident, "MiB", bare, of),
        ]


def _gateway() -> Line:
    with TemporaryDirectory() as folder:
        key = Path(folder) / "gateway.pem"
        health = free_port()
        environment = {
            **os.environ,
            "SFUMATO_SIGNING_KEY": str(key),
            "SFUMATO_ACCOUNTANT_TARGET": "127.0.0.1:1",
            "SFUMATO_EXECUTOR_TARGET": "127.0.0.1:1",
            "SFUMATO_HEALTH_ADDRESS": f"127.0.0.1:{health}",
        }
        bare = _resident([sys.executable, "-c", "import grpc.aio, time; time.sleep(60)"], os.environ, 2.0)
        program = str(Path(sys.executable).with_name("sfumato-gateway"))
        value = _resident([program], environment, 4.0)
    return at_most("memory of a gateway", value, "MiB", 100, bare, "Python with grpc")


def _resident(command: list[str], environment: Mapping[str, str], settle: float) -> float:
    """Return VmRSS of a program, in MiB, when it has stopped growing."""
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        end = time.monotonic() + _GATEWAY_SECONDS
        time.sleep(settle)
        last = 0.0
        while process.poll() is None and time.monotonic() < end:
            now = memory(process.pid, "VmRSS")
            if now == last:
                return now
            last = now
            time.sleep(0.5)
        assert process.poll() is None, process.stderr.read().decode() if process.stderr else ""
        return last
    finally:
        process.kill()
        process.wait()


def _client_install() -> list[Line]:
    uv = shutil.which("uv") or str(REPOSITORY / "build/tools/bin/uv")
    with TemporaryDirectory() as folder:
        wheels, target, peer = (Path(folder) / name for name in ("wheels", "client", "peer"))
        source = REPOSITORY / "clients/python"
        subprocess.run([uv, "build", "--quiet", "--wheel", "--out-dir", str(wheels), str(source)], check=True)
        install = [uv, "pip", "install", "--quiet", "--python", sys.executable, "--target"]
        subprocess.run([*install, str(target), str(next(wheels.glob("*.whl")))], check=True)
        subprocess.run([*install, str(peer), "grpcio"], check=True)
        size, beside = _megabytes(target), _megabytes(peer)
    return [at_most("client, installed alone", size, "MB", 25, beside, "grpcio alone")]


def _megabytes(folder: Path) -> float:
    return sum(each.stat().st_size for each in folder.rglob("*") if each.is_file() and each.suffix != ".pyc") / 1e6


def _accounting() -> Line:
    """ε of 100 Gaussian counts of ρ 0.005 at δ 1e-6, beside the sum of their ε, each at a hundredth of δ."""
    composed = epsilon_from_rho(100 * 0.005, 1e-6)
    summed = 100 * epsilon_from_rho(0.005, 1e-8)
    return at_most("ε of 100 Gaussian counts of ρ 0.005, δ 1e-6", composed, "ε", 5.222, summed, "their ε added up")


if __name__ == "__main__":
    print(json.dumps([each.to_json() for each in rows()], indent=2))

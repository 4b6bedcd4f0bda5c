"""Lay `third_party/`: protos that ours import, from packages of the Python index, pinned by hash, not committed."""

import hashlib
import pathlib
import shutil
import subprocess
import sys
import tarfile
import tempfile

import google.rpc

ROOT = pathlib.Path(__file__).resolve().parent.parent
TARGET = ROOT / "third_party"
# The 2.x wheels carry no .proto; the source archive of 1.2.0 does, and 2.x enforces the same options.
ARCHIVE = "protovalidate==1.2.0"
ARCHIVE_SHA256 = "4cb9a5065f32abc9baf2cf25c5bd09a139f7dffb7b8692f636a8e3e6883bb9a2"
VALIDATE = "buf/validate/validate.proto"
GOOGLE = {
    "google/api/annotations.proto": "google/api/annotations.proto",
    "google/api/client.proto": "google/api/client.proto",
    "google/api/field_behavior.proto": "google/api/field_behavior.proto",
    "google/api/http.proto": "google/api/http.proto",
    "google/api/launch_stage.proto": "google/api/launch_stage.proto",
    "google/api/resource.proto": "google/api/resource.proto",
    # The package ships it under another name than the one it is registered as.
    "google/longrunning/operations.proto": "google/longrunning/operations_proto.proto",
    "google/rpc/error_details.proto": "google/rpc/error_details.proto",
    "google/rpc/status.proto": "google/rpc/status.proto",
    "google/type/date.proto": "google/type/date.proto",
}


def lay_google() -> None:
    """Copy what `googleapis-common-protos` ships."""
    packages = pathlib.Path(next(iter(google.rpc.__path__))).parent.parent
    for name, source in GOOGLE.items():
        (TARGET / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(packages / source, TARGET / name)


def lay_validate() -> None:
    """Take validate.proto out of the pinned source archive."""
    with tempfile.TemporaryDirectory() as folder:
        download = ["uv", "tool", "run", "pip@25.3", "download", "-q", "--no-deps", "--no-binary", ":all:"]
        subprocess.run([*download, "--dest", folder, ARCHIVE], check=True)
        archive = next(pathlib.Path(folder).glob("*.tar.gz"))
        if hashlib.sha256(archive.read_bytes()).hexdigest() != ARCHIVE_SHA256:
            sys.exit(f"{archive.name} is not the pinned archive")
        with tarfile.open(archive) as tar:
            member = next(m for m in tar.getmembers() if m.name.endswith("/upstream/proto/" + VALIDATE))
            content = tar.extractfile(member)
            assert content is not None
            (TARGET / VALIDATE).parent.mkdir(parents=True, exist_ok=True)
            (TARGET / VALIDATE).write_bytes(content.read())


if __name__ == "__main__":
    lay_google()
    if not (TARGET / VALIDATE).exists():
        lay_validate()

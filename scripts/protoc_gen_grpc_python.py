"""A protoc plugin around grpcio-tools' built-in generator of service stubs, for which no plugin binary exists."""

import pathlib
import re
import subprocess
import sys
import tempfile

from google.protobuf import descriptor_pb2
from google.protobuf.compiler import plugin_pb2

# Static methods beside the stubs, a third of each file, which nobody here calls and grpc may change without notice.
_EXPERIMENTAL = re.compile(
    r"\n\n # This class is part of an EXPERIMENTAL API\.\nclass .*?(?=\n\n\nclass |\n*\Z)", re.DOTALL
)


def main() -> None:
    """Read a CodeGeneratorRequest from standard input, write the stubs as a CodeGeneratorResponse."""
    request = plugin_pb2.CodeGeneratorRequest.FromString(sys.stdin.buffer.read())
    response = plugin_pb2.CodeGeneratorResponse(supported_features=1)
    with tempfile.TemporaryDirectory() as folder:
        image = pathlib.Path(folder) / "image.binpb"
        image.write_bytes(descriptor_pb2.FileDescriptorSet(file=request.proto_file).SerializeToString())
        out = pathlib.Path(folder) / "out"
        out.mkdir()
        generator = [sys.executable, "-m", "grpc_tools.protoc", f"--descriptor_set_in={image}"]
        subprocess.run([*generator, f"--grpc_python_out={out}", *request.file_to_generate], check=True)
        for path in sorted(out.rglob("*.py")):
            response.file.add(name=str(path.relative_to(out)), content=_EXPERIMENTAL.sub("", path.read_text()))
    sys.stdout.buffer.write(response.SerializeToString())


if __name__ == "__main__":
    main()

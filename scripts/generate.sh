#!/bin/sh
# Make the generated code from protos/ into build/gen, then lay it where it is committed (or, with --check, compare).
set -eu
cd "$(dirname "$0")/.."
uv sync --quiet --locked --project scripts/proto
PATH="$PWD/scripts/proto/.venv/bin:$PATH"
export PATH
python scripts/third_party.py
rm -rf build/gen
mkdir -p build
buf generate >build/generate.log 2>&1 || { cat build/generate.log >&2; exit 1; }
rm -rf build/gen/google
# Files without a service have empty stubs of gRPC, which would only be installed.
find build/gen -name '*_pb2_grpc.py' | while read -r stub; do
  grep -q Servicer "$stub" || rm "$stub" "${stub}i"
done
# The rules of fields are read by the services at run time; nobody types against them.
rm -f build/gen/buf/validate/validate_pb2.pyi
python scripts/lean_rules.py build/gen/buf/validate/validate_pb2.py
client=clients/python/src
mesh=services/mesh/src
for package in sfumato/v1 buf/validate sfumato_mesh/v1; do
  case $package in sfumato_mesh/*) root=$mesh ;; *) root=$client ;; esac
  if [ "${1:-}" = --check ]; then
    diff -r -x __pycache__ -x __init__.py -x py.typed "build/gen/$package" "$root/$package" \
      || { echo "generated code is stale: run make proto" >&2; exit 1; }
  else
    mkdir -p "$root/$package"
    find "$root/$package" -name '*_pb2*' -delete
    cp build/gen/$package/*_pb2* "$root/$package/"
  fi
done

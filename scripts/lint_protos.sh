#!/bin/sh
# The contracts: style, comments, freshness of what is generated from them, and that nothing released is broken.
set -eu
cd "$(dirname "$0")/.."
uv sync --quiet --locked --project scripts/proto
PATH="$PWD/scripts/proto/.venv/bin:$PATH"
export PATH
python scripts/third_party.py
buf lint
buf format --diff --exit-code protos
scripts/generate.sh --check
if [ -f protos/released.binpb ]; then
  buf breaking --against protos/released.binpb
else
  echo "buf breaking: nothing is released yet, so nothing is promised yet"
fi

#!/bin/sh
# Write protos/released.binpb: the contract that `buf breaking` holds later ones against.
set -eu
cd "$(dirname "$0")/.."
uv sync --quiet --locked --project scripts/proto
PATH="$PWD/scripts/proto/.venv/bin:$PATH"
export PATH
python scripts/third_party.py
buf build --exclude-source-info -o protos/released.binpb

#!/bin/sh
# Install one service, locked, into a folder of its own: what the Dockerfile runs, and nothing but this.
#   scripts/install_service.sh gateway|accountant|executor|executor-library|notebook FOLDER
# executor-library is the executor with the libraries that its engines may run: for fronts and workers alike.
# Needs python3.11 or 3.12 with its venv module, and the package index.
set -eu
service=$1
folder=$2
cd "$(dirname "$0")/.."
tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
scripts/find_uv.sh "$tools"
PATH="$PATH:$tools/bin"
export PATH UV_PROJECT_ENVIRONMENT="$folder" UV_PYTHON_DOWNLOADS=never UV_LINK_MODE=copy UV_COMPILE_BYTECODE="${UV_COMPILE_BYTECODE:-1}"
case $service in
  gateway | accountant) uv sync --quiet --locked --no-dev --no-editable --package "sfumato-$service" ;;
  executor) uv sync --quiet --locked --no-dev --no-editable --package sfumato-executor --extra native ;;
  executor-library)
    uv sync --quiet --locked --no-dev --no-editable --package sfumato-executor \
      --extra native --extra smartnoise-synth --extra smartnoise-sql --extra diffprivlib
    ;;
  notebook) uv sync --quiet --locked --no-dev --no-editable --project scripts/notebook ;;
  *)
    echo "install_service.sh: no service is called $service: gateway, accountant, executor, executor-library or notebook" >&2
    exit 2
    ;;
esac

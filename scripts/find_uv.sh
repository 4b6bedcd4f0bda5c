#!/bin/sh
# Find uv, or install it from the index into the given folder; name what is missing in one sentence.
set -eu
tools=$1
pinned=0.13.9
if command -v uv >/dev/null 2>&1 && uv --version >/dev/null 2>&1; then exit 0; fi
for python in python3.12 python3.11 python3; do
  if command -v "$python" >/dev/null 2>&1 && "$python" -c 'import sys; sys.exit(not ((3, 11) <= sys.version_info < (3, 13)))' 2>/dev/null; then
    "$python" -c 'import venv, ensurepip' 2>/dev/null || { echo "sfumato needs the venv module of $python (on Debian: apt install python3-venv)." >&2; exit 1; }
    "$python" -m venv "$tools"
    "$tools/bin/python" -m pip install --quiet "uv==$pinned"
    exit 0
  fi
done
echo "sfumato needs python3.11 or python3.12 on the PATH (or uv with one of them)." >&2
exit 1

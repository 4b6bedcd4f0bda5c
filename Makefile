# The one task file. `make demo` and `make test` need python3.11 or 3.12 with its venv module, and make; the rest is fetched.
SHELL := /bin/sh
export UV_PYTHON_DOWNLOADS := never
TOOLS := $(CURDIR)/build/tools
export PATH := $(CURDIR)/.venv/bin:$(PATH):$(TOOLS)/bin
PYTEST := .venv/bin/python -m pytest

.PHONY: setup proto lint test test-embedded services services-down bench demo up release clean

setup: .venv/.synced

.venv/.synced: pyproject.toml uv.lock clients/python/pyproject.toml $(wildcard services/*/pyproject.toml) | uv
	@uv sync --quiet --locked && touch $@

.PHONY: uv
uv:
	@scripts/find_uv.sh $(TOOLS)

proto: uv            ## generated code from protos/
	scripts/generate.sh

lint: setup          ## ruff, mypy, buf, freshness of generated code, breaking changes
	ruff check .
	ruff format --check .
	mypy clients services tests scripts
	scripts/lint_protos.sh

test: setup services ## every suite, the real servers included
	@set -a; . build/services/env; set +a; $(PYTEST) tests

test-embedded: setup ## the suites that need no server
	$(PYTEST) tests -m "not servers"

services: setup      ## MinIO, a MongoDB-compatible server and RabbitMQ on loopback
	@.venv/bin/python scripts/services up

services-down: setup
	@.venv/bin/python scripts/services down

bench: setup         ## numbers of this machine: a table, and build/bench.json
	.venv/bin/python -m tests.bench

demo: setup          ## the embedded mesh, real questions on real data
	@.venv/bin/sfumato demo

up: setup            ## the embedded mesh, until Ctrl-C
	@.venv/bin/sfumato up

release: uv          ## write the image that later contracts may not break
	scripts/release_image.sh

clean:
	rm -rf build .venv

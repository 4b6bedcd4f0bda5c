# The one task file. `make demo` and `make test` need python3.11 or 3.12 with its venv module, and make; the rest is fetched.
SHELL := /bin/sh
export UV_PYTHON_DOWNLOADS := never
TOOLS := $(CURDIR)/build/tools
export PATH := $(CURDIR)/.venv/bin:$(PATH):$(TOOLS)/bin
PYTEST := .venv/bin/python -m pytest

.PHONY: setup proto lint test test-embedded services services-down mesh-up mesh-down test-mesh crash bench demo up release clean

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
	python scripts/architecture.py --check

test: setup services ## every suite, the real servers included
	@set -a; . build/services/env; set +a; $(PYTEST) tests

test-embedded: setup ## the suites that need no server
	$(PYTEST) tests -m "not servers and not cluster"

services: setup      ## MinIO, a MongoDB-compatible server, RabbitMQ and Redis on loopback
	@.venv/bin/python scripts/services up

services-down: setup
	@.venv/bin/python scripts/services down

mesh-up: services    ## every service in a process of its own, on those servers; build/mesh/env says how to reach it
	@.venv/bin/python scripts/mesh up

mesh-down: setup     ## drain it and stop it; what it keeps stays
	@.venv/bin/python scripts/mesh down

test-mesh: services  ## the demo and the end-to-end suite on a fresh mesh of processes
	@.venv/bin/python scripts/mesh up --state-dir build/mesh-test
	@set -a; . build/mesh-test/env; set +a; \
	  .venv/bin/sfumato demo && $(PYTEST) tests/e2e -m "not servers"; status=$$?; \
	  .venv/bin/python scripts/mesh erase --state-dir build/mesh-test; exit $$status

crash: setup services ## every death at every step, on every broker, and long walks of the model
	@set -a; . build/services/env; set +a; SFUMATO_CRASH=all $(PYTEST) tests/crash tests/model

bench: setup services ## numbers of this machine: a table, and build/bench.json
	@set -a; . build/services/env; set +a; .venv/bin/python -m tests.bench

# The demo and the embedded mesh need no library engine: nothing of them is fetched, and nothing that is there is removed.
.PHONY: ready
ready: | uv
	@test .venv/.synced -nt uv.lock || uv sync --quiet --locked --no-group engines --inexact

demo: ready          ## the embedded mesh, real questions on real data
	@.venv/bin/sfumato demo

up: ready            ## the embedded mesh, until Ctrl-C
	@.venv/bin/sfumato up

release: uv          ## write the image that later contracts may not break
	scripts/release_image.sh

clean:
	rm -rf build .venv

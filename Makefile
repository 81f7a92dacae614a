# Campus Gateway. `make demo` and `make test` do all the set-up on a bare Debian 12 with python3-venv, make, node and npm.
# Stamps under .venv and build/ make a second run instant; `make clean` forgets them.

PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
ROOMS := runtime devices edge_config gateway district dashboard simulators
BUNDLE_SOURCES := $(shell find frontend -path frontend/node_modules -prune -o -type f -print 2>/dev/null)
# Lock files carry hashes and no host names: where packages come from is each machine's own affair.
LOCK := $(PY) -m uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-header \
	--no-emit-index-url --no-annotate --quiet $(LOCK_ARGS)

.PHONY: help demo test check bundle lock screenshots bench fuzz power-cuts kill-points mutants simulate clean
.DELETE_ON_ERROR:

help:
	@echo "make demo         a simulated campus, end to end (ARGS=\"--history 3 --port-base 9000\")"
	@echo "make test         everything: check, then real broker, real browser, a simulated day"
	@echo "make check        format, lint, types, unit and property tests (COVERAGE=\"--cov --cov-branch\" for branch coverage)"
	@echo "make bundle       the front-end bundle (node and npm)"
	@echo "make lock         requirements/*.txt anew from pyproject.toml (LOCK_ARGS=--upgrade for newer releases)"
	@echo "make screenshots  the pictures of README.md, from the running demo"
	@echo "make bench        our figures beside the bare libraries'"
	@echo "make fuzz         hostile bytes and payloads for longer (SEED=1234 EXAMPLES=20000)"
	@echo "make power-cuts   more power cuts from one recording (SEED=1234 CUTS=100000)"
	@echo "make kill-points  a kill at every write and sync of a run (or at some: KILLS=100 SEED=3)"
	@echo "make mutants      planted bugs; the suite must catch each (ARGS=name for one)"
	@echo "make simulate     simulated lives of the collector (SEEDS=100000 FIRST_SEED=1 ONLY=late,crash)"
	@echo "make clean        remove environment, bundle and caches"

demo: $(VENV)/demo.stamp bundle
	@$(VENV)/bin/campus-gateway demo $(ARGS)

# Many tests wait for a wire's time-out, hence more workers than cores; coverage doubles their work, hence only in `make test`.
check: $(VENV)/dev.stamp
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .
	$(PY) -m mypy
	$(PY) -m pytest -q -n 4 --dist loadfile -m "not real and not campus" $(COVERAGE) $(PYTEST_ARGS)

# What a real peer is missing for is said in one line, and deselected; .ci/run makes that a failure.
test: COVERAGE ?= --cov --cov-branch --cov-report=term
test: check bundle
	@missing="$$(.ci/real-peers)" || exit 1; \
	CAMPUS_MISSING_PEERS="$$missing" $(PY) -m pytest -q -m "real or campus" $(PYTEST_ARGS)
	$(MAKE) simulate SEEDS=2000
	$(PY) -m tests.mutants

# Plants each bug of tests/mutants in a copy of the tree; the suite has to notice every one.
mutants: $(VENV)/dev.stamp
	$(PY) -m tests.mutants $(ARGS)

bundle: build/bundle.stamp

ifeq ($(wildcard dashboard/static/dist/*),)
.PHONY: build/bundle.stamp
endif
build/bundle.stamp: $(BUNDLE_SOURCES)
	@if command -v node >/dev/null && command -v npm >/dev/null; then \
		(cd frontend && npm ci --no-fund --no-audit --loglevel=error && npm run --silent build) && \
		mkdir -p build && touch $@; \
	else \
		echo "node or npm is missing: the pages show tables instead of charts (Debian: apt install nodejs npm)"; \
	fi

$(PY):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "$(PYTHON) is older than 3.11; name a newer one: make PYTHON=python3.11 …"; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || \
		{ echo "$(PYTHON) has no venv (Debian: apt install python3-venv)"; exit 1; }
	$(PYTHON) -m venv $(VENV)

# Bytecode is compiled on all cores at once; without it start-up is 2-5 times slower. A package may ship templates that
# are no Python: compileall skips them and says so by its exit code, which is why that is not looked at. A lock file is whole
# and is taken as it stands (--no-deps): asked to resolve it, pip may want a newer release of what an extra names than the
# lock pins, and ends without an environment.
define install
	$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps --no-compile -r $(1)
	$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --no-compile --editable .
	@$(PY) -m compileall -qq -j 0 $(VENV)/lib $(ROOMS) || true
endef

$(VENV)/demo.stamp: requirements/demo.txt pyproject.toml | $(PY)
	$(call install,requirements/demo.txt)
	@touch $@

$(VENV)/dev.stamp: requirements/dev.txt pyproject.toml | $(PY)
	$(call install,requirements/dev.txt)
	@touch $@ $(VENV)/demo.stamp

lock: $(VENV)/dev.stamp
	$(PY) -m pip install --quiet uv
	$(LOCK) --extra dev -o requirements/dev.txt
	$(LOCK) --extra build --extra dashboard --extra district --extra sheet --extra sim --extra upload-legacy --extra zstd -o requirements/demo.txt
	$(LOCK) --extra dashboard --extra sheet --extra upload-legacy --extra zstd -o requirements/gateway.txt

screenshots: $(VENV)/dev.stamp bundle
	tools/take-screenshots $(ARGS)

bench: $(VENV)/dev.stamp
	$(PY) -m bench

# A finding is repeated by the seed it printed.
fuzz: SEED ?= $(shell $(PY) -c 'import secrets; print(secrets.randbelow(10**9))')
fuzz: EXAMPLES ?= 20000
fuzz: $(VENV)/dev.stamp
	@seed=$(SEED); echo "fuzzing with SEED=$$seed EXAMPLES=$(EXAMPLES)"; \
	CAMPUS_FUZZ_EXAMPLES=$(EXAMPLES) $(PY) -m pytest -q tests/fuzz --hypothesis-seed=$$seed --timeout=7200 $(PYTEST_ARGS)

power-cuts: SEED ?= $(shell $(PY) -c 'import secrets; print(secrets.randbelow(10**9))')
power-cuts: CUTS ?= 20000
power-cuts: $(VENV)/dev.stamp
	@seed=$(SEED); echo "power cuts with SEED=$$seed CUTS=$(CUTS)"; \
	CAMPUS_CUTS=$(CUTS) CAMPUS_CUTS_SEED=$$seed $(PY) -m pytest -q tests/power_cuts --timeout=36000 $(PYTEST_ARGS)

kill-points: $(VENV)/dev.stamp
	CAMPUS_KILLS=$(or $(KILLS),1000000) CAMPUS_KILLS_SEED=$(or $(SEED),1) \
		$(PY) -m pytest -q -s tests/faults/test_kill_points.py $(PYTEST_ARGS)

# A failing seed is shrunk to the faults it needs and prints the line that repeats it.
simulate: $(VENV)/dev.stamp
	@SEEDS=$(SEEDS) FIRST_SEED=$(FIRST_SEED) ONLY=$(ONLY) PYTHONHASHSEED=0 $(PY) -m tests.simulation

clean:
	rm -rf $(VENV) build dist dashboard/static/dist frontend/node_modules .mypy_cache .ruff_cache .hypothesis .coverage
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

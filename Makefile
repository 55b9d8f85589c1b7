# Every target sets up what it needs by itself; `make help` lists them.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# Nothing newer is taken when the constraint files are written anew.
LOCKED ?= 2026-10-28
STAMPS := $(VENV)/.stamps
export LLMANAGER_TEST_CACHE ?= $(CURDIR)/.cache

.PHONY: help demo demo-aws test check simulate mutants bench accept docs lock clean
.DEFAULT_GOAL := help

help: ## what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

$(STAMPS)/venv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed: make PYTHON=python3.11 ..."; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@mkdir -p $(STAMPS)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv || \
	  echo "uv cannot be had; pip does its work, more slowly"
	@touch $@

# install(what, constraints): with uv where it is, else with pip.
define install
	@if [ -x $(BIN)/uv ]; then \
	  $(BIN)/uv pip install --quiet --python $(BIN)/python -c constraints/$(2).txt $(1); \
	else $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints/$(2).txt $(1); fi
endef

$(STAMPS)/run: $(STAMPS)/venv pyproject.toml constraints/local.txt
	$(call install,-e '.[local]',local)
	@touch $@

$(STAMPS)/test: $(STAMPS)/run constraints/dev.txt
	$(call install,-r constraints/test.in,dev)
	@touch $@

$(STAMPS)/check: $(STAMPS)/test
	$(call install,-r constraints/check.in,dev)
	@touch $@

$(STAMPS)/bench: $(STAMPS)/test constraints/bench.txt
	$(call install,-r constraints/bench.in,bench)
	@touch $@

demo: $(STAMPS)/run ## a chat about documents on local engines: DOCS=folder, QUESTION="..."
	@LLMANAGER_HOME="$${LLMANAGER_HOME:-$(CURDIR)/.cache/home}" $(BIN)/llmanager demo \
	  $(if $(DOCS),--docs "$(DOCS)") $(if $(QUESTION),--question "$(QUESTION)")

demo-aws: $(STAMPS)/test ## the same chain on platform aws, in a fake account on this machine
	@LLMANAGER_HOME="$${LLMANAGER_HOME:-$(CURDIR)/.cache/home}" $(BIN)/python -m tests.aws.demo

test: $(STAMPS)/test ## all tests, on real engines; ARGS="tests/core -k sweep"
	$(BIN)/python -m pytest -n 3 --dist loadgroup --durations=12 $(ARGS)

check: $(STAMPS)/check ## lint, format, types, imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

simulate: $(STAMPS)/test ## the lifecycle under a hostile scheduler; ARGS="--seeds 1000"
	$(BIN)/python -m tests.simulation run $(ARGS)

mutants: $(STAMPS)/test ## planted faults, each of which the simulation must find
	$(BIN)/python -m tests.simulation mutants $(ARGS)

bench: $(STAMPS)/bench ## every yardstick against its peer; ARGS="chat --json"
	$(BIN)/python -m benchmarks $(ARGS)

accept: $(STAMPS)/check $(STAMPS)/bench ## every promise with its figure; ONLY=local-5
	$(BIN)/python -m tests.accept $(ONLY)

docs: $(STAMPS)/check ## the reference, from the docstrings, into site/
	$(BIN)/pdoc -d google -o site llmanager_sdk '!llmanager_sdk.cli' '!llmanager_sdk.local'

PIN = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-emit-index-url \
  --no-header --no-annotate --exclude-newer $(LOCKED)
COMPILE = $(PIN) pyproject.toml --extra local
DEV = constraints/test.in constraints/check.in

lock: $(STAMPS)/venv ## write the constraint files anew
	$(COMPILE) $(DEV) constraints/bench.in -o constraints/bench.txt
	$(COMPILE) $(DEV) -c constraints/bench.txt -o constraints/dev.txt
	$(COMPILE) -c constraints/bench.txt -o constraints/local.txt
	$(PIN) constraints/ministack.in -o constraints/ministack.txt
	$(PIN) constraints/infra.in -o constraints/infra.txt

clean: ## remove what was made, weights included
	rm -rf $(VENV) .cache site .pytest_cache .mypy_cache .ruff_cache

# Everything a newcomer needs: `make run` and `make test`. Python 3.11 and make are enough.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# One more than cores: many a test waits for processes of its own.
WORKERS ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)
PYTEST := $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

.PHONY: setup run test check check-deep chaos bench hillstrom lock clean
.DELETE_ON_ERROR:

setup: $(STAMP)

# uv when it is there (a few seconds), else pip (a minute); both install what requirements.lock pins.
$(STAMP): pyproject.toml requirements.lock
	@if command -v uv >/dev/null 2>&1; then \
	  test -x $(BIN)/python || uv venv --quiet --python $(PYTHON) $(VENV); \
	  VIRTUAL_ENV=$(VENV) uv pip install --quiet -c requirements.lock -e '.[dev]'; \
	else \
	  test -x $(BIN)/python || $(PYTHON) -m venv $(VENV); \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check -c requirements.lock -e '.[dev]'; \
	fi
	@touch $@

run: setup  ## the real thing on this machine, with sample contacts and a campaign that moves
	@$(BIN)/headless dev --demo

test: setup  ## the suite
	@$(PYTEST) -m 'not slow'

check: setup  ## what must hold before each commit
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(PYTEST) -m 'not slow' tests/unit

check-deep: setup  ## what takes many minutes: fuzzing at length, a thousand generated campaigns
	@$(BIN)/python -m pytest -n $(WORKERS) -m slow

chaos: setup  ## fifty seeded rounds of kills, flushes, restarts and wrong clocks
	@HEADLESS_CHAOS_ROUNDS=$${ROUNDS:-50} $(BIN)/python -m pytest -s tests/chaos

bench: setup  ## figures with their floors, into .bench/results.json
	@$(BIN)/python -m benchmarks

hillstrom: setup  ## a real e-mail experiment with 64,000 customers through the whole stack
	@$(BIN)/python -m benchmarks.hillstrom

lock: setup  ## pin the newest versions that pyproject.toml allows
	@$(BIN)/python -m pip install --quiet uv
	@$(BIN)/uv pip compile --upgrade pyproject.toml --extra dev --python-version 3.11 --no-header --no-annotate --no-emit-index-url --no-emit-find-links -o requirements.lock

clean:
	@rm -rf $(VENV) .bench .mypy_cache .ruff_cache .pytest_cache .hypothesis

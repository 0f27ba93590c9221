# Everything below needs only make, git and a Python of at least 3.11. All that is installed goes into .venv.

VENV := .venv
BIN := $(VENV)/bin
# The tools of `make check` live by themselves, pinned in tools.txt: no release of anything else can move them.
TOOLS := $(VENV)/tools/bin
WORKERS ?= 2

# The first of these that is new enough makes .venv; `make PYTHON=... test` names another.
PYTHONS := $(or $(PYTHON),python3.14 python3.13 python3.12 python3.11 python3)

# uv must use a Python that is here: fetching one hangs where only package registries can be reached.
export UV_PYTHON_DOWNLOADS := never
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help demo test test-core tools check format bench clean
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

help:  ## list what can be made
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1|\2/p' Makefile | awk -F'|' '{ printf "%-12s %s\n", $$1, $$2 }'

demo: $(VENV)/.core  ## set up .venv and explain log loss on ten points, in words and pictures
	@$(BIN)/logloss demo

test: check $(VENV)/.dev  ## set up .venv, check the style and run every test and docstring example
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup --no-loadscope-reorder

# How other versions of Python are tested: without engines, browser, MLflow and what is marked as slow.
test-core: check $(VENV)/.test
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup --no-loadscope-reorder -m "not slow" \
	    --ignore tests/test_engines.py --ignore tests/test_browser.py --ignore tests/test_mlflow.py

tools: $(VENV)/.test $(VENV)/.tools

check: $(VENV)/.tools  ## format, lint and types, without changing a file
	$(TOOLS)/ruff format --check --quiet .
	$(TOOLS)/ruff check --quiet .
	$(TOOLS)/mypy --no-error-summary --cache-dir $(VENV)/mypy

format: $(VENV)/.tools  ## rewrite the files as `make check` wants them
	$(TOOLS)/ruff check --quiet --fix .
	$(TOOLS)/ruff format --quiet .

bench: $(VENV)/.dev  ## run every program in benchmarks/
	@for program in $(filter-out benchmarks/_%,$(wildcard benchmarks/*.py)); do \
	    echo "$$program"; $(BIN)/python "$$program" || exit 1; \
	done

clean:  ## remove .venv and everything else that was made
	rm -rf .venv .venv-3.* build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find src tests benchmarks -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true

# One stamp for what the product needs, one for its tests, one for all of them: a second call installs nothing.
install = if command -v uv >/dev/null; \
    then uv pip install --quiet --python $(1)/python $(2); \
    else $(1)/python -m pip install --quiet $(2); fi

$(VENV)/.core: pyproject.toml $(BIN)/python
	@echo "Installing logloss into $(VENV)"
	@$(call install,$(BIN),--editable .)
	@touch $@

$(VENV)/.test: pyproject.toml $(VENV)/.core
	@echo "Installing what its tests need into $(VENV)"
	@$(call install,$(BIN),--editable ".[test]")
	@touch $@

$(VENV)/.dev: pyproject.toml $(VENV)/.core
	@echo "Installing what all its tests and checks need into $(VENV)"
	@$(call install,$(BIN),--editable ".[dev]")
	@touch $@ $(VENV)/.test

$(VENV)/.tools: tools.txt $(BIN)/python
	@echo "Installing the tools of its checks into $(VENV)/tools"
	@rm -rf $(VENV)/tools
	@if command -v uv >/dev/null; then uv venv --quiet --python $(BIN)/python $(VENV)/tools; \
	else $(BIN)/python -m venv $(VENV)/tools; fi
	@$(call install,$(TOOLS),--requirement tools.txt)
	@touch $@

$(BIN)/python:
	@rm -rf $(VENV); old=''; bare=''; \
	for name in $(PYTHONS) "$$(uv python find '>=3.11' 2>/dev/null)"; do \
	    "$$name" -c '' 2>/dev/null || continue; \
	    "$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { old=$$name; continue; }; \
	    if command -v uv >/dev/null; then exec uv venv --quiet --python "$$(command -v "$$name")" $(VENV); fi; \
	    "$$name" -c 'import ensurepip' 2>/dev/null || { bare=$$name; continue; }; \
	    exec "$$name" -m venv $(VENV); \
	done; \
	if [ -n "$$bare" ]; then \
	    echo "$$bare cannot make a virtual environment. On Debian and Ubuntu this adds what it lacks: sudo apt install python3-venv"; \
	elif [ -n "$$old" ]; then \
	    echo "logloss needs Python 3.11 or newer; $$old is $$("$$old" -V 2>&1). Name a newer one: make PYTHON=/path/to/python"; \
	else \
	    echo "logloss needs Python 3.11 or newer, and none was found. Name one: make PYTHON=/path/to/python"; \
	fi >&2; exit 1

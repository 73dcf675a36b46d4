# Set-up, the demo, the tests. Everything lives in .tools (uv) and .venv; `make clean` removes both.
STACK := compat
PYTHON_VERSION := 3.11
BIN := .venv/bin
READY := .venv/.ready-$(STACK)
UV := .tools/bin/uv
VERSION := $(shell sed -n 's/^ *version="\(.*\)",/\1/p' setup.py)
VARIANT := cpu
IMAGE := rondo:$(VERSION)$(if $(filter-out cpu,$(VARIANT)),-$(VARIANT))

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-fast lint lock image clean

help: ## this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 20

setup: $(READY) ## makes the environment (once; also done by what needs it)

$(UV):
	@tools/check_prerequisites.sh
	@echo "Installing uv to .tools"
	@python3 -m venv .tools
	@.tools/bin/python -m pip install --quiet --disable-pip-version-check uv==0.13.8

$(READY): requirements/$(STACK).txt setup.py | $(UV)
	@echo "Installing the $(STACK) stack to .venv (about a minute, 3 GB)"
	@$(UV) venv --quiet --allow-existing --python $(PYTHON_VERSION) .venv
	@$(UV) pip sync --quiet --python $(BIN)/python requirements/$(STACK).txt
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

demo: $(READY) ## the whole pipeline on real text, with what it learnt and how to serve it
	@$(BIN)/rondo demo

test: $(READY) lint ## all tests: fast ones first, then real components and whole pipelines
	@$(BIN)/python -m pytest -q -m "not slow"
	@$(BIN)/python -m pytest -q -m slow

test-fast: $(READY) ## the fast tests
	@$(BIN)/python -m pytest -q -m "not slow"

lint: $(READY) ## format and lint
	@$(BIN)/ruff format --check --quiet . || { echo "run: $(BIN)/ruff format ."; exit 1; }
	@$(BIN)/ruff check --quiet .

lock: | $(UV) ## resolves requirements/*.in to exact versions
	@$(UV) pip compile --quiet --python-version $(PYTHON_VERSION) --no-emit-index-url \
		--no-emit-find-links --no-annotate --no-header \
		requirements/$(STACK).in --output-file requirements/$(STACK).txt

image: ## the container image that `rondo compile` names (VARIANT=cuda for GPUs, IMAGE=...)
	@docker info >/dev/null 2>&1 || { echo "no Docker engine answers here (\`docker info\` says \
	why); build the image where there is one:" >&2; \
	echo "  docker build --build-arg VARIANT=$(VARIANT) --tag $(IMAGE) ." >&2; exit 1; }
	docker build --build-arg VARIANT=$(VARIANT) --tag $(IMAGE) .

clean: ## removes the environment; runs/ and data/ stay
	rm -rf .venv .tools build *.egg-info

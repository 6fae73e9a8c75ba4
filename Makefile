# Everything installs itself into .venv first; a second run installs nothing.
# Needs Python 3.11 or newer with venv, git and make.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
WORKERS ?= 2

# The suite never phones home, and its processes do not fight over the cores.
export MLFLOW_DISABLE_TELEMETRY := true
export OMP_NUM_THREADS := 1

.PHONY: help study demo test test-all check docs examples pictures bench kills clean

help:           ## this list
	@grep -hE '^[a-z-]+: .*##' $(MAKEFILE_LIST) | sed -E 's/: [^#]*##/\t/' | expand -t 12

study: $(VENV)/installed  ## the notes' study on all of Fashion-MNIST, its report, where to look
	$(BIN)/ablations data fetch fashion-mnist
	$(BIN)/ablations run studies/lenet-notes.yaml

demo: $(VENV)/installed  ## the same path on 6,000 images, in under two minutes
	$(BIN)/ablations data fetch fashion-mnist
	$(BIN)/ablations run studies/lenet-notes.yaml --set study=lenet-demo --set dataset.subset=6000 --set seeds=3

test: check $(VENV)/system-packages  ## format, lint, types, layers, and the tests
	$(BIN)/python -m pytest -n $(WORKERS) --doctest-glob=README.md . -q

test-all: check $(VENV)/system-packages  ## the slow suites too
	$(BIN)/python -m pytest -n $(WORKERS) --doctest-glob=README.md . -q -m 'slow or not slow'

check: $(VENV)/installed-dev  ## the fast half of `test`
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(VENV)/installed  ## the page that is made from the cards of the variants
	$(BIN)/ablations variants --markdown > docs/registry.md

examples: $(VENV)/installed  ## the studies of studies/ trained, and their reports in docs/examples (an hour and a half on two cores)
	$(BIN)/ablations data fetch fashion-mnist
	$(BIN)/python docs/examples.py

pictures: $(VENV)/installed-dev $(VENV)/system-packages  ## the README's pictures, of the notes' study in docs/examples
	$(BIN)/python docs/pictures.py docs/examples/lenet-notes

bench: $(VENV)/installed-dev  ## every benchmark but the kills, and what they found (three quarters of an hour)
	$(BIN)/python benchmarks/bench.py

kills: $(VENV)/installed-dev  ## drivers and workers killed a hundred times; every promise held to (half an hour)
	$(BIN)/python benchmarks/kills.py --kills 100

clean:          ## remove the environment and every cache; studies and reports stay
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache *.egg-info

$(VENV)/python-made:
	$(PYTHON) -m venv $(VENV)
	touch $@

$(VENV)/installed: $(VENV)/python-made pyproject.toml constraints.txt
	$(PIP) --constraint constraints.txt --editable .
	touch $@

$(VENV)/installed-dev: $(VENV)/installed
	$(PIP) --constraint constraints.txt --editable '.[dev]'
	touch $@

# Tried once an environment: chromium and LaTeX, up to 320 MB and two minutes where neither is there.
$(VENV)/system-packages: $(VENV)/python-made .ci/system-packages
	.ci/system-packages
	touch $@

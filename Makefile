# Two commands are all a new machine needs: `make demo` and `make test`.
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed

.PHONY: demo test lint check bench lock

demo: $(INSTALLED)  ## the whole job on generated faces; prints where the report is
	$(BIN)/latentlab demo

test: $(INSTALLED)  ## the tests
	$(BIN)/pytest

lint: $(INSTALLED)  ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

check: lint test  ## everything that must hold before a change is handed in

bench: $(INSTALLED)  ## every benchmark of speed, and the tables made of them; hours, on a machine that does nothing else
	$(BIN)/python -m benchmarks

$(INSTALLED): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || \
	  { echo "latentlab needs Python 3.11 to 3.13; name one with: make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv --clear .venv
	@# --no-deps: the lock is complete, and leaves out what only the carrier of a model file wants.
	$(BIN)/python -m pip install --disable-pip-version-check --require-hashes --no-deps -r requirements.lock
	$(BIN)/python -m pip install --disable-pip-version-check --no-deps --no-build-isolation -e .
	@# A torch and a torchvision that do not fit show only when an image is decoded.
	$(BIN)/latentlab doctor
	@touch $@

lock:  ## renew requirements.lock (needs uv)
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
	  --group dev --group face-model pyproject.toml --upgrade --output-file requirements.lock

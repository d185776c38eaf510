# The two commands that matter: `make quickstart` and `make test`.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

# Tests that hold on every Keras backend; run on those that are installed.
ANY_BACKEND := $(addprefix tests/losses/,$(addsuffix _test.py,\
  constant_features contract golden golden_methods methods mixed second_derivatives)) \
  $(addprefix tests/models/,$(addsuffix _test.py,diagnostics encoders joint mixed teacher)) \
  tests/optimizers tests/backends_test.py

.PHONY: quickstart test coverage test-backends mutants lint types docs notebooks bench fuzz \
  reproduce drill clean

$(VENV)/installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet --editable '.[dev]'
	touch $@

quickstart: $(VENV)/installed
	$(BIN)/python -m keras_twins.commands.quickstart

# Prints the coverage as well where that is free: since Python 3.12.
test: $(VENV)/installed lint
	$(BIN)/python -m pytest $$($(BIN)/python -c \
	  'import sys; print("--cov" if sys.version_info >= (3, 12) else "")')

coverage: $(VENV)/installed
	$(BIN)/python -m pytest --cov

# `$(BIN)/pip install '.[backends]'` first, for JAX and PyTorch.
test-backends: $(VENV)/installed
	for backend in jax torch; do \
	  if $(BIN)/python -c "import $$backend" 2>/dev/null; then \
	    echo "Keras on $$backend" && \
	    KERAS_BACKEND=$$backend $(BIN)/python -m pytest $(ANY_BACKEND) || exit 1; \
	  else echo "$$backend is not installed: not tested"; fi; \
	done

# Breaks the code, one way at a time, and asks whether its tests notice: half an hour.
# `make mutants ONLY='lars_adapts_biases knn_equal_votes'` tries some.
ONLY ?=
mutants: $(VENV)/installed
	$(BIN)/python tests/mutants/run.py $(if $(ONLY),--only $(ONLY))

lint: types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

# The site, into site/; a broken link or docstring is an error.
docs: $(VENV)/installed
	$(BIN)/mkdocs build --strict

# Runs them all from top to bottom and keeps their outputs.
notebooks: $(VENV)/installed
	$(BIN)/python notebooks/execute.py

# The folders as one package, as they are once installed; what is checked is the signatures.
types: $(VENV)/installed
	rm -rf build/types && mkdir -p build/types/keras_twins
	ln -s $(CURDIR)/keras_twins/* $(CURDIR)/configs $(CURDIR)/export $(CURDIR)/serving \
	  build/types/keras_twins/
	$(BIN)/mypy

bench: $(VENV)/installed
	$(BIN)/python -m benchmarks.loss
	$(BIN)/python -m benchmarks.views
	$(BIN)/python -m benchmarks.front_end
	$(BIN)/python -m benchmarks.train_step
	$(BIN)/python -m benchmarks.evaluation
	$(BIN)/python -m benchmarks.serving

# More than 10 000 cases each for what is read and for the server.
fuzz: $(VENV)/installed
	$(BIN)/python -m pytest --hypothesis-profile=long $(shell find tests -name fuzz_test.py)

# Rows of configurations and seeds into results/table.md, beside published figures;
# ROWS=note into docs/note.md. After MINUTES no further row begins.
ROWS ?= quick
DATA_DIR ?=
reproduce: MINUTES = inf
reproduce: $(VENV)/installed
	$(BIN)/python -m benchmarks.reproduce --rows=$(ROWS) --data_dir=$(DATA_DIR) \
	  --minutes=$(MINUTES)

# Ten minutes of faults on real processes; `make drill MINUTES=1` for one round.
MINUTES ?= 10
drill: $(VENV)/installed
	$(BIN)/python -m benchmarks.drill --minutes=$(MINUTES)

clean:
	rm -rf $(VENV) build *.egg-info

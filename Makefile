# Everything a fresh clone needs: Python 3.11-3.13 and make. Each target makes the environment that it needs.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: demo test check golden bench notebooks e2e browser fuzz clean

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -c "import sys; v = sys.version_info; sys.exit(None if (3, 11) <= v < (3, 14) else f'Python 3.11-3.13 is needed, this is {v.major}.{v.minor}; name one with make PYTHON=…')"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev,notebook]"
	touch $(STAMP)

demo: $(STAMP)
	$(BIN)/akashi demo

test: $(STAMP)
	$(BIN)/python -m pytest -n 2 --dist loadgroup tests

check: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -n 2 --dist loadgroup -m "not slow and not tools" tests/unit tests/contract tests/property

golden: $(STAMP)
	$(BIN)/python -m pytest tests/unit/exporters --rewrite-golden
	git diff --stat -- tests/golden

bench: $(STAMP)
	for script in tests/benchmarks/bench_*.py; do $(BIN)/python $$script || exit 1; done

e2e notebooks browser fuzz: $(STAMP)
	$(BIN)/python -m pytest tests/$@

clean:
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache cases/*/out
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

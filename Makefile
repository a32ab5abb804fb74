# `make` sets up and runs the pipeline; `make test` sets up and runs the checks and the tests.
PYTHON ?= python3
ACTIVATE := . .venv/bin/activate

.DEFAULT_GOAL := run
.PHONY: run setup test test-all bench review report leaderboard published reference challengers mend lock clean help

run: setup  ## Set up, then run what has changed of the pipeline (dvc repro)
	@$(ACTIVATE) && dvc repro

setup: .venv/.done  ## Make the virtual environment .venv from requirements.txt

.venv/.done: requirements.txt
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("nextsem needs Python 3.11 or newer, not " + sys.version.split()[0] + "; name another: make PYTHON=python3.11")'
	$(PYTHON) -m venv .venv
	$(ACTIVATE) && $(INSTALL) requirements.txt
	@touch $@

test: setup  ## Set up, then run every check, and the tests that need nothing else
	@$(ACTIVATE) && ruff format --check --quiet . || { echo "The format is off; mend it: ruff format ."; exit 1; }
	@$(ACTIVATE) && ruff check --quiet .
	@$(ACTIVATE) && mypy
	@$(ACTIVATE) && lint-imports --no-logo
	@$(ACTIVATE) && pytest -m "not slow" -n auto --dist loadfile

test-all: .venv/.slow  ## Set up more, then run the tests that are slow or need more, after make test
	@tests/install-programs
	@$(ACTIVATE) && pytest -m slow -n 2 --dist loadfile

.venv/.slow: .venv/.done requirements-slow.txt
	$(ACTIVATE) && $(INSTALL) requirements-slow.txt
	@touch $@

bench: setup  ## Measure speed and scale; results to docs/benchmarks.md
	@$(ACTIVATE) && python -m benchmarks.together

review: setup  ## Say what the workspace changes against main (BASE=...), and whether that is luck
	@$(ACTIVATE) && python -m stages.review $(BASE)

report: setup  ## The same as a page with pictures: report.html
	@$(ACTIVATE) && python -m stages.report $(BASE)

leaderboard: setup  ## All experiments against the workspace, best first
	@$(ACTIVATE) && python -m stages.leaderboard

BASE := main

published: setup  ## Run the defaults on the published table; results to docs/
	@$(ACTIVATE) && $(ON_PUBLISHED) --temp --name published
	@$(ACTIVATE) && python -m stages.publish published defaults

reference: setup  ## Run the reference's recipe on the published table, with 20 seeds
	@$(ACTIVATE) && $(ON_PUBLISHED) --temp --name reference $(REFERENCE)
	@$(ACTIVATE) && python -m stages.publish reference reference

challengers: setup  ## Try other networks on the published table, a queue of them
	@$(ACTIVATE) && $(CHALLENGER)
	@$(ACTIVATE) && $(CHALLENGER) $(GATED) -S model.hidden=16,32 -S train.epochs=110,140,170 -S train.last_semester_weight=1,3
	@$(ACTIVATE) && $(CHALLENGER) $(GATED) -S model.cell=lstm -S model.hidden=16,32 -S train.last_semester_weight=1,3
	@$(ACTIVATE) && $(CHALLENGER) $(GATED) -S model.layers=2 -S train.last_semester_weight=3
	@$(ACTIVATE) && $(CHALLENGER) $(GATED) -S model.dropout=0,0.4 -S train.last_semester_weight=3
	@$(ACTIVATE) && $(CHALLENGER) $(GATED) -S train.weight_decay=0.001 -S train.last_semester_weight=3
	@$(ACTIVATE) && $(CHALLENGER) $(GATED) -S model.members=12 -S train.last_semester_weight=3
	@$(ACTIVATE) && $(CHALLENGER) -S train.patience=0 -S train.epochs=50,75 -S train.last_semester_weight=1,3
	@$(ACTIVATE) && $(CHALLENGER) -S model.dropout=0,0.4
	@$(ACTIVATE) && $(CHALLENGER) -S train.weight_decay=0.001
	@$(ACTIVATE) && $(CHALLENGER) -S model.members=12
	@$(ACTIVATE) && $(CHALLENGER) -S train.every_semester=false
	@$(ACTIVATE) && $(CHALLENGER) -S model.linear_start=0,1
	@$(ACTIVATE) && $(CHALLENGER) -S model.linear_path=false -S model.category_slopes=0
	@$(ACTIVATE) && dvc queue start --jobs 2 && dvc queue status
	@echo "When all are done: python -m stages.publish --challengers"

ON_PUBLISHED := dvc exp run --force -S data.table=data/raw/published.csv -S crossvalidate.repeats=10
REFERENCE := -S data.static=[] -S model.layout=flat -S model.output=relu \
  -S model.linear_path=false -S model.category_slopes=0 -S model.members=20 \
  -S train.standardize=false -S train.every_semester=false -S train.patience=0 -S train.validation_size=0
CHALLENGER := $(ON_PUBLISHED) --queue -S crossvalidate.by=null
GATED := -S model.cell=gru -S model.layers=1 -S model.hidden=16 -S train.learning_rate=0.003 \
  -S train.epochs=140 -S train.patience=0 -S model.linear_path=false -S model.category_slopes=0

mend:  ## After DVC was killed: put right the two files that it may leave cut short
	@$(ACTIVATE) && if [ -e .dvc/tmp/rwlock ] && ! python -m json.tool .dvc/tmp/rwlock > /dev/null 2>&1; then \
	  rm .dvc/tmp/rwlock && echo ".dvc/tmp/rwlock was cut short: removed"; fi
	@$(ACTIVATE) && if dvc stage list 2>&1 | grep -q "dvc.lock' \(validation failed\|is invalid\)"; then \
	  rm dvc.lock; git checkout --quiet dvc.lock 2>/dev/null; \
	  echo "dvc.lock was cut short: back to the committed one, if any"; fi

lock:  ## Pin anew in requirements*.txt what pyproject.toml asks for
	$(PYTHON) -m venv --clear .venv
	@$(ACTIVATE) && $(ASKED) dependencies test | $(INSTALL) /dev/stdin
	@$(ACTIVATE) && { echo "# The exact set that pyproject.toml needs; made by: make lock"; $(FREEZE); } > requirements.txt
	@touch .venv/.done
	@$(ACTIVATE) && $(ASKED) slow | $(INSTALL) /dev/stdin --constraint requirements.txt
	@$(ACTIVATE) && { echo "# What the slow tests need besides; made by: make lock"; echo "--requirement requirements.txt"; \
	  $(FREEZE) | grep --invert-match --line-regexp --fixed-strings --file requirements.txt; } > requirements-slow.txt
	@touch .venv/.slow

ASKED := python -c 'import sys, tomllib; p = tomllib.load(open("pyproject.toml", "rb")); \
  [print(each) for group in sys.argv[1:] for each in {**p["project"], **p["dependency-groups"]}[group]]'
INSTALL := python -m pip install --quiet --disable-pip-version-check --requirement
FREEZE := python -m pip freeze | sed 's/+cpu$$//'

clean:  ## Remove the virtual environment
	rm -rf .venv

help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s  %s\n", $$1, $$2}' $(MAKEFILE_LIST)

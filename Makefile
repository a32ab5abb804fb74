# `make` sets up and runs the pipeline; `make test` sets up, checks and tests. `make help` lists all.
PYTHON ?= python3
BASE := main
ACTIVATE := . .venv/bin/activate
INSTALL := python -m pip install --quiet --disable-pip-version-check

.DEFAULT_GOAL := run
.PHONY: run setup test test-all review report leaderboard published reference midfield bench tables lock clean help

run: setup  ## Set up, then run the stages of the pipeline whose inputs changed (dvc repro)
	@$(ACTIVATE) && dvc repro

setup: .venv/.done  ## Make the virtual environment .venv

.venv/.done: requirements.txt requirements-torch.txt
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("nextsem needs Python 3.11 or newer, not " + sys.version.split()[0] + "; name another: make PYTHON=python3.11")'
	$(PYTHON) -m venv .venv
	$(ACTIVATE) && $(INSTALL) --requirement requirements.txt
	$(ACTIVATE) && $(INSTALL) --requirement requirements-torch.txt
	@touch $@

test: setup  ## Set up, then run every check, and the tests that are quick
	@$(ACTIVATE) && ruff format --check --quiet . || { echo "The format is off; mend it: ruff format ."; exit 1; }
	@$(ACTIVATE) && ruff check --quiet .
	@$(ACTIVATE) && mypy
	@$(ACTIVATE) && lint-imports --no-logo
	@$(ACTIVATE) && pytest -m "not slow" -n auto --dist loadfile

test-all: .venv/.slow  ## After make test: set up more, then run the tests that are slow or need more
	@tests/install-programs
	@$(ACTIVATE) && pytest -m slow -n 2 --dist loadfile

.venv/.slow: .venv/.done requirements-slow.txt
	$(ACTIVATE) && $(INSTALL) --requirement requirements-slow.txt
	@touch $@

review: setup  ## Say what the workspace changes against main (BASE=...), and whether that is luck
	@$(ACTIVATE) && python -m commands.review $(BASE)

report: setup  ## The same as a page with pictures: report.html
	@$(ACTIVATE) && python -m commands.report $(BASE)

leaderboard: setup  ## Compare all experiments with main (BASE=...), best first
	@$(ACTIVATE) && python -m commands.leaderboard $(BASE)

published: setup  ## Run the defaults on the published table; results to docs/
	@$(ACTIVATE) && $(ON_PUBLISHED) --name published
	@$(ACTIVATE) && python -m commands.publish published defaults

reference: setup  ## Run the reference's recipe on the published table, with 20 seeds
	@$(ACTIVATE) && $(ON_PUBLISHED) --name reference $(REFERENCE)
	@$(ACTIVATE) && python -m commands.publish reference reference

midfield: setup  ## Run a recipe for many students on MIDFIELD's transcripts; results to docs/
	@$(ACTIVATE) && dvc exp run --force --temp --name midfield $(MIDFIELD)
	@$(ACTIVATE) && python -m commands.publish midfield midfield

ON_PUBLISHED := dvc exp run --force --temp -S data.table=data/raw/published.csv -S crossvalidate.repeats=10
REFERENCE := -S data.static=[] -S model.layout=flat -S model.output=relu \
  -S model.linear_path=false -S model.category_slopes=0 -S model.members=20 \
  -S model.flexible.members=0 \
  -S train.standardize=false -S train.every_semester=false -S train.patience=0 -S train.validation_size=0
MIDFIELD := -S data.table=data/raw/midfield.csv -S data.layout=long \
  -S data.student=student -S data.term=term -S data.grade=gpa_term -S data.grade_range=[0,4] \
  -S data.static=[institution,programme,season] -S data.numeric=[hours_term] -S data.ahead=[season] \
  -S data.groups=[race,sex] -S evaluate.at_risk_below=2 -S intervals.by=institution \
  -S crossvalidate.by=null -S crossvalidate.repeats=1 -S crossvalidate.origins=7 -S data.current=2 \
  -S model.cell=gru -S model.layers=1 -S model.hidden=64

bench: setup  ## Measure speed and scale; prints tables
	@$(ACTIVATE) && for each in throughput cost scale; do python -m benchmarks.$$each || exit; echo; done

tables: setup  ## Compare the network with rivals on a list of tables; results to docs/
	@$(ACTIVATE) && python -m benchmarks.tables

lock: setup  ## Lock anew, in requirements*.txt, what pyproject.toml asks for
	@$(ACTIVATE) && $(INSTALL) uv==0.13.9
	@$(ACTIVATE) && $(COMPILE) pyproject.toml --group test --no-emit-package torch --output-file requirements.txt
	@$(ACTIVATE) && $(COMPILE) --group slow --constraint requirements.txt --output-file requirements-slow.txt
	@grep --only-matching 'torch==[0-9.]*' pyproject.toml > requirements-torch.txt

COMPILE := uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
  --no-emit-index-url --no-annotate --custom-compile-command "make lock"

clean:  ## Remove the virtual environment
	rm -rf .venv

help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s  %s\n", $$1, $$2}' $(MAKEFILE_LIST)

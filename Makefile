# The two commands: `make demo` runs the whole loop on this machine, `make test` passes all tests.
PYTHON ?= python3.11
VENV := .venv
PY := $(VENV)/bin/python
SERVE ?= 1
SEED ?= 0
PORT ?= 8000

.PHONY: demo test test-fast lint run worker docs benchmark install install-dev clean-data

demo: install
	$(PY) manage.py demo --seed $(SEED) --port $(PORT) $(if $(filter 0,$(SERVE)),--no-serve,)

# Two runs: Playwright keeps an event loop in its process, in which Channels' tests refuse to run.
test: install-dev
	$(PY) -m pytest -n 2 --dist loadgroup -m "browser"
	$(PY) -m pytest -n 2 --dist loadgroup -m "not browser"

test-fast: install-dev
	$(PY) -m pytest -n 2 --dist loadgroup -m "not slow and not train and not browser"

lint: install-dev
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy .
	$(PY) manage.py makemigrations --check --dry-run

benchmark: install
	$(PY) manage.py migrate --verbosity 0
	TRAININGS_AT_ONCE=$(or $(TRAININGS_AT_ONCE),2) $(PY) manage.py benchmark --out $(or $(OUT),data/benchmark)

run: install
	$(PY) manage.py migrate
	$(PY) manage.py runserver $(PORT)

worker: install
	$(PY) manage.py worker

docs: install
	$(PY) manage.py spectacular --validate --fail-on-warn --file docs/openapi.yaml

install: $(VENV)/installed
install-dev: $(VENV)/installed-dev

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed: requirements.txt requirements-web.txt constraints.txt | $(VENV)/bin/python
	$(PY) -m pip install --disable-pip-version-check -q -r requirements.txt -c constraints.txt
	touch $@

$(VENV)/installed-dev: requirements-dev.txt $(VENV)/installed
	$(PY) -m pip install --disable-pip-version-check -q -r requirements-dev.txt -c constraints.txt
	touch $@

clean-data:
	rm -rf data

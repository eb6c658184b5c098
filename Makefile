# The four verbs a newcomer needs: up, down, test, bench. `make help` lists them all.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
export PYTHON

# Tests whose files share nothing run beside each other, two files at a time, the longest first. The others share what
# takes minutes to make, or measure themselves against the clock: one after the other.
BESIDE := -n 2 --dist loadfile --no-loadscope-reorder

.PHONY: help setup up down status test lint unit bench docs lock format

help: ## show this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: ## make the Python environments (.venv, .venv-superset); nothing to do when they are current
	@scripts/setup platform superset

up: setup ## install, run the main job through Airflow, publish, start the dashboards
	@.venv/bin/brain up

down: ## stop everything that `make up` started
	@if [ -x .venv/bin/brain ]; then .venv/bin/brain down; else echo "nothing to stop: .venv was never made"; fi

status: setup ## releases, sources, services
	@.venv/bin/brain status

lint: setup ## style of the Python and the SQL
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check --quiet . || { echo "run 'make format'"; exit 1; }
	@.venv/bin/sqlfluff lint --disable-progress-bar --processes 2 dbt_project/models dbt_project/tests

format: setup ## write the Python in house style
	@.venv/bin/ruff check --fix --quiet . || true
	@.venv/bin/ruff format --quiet .

unit: setup ## the tests that take seconds
	@.venv/bin/pytest -q $(BESIDE) tests/unit

test: lint ## lint, then every test: unit, pipeline, faults, end to end
	@scripts/debian-packages chromium chromium-driver fonts-noto-cjk postgresql
	@.venv/bin/pytest -q --durations=10 $(BESIDE) tests/pipeline/test_thirty_days.py tests/faults tests/unit
	@.venv/bin/pytest -q --durations=10 tests/pipeline tests/e2e --ignore tests/pipeline/test_thirty_days.py

bench: setup ## the benchmarks, beside dlt in an environment of its own
	@scripts/setup bench
	@.venv/bin/python -m bench

docs: setup ## what every model and column means and where it comes from, as pages that need no network: build/docs/
	@.venv/bin/python -m warehouse.site

lock: ## resolve requirements/*.in again into exact versions with hashes
	@scripts/lock

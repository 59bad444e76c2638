# Every target makes .venv when it is missing. PYTHON chooses the interpreter (>= 3.11).
PYTHON ?= python3
BIN := .venv/bin
export PATH := $(CURDIR)/.venv/bin:$(PATH)

.PHONY: demo test check fix golden bench big kill race simulate mutants table lock schemas clean

demo: .venv/demo.stamp
	$(BIN)/reconcile demo

test: .venv/dev.stamp
	$(BIN)/python -m pytest

check: .venv/dev.stamp
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/reconcile schema --check schemas
	$(BIN)/check-jsonschema --schemafile schemas/finetune.schema.json specs/*.yaml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-actions action.yml
	$(BIN)/deptry reconciler
	$(BIN)/vulture
	$(BIN)/codespell

fix: .venv/dev.stamp
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

golden: .venv/dev.stamp
	RECONCILER_GOLDEN=rewrite $(BIN)/python -m pytest tests/test_golden.py -q -n 0 -p no:randomly || true
	git diff --stat -- tests/golden

bench: .venv/dev.stamp
	$(BIN)/python benchmarks/startup.py
	$(BIN)/python benchmarks/odd_texts.py
	$(BIN)/python benchmarks/datasets.py 1000ex 100MB 512MB
	$(BIN)/python benchmarks/plans.py

big: .venv/dev.stamp
	$(BIN)/python benchmarks/large_file.py

kill: .venv/dev.stamp
	$(BIN)/python -m tests.kill

race: .venv/dev.stamp
	$(BIN)/python -m tests.kill.race

simulate: .venv/dev.stamp
	$(BIN)/python -m tests.simulation --seeds 20000 --seconds 3600

mutants: .venv/dev.stamp
	$(BIN)/python -m tests.simulation.mutants

table: .venv/dev.stamp
	$(BIN)/python -m tests.simulation.table

lock: .venv/dev.stamp
	$(BIN)/uv pip compile pyproject.toml --extra action --universal --generate-hashes --no-emit-index-url \
	  --no-emit-find-links --no-header --quiet --output-file requirements.lock

schemas: .venv/dev.stamp
	$(BIN)/reconcile schema --write schemas

clean:
	rm -rf .venv

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/demo.stamp: .venv/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	touch $@

.venv/dev.stamp: .venv/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	touch $@ .venv/demo.stamp

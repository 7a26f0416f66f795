# Two commands set everything up: `make quickstart` and `make test`.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: install quickstart test site docs clean

$(BIN)/python:
	$(PYTHON) -m venv .venv

.venv/.installed: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet torch torchvision
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

.venv/.test-installed: .venv/.installed
	$(BIN)/python -m pip install --quiet --editable '.[test]'
	touch $@

install: .venv/.installed

quickstart: .venv/.installed
	$(BIN)/augsearch run studies/quickstart.toml

test: .venv/.test-installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy --platform win32 --cache-dir .mypy_cache/win32
	$(BIN)/lint-imports
	$(BIN)/pytest -n 2 --dist loadfile

# The documentation, in build/site/index.html.
site: .venv/.test-installed
	$(BIN)/python -m sphinx -W --keep-going -q docs build/site

# The pictures and numbers that README and documentation show. Then read what the text around them
# says: docs/report.md quotes numbers of its pictures.
docs: quickstart .venv/.test-installed
	$(BIN)/python docs/performance.py
	$(BIN)/python docs/pictures.py quickstart runs/quickstart
	$(BIN)/pytest -n 0 --rewrite-docs docs/*.md

clean:
	rm -rf .venv

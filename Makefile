# Joulestream. `make help` lists what can be done; nothing has to be set up by hand.

PYTHON ?= python3
VENV := build/venv
BIN := $(VENV)/bin
# A MicroPython checkout and a MicroPython program of your own can stand in for the fetched ones.
export MPY_DIR ?=
export MICROPYTHON ?=
# The file with the key that signs a release.
export RELEASE_KEY ?=
# Nothing here may depend on a terminal or on a person's own matplotlib settings.
export MPLBACKEND := Agg

SHELL := /bin/bash
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  \1\t\2/' | expand -t 14

.PHONY: setup
setup: $(VENV)/ready native ## set everything up: virtual environment, MicroPython, native module

$(VENV)/ready: requirements.txt pyproject.toml
	@echo "setup: virtual environment with pinned packages in $(VENV) (a minute or so)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "setup: $(PYTHON) is older than Python 3.11; pass PYTHON=python3.11 or newer" >&2; exit 1; }
	@$(PYTHON) -m venv --clear $(VENV) \
		|| { echo "setup: the venv module is missing; install the Debian package python3-venv" >&2; exit 1; }
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes -r requirements.txt
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

.PHONY: native
native: $(VENV)/ready
	@$(BIN)/python -m joulestream.host_tools.layout >/dev/null
	@$(BIN)/python -m joulestream.host_tools.build native

.PHONY: demo
demo: setup ## charge for money between two MicroPython processes, settle, plot: the main job
	@$(BIN)/joulestream demo

.PHONY: lint
lint: setup
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

.PHONY: check
check: lint ## the quick part of `make test`: lint, types and the CPython tests, in a minute
	@$(BIN)/pytest -n 2 --dist loadgroup -m "not long"

.PHONY: test
test: lint ## run every check and test: lint, types, CPython, MicroPython, end to end
	@$(BIN)/pytest -n 2 --dist loadgroup

.PHONY: soak
soak: setup ## the long forms of the tests: a million signatures and sessions, hours of fuzzing
	@JOULESTREAM_CASES=1000000 $(BIN)/pytest -n 2 tests/test_ed25519_random.py tests/test_ed25519_fuzz.py \
		tests/test_on_board.py::test_random_signatures_get_libsodiums_answer
	@JOULESTREAM_POWER_CUTS=200000 $(BIN)/pytest -n 2 tests/test_power_cuts.py
	@JOULESTREAM_PICO=1 $(BIN)/pytest tests/test_on_pico.py tests/test_flash_boards.py
	@$(BIN)/joulestream fuzz run --seconds 3600
	@$(BIN)/joulestream benchmark --only heap --heap-hours 8 --directory build/soak
	@$(BIN)/joulestream simulate --sessions 1000000 --resume build/soak/simulation.json

.PHONY: board
board: setup ## start the emulated riscv32 board, for mpremote to talk to
	@$(BIN)/joulestream emulator

.PHONY: pico
pico: setup ## start the emulated Raspberry Pi Pico, for mpremote to talk to
	@$(BIN)/joulestream pico

.PHONY: modules
modules: setup ## build the native module for every board whose compiler is here
	@$(BIN)/python -m joulestream.host_tools.build modules

.PHONY: frozen
frozen: setup ## our packages and a manifest for an image of MicroPython, in build/frozen
	@$(BIN)/python -m joulestream.host_tools.build frozen

.PHONY: release
release: setup ## bundles, modules, checksums, bill of materials: build/release; RELEASE_KEY=FILE signs
	@$(BIN)/python -m joulestream.host_tools.release

.PHONY: bench
bench: setup ## measure speed, size, exposure, Ed25519 on rv32, reliability, into build/bench
	@$(BIN)/joulestream benchmark

.PHONY: bench-docs
bench-docs: setup ## write the figures that `make bench` measured into docs/
	@$(BIN)/joulestream benchmark --docs

.PHONY: drawings
drawings: setup ## draw the schematics and the wiring anew, into docs/drawings
	@$(BIN)/python -m joulestream.host_tools.drawings

.PHONY: format
format: $(VENV)/ready ## format the code; mend the faults that lint can mend
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

.PHONY: vectors
vectors: setup ## write the protocol's test vectors and the fuzz corpus anew
	@$(BIN)/python tests/vectors/make_protocol.py
	@$(BIN)/python tests/vectors/make_ed25519.py
	@$(BIN)/python -m joulestream.host_tools.fuzz.make_corpus

.PHONY: lock
lock: $(VENV)/ready ## resolve requirements.in into requirements.txt, with hashes
	@$(BIN)/uv pip compile --quiet --generate-hashes --universal --no-header \
		--python-version 3.11 requirements.in --output-file requirements.txt

.PHONY: clean
clean: ## remove everything that was built
	@rm -rf build

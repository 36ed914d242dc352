# Set-up happens by itself: every target installs into .venv first.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
INPUT ?= examples/shards/*.parquet
OUT ?= out
REVIEW ?= sqlite:///$(OUT)/review.sqlite
DETECT ?= --id-column id --language-column lang --group-by labeler=labeler,vendor=vendor,source=source,created_at=created_at
ifneq ($(INPUT),examples/shards/*.parquet)
DETECT :=
endif

.PHONY: install detect test check format messages eval bench drill test-cluster clean

# A new file is found by the editable install only after installing again.
FILES := $(shell find setup.py schemas stats calls detectors beam_pipelines review src -name '*.py' -o -name '*.toml' -o -name '*.json' -o -name '*.npz' -o -name '*.html' -o -name '*.css' -o -name '*.js' -o -name '*.mo' -o -name py.typed | sort)
STAMP := $(VENV)/.stamps/$(shell printf '%s\n' $(FILES) | cat - setup.py constraints.txt | sha256sum | cut -c1-16)

install: $(STAMP)

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip setuptools wheel

$(STAMP): | $(BIN)/python
	@echo "installing into $(VENV)"
	@PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev]' --config-settings editable_mode=strict
	@rm -rf $(dir $@) && mkdir -p $(dir $@) && touch $@

# The main job: review table, CSV and a summary. INPUT='...' scans your own shards (text column:
# "text"; give other options in DETECT, for example DETECT='--text-column body --id-column id').
detect: $(STAMP)
	@$(BIN)/scrubtrace detect $(INPUT) --out $(OUT) --review $(REVIEW) $(DETECT); code=$$?; \
	if [ $$code -ne 0 ] && [ $$code -ne 3 ]; then exit $$code; fi; \
	$(BIN)/scrubtrace review export --review $(REVIEW) --out $(OUT)/flagged.csv && exit $$code

# As many processes as cores: threads of scikit-learn on top of them only wait for each other.
test: $(STAMP)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy -p scrubtrace
	$(BIN)/mypy --strict benchmarks examples tools
	$(BIN)/python -m pytest tests/test_import_layers.py tests/test_message_catalogs.py

# What the code says goes into the catalogs, and what is translated there into the program.
messages: $(STAMP)
	$(BIN)/python tools/catalogs.py

format: $(STAMP)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# make eval DATA=folder: tables as in docs/accuracy.md from labelled Parquet files, sources held out.
# With BASE=file the English model has the shipped one as a part: its scores of the same rows, held
# out likewise (benchmarks/open_pack_transfer.py --save). make eval DATA=folder
# PREDICTIONS=file.parquet: fits on all of TRAIN instead, and writes a score, p-value, abstention and
# flagging lanes for each row of DATA.
TRAIN ?= ../shared/eval/dev
BASED := $(if $(BASE),--base $(BASE))
ifdef PREDICTIONS
eval: $(STAMP)
	$(BIN)/python benchmarks/style_predictions.py $(DATA) $(PREDICTIONS) --train $(TRAIN)
else
eval: $(STAMP)
	$(BIN)/python benchmarks/flag_rates.py $(DATA)
	$(BIN)/python benchmarks/style_transfer.py $(DATA) --language en --folds 7 --beside $(BASED)
	$(BIN)/python benchmarks/style_transfer.py $(DATA) --language zh
	for language in en zh de id ja; do \
		$(BIN)/python benchmarks/style_in_source.py $(DATA) --language $$language || exit 1; done
	for language in en zh; do \
		$(BIN)/python benchmarks/style_calibration.py $(DATA) --language $$language || exit 1; done
endif

bench: $(STAMP)
	$(BIN)/python benchmarks/throughput.py
	$(BIN)/python benchmarks/memory.py

drill: $(STAMP)
	$(BIN)/python -m pytest -rs tests/drill_*.py

# Flink and Spark on this machine, from jars that Maven brings; skips with a reason without Java.
test-cluster: $(STAMP)
	$(BIN)/python -m pytest -rs --durations=0 tests/cluster/cluster_*.py

clean:
	rm -rf $(VENV) build *.egg-info out

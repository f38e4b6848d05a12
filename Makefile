# Harvestline's commands. A fresh machine needs Python 3.11 or newer, make and a
# way to PyPI; every target that runs something sets up .venv first, once.

# Where a machine forbids Python to keep what it compiled, each of hundreds of processes would
# compile all that it imports anew: half the processor time of tests that start programs.
unexport PYTHONDONTWRITEBYTECODE

ARGS ?=
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv
COMPILE := $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --custom-compile-command "make lock"

# Three workers more than two cores use what is left while tests wait for links and brokers. Files
# are begun in the order in which tests/conftest.py puts them: the longest first.
SHARED_OUT := -n 5 --dist loadfile --no-loadscope-reorder
# Whole ways through real processes and in a real browser, at their own pace: for `make story`.
STORIES := tests/e2e $(filter-out tests/e2e/%,$(wildcard tests/*/test_*_browser.py)) \
	tests/satellite/test_tutorial.py tests/satellite/test_sat_villages.py \
	tests/satellite/test_sat_integrity_village.py tests/satellite/test_sat_hazards.py \
	tests/satellite/test_sat_cluster.py tests/edge_node/test_lending_station_process.py \
	tests/edge_node/test_lending_crash.py tests/edge_node/test_edge_watchdog.py \
	tests/edge_node/test_tablet_soak.py tests/loop/test_sync_bad_links.py \
	tests/server/test_payout_commands.py

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup run test engines story lint format soak nightly bench shots screens words docs lock clean

help: ## say what each target does
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo '  ARGS="…" is passed on, as in: make test ARGS="tests/core -x"'

setup: $(VENV)/.synced ## create .venv from the hash-locked requirements (the others do it too)

run: setup ## start the whole loop on this machine and print its addresses (ARGS="--help" for more)
	@exec $(BIN)/harvestline-sim demo $(ARGS)

test: setup ## run every test but the slow ones
	@exec $(BIN)/pytest $(SHARED_OUT) -m "not soak and not nightly" $(STORIES:%=--ignore %) $(ARGS)

engines: setup ## run the centre's tests on the other database of each (make test has the one)
	@exec $(BIN)/pytest $(SHARED_OUT) -m "not soak and not nightly" --engines other tests/server $(ARGS)

story: setup ## play a season in real processes, check it in the books; walk the pages in a browser
	@exec $(BIN)/pytest -n 3 --dist loadfile --no-loadscope-reorder -m "not soak and not nightly" --timeout 1800 $(STORIES) $(ARGS)

lint: setup ## check format, style, types and import rules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/mypy -p tools
	$(BIN)/lint-imports --no-logo

format: setup ## put the code into its one format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

soak: setup ## run the tests that take hours of faults
	@exec $(BIN)/pytest --timeout 0 --engines both -m soak $(ARGS)

nightly: setup ## run the tests that are too slow for every change
	@exec $(BIN)/pytest $(SHARED_OUT) --timeout 1800 --engines both -m nightly $(ARGS)

bench: setup ## measure the figures that README shows
	@exec $(BIN)/python -m bench $(ARGS)

shots: setup ## write a picture of every screen to .harvestline/shots (ARGS="--whole" for every look)
	@exec $(BIN)/python -m tools.shots $(ARGS)

screens: setup ## renew the small pictures that key screens are held against at night
	@exec $(BIN)/python -m tools.screens

words: setup ## compile catalogues, export formats, cut the fonts; prompts by ARGS="voice"
	@$(BIN)/python -m tools.catalogues
	@$(BIN)/python -m tools.formats
	@$(BIN)/python -m tools.fonts
	@$(BIN)/python -m tools.copy_assets
	@$(BIN)/python -m tools.console_words
	@[ "$(ARGS)" != voice ] || $(BIN)/python -m tools.voice

docs: setup ## write the pages that are made from code
	@$(BIN)/python -m tools.errors_page
	@$(BIN)/python -m tools.agreement_page
	@$(BIN)/python -m tools.order_page
	@$(BIN)/python -m tools.consent_page

lock: $(VENV)/.uv ## renew the locks (ARGS="--upgrade" also takes newer versions)
	$(COMPILE) $(ARGS) requirements/uv.in --output-file requirements/uv.txt
	$(COMPILE) $(ARGS) --extra dev pyproject.toml --output-file requirements/lock.txt
	$(COMPILE) --extra edge --constraint requirements/lock.txt pyproject.toml --output-file requirements/edge.txt

clean: ## remove .venv, caches and the demo's data
	rm -rf $(VENV) .harvestline dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Set-up in three steps, each with a stamp, so that an interrupted one is taken up
# again: a bare environment, uv with its hash, then everything in the lock.

$(VENV)/.made:
	@python=; for each in python3 python3.11 python3.12 python3.13 python3.14; do \
	  if "$$each" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; \
	  then python=$$each; break; fi; done; \
	if [ -z "$$python" ]; then \
	  echo "Harvestline needs Python 3.11 or newer; found: $$(python3 --version 2>&1 || true)." >&2; \
	  echo "Install it (Debian: apt-get install python3 python3-venv) and run make again." >&2; exit 1; fi; \
	echo "Setting up $(VENV) with $$("$$python" --version); the first time takes a minute or two …"; \
	"$$python" -m venv --clear $(VENV)
	@touch $@

$(VENV)/.uv: requirements/uv.txt $(VENV)/.made
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@touch $@

# A sync that was cut off may leave half a package behind that looks whole: the
# marker makes the next one install everything afresh.
$(VENV)/.synced: requirements/lock.txt pyproject.toml $(VENV)/.uv
	@again=; [ ! -e $(VENV)/.syncing ] || again=--reinstall; touch $(VENV)/.syncing; \
	$(UV) pip sync --quiet $$again --python $(BIN)/python --require-hashes requirements/lock.txt && \
	$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable . && \
	rm $(VENV)/.syncing
	@touch $@

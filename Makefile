# Needs Python 3.11 or newer, git and make. PostgreSQL and Redis come as wheels unless DATABASE_URL and REDIS_URL are set.

# The first that runs, is new enough and can make virtual environments; a name on the path may be an empty shim. The
# system's own comes first: distributions build theirs with profile-guided optimisation, which is worth a sixth and more.
PYTHON ?= $(shell for p in /usr/bin/python3 python3 python3.13 python3.12 python3.11 python; do \
	$$p -c 'import sys, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
PORT ?= 8000
JOBS ?= 2
ARGS ?=

VENV := .venv
BIN := $(VENV)/bin
# Named after what the requirements say, so that another branch's requirements are installed too.
INSTALLED := $(VENV)/.installed-$(shell cat requirements.txt requirements-dev.txt | cksum | cut -d' ' -f1)
SERVERS := $(BIN)/python -m settings.embedded
export PATH := $(CURDIR)/$(BIN):$(PATH)
export DJANGO_SETTINGS_MODULE ?= settings.dev

.DEFAULT_GOAL := help
.PHONY: help install demo serve test test-deep lint migrations messages bench bench-orders bench-settlement

help: ## This list
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' Makefile

install: $(INSTALLED) ## Install what is needed into .venv

$(INSTALLED): requirements.txt requirements-dev.txt
	@test -n "$(PYTHON)" || { echo 'Python 3.11 or newer with venv is needed (Debian: apt-get install python3-venv); say where it is: make PYTHON=/path/to/python3'; exit 1; }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements-dev.txt
	@rm -f $(VENV)/.installed-*
	@touch $@

demo: install ## A whole trade from listing to verified audit report, narrated
	@$(SERVERS) python -m demo $(ARGS)

serve: install ## The exchange on http://127.0.0.1:PORT (8000) with a loaded market; Ctrl-C stops it
	@$(SERVERS) sh -c 'python manage.py migrate --no-input --verbosity 0 \
		&& python -m demo.load --if-empty \
		&& python -m demo.signins --address http://127.0.0.1:$(PORT) \
		&& exec honcho start --port $(PORT)' || test $$? = 130

test: install ## Every test; ARGS="-k wallet" narrows
	@$(SERVERS) pytest --numprocesses $(JOBS) --dist worksteal $(ARGS)

test-deep: install ## A thousand random histories of orders, a thousand of money, and 100,000 orders in two sets of books; takes long
	@$(SERVERS) pytest --hypothesis-profile=deep tests/machine tests/settlement/test_naive.py $(ARGS)

lint: install ## Style, imports and the way down between rooms
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/lint-imports

migrations: install ## Write migrations for changed models
	@$(BIN)/python manage.py makemigrations $(ARGS)

messages: install ## Collect the texts to translate into locale/, then compile what is translated
	@$(BIN)/python -m settings.translations

bench: install ## The measurements of docs, each against its yardstick
	@$(SERVERS) python -m benchmarks $(ARGS)

bench-orders: install ## Orders over HTTP, reported use, django-oscar, ten million orders there: each against its yardstick
	@$(SERVERS) python -m benchmarks orders usage oscar volume $(ARGS)

bench-settlement: install ## Postings, orders settled, bank statements, payment files, reconciliation; ORDERS, LINES, TRANSFERS: how many
	@$(SERVERS) python -m benchmarks posting settlement statements reconcile $(ARGS)

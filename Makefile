# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# `make` lists the targets. Each installs what it needs first; programs behind them are in tools/.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
.NOTPARALLEL:

PYTHON ?= python3
# The scenario that runs a second time, on the newest ansible-core.
export NEWEST_SCENARIO ?= scaleio_two_pools
steps = $(PYTHON) tools/steps.py
# Runs a command in the main environment.
within = eval "$$($(PYTHON) tools/environments.py export)" &&

.PHONY: help setup env demo test check lint units sanity conformance scenarios soak bench lab lab-down format clean

help: ## this list
	@sed -nE 's/^([a-z -]+):.*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | sed 's/[$$]{2}/$$/' -E | expand -t 42

setup: ## install what is missing: Debian packages, Python environments
	@$(PYTHON) tools/environments.py setup

env: ## shell lines that make a terminal use this checkout: eval "$$(make env)"
	@$(PYTHON) tools/environments.py setup >&2
	@$(PYTHON) tools/environments.py export

demo: setup ## deploy on the lab, twice, and look at the result
	@$(PYTHON) tools/demo.py

test: setup ## everything: lint, units, sanity, conformance, every scenario on the lab
	@$(steps) lint units sanity conformance scenarios

check: setup ## the quick part: lint, types, units
	@$(steps) lint units

lint units sanity conformance: setup ## one step alone
	@$(steps) $@

scenarios: setup ## every scenario on the lab; SCENARIOS="a b" for some
	@$(steps) $@

soak: setup lab ## scenarios that repeat for a long time, on the lab
	@$(steps) $@

bench: setup lab ## channels, module runs and seconds against an ordinary playbook
	@$(within) flock "$$HOLDFAST_CACHE/lab.lock" python -m benchmarks.run

lab: setup ## start the lab's hosts, reaping what a killed run left
	@$(within) python -m lab up

lab-down: setup ## remove the lab's hosts
	@$(within) python -m lab down

format: setup ## bring the Python code into its one form
	@$(within) git ls-files -co --exclude-standard '*.py' | xargs ruff check --quiet --no-cache --fix
	@$(within) git ls-files -co --exclude-standard '*.py' | xargs black --quiet

clean: ## remove the cache: environments, logs, copies (not the lab)
	@$(PYTHON) tools/environments.py clean

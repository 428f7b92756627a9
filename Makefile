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
ifeq ($(shell command -v $(PYTHON)),)
$(error $(PYTHON) is missing: `apt-get install python3`)
endif
# For the programs of tools/ themselves; what they run gets its variables from them.
export LC_ALL := C.UTF-8
export PYTHONDONTWRITEBYTECODE := 1
# The scenario that runs on the newest ansible-core; all others run on the oldest supported one.
export NEWEST_SCENARIO ?= scaleio_two_pools
steps = $(PYTHON) tools/steps.py
# Runs a command in the main environment.
within = eval "$$($(PYTHON) tools/environments.py export)" &&

# Runs a command in the main environment while no other run uses the lab.
on_lab = $(PYTHON) tools/on_lab.py

.PHONY: help setup setup-main rights env demo test check lint units sanity conformance scenarios soak bench lab lab-down format clean

help: ## this list
	@sed -nE 's/^([a-z -]+):.*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | sed 's/[$$]{2}/$$/' -E | expand -t 42

setup: ## install what is missing: Debian packages, Python environments
	@$(PYTHON) tools/environments.py setup

# Enough for all that does not test on the newest ansible-core.
setup-main:
	@$(PYTHON) tools/environments.py setup main

# Goes before what takes root: nothing is installed for a user who could not go on.
rights:
	@$(PYTHON) tools/environments.py rights $(MAKECMDGOALS)

env: ## shell lines that make a terminal use this checkout: eval "$$(make env)"
	@$(PYTHON) tools/environments.py setup main >&2
	@$(PYTHON) tools/environments.py export

demo: rights setup-main ## deploy on the lab, twice, and look at the result
	@$(PYTHON) tools/demo.py

test: rights setup ## everything: lint, units, sanity, conformance, every scenario on the lab
	@$(steps) conformance units sanity lint scenarios

check: setup ## the quick part: lint, types, units on one ansible-core
	@$(steps) quick lint

lint units sanity: setup ## one step alone
	@$(steps) $@

conformance: rights setup ## the simulators against the rules and the recorded answers of the real products
	@$(steps) $@

scenarios: rights setup ## every scenario on the lab; SCENARIOS="a b" for some
	@$(steps) $@

soak: rights setup ## scenarios that repeat for a long time, on the lab, which stays up
	@$(steps) $@

bench: rights setup-main ## channels, module runs and seconds against an ordinary playbook; RECORD=1 keeps them
	@$(on_lab) bash -c "python -m lab up && python -m benchmarks.run $(if $(RECORD),--record)"

lab: rights setup-main ## start the lab's hosts, reaping what a killed run left
	@$(on_lab) python -m lab up

lab-down: rights setup-main ## remove the lab's hosts
	@$(on_lab) python -m lab down

format: setup-main ## bring the Python code into its one form
	@$(within) git ls-files -co --exclude-standard '*.py' | xargs ruff check --quiet --no-cache --fix
	@$(within) git ls-files -co --exclude-standard '*.py' | xargs black --quiet

clean: ## remove the cache: environments, logs, copies (not the lab)
	@$(PYTHON) tools/environments.py clean

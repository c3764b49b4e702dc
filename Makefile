# `make run` needs only cargo (https://rustup.rs); it finds or installs the rest.
SHELL := /bin/bash
.PHONY: help run check test chaos api-fuzz bench bench-quick prepare clean-local

help: ## this list
	@echo "To begin with: make run. Then:"
	@sed -n -E 's/^([a-z-]+):.*## (.*)/  make \1|\2/p' Makefile | column -t -s '|' 2>/dev/null || \
	  sed -n -E 's/^([a-z-]+):.*## (.*)/  make \1: \2/p' Makefile

run: ## build the wallet, quickly, and serve it on PORT (8080) with a PostgreSQL and a Redis of its own; BUILD=release: as it is shipped
	@exec deploy/local/run.sh

check: ## before each commit: format, clippy, unit tests, a few tests against real servers; a minute once all is built
	@exec deploy/local/check.sh

test: ## everything CI runs, on servers that are thrown away
	@exec deploy/local/test.sh

chaos: ## the failure tests at length; their report goes to docs/chaos/
	@exec deploy/local/chaos.sh

api-fuzz: ## call the API with everything that its documents allow, and with what they do not
	@exec deploy/local/api-fuzz.sh

bench: ## measure everything against pgbench in three rounds; the report goes to docs/bench/
	@exec deploy/local/bench.sh

bench-quick: ## the most important figures in about two minutes
	@exec deploy/local/bench.sh --quick

prepare: ## regenerate .sqlx/ after a change of a query or a migration
	@exec deploy/local/prepare.sh

clean-local: ## stop and forget everything below .local/, the data of make run included
	@. deploy/local/lib.sh && clean_local

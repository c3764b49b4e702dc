# `make run` needs only cargo (https://rustup.rs); it finds or installs the rest.
SHELL := /bin/bash
.PHONY: help run test chaos api-fuzz bench bench-quick prepare clean-local

help:
	@echo "make run          build the wallet and serve it on PORT (8080), with its own PostgreSQL and Redis"
	@echo "make test         everything CI runs, on throw-away servers"
	@echo "make chaos        the failure tests at length; their report goes to docs/chaos/ and README.md"
	@echo "make api-fuzz     call the API with everything that its documents allow, and with what they do not"
	@echo "make bench        measure everything against pgbench in three rounds; the report goes to docs/bench/"
	@echo "make bench-quick  the most important figures in about two minutes"
	@echo "make prepare      regenerate .sqlx/ after a change of a query or a migration; make clean-local  forget all of .local/"

run:
	@exec deploy/local/run.sh

test:
	@exec deploy/local/test.sh

chaos:
	@exec deploy/local/chaos.sh

api-fuzz:
	@exec deploy/local/api-fuzz.sh

bench:
	@exec deploy/local/bench.sh

bench-quick:
	@exec deploy/local/bench.sh --quick

prepare:
	@exec deploy/local/prepare.sh

clean-local:
	@. deploy/local/lib.sh && clean_local

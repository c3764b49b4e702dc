#!/bin/bash
# Whether a change is worth a commit, in about a minute once everything is built: format, clippy, the
# unit tests, and a few tests that play against a real node, PostgreSQL and Redis. `make test` says
# the rest.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# Every call of every protocol once, what is answered, and what the parts and the documents promise.
SMOKE=(captures:: deployment:: first_hour:: handbook:: houserules:: money_path::answers:: rooms::)

need_cargo
clean_states throw-away # of runs that were killed
open_state "check-$$" throw-away
need_test_servers
lint_code
((lint == 0)) || die "cargo fmt or clippy finds something: see above"
start_test_servers
say "unit tests"
run_child cargo test --locked --quiet --lib
say "a few tests against real servers: ${SMOKE[*]}"
run_child cargo test --locked --quiet --test integration -- "${SMOKE[@]}"
say "all is well; make test runs everything that CI does"

#!/bin/bash
# The failure tests at length, one after another, on throw-away servers; arguments choose some of
# them (`deploy/local/chaos.sh kill_points`). A run of all renews docs/chaos/ and the table in
# README.md, but only when every one has ended well.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

need_cargo
clean_states throw-away # of runs that were killed
open_state "chaos-$$" throw-away
need_tools postgres
need_redis || die "the failure tests need Redis 7 or later${WHY:+, but $WHY}"
need_faketime || say "no clock will jump: the Debian package faketime is missing, and $WHY"

prepare_servers
start_postgres 300
start_redis || die "Redis does not start: see 'redis-server --port 0'"

unset PORT OPS_PORT WALLET_BIN "${!WALLET__@}"
export SQLX_OFFLINE=true REDIS_URL
DATABASE_URL=$(postgres_url postgres postgres)
export DATABASE_URL
export WALLET_TEST_PG_BIN=$POSTGRES_BIN WALLET_TEST_PG_USER=$SERVER_USER WALLET_TEST_REDIS_SERVER=$REDIS_SERVER
export TMPDIR=$SOCKETS # what the tests start and leave there goes with it
export WALLET_CHAOS=long WALLET_CHAOS_REPORT=$STATE
ulimit -n "$(ulimit -H -n)" # ten thousand connections

# The same build as `make test`: only one with debug assertions has the points at which a node is
# killed (src/fault_point.rs).
begun=$SECONDS status=0
run_child cargo test --locked --test integration -- "${@:-chaos::}" --test-threads=1 || status=$?
((status == 0)) || die "something did not end well: see above"
cat "$STATE/table.md"
(($# == 0)) || exit 0

mkdir -p docs/chaos
cp "$STATE/report.jsonl" docs/chaos/
{
  printf '# Failure tests\n\nWritten by `make chaos` in %d s, on %d cores, PostgreSQL %s, Redis %s.\n' \
    $((SECONDS - begun)) "$(nproc)" "$("$POSTGRES_BIN/postgres" --version | cut -d' ' -f3)" \
    "$("$REDIS_SERVER" --version | sed -E 's/.* v=([0-9.]+).*/\1/')"
  cat deploy/local/chaos.md
  printf '\n'
  cat "$STATE/details.md"
} >docs/chaos/README.md
# The table in README.md stands between two comments.
sed -i -e "/^<!-- chaos -->$/,/^<!-- \/chaos -->$/{//!d}" -e "/^<!-- chaos -->$/r $STATE/table.md" README.md
say "the report is in docs/chaos/, the table in README.md"

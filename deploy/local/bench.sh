#!/bin/bash
# Measures the release build against pgbench on throw-away servers. Without arguments it does
# everything and renews docs/bench/; with them the report stays under target/bench/:
#   --quick                            about two minutes
#   --only bets-64,hot --rounds 5 --seconds 5   some workloads; --list names them
#   --wallet PATH[,NAME=VALUE…]        one more program (`.` is the built one), in the same rounds
#   WALLET_BIN                         measured in the place of this checkout's build
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

need_cargo
clean_states throw-away # of runs that were killed
open_state "bench-$$" throw-away
need_tools postgres
need_redis || die "the bench needs Redis 7 or later${WHY:+, but $WHY}"
[[ -x $POSTGRES_BIN/pgbench ]] || die "there is no pgbench in $POSTGRES_BIN"
free=$(df -P -k "$STATE" | awk 'NR == 2 { print int($4 / 1048576) }')
(($# > 0 || free >= 10)) || # a table of twenty million rows is part of it
  die "the whole bench needs about 10 GB of disk, and $STATE has $free GB left"
unset PORT OPS_PORT "${!WALLET__@}"
export SQLX_OFFLINE=true
TARGET=${CARGO_TARGET_DIR:-$ROOT/target}

say "building the wallet and the load generator (the first time takes some minutes)"
if [[ -z ${WALLET_BIN:-} ]]; then
  run_child cargo build --release --locked --target-dir "$TARGET" || die "the build failed: see above"
  WALLET_BIN=$TARGET/release/wallet
fi
# A profile of its own: what only the bench needs stays out of the release.
run_child cargo build --profile load --bench load --locked --target-dir "$TARGET" \
  --message-format=json-render-diagnostics >"$STATE/built.json" || die "the build failed: see above"
load=$(sed -n 's/.*"kind":\["bench"\].*"executable":"\([^"]*\)".*/\1/p' "$STATE/built.json")
[[ -x $load ]] || die "cargo does not say where the load generator is"
# A copy, so that another build cannot replace it while it is measured.
cp "$WALLET_BIN" "$STATE/wallet"

prepare_servers
SETTINGS=(shared_buffers=1GB max_wal_size=8GB)
start_postgres 400 "${SETTINGS[@]}"

# What brings PostgreSQL back with nothing in its memory: with the arguments of its start.
as_server_words=''
((${#AS_SERVER[@]} == 0)) || as_server_words=$(printf '%q ' "${AS_SERVER[@]}")
printf '#!/bin/sh\ncd / && exec %s%q restart -s -w -m fast -t 600 -D %q -l %q >/dev/null 2>&1\n' \
  "$as_server_words" "$POSTGRES_BIN/pg_ctl" "$SERVERS/pg" "$SERVERS/postgres.log" >"$STATE/restart-postgres"
chmod 700 "$STATE/restart-postgres"

export BENCH_PG_SOCKETS=$SOCKETS BENCH_PG_BIN=$POSTGRES_BIN BENCH_PG_DATA=$SERVERS/pg
export BENCH_PG_RESTART=$STATE/restart-postgres BENCH_REDIS_SERVER=$REDIS_SERVER
export BENCH_WALLET=$STATE/wallet BENCH_DIR=$STATE
ulimit -n "$(ulimit -H -n)" # ten thousand connections

status=0
run_child "$load" --bench --out "$TARGET/bench" "$@" || status=$?
if ((status == 0 && $# == 0)); then
  mkdir -p docs/bench
  rm -f docs/bench/*
  cp "$TARGET"/bench/{report.md,report.json,*.svg} docs/bench/
  say "the report is in docs/bench/"
fi
((status == 0)) || die "the measurement has failed: see above"

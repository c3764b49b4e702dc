#!/bin/bash
# The failure tests at length, one after another, on throw-away servers; arguments choose some of
# them (`deploy/local/chaos.sh kill_points`, `deploy/local/chaos.sh bystanders`). A run of all
# renews docs/chaos/, but only when every one has ended well.
#
# It is the build of `make test`: only one with debug assertions has the points at which a node
# is killed (src/fault_point.rs).
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

report=$(mktemp -d)
trap 'rm -rf "$report"' EXIT
export WALLET_CHAOS=long WALLET_CHAOS_REPORT=$report
begun=$SECONDS
status=0
deploy/local/test.sh --test integration -- "${@:-chaos::}" --test-threads=1 || status=$?
# Also what did not hold, to be looked at.
for table in table bystanders; do
  [[ ! -e $report/$table.md ]] || { cat "$report/$table.md"; echo; }
done
((status == 0)) || die "something did not end well: see above"
(($# == 0)) || exit 0

find_postgres
find_redis
mkdir -p docs/chaos
cp "$report/report.jsonl" "$report/bystanders.jsonl" docs/chaos/
{
  printf '# Failure tests\n\nWritten by `make chaos` in %d s, on %d cores, PostgreSQL %s, Redis %s.\n' \
    $((SECONDS - begun)) "$(nproc)" "$("$POSTGRES_BIN/postgres" --version | cut -d' ' -f3)" \
    "$("$REDIS_SERVER" --version | sed -E 's/.* v=([0-9.]+).*/\1/')"
  cat deploy/local/chaos.md
  printf '\n'
  cat "$report/details.md"
  printf '\n'
  cat deploy/local/chaos.bystanders.md
  printf '\n'
  cat "$report/bystanders.md"
} >docs/chaos/README.md
say "the report is in docs/chaos/"

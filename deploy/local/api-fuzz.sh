#!/bin/bash
# Calls a real node with what its OpenAPI documents allow and with what they do not, signed, and
# holds every answer against them; then asks whether the ledger is whole. Throw-away servers.
#   EXAMPLES   how many calls are made up for each operation (50)
#   SEED       what they are made of (1), so that a run can be repeated
#   ONLY       the documents (operator pragmatic softswiss evolution spribe)
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

SCHEMATHESIS=4.32.5
CHECKS=no_fault_of_ours,status_code_conformance,content_type_conformance
CHECKS+=,response_schema_conformance,response_headers_conformance
CONFIG=$ROOT/deploy/dev.toml

need_cargo
need_tools postgres
need_redis || die "this needs Redis 7 or later${WHY:+, but $WHY}"
VENV=$LOCAL/schemathesis-$SCHEMATHESIS
if [[ ! -x $VENV/bin/schemathesis ]]; then
  say "installing schemathesis $SCHEMATHESIS"
  python3 -m venv "$VENV" && "$VENV/bin/pip" install -q "schemathesis==$SCHEMATHESIS" ||
    { rm -rf "$VENV"; die "schemathesis cannot be installed from PyPI"; }
fi

open_state "fuzz-$$" throw-away
prepare_servers
start_postgres 100
start_redis || die "Redis does not start: see 'redis-server --port 0'"

free_port() { # below the ephemeral ones
  local port
  for ((;;)); do
    port=$((20000 + RANDOM % 12000))
    port_taken $port || { echo $port; return; }
  done
}
unset "${!WALLET__@}"
PORT=$(free_port) OPS_PORT=$(free_port) DATABASE_URL=$(postgres_url postgres postgres)
export PORT OPS_PORT DATABASE_URL REDIS_URL
export DEMO_PRAGMATIC_SECRET=demo-pragmatic-secret DEMO_SOFTSWISS_TOKEN=demo-softswiss-token
export DEMO_EVOLUTION_TOKEN=demo-evolution-token DEMO_SPRIBE_SECRET=demo-spribe-secret
export DEMO_ARCADE_KEY=demo-arcade-key

say "building the wallet"
run_child env SQLX_OFFLINE=true cargo build --locked --target-dir "${CARGO_TARGET_DIR:-$ROOT/target}" || die "the build failed"
WALLET=${CARGO_TARGET_DIR:-$ROOT/target}/debug/wallet
run_child "$WALLET" migrate --config "$CONFIG"
run_child "$WALLET" seed --config "$CONFIG" --file "$ROOT/deploy/demo.toml"
LOG=$STATE/wallet.log
setsid "$WALLET" serve --config "$CONFIG" >"$LOG" 2>&1 9>&- &
echo $! >"$STATE/wallet.pid"
for ((i = 0; i < 150; i++)); do
  "$WALLET" healthcheck --config "$CONFIG" 2>/dev/null && break
  sleep 0.2
done

failed=0
cd "$STATE" # schemathesis keeps examples that failed where it runs
for name in ${ONLY:-operator pragmatic softswiss evolution spribe}; do
  say "$name"
  options=()
  [[ $name != operator ]] || options=(--header "Authorization: Bearer demo-operator-key")
  run_child env PYTHONPATH="$ROOT/deploy/openapi" SCHEMATHESIS_HOOKS=signing \
    "$VENV/bin/schemathesis" run "$ROOT/openapi/$name.json" --url "http://127.0.0.1:$PORT" \
    --checks "$CHECKS" --phases examples,coverage,fuzzing --max-examples "${EXAMPLES:-50}" \
    --seed "${SEED:-1}" --continue-on-failure --no-color "${options[@]}" || failed=1
done
cd "$ROOT"

say "the ledger"
run_child "$WALLET" reconcile --full --json --config "$CONFIG" >"$STATE/report.json" || failed=1
cat "$STATE/report.json"
grep -q '"findings":0' "$STATE/report.json" || { complain "the ledger is not whole"; failed=1; }
# A run whose calls nobody believed would find nothing.
say "what came of the providers' calls"
sed -nE 's/.*"message":"call","provider":"([^"]+)".*"outcome":"([^"]+)".*/\1 \2/p' "$LOG" | sort | uniq -c | tee "$STATE/outcomes"
for name in ${ONLY:-pragmatic softswiss evolution spribe}; do
  [[ $name == operator ]] || grep -q " $name applied$" "$STATE/outcomes" || { complain "$name: nothing was applied"; failed=1; }
done
if grep -E '"level":"ERROR"|panicked' "$LOG" | head -n 20; then
  complain "the node has logged errors"
  failed=1
fi
((failed == 0)) || die "see above"
say "every answer is as documented"

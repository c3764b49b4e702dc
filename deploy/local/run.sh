#!/bin/bash
# Builds the wallet and serves it with its own PostgreSQL and Redis, data under .local/run.
#   PORT, OPS_PORT, GRPC_PORT  where it listens (8080, 9090, 8081), on 127.0.0.1
#   DATABASE_URL, REDIS_URL    used instead of private servers when set; REDIS_URL= means none
#   BUILD                      dev (quick to build) or release (what is shipped and measured)
#   WALLET_BIN                 a wallet that is built already
#   RUST_LOG                   what is logged; `info` shows every call
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

export PORT=${PORT:-8080} OPS_PORT=${OPS_PORT:-9090}
GRPC_PORT=${GRPC_PORT:-8081}
export WALLET__GRPC__LISTEN=127.0.0.1:$GRPC_PORT
export DEMO_PRAGMATIC_SECRET=demo-pragmatic-secret DEMO_SOFTSWISS_TOKEN=demo-softswiss-token
export DEMO_EVOLUTION_TOKEN=demo-evolution-token DEMO_SPRIBE_SECRET=demo-spribe-secret
export DEMO_ARCADE_KEY=demo-arcade-key
CONFIG=$ROOT/deploy/dev.toml

BUILD=${BUILD:-dev}
case $BUILD in
  dev) flags=() folder=debug ;;
  release) flags=(--release) folder=release ;;
  *) die "BUILD is '$BUILD': it is 'dev', quick to build, or 'release', as it is shipped" ;;
esac

[[ -n ${WALLET_BIN:-} ]] || need_cargo
open_state run

# Before the long build: what would make it useless.
for name in PORT OPS_PORT GRPC_PORT; do
  port=${!name}
  [[ $port =~ ^[1-9][0-9]{0,4}$ && $port -lt 65536 ]] || die "$name is '$port', which is no port number"
  ! port_taken "$port" || die "port $port is taken: stop what listens there, or choose another with $name=…"
done
[[ $PORT != "$OPS_PORT" && $PORT != "$GRPC_PORT" && $OPS_PORT != "$GRPC_PORT" ]] ||
  die "PORT, OPS_PORT and GRPC_PORT are $PORT, $OPS_PORT and $GRPC_PORT: they must differ"

if [[ -n ${DATABASE_URL:-} ]]; then
  need_tools
else
  need_tools postgres
fi
[[ -v REDIS_URL ]] || need_redis || say "Redis 7 is not here${WHY:+ and $WHY}: serving without it"

# A server that is not wanted costs nothing: only what DATABASE_URL and REDIS_URL leave open starts.
prepare_servers
if [[ -z ${DATABASE_URL:-} ]]; then
  start_postgres 100
  "$POSTGRES_BIN/psql" -Xq -v ON_ERROR_STOP=1 "$(postgres_url postgres postgres)" >"$STATE/psql.log" 2>&1 <<'SQL' ||
SELECT 'CREATE ROLE wallet LOGIN' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'wallet') \gexec
SELECT 'CREATE DATABASE wallet OWNER wallet' WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'wallet') \gexec
SQL
    die "the database 'wallet' cannot be made: see $STATE/psql.log"
  DATABASE_URL=$(postgres_url wallet wallet)
fi
if [[ ! -v REDIS_URL && -n $REDIS_SERVER ]]; then
  start_redis || say "Redis does not start (see $SERVERS/redis.log): serving without it"
fi
export DATABASE_URL REDIS_URL=${REDIS_URL:-}

if [[ -z ${WALLET_BIN:-} ]]; then
  target=${CARGO_TARGET_DIR:-$ROOT/target}
  case $BUILD in
    dev) say "building the wallet, unoptimised so that it is quick (the first time takes some minutes; BUILD=release: as it is shipped)" ;;
    release) say "building the wallet as it is shipped (the first time takes long)" ;;
  esac
  run_child env SQLX_OFFLINE=true cargo build "${flags[@]}" --bin wallet --locked --target-dir "$target" ||
    die "the build failed: see above"
  WALLET_BIN=$target/$folder/wallet
fi

# For deploy/local/wallet.sh.
for name in WALLET_BIN DATABASE_URL REDIS_URL PORT OPS_PORT WALLET__GRPC__LISTEN "${!DEMO_@}"; do
  printf 'export %s=%q\n' "$name" "${!name}"
done | install -m 600 /dev/stdin "$STATE/environment"

say "migrating the database"
run_child "$WALLET_BIN" migrate --config "$CONFIG" || die "the database cannot be migrated: see above"
say "loading the demo data"
run_child "$WALLET_BIN" seed --config "$CONFIG" --file "$ROOT/deploy/demo.toml" || die "the demo data cannot be loaded: see above"

# A person at a terminal reads text, and wants to see the lines to paste and what went wrong with
# them, not each call.
if [[ -t 1 ]]; then
  export WALLET__LOG__FORMAT=${WALLET__LOG__FORMAT:-text}
  export WALLET__LOG__FILTER=${WALLET__LOG__FILTER:-warn,seamless_wallet::mistake=info}
fi

say "starting the wallet"
spawn "$WALLET_BIN" serve --config "$CONFIG"
echo "$CHILD" >"$STATE/wallet.pid"
ready() { [[ $(curl -s -o /dev/null -w '%{http_code}' --noproxy '*' -m 2 "http://127.0.0.1:$OPS_PORT/readyz") == 200 ]]; }
for ((i = 0; i < 300; i++)); do
  if ready || ! kill -0 "$CHILD" 2>/dev/null; then break; fi
  sleep 0.2
done
if kill -0 "$CHILD" 2>/dev/null; then
  ready || die "the wallet is not ready after a minute: see above"
  say "serving on http://127.0.0.1:$PORT, gRPC on 127.0.0.1:$GRPC_PORT, metrics and health on http://127.0.0.1:$OPS_PORT; Ctrl-C stops everything"
  [[ ! -t 1 ]] || say "the log shows what goes wrong; RUST_LOG=info make run shows every call"
  "$ROOT/deploy/local/demo.sh"
fi
status=0
wait "$CHILD" || status=$?
CHILD=''
die "the wallet has stopped by itself, with exit status $status: see above"

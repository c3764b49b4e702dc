#!/bin/bash
# A command of the wallet beside `make run`: with its configuration, its database and its Redis.
#   deploy/local/wallet.sh reconcile --full
#   deploy/local/wallet.sh token --player demo-player --provider pragmatic
#   deploy/local/wallet.sh config check
#   deploy/local/wallet.sh reconcile-provider --provider pragmatic --file FEED.csv
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
state=$root/.local/run
if (($# == 0)) || ! kill -0 "$(cat "$state/wallet.pid" 2>/dev/null)" 2>/dev/null; then
  echo "wallet.sh: start 'make run' in another terminal, then say which command of 'wallet --help'" >&2
  exit 2
fi
# shellcheck source=/dev/null
. "$state/environment"
case $1 in
  config)
    # `config check` without a file is about this one.
    [[ $# == 2 && $2 == check ]] && set -- "$@" "$root/deploy/dev.toml"
    exec "$WALLET_BIN" "$@"
    ;;
  key | openapi) exec "$WALLET_BIN" "$@" ;; # they need none
esac
command=$1
shift
exec "$WALLET_BIN" "$command" --config "$root/deploy/dev.toml" "$@"

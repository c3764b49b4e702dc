#!/bin/bash
# Prints signed Pragmatic calls for the demo player, ready to paste. References and
# rounds are new with every print, so the lines work against a database of any age.
#   PORT                    where the wallet listens (8080)
#   DEMO_PRAGMATIC_SECRET   the secret it signs with
set -euo pipefail

base=http://127.0.0.1:${PORT:-8080}/pragmatic
secret=${DEMO_PRAGMATIC_SECRET:-demo-pragmatic-secret}
now=$(date +%s%3N)

# call METHOD NAME=VALUE...: the hash is MD5 over the parameters sorted by name and the secret.
call() {
  local method=$1 sorted hash
  shift
  sorted=$(printf '%s\n' providerId=PragmaticPlay "$@" | LC_ALL=C sort | paste -sd '&')
  hash=$(printf '%s%s' "$sorted" "$secret" | md5sum | cut -d' ' -f1)
  printf "curl -sS %s/%s.html -d '%s&hash=%s'; echo\n" "$base" "$method" "$sorted" "$hash"
}
spin() { # METHOD ROUND REFERENCE AMOUNT
  call "$1" userId=demo-player gameId=vs20demogame "roundId=$2" "amount=$4" "reference=$3" \
    "timestamp=$now" roundDetails=spin token=demo-token
}

echo
echo '# who is playing, and the balance'
call authenticate token=demo-token
echo '# a bet of 1.50; then the same again: the repeat answers the same and takes nothing'
spin bet "$now" "bet-$now" 1.50
spin bet "$now" "bet-$now" 1.50
echo '# the win of that round, 4.20'
spin result "$now" "win-$now" 4.20
echo '# a bet in another round, and its refund'
spin bet "$((now + 1))" "bet-$((now + 1))" 1.50
call refund userId=demo-player "reference=bet-$((now + 1))"
echo

#!/bin/bash
# Regenerates .sqlx/, what the build knows of the queries when it has no database:
# after a change of a query or of a migration.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

need_cargo
open_state "prepare-$$" throw-away
need_tools postgres
prepare_servers
start_postgres 100
url=$(postgres_url postgres postgres)

for migration in "$ROOT"/migrations/*.sql; do
  say "${migration##*/}"
  "$POSTGRES_BIN/psql" -Xq -v ON_ERROR_STOP=1 -f "$migration" "$url" || die "${migration##*/} fails: see above"
done

# The macros write next to nothing else; .sqlx is replaced only when all of them have.
# The touch makes cargo compile every target again: it does not see a change of database.
say "checking the queries"
mkdir "$STATE/sqlx"
touch -c src/lib.rs src/main.rs
run_child env SQLX_OFFLINE=false SQLX_OFFLINE_DIR="$STATE/sqlx" DATABASE_URL="$url" \
  cargo check --locked --all-targets || die "the queries do not check: .sqlx is as it was"
rm -rf .sqlx
mv "$STATE/sqlx" .sqlx
say ".sqlx: $(find .sqlx -type f | wc -l) queries"

#!/bin/bash
# Everything CI runs, on throw-away servers; arguments go to `cargo test`.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

need_cargo
clean_states throw-away # of test runs that were killed
open_state "test-$$" throw-away
need_test_servers
want haproxy pgbouncer openssl chromium chromedriver:chromium-driver
need_faketime || say "no clock will jump: the Debian package faketime is missing, and $WHY"

start_test_servers
# A client of gRPC that is not ours.
if need_python grpc "$ROOT/tests/integration/grpc/requirements.txt"; then
  export WALLET_TEST_PYTHON=$PYTHON
else
  unset WALLET_TEST_PYTHON
  say "Python's gRPC client: skipped, because $WHY"
fi
lint_code

# Each alert rule fires when it should, and not when it should not.
if need_promtool; then
  say "promtool"
  rules=$ROOT/deploy/prometheus
  export WALLET_TEST_PROMTOOL=$PROMTOOL
  run_child "$PROMTOOL" check config "$rules/prometheus.yml" || lint=1
  run_child "$PROMTOOL" test rules "$rules/alerts_test.yml" || lint=1
else
  say "promtool: skipped, because it is not installed${WHY:+ and $WHY}"
fi

# The API's documents: see deploy/openapi/redocly.yaml for what is asked of them.
if need_redocly; then
  say "redocly lint"
  run_child env REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_UPDATE_NOTICE=true "$REDOCLY" lint \
    --config "$ROOT/deploy/openapi/redocly.yaml" --format stylish "$ROOT"/openapi/*.json || lint=1
else
  say "redocly: skipped, because ${WHY:-it is not installed}"
fi

say "cargo test"
run_child cargo test --locked "$@"
((lint == 0)) || die "the tests pass, but cargo fmt, clippy, promtool or redocly does not: see above"

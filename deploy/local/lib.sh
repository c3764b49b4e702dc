# shellcheck shell=bash
# What run.sh, test.sh and prepare.sh share: tools found or installed, private
# PostgreSQL and Redis started, and all of it stopped again. Sourced, never run.
#
# Everything kept is under .local/NAME (STATE): `servers` holds the data and the logs
# of both servers, `sockets` points at PostgreSQL's socket directory, `lock` is held
# (fd 9) by the script that uses it; every server starts with that fd closed.

set -euo pipefail
unset CDPATH MAKEFLAGS MFLAGS MAKELEVEL # `make -j` would hand cargo a job server it cannot reach
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
LOCAL=$ROOT/.local
cd "$ROOT"
ME=${0##*/}
STATE='' SERVERS='' CHILD='' THROW_AWAY='' WHY=''

say() { printf '==> %s\n' "$*"; }
complain() { printf '%s: %s\n' "$ME" "$*" >&2; }
die() { complain "$@"; exit 1; }

# ---------------------------------------------------------------- tools

need_cargo() {
  command -v cargo >/dev/null || PATH=$PATH:${CARGO_HOME:-$HOME/.cargo}/bin
  command -v cargo >/dev/null || die "cargo is missing: install Rust from https://rustup.rs and run this again"
  local want have
  want=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' "$ROOT/Cargo.toml")
  have=$(cargo --version | cut -d' ' -f2) || die "cargo does not run: install Rust from https://rustup.rs"
  [[ $(printf '%s\n' "$want" "$have" | sort -V | head -n1) == "$want" ]] ||
    die "Rust $want or later is needed and this is $have: run 'rustup update'"
}

# find_postgres [MAJOR]: POSTGRES_BIN becomes the newest (or that) PostgreSQL from 15 on.
find_postgres() {
  local dir major tool newest=14 on_path
  POSTGRES_BIN=''
  on_path=$(readlink -f "$(command -v postgres)" 2>/dev/null || true)
  for dir in /usr/lib/postgresql/*/bin "${on_path%/*}"; do
    for tool in initdb pg_ctl postgres psql; do [[ -x $dir/$tool ]] || continue 2; done
    major=$("$dir/postgres" --version | sed -E 's/[^0-9]*([0-9]+).*/\1/')
    ((major > newest)) && [[ ${1:-$major} == "$major" ]] && newest=$major POSTGRES_BIN=$dir
  done
  [[ -n $POSTGRES_BIN ]]
}

find_redis() {
  local version
  REDIS_SERVER=''
  version=$(redis-server --version 2>/dev/null | sed -E 's/.* v=([0-9]+).*/\1/') || return 1
  ((version >= 7)) && REDIS_SERVER=$(command -v redis-server)
}

# need_tools [postgres]: a C compiler and curl, and PostgreSQL where asked.
need_tools() {
  local missing=()
  [[ ${1:-} != postgres ]] || find_postgres || missing+=(postgresql)
  command -v cc >/dev/null || missing+=(gcc libc6-dev)
  command -v curl >/dev/null || missing+=(curl ca-certificates)
  ((${#missing[@]})) || return 0
  install_packages "${missing[@]}" || die "this needs the Debian packages ${missing[*]}, but $WHY"
  [[ ${1:-} != postgres ]] || find_postgres || die "PostgreSQL 15 or later is needed, and the packages here are older"
}

need_redis() {
  find_redis || { install_packages redis-server && find_redis; }
}

# want PROGRAM[:PACKAGE]...: what only some tests need, from Debian packages, of the same names if
# not said otherwise. Where it cannot be had, those tests say that they were skipped.
want() {
  local program missing=()
  PATH=$PATH:/usr/sbin # where Debian puts servers, and not every user looks
  for program in "$@"; do command -v "${program%:*}" >/dev/null || missing+=("${program#*:}"); done
  ((${#missing[@]} == 0)) || install_packages "${missing[@]}" ||
    say "without ${missing[*]} some tests are skipped: $WHY"
}

# Prometheus' own checker of alert rules.
find_promtool() { PROMTOOL=$(command -v promtool); }

need_promtool() {
  find_promtool || { install_packages prometheus && find_promtool; }
}

need_test_servers() {
  need_tools postgres
  need_redis || die "the tests need Redis 7 or later${WHY:+, but $WHY}"
}

# What lets a test set a node's clock.
need_faketime() {
  compgen -G '/usr/lib/*/faketime/libfaketimeMT.so.1' >/dev/null || install_packages faketime
}

# need_python NAME REQUIREMENTS: PYTHON becomes one with these packages from PyPI, kept under
# .local/python/NAME until the file of requirements changes.
need_python() {
  local venv=$LOCAL/python/$1 requirements=$2
  PYTHON=$venv/bin/python
  python3 -c 'import ensurepip' 2>/dev/null || install_packages python3 python3-venv || return 1
  ! cmp -s "$requirements" "$venv/installed.txt" || return 0
  say "installing from PyPI what ${requirements#"$ROOT"/} lists"
  mkdir -p "$LOCAL/python"
  (
    flock 8 # another run of the tests in this checkout may want the same
    ! cmp -s "$requirements" "$venv/installed.txt" || exit 0
    python3 -m venv --clear "$venv" &&
      "$venv/bin/pip" install -q --disable-pip-version-check --no-input --timeout 20 --retries 2 \
        --only-binary :all: -r "$requirements" &&
      cp "$requirements" "$venv/installed.txt"
  ) 8>"$LOCAL/python/$1.lock" 9>&- >"$LOCAL/python/$1.log" 2>&1 ||
    { WHY="installing from PyPI failed (see .local/python/$1.log)"; return 1; }
}

# The linter of OpenAPI documents, one npm package without others; kept in .local.
REDOCLY_VERSION=2.77.0
need_redocly() {
  local home=$LOCAL/redocly-$REDOCLY_VERSION have
  REDOCLY=$home/node_modules/.bin/redocly
  [[ ! -x $REDOCLY ]] || return 0
  have=$(node --version 2>/dev/null) && command -v npm >/dev/null ||
    { WHY="there is no Node.js with npm here"; return 1; }
  [[ $(printf 'v20.19.0\n%s\n' "$have" | sort -V | head -n1) == v20.19.0 ]] ||
    { WHY="it needs Node.js 20.19 and this is $have"; return 1; }
  mkdir -p "$home"
  npm install --prefix "$home" --no-save --no-audit --no-fund --ignore-scripts --loglevel error \
    "@redocly/cli@$REDOCLY_VERSION" >"$LOCAL/redocly.log" 2>&1 && [[ -x $REDOCLY ]] ||
    { WHY="installing it failed (see .local/redocly.log)"; rm -rf "$home"; return 1; }
}

# Where it may not, or cannot, it answers 1 and WHY tells the reason.
install_packages() {
  local as_root=()
  command -v apt-get >/dev/null || { WHY="there is no apt-get here to install them with"; return 1; }
  if ((EUID != 0)); then
    if sudo -n true 2>/dev/null; then as_root=(sudo -n)
    elif [[ -t 0 ]] && command -v sudo >/dev/null; then as_root=(sudo)
    else WHY="this user may not install them (as root: apt-get install $*)"; return 1
    fi
  fi
  say "installing Debian packages: $*"
  "${as_root[@]}" bash -c "$(declare -f guarded_install); guarded_install \"\$@\"" bash "$@" \
    >"$LOCAL/install.log" 2>&1 || { WHY="installing them failed (see .local/install.log)"; return 1; }
}

# As root, in a shell of its own. Debian's packages would make a cluster and start services
# on the standard ports: two small files say no to that while apt runs, and go when it is
# done. Should it be killed before it tidies up, the policy has no effect once it is gone.
guarded_install() {
  set -eu
  policy=/usr/sbin/policy-rc.d clusters=/etc/postgresql-common/createcluster.d made=''
  export DEBIAN_FRONTEND=noninteractive
  restore() {
    rm -f "$policy" "$clusters/wallet.conf"
    [ -z "$made" ] || rmdir --ignore-fail-on-non-empty "$clusters"
    [ ! -e "$policy.wallet" ] || mv "$policy.wallet" "$policy"
  }
  apt-get update -q || true # what apt knows already may be enough
  fresh='' # services that come with this
  for program in redis-server haproxy pgbouncer prometheus; do
    command -v $program >/dev/null || [ -x /usr/sbin/$program ] || fresh="$fresh $program"
  done
  if grep -q policy-rc.d.wallet "$policy" 2>/dev/null; then restore; fi # a killed one's
  trap restore EXIT
  trap 'exit 1' INT TERM HUP
  [ ! -e "$policy" ] || mv "$policy" "$policy.wallet"
  printf '%s\n' '#!/bin/sh' \
    "case \"\$1\" in postgresql*|redis*|haproxy*|pgbouncer*|prometheus*) [ ! -d /proc/$$ ] || exit 101 ;; esac" \
    "[ ! -x $policy.wallet ] || exec $policy.wallet \"\$@\"" >"$policy"
  chmod 755 "$policy"
  [ -d "$clusters" ] || made=yes
  mkdir -p "$clusters"
  echo 'create_main_cluster = false' >"$clusters/wallet.conf"
  apt-get install -q -y --no-install-recommends -o DPkg::Lock::Timeout=120 "$@"
  # Nor at the next boot.
  for program in $fresh; do systemctl disable $program 2>/dev/null || true; done
}

# ---------------------------------------------------------------- state and clean-up

# open_state NAME [throw-away]: .local/NAME is ours until this script ends, however it ends.
open_state() {
  STATE=$LOCAL/$1 THROW_AWAY=${2:-}
  { mkdir -p "$STATE" && : >>"$STATE/lock"; } 2>/dev/null ||
    die "cannot write $STATE: it belongs to another user"
  exec 9>>"$STATE/lock"
  flock -w 1 9 || die "already running in this checkout, as process $(cat "$STATE/owner"): stop that one first"
  echo $$ >"$STATE/owner"
  trap on_exit EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  trap 'exit 129' HUP
  find_servers
  stop_all # what a killed run has left behind
}

on_exit() {
  local status=$?
  trap - EXIT
  trap '' INT TERM HUP PIPE # nothing may cut the clean-up short
  [[ -z $CHILD ]] || say "stopping" 2>/dev/null || true
  stop_all
  [[ -z $THROW_AWAY ]] || remove_state
  exit "$status"
}

find_servers() { SERVERS=$(readlink -f "$STATE/servers" || true); }

stop_all() {
  stop_pid "$STATE/wallet.pid" "$ROOT/deploy/dev.toml" TERM
  stop_child
  local pidfile # servers that an interrupted test has left: its TMPDIR is in there
  while IFS= read -r pidfile; do
    stop_pid "$pidfile" "${pidfile%/*}" INT
  done < <(find "$(readlink "$STATE/sockets" || true)" -name postmaster.pid 2>/dev/null)
  stop_pid "$SERVERS/redis.pid" "$SERVERS/" TERM
  stop_pid "$SERVERS/pg/postmaster.pid" "$SERVERS/pg" INT
  remove_link "$STATE/sockets"
}

# stop_pid FILE TEXT SIGNAL: only if the process has TEXT in its command line, so that
# a number which now belongs to somebody else is left alone (and its file removed).
stop_pid() {
  local pid i
  pid=$(head -n1 "$1" 2>/dev/null) && [[ $pid =~ ^[0-9]+$ ]] || return 0
  if runs "$pid" "$2"; then
    kill -s "$3" "$pid" 2>/dev/null || { complain "cannot stop process $pid of another user"; return 0; }
    for ((i = 0; i < 450; i++)); do runs "$pid" "$2" || return 0; sleep 0.1; done
    kill -s KILL "$pid"
  elif [[ -d /proc/$pid ]]; then
    rm -f "$1"
  fi
}

runs() {
  local cmdline
  cmdline=$({ tr '\0' ' ' <"/proc/$1/cmdline"; } 2>/dev/null) && [[ $cmdline == *"$2"* ]]
}

# Long commands run in a session of their own and are waited for: so a signal to this
# script is answered at once, and Ctrl-C reaches them only through stop_child.
spawn() {
  setsid env --default-signal=INT,QUIT "$@" 9>&- &
  CHILD=$!
}

run_child() {
  local status=0
  spawn "$@"
  wait "$CHILD" || status=$?
  CHILD=''
  return "$status"
}

stop_child() {
  local i
  [[ -n $CHILD ]] && kill -s TERM -- "-$CHILD" 2>/dev/null || return 0
  for ((i = 0; i < 100; i++)); do kill -s 0 -- "-$CHILD" 2>/dev/null || return 0; sleep 0.1; done
  kill -s KILL -- "-$CHILD" 2>/dev/null || true
}

# A link of ours names a directory that mktemp made; nothing else is ever removed through it.
remove_link() {
  [[ -L $1 ]] || return 0
  case $(readlink "$1") in
    /tmp/wallet-?????? | /var/tmp/wallet-??????) rm -rf "$(readlink "$1")" ;;
  esac
  rm -f "$1"
}

remove_state() {
  remove_link "$STATE/servers"
  rm -rf "$STATE"
}

# clean_states all|throw-away: stops and removes what is left of runs that are over. One that
# still runs is left alone; where all were asked for that is an error.
clean_states() {
  local dir
  for dir in "$LOCAL"/*/; do
    [[ -e ${dir}lock ]] || continue
    [[ $1 == all || $dir != */run/ ]] || continue
    STATE=${dir%/}
    exec 9>>"$STATE/lock"
    if flock -w 1 9; then
      find_servers
      stop_all
      remove_state
    elif [[ $1 == all ]]; then
      die "process $(cat "$STATE/owner") is still running in this checkout: stop it first"
    fi
  done
}

clean_local() {
  ME=clean-local
  clean_states all
  rm -rf "$LOCAL"
}

# ---------------------------------------------------------------- servers

# PostgreSQL refuses to run as root: then both servers run as an unprivileged user.
as_server() (
  cd / # that user may have no way into the current directory
  exec "${AS_SERVER[@]}" "$@" 9>&-
)

# The server's user must reach its data. Under a directory closed to it (/root, say) the
# data goes to /var/tmp instead, and `servers` is a link to it.
prepare_servers() {
  SERVER_USER='' AS_SERVER=()
  if ((EUID == 0)); then
    SERVER_USER=nobody
    ! id postgres >/dev/null 2>&1 || SERVER_USER=postgres
    AS_SERVER=(setpriv "--reuid=$SERVER_USER" "--regid=$(id -g "$SERVER_USER")" --clear-groups)
  fi
  if [[ ! -d $STATE/servers ]]; then
    remove_link "$STATE/servers"
    mkdir -m 700 "$STATE/servers"
    [[ -z $SERVER_USER ]] || chown "$SERVER_USER" "$STATE/servers"
    if ! as_server test -w "$STATE/servers"; then
      rmdir "$STATE/servers"
      ln -s "$(mktemp -d /var/tmp/wallet-XXXXXX)" "$STATE/servers"
      say "user $SERVER_USER cannot reach this checkout: data goes to $(readlink "$STATE/servers")"
    fi
  fi
  find_servers
  if [[ -n $SERVER_USER ]]; then chown -R "$SERVER_USER" "$SERVERS"
  else [[ -O $SERVERS ]] || die "$SERVERS belongs to another user: run 'make clean-local' as that user"
  fi
}

# start_postgres MAX_CONNECTIONS [SETTING=VALUE...]: on a socket only, in a directory closed to everybody else and
# short (a socket's path has at most 107 bytes). SOCKETS names it.
start_postgres() {
  local data=$SERVERS/pg setting options="-c max_connections=$1"
  shift
  for setting in "$@"; do options+=" -c $setting"; done
  unset "${!PG@}" # nobody's PGHOST or PGOPTIONS here
  SOCKETS=$(mktemp -d /tmp/wallet-XXXXXX)
  ln -sfn "$SOCKETS" "$STATE/sockets"
  [[ -z $SERVER_USER ]] || chown "$SERVER_USER" "$SOCKETS"
  if [[ -s $data/PG_VERSION ]]; then
    find_postgres "$(cat "$data/PG_VERSION")" ||
      die "the data in $data needs PostgreSQL $(cat "$data/PG_VERSION"), which is not here: 'make clean-local' starts afresh"
  elif [[ ! -e $data ]]; then
    say "PostgreSQL: a new database in $data"
    rm -rf "$data.new" # of a run that was killed right here
    as_server "$POSTGRES_BIN/initdb" -D "$data.new" -U postgres --auth-local=trust --auth-host=reject \
      --locale=C.UTF-8 --encoding=UTF8 >"$STATE/initdb.log" 2>&1 || die "initdb failed: see $STATE/initdb.log"
    mv "$data.new" "$data"
  fi
  as_server "$POSTGRES_BIN/pg_ctl" start -s -w -t 120 -D "$data" -l "$SERVERS/postgres.log" \
    -o "-h '' -k $SOCKETS -c fsync=on -c synchronous_commit=on $options" >/dev/null 2>&1 ||
    die "PostgreSQL does not start on its data (see $SERVERS/postgres.log): 'make clean-local' removes the data and starts afresh"
  say "PostgreSQL: $("$POSTGRES_BIN/postgres" --version | cut -d' ' -f3), socket in $SOCKETS"
}

# postgres_url USER DATABASE
postgres_url() { printf 'postgres://%s@localhost/%s?host=%s' "$1" "$2" "$SOCKETS"; }

port_taken() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# Both, for tests, which find them by the environment.
start_test_servers() {
  prepare_servers
  start_postgres 300
  start_redis || die "Redis does not start: see 'redis-server --port 0'"
  # Nothing of the developer's own settings reaches the tests.
  unset PORT OPS_PORT WALLET_BIN "${!WALLET__@}"
  export SQLX_OFFLINE=true REDIS_URL
  DATABASE_URL=$(postgres_url postgres postgres)
  export DATABASE_URL
  export WALLET_TEST_PG_BIN=$POSTGRES_BIN WALLET_TEST_PG_USER=$SERVER_USER WALLET_TEST_REDIS_SERVER=$REDIS_SERVER
  export TMPDIR=$SOCKETS # what the tests start and leave there goes with it
  ulimit -n "$(ulimit -H -n)" # a thousand connections at once
}

# What the compiler does not say. It goes on where something is found, and `lint` becomes 1.
lint=0
lint_code() {
  export SQLX_OFFLINE=true
  lint_with fmt --check
  lint_with clippy --locked --all-targets -- -D warnings
}

lint_with() { # COMPONENT ARGUMENT...
  if cargo "$1" --version >/dev/null 2>&1; then
    say "cargo $*"
    run_child cargo "$@" || lint=1
  else
    say "cargo $1: not installed, skipped"
  fi
}

# A cache on a free loopback port (below the ephemeral ones); nothing of it is kept.
start_redis() {
  local port try i
  for ((try = 0; try < 10; try++)); do
    port=$((20000 + RANDOM % 12000))
    ! port_taken "$port" || continue
    # The command line stays as it is (no process title): stop_pid knows it by the --dir.
    as_server "$REDIS_SERVER" --port "$port" --bind 127.0.0.1 --protected-mode yes --save '' --appendonly no \
      --dir "$SERVERS" --pidfile "$SERVERS/redis.pid" --logfile "$SERVERS/redis.log" \
      --set-proc-title no --daemonize yes >/dev/null 2>&1 || continue
    for ((i = 0; i < 30; i++)); do
      if port_taken "$port" && runs "$(cat "$SERVERS/redis.pid" 2>/dev/null)" "$SERVERS/"; then
        REDIS_URL=redis://127.0.0.1:$port
        say "Redis: $REDIS_URL"
        return 0
      fi
      sleep 0.1
    done
  done
  return 1
}

#!/usr/bin/env bash
# Runs a command with what the tests need beside Python: a throwaway PostgreSQL, and Chromium for the page.
# Where a program is missing and this is root on Debian, it is installed; otherwise the tests that need it skip and say so.
set -euo pipefail

# Some shells of root leave out where Debian keeps runuser.
export PATH="$PATH:/usr/sbin:/sbin"

have() { command -v "$1" >/dev/null 2>&1; }
postgres_bin() { ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1; }

missing=()
have chromium || have google-chrome || missing+=(chromium)
[ -n "$(postgres_bin)" ] || have initdb || missing+=(postgresql)
if [ "${#missing[@]}" -gt 0 ] && [ "$(id -u)" = 0 ] && have apt-get; then
  echo "installing ${missing[*]}"
  apt-get update -qq >/dev/null
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "${missing[@]}" >/dev/null
fi

folder=$(mktemp -d)
bin=$(postgres_bin)
[ -n "$bin" ] || bin=$(dirname "$(command -v initdb || echo /nowhere/initdb)")
as_owner() { if [ "$(id -u)" = 0 ]; then runuser -u postgres -- "$@"; else "$@"; fi; }
stop() {
  [ -f "$folder/data/postmaster.pid" ] && as_owner "$bin/pg_ctl" -D "$folder/data" -m immediate stop >/dev/null 2>&1
  rm -rf "$folder"
}
trap stop EXIT

if [ -z "${CHANNELMEND_TEST_POSTGRESQL:-}" ] && [ -x "$bin/initdb" ]; then
  [ "$(id -u)" = 0 ] && chown postgres "$folder"
  as_owner "$bin/initdb" -D "$folder/data" -U channelmend -A trust -E UTF8 --no-sync >/dev/null
  as_owner "$bin/pg_ctl" -D "$folder/data" -w -s -l "$folder/log" -o "-c listen_addresses= -c unix_socket_directories=$folder -c fsync=off -c max_connections=200" start
  export CHANNELMEND_TEST_POSTGRESQL="postgresql+psycopg://channelmend@/postgres?host=$folder"
  chmod 755 "$folder"
fi
"$@"

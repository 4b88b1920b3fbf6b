#!/bin/sh
# Installs the programs that some tests and benchmarks run besides Orla itself: psql, pgbench,
# pgbouncer, wrk, curl, and a Valkey or Redis server. Orla needs none of them. Where nothing can be installed, it says what is
# missing; the tests that need it are skipped then and say so.
set -eu

# Distributions put pgbench and pgbouncer outside of an ordinary PATH.
PATH=$PATH:/usr/sbin:$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | tail -n 1)

missing() {
  for program in psql pgbench pgbouncer wrk curl; do
    command -v "$program" >/dev/null 2>&1 || printf '%s ' "$program"
  done
  # Either will do; Redis is what older distributions have.
  command -v valkey-server >/dev/null 2>&1 || command -v redis-server >/dev/null 2>&1 ||
    printf 'redis-server '
}

wanted=$(missing)
if [ -z "$wanted" ]; then
  echo "test programs: all there"
  exit 0
fi

if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null 2>&1; then
  packages=
  for program in $wanted; do
    case $program in
      psql) package=postgresql-client ;;
      pgbench) package=postgresql-contrib ;;
      *) package=$program ;;
    esac
    packages="$packages $package"
  done
  export DEBIAN_FRONTEND=noninteractive
  # A server that comes with a package must not start; and one failed package must not stop others.
  policy=/usr/sbin/policy-rc.d
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod +x "$policy"
    trap 'rm -f "$policy"' EXIT
  fi
  apt-get update -qq >/dev/null 2>&1 || true
  for package in $packages; do
    apt-get install -y -qq --no-install-recommends "$package" >/dev/null 2>&1 ||
      echo "test programs: $package could not be installed"
  done
fi

PATH=$PATH:$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | tail -n 1)
wanted=$(missing)
echo "test programs: ${wanted:+missing }${wanted:-all there}"

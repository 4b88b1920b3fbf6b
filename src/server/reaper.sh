#!/bin/sh
# Stays beside a node and cleans up after it when it dies without a word (kill -9, out of memory).
#
# Reads one command a line on stdin; only the node holds the other end, so end of file means that
# the node is gone. Then it kills what the node had registered and removes its runtime directory.
#
#   watch PID KILL|INT    kill this process at the end (KILL: function instances, INT: Postgres)
#   release PID           forget it: it has ended
#   directory PATH        remove this directory at the end
#
# Ctrl-C and a closed terminal reach the node, which stops in order; this process must outlive it.
trap '' INT TERM HUP QUIT PIPE
set -u

watched=' '
directory=

# A process id may belong to someone else by the time we kill it; its start time cannot.
started() {
  if [ -r "/proc/$1/stat" ] && IFS= read -r line <"/proc/$1/stat"; then
    # Fields 3 and 22, counted behind the command's name, which may hold spaces and parentheses.
    set -- ${line##*") "}
    eval "result=\${20}"
    # Where nobody collects orphans (a container without an init), the dead keep their number.
    if [ "$1" = Z ]; then result=dead; fi
  else
    result=-
  fi
} 2>/dev/null

alive() {
  started "$1"
  [ "$result" = "$2" ] && kill -0 "$1" 2>/dev/null
}

while read -r command one two; do
  case $command in
    watch)
      started "$one"
      watched="$watched$one,$two,$result "
      ;;
    release)
      kept=' '
      for entry in $watched; do
        case $entry in "$one",*) ;; *) kept="$kept$entry " ;; esac
      done
      watched=$kept
      ;;
    directory) directory=$one${two:+ $two} ;;
  esac
done

# Instances first: they may hold connections that Postgres would wait for.
for wanted in KILL INT; do
  for entry in $watched; do
    pid=${entry%%,*}
    rest=${entry#*,}
    if [ "${rest%%,*}" = "$wanted" ] && alive "$pid" "${rest#*,}"; then
      kill -s "$wanted" "$pid" 2>/dev/null
    fi
  done
done

# Postgres needs some milliseconds for a fast stop. After five seconds it is not stopping.
for entry in $watched; do
  pid=${entry%%,*}
  rest=${entry#*,}
  tries=0
  while alive "$pid" "${rest#*,}"; do
    tries=$((tries + 1))
    if [ "$tries" -ge 100 ]; then
      kill -s QUIT "$pid" 2>/dev/null
      break
    fi
    sleep 0.05
  done
done

case $directory in
  */orla-*) rm -rf -- "$directory" ;;
esac

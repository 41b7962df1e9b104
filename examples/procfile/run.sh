#!/bin/sh
# Runs the Procfile with honcho and stops it; then plays a platform that sends SIGTERM to every
# process by itself.
# shellcheck source=SCRIPTDIR/../lib.sh
. "$(dirname "$0")/../lib.sh"
PATH=$PATH:$here/../../target/examples-venv/bin

SHOP=$scratch/shop
export SHOP
mkdir "$SHOP"
# The Procfile names adieu without a path.
ln -s "$adieu" "$SHOP/adieu"
PATH=$SHOP:$PATH
log_has() { grep -qF -- "$1" "$scratch/log"; }

# --- Every process is signalled by the platform ---------------------------------------------------

# Counts how often it is signalled, and needs two seconds to finish.
cat >"$SHOP/counting" <<'END'
#!/bin/sh
count=0
trap 'count=$((count + 1))' TERM
echo "server ready"
while [ "$count" = 0 ]; do sleep 0.1; done
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do sleep 0.1; done
echo "server saw TERM $count times, done"
END
chmod 755 "$SHOP/counting"

# The processes below one.
below() {
  # shellcheck disable=SC2013
  for child in $(cat "/proc/$1/task/$1/children" 2>/dev/null); do
    echo "$child"
    below "$child"
  done
}

# platform_stops TIMES COMMAND...: runs it, sends SIGTERM to each of its processes; sets $status,
# and $logs to what had been printed when the first process ended, and with it the container.
platform_stops() {
  times=$1
  shift
  rm -f "$scratch/log"
  "$@" >"$scratch/log" 2>&1 &
  main=$!
  at_exit "kill -KILL $main"
  wait_until log_has 'server ready'
  while [ "$times" -gt 0 ]; do
    # shellcheck disable=SC2046
    kill -TERM "$main" $(below "$main") 2>/dev/null || true
    times=$((times - 1))
    # What comes within a second counts as the same for adieu.
    [ "$times" = 0 ] || sleep 1.2
  done
  status=0
  wait "$main" || status=$?
  logs=$(grep ^server "$scratch/log")
}

cd "$SHOP"
platform_stops 1 sh -c './counting; echo bye'
expect 'the log without adieu' 'server ready' "$logs"
say "every process signalled, sh -c './counting; echo bye': the shell is gone at once, the server unfinished; exit status $status"

platform_stops 1 adieu './counting; echo bye'
case $logs in *done) ;; *) fail "adieu did not wait for the server: $logs" ;; esac
say "every process signalled, adieu './counting; echo bye': adieu waited; exit status $status; $(printf '%s' "$logs" | tail -n 1)"

platform_stops 1 adieu ./counting
case $logs in *done) ;; *) fail "adieu did not wait for the server: $logs" ;; esac
expect 'the exit status' 0 "$status"
say "every process signalled, adieu ./counting: exit status $status; $(printf '%s' "$logs" | tail -n 1)"

platform_stops 2 adieu ./counting
expect 'the exit status' 0 "$status"
say "every process signalled twice, adieu ./counting: exit status $status; $(printf '%s' "$logs" | tail -n 1)"

platform_stops 1 adieu --rewrite TERM=0 ./counting
expect 'the log with TERM=0' 'server ready
server saw TERM 1 times, done' "$logs"
expect 'the exit status' 0 "$status"
say "every process signalled, adieu --rewrite TERM=0 ./counting: exit status $status; $(printf '%s' "$logs" | tail -n 1)"

# --- honcho ------------------------------------------------------------------------------------------------

command -v honcho >/dev/null || skip "it needs honcho (PyPI: pip install honcho; Debian has no package)"
rm -f "$scratch/log"
write_server "$SHOP/server"
honcho start --procfile "$here/Procfile" --app-root "$SHOP" --no-colour --no-prefix >"$scratch/log" 2>"$scratch/honcho" &
honcho=$!
at_exit "kill $honcho; wait $honcho"
wait_until log_has 'server ready'
kill -TERM "$honcho"
wait "$honcho" || true
expect 'the log' "$finished
bye" "$(grep -E '^(server|bye)' "$scratch/log")"
expect 'the log that tee wrote' "$finished" "$(cat "$SHOP/server.log")"
say 'honcho: the server was signalled once and finished, then the script'

#!/bin/sh
# What adieu is for, in one run: `sh examples/demo.sh`. Needs cargo, cc and coreutils.
set -eu
cd "$(dirname "$0")/.."
echo "Building adieu and a server (cargo build --release). It may take minutes the first time ..."
cargo build -q --release --bins --examples
built=${CARGO_TARGET_DIR:-target}/release
demo=$(mktemp -d)
pid=
# A run that was cut short may have left adieu and its server behind: adieu stops the server.
trap '[ -z "$pid" ] || { kill "$pid" && wait "$pid"; } 2>/dev/null; rm -rf "$demo"' EXIT
trap 'exit 1' HUP INT TERM
unset ADIEU_TIMEOUT ADIEU_EPILOGUE ADIEU_SHELL ADIEU_REWRITE ADIEU_DELIVER ADIEU_WRAPPERS ADIEU_STOP_ON
unset ADIEU_LINGER ADIEU_OK_EXIT ADIEU_REPORT ADIEU_TERMINATION_LOG ADIEU_SHOW_ARGS ADIEU_LOG
cp "$built/adieu" "$built/examples/server" "$demo"
PATH=$demo:$PATH
exec 2>&1 # in one order, wherever the output goes

# Waits until a command succeeds, for at most 20 s.
wait_until() {
  tries=200
  until "$@"; do
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || { echo "demo: waited in vain: $*"; exit 1; }
    sleep 0.1
  done
}

# Whether adieu runs by now and takes signals. A stop before that would end it without a line.
takes_signals() {
  while read -r field value; do
    case $field$value in
    Name:adieu) is_adieu=1 ;;
    Name:*) is_adieu= ;;
    SigBlk:*[!0]*) [ -n "$is_adieu" ] && return ;;
    esac
  done <"/proc/$pid/status"
  return 1
}

# Stops adieu, and waits for its exit status.
stop() {
  kill "$pid"
  status=0
  # A shell says `Terminated` of a job that a signal ended.
  { wait "$pid" || status=$?; } 2>/dev/null
  pid=
}

script='sleep 3600 &
./server --name web --work 600ms --lines 1 | tee -a log'
printf '#!/bin/sh\n%s\n' "$script" >"$demo/start.sh"
chmod +x "$demo/start.sh"

echo "1. A start script without exec and without a trap, whose server writes through a pipe:"
printf '%s\n' "$script" | while read -r line; do echo "       $line"; done
echo "   adieu -v 'cd demo && ./start.sh' runs it, and gets SIGTERM, as from docker stop:"
echo
adieu -v "cd '$demo' && ./start.sh" &
pid=$!
wait_until test -s "$demo/log"
stop
echo
case $(cat "$demo/log") in
*'web line 1'*'web done') ;;
*) echo "   The server did NOT finish: its log ends with '$(tail -n 1 "$demo/log")'" && exit 1 ;;
esac
[ "$status" -eq 0 ] || { echo "   Exit status $status, not 0" && exit 1; }
echo "   The server had its 600 ms, the log has its last line, the exit status is $status."

echo "2. adieu -v 'sleep 3600', where nothing handles SIGTERM, takes only milliseconds:"
adieu -v 'sleep 3600' 2>"$demo/stop" &
pid=$!
wait_until takes_signals
stop
[ "$status" -eq 143 ] || { echo "   Exit status $status, not 143" && exit 1; }
while read -r line; do
  case $line in *'stopped in'*) echo "$line" ;; esac
done <"$demo/stop"

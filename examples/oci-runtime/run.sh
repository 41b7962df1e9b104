#!/bin/sh
# adieu-runtime as the default runtime of a dockerd of this script's own, apart from yours (see
# ../alone.sh).
# shellcheck disable=SC2154 source=SCRIPTDIR/../lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=SCRIPTDIR/engine.sh
. "$here/engine.sh"

# try [OPTIONS]: starts and stops the same image and command; $pid1 is what runs as PID 1.
try() {
  start_container "$@" "$unique" sh -c 'cd /app && ./server; exit 3'
  wait_log 'server ready'
  pid1=$(engine exec "$container" sh -c 'tr "\0" " " </proc/1/cmdline')
  stop_container -t 5
  show "PID 1: $pid1"
  show "$logs"
  show "exit status $status, docker stop took about $took s"
}

say "runc alone: the shell does not pass the signal on, and all of it is killed"
try --runtime runc
expect "the exit status under runc alone" 137 "$status"

say "adieu-runtime, the same image and command: the server finishes, and the script goes on"
try
expect "the start of PID 1" "/dev/adieu -- sh -c " "$(printf %.20s "$pid1")"
expect "the log" "$finished" "$logs"
expect "the exit status" 3 "$status"

say "docker run --init: this container brings its own init, and is left alone"
try --init
expect "the start of PID 1" "/sbin/docker-init -- " "$(printf %.21s "$pid1")"

say "ADIEU_INJECT=false: left alone"
try --env ADIEU_INJECT=false
expect "the start of PID 1" "sh -c " "$(printf %.6s "$pid1")"

if command -v crun >/dev/null; then
  say "adieu-runtime over crun: the same"
  try --runtime adieu-crun
  expect "the start of PID 1" "/dev/adieu -- sh -c " "$(printf %.20s "$pid1")"
  expect "the log" "$finished" "$logs"
  expect "the exit status" 3 "$status"
else
  say "there is no crun here to show below adieu-runtime"
fi

# Since version 24 of the client and of the daemon.
if docker run --help | grep -e '--annotation ' >/dev/null &&
  [ "$(docker version --format '{{.Server.Version}}' | cut -d . -f 1)" -ge 24 ]; then
  say "docker run --annotation io.adieu.timeout=4s: a setting without a change to image or environment"
  try --annotation io.adieu.timeout=4s
  expect "the start of PID 1" "/dev/adieu --timeout=4s -- sh -c " "$(printf %.33s "$pid1")"
else
  say "this Docker has no --annotation: version 24 and newer"
fi

# What the scripts examples/*/run.sh share; each begins with
#
#     # shellcheck source=SCRIPTDIR/../lib.sh
#     . "$(dirname "$0")/../lib.sh"
#
# POSIX sh. A script ends with 0 when everything was as expected, and with 1 and a line that begins with FAILED when not.
# Where a program that it needs is missing it prints a line that begins with SKIPPED and ends with 0; with CI set it fails.
# Environment: ADIEU, the binary (default: target/release/adieu), and BASE, a base image with a shell (see `base_image`).
# shellcheck shell=sh disable=SC2016,SC2034,SC2120
set -eu
export LC_ALL=C
unset ADIEU_TIMEOUT ADIEU_EPILOGUE ADIEU_SHELL ADIEU_DELIVER ADIEU_REPORT ADIEU_LOG

# The folder of the script, its name, and a prefix for containers, images and the like that is nobody else's.
here=$(cd "$(dirname "$0")" && pwd)
example=${here##*/}
unique=adieu-example-$example-$$

say() { printf '%s: %s\n' "$example" "$*"; }

fail() {
  printf 'FAILED: %s: %s\n' "$example" "$*" >&2
  exit 1
}

# show TEXT: indented, as what something else has printed.
show() { printf '%s\n' "$1" | sed 's/^/    /'; }

skip() {
  [ -z "${CI:-}" ] || fail "$* (with CI set this is no reason to skip)"
  printf 'SKIPPED: %s: %s\n' "$example" "$*"
  exit 0
}

# need COMMAND...: skips the example where one of them is missing.
need() {
  for program in "$@"; do
    command -v "$program" >/dev/null || skip "it needs $program"
  done
}

# at_exit COMMAND: runs a shell string when the script ends, however it ends; the last one first.
at_exit() {
  cleanup="$1
$cleanup"
}
cleanup=
trap 'status=$?; trap - EXIT; set +e; eval "$cleanup" >/dev/null 2>&1; exit "$status"' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# A directory that is removed at the end.
scratch=$(mktemp -d)
at_exit "rm -rf '$scratch'"

adieu=${ADIEU:-$here/../../target/release/adieu}
{ [ -f "$adieu" ] && [ -x "$adieu" ]; } || fail "no executable $adieu: run 'cargo build --release', or set ADIEU=PATH"
adieu=$(cd "$(dirname "$adieu")" && pwd)/${adieu##*/}
version=$("$adieu" --version | sed 's/^tini version //')

# wait_until COMMAND...: until it succeeds, for about a minute at the most.
wait_until() {
  tries=600
  until "$@" >/dev/null 2>&1; do
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || fail "waited for a minute, in vain: $*"
    sleep 0.1
  done
}

# expect WHAT EXPECTED FOUND
expect() {
  [ "$2" = "$3" ] || fail "$1
expected: $2
found:    $3"
}

# --- A server and something to run it in -------------------------------------------------------------------

# write_server FILE: a server that needs a moment to finish when it is told to. A shell script, so that it runs anywhere.
write_server() {
  cat >"$1" <<'END'
#!/bin/sh
told() { echo "server told $1"; sleep 0.3; echo "server done"; kill "$!"; exit 0; }
for signal in TERM INT QUIT; do
  # shellcheck disable=SC2064
  trap "told $signal" "$signal"
done
echo "server ready"
while true; do sleep 3600 & wait $!; done
END
  chmod 755 "$1"
}

# busybox_root DIR: fills DIR with a root file system, of this machine's static busybox.
busybox_root() {
  need busybox
  mkdir -p "$1/bin" "$1/usr/bin" "$1/tmp" "$1/etc" "$1/proc" "$1/dev" "$1/sys"
  chmod 1777 "$1/tmp"
  cp "$(command -v busybox)" "$1/bin/busybox"
  for applet in $("$1/bin/busybox" --list); do
    [ -e "$1/bin/$applet" ] || ln -s busybox "$1/bin/$applet"
  done
  printf 'root:x:0:0:root:/:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n' >"$1/etc/passwd"
}

# --- Containers --------------------------------------------------------------------------------------------

# Every call of Docker goes through this; an example may define it anew, with another socket or another program.
engine() { docker "$@"; }

need_docker() {
  need docker
  docker info >"$scratch/info" 2>&1 || skip "it needs Docker; 'docker info' says: $(tail -n 1 "$scratch/info")"
}

# base_image: sets $base to an image with a shell: $BASE, or one of this machine's static busybox, or busybox from a
# registry.
base_image() {
  base=${BASE:-busybox:stable}
  if [ -z "${BASE:-}" ] && command -v busybox >/dev/null; then
    base=$unique-base
    busybox_root "$scratch/base/root"
    printf 'FROM scratch\nCOPY root /\n' >"$scratch/base/Dockerfile"
    build "$base" "$scratch/base"
  fi
}

# build IMAGE [OPTIONS] CONTEXT: `docker build`, and removes the image at the end.
build() {
  image=$1
  shift
  at_exit "engine image rm --force $image"
  engine build --tag "$image" "$@" >"$scratch/build" 2>&1 || fail "build of $image: $(cat "$scratch/build")"
}

# start_container [OPTIONS] IMAGE [COMMAND...]: starts a container and sets $container to its name. It is removed at the end.
containers=0
start_container() {
  containers=$((containers + 1))
  container=$unique-$containers
  at_exit "engine rm --force $container"
  engine run --detach --name "$container" --network none "$@" >/dev/null || fail "docker run $* failed"
}

logs_have() { engine logs "$container" 2>&1 | grep -F -- "$1"; }
has_ended() { [ "$(engine inspect --format '{{.State.Running}}' "$container")" = false ]; }

# wait_log TEXT: waits until the container has printed it.
wait_log() { wait_until logs_have "$1"; }

# wait_program NAME: waits until a program of that name runs in the container, for those that print nothing.
runs_program() { engine top "$container" -eo pid,comm | grep -w -- "$1"; }
wait_program() { wait_until runs_program "$1"; }

# stop_container [OPTIONS]: `docker stop`; sets $took, in whole seconds, $status, the exit status, and $logs.
stop_container() {
  began=$(date +%s)
  engine stop "$@" "$container" >/dev/null || fail "docker stop $* $container failed"
  took=$(($(date +%s) - began))
  ended
}

# ended: waits for the end of the container; sets $status and $logs.
ended() {
  wait_until has_ended
  status=$(engine inspect --format '{{.State.ExitCode}}' "$container")
  logs=$(engine logs "$container" 2>&1)
}

# The server of the container was told SIGNAL (TERM unless given), and finished.
finished='server ready
server told TERM
server done'
expect_finished() {
  expect "the server's log" "$(printf '%s' "$finished" | sed "s/TERM/${1:-TERM}/")" "$logs"
  expect "the exit status" 0 "$status"
}

# --- An engine whose `--init` is adieu ---------------------------------------------------------------------

# init_images: builds images without a word about adieu: $unique-app, with a server and a program that must be PID 1, and
# $unique-scratch, with one program only; and $unique-nested, which has adieu as its ENTRYPOINT already.
init_images() {
  base_image
  mkdir "$scratch/app"
  write_server "$scratch/app/server"
  cat >"$scratch/app/init" <<'END'
#!/bin/sh
[ $$ -eq 1 ] || { echo "I must be PID 1"; exit 100; }
trap 'echo "init told TERM"; exit 0' TERM
echo "init is PID 1"
while true; do sleep 3600 & wait $!; done
END
  chmod 755 "$scratch/app/init"
  cp "$adieu" "$scratch/app/program"
  printf 'FROM %s\nCOPY server /app/server\nCOPY init /init\nCMD cd /app && ./server | tee -a /dev/null\n' "$base" \
    >"$scratch/app/Dockerfile"
  build "$unique-app" "$scratch/app"
  printf 'FROM scratch\nCOPY program /program\n' >"$scratch/app/Dockerfile"
  build "$unique-scratch" "$scratch/app"
  printf 'FROM %s\nCOPY program /adieu\nENTRYPOINT ["/adieu"]\nCMD ["cd /app && ./server | tee -a /dev/null"]\n' "$unique-app" \
    >"$scratch/app/Dockerfile"
  build "$unique-nested" "$scratch/app"
}

# show_stock_init OPTIONS: what the engine's own init, asked for by OPTIONS, makes of these images.
show_stock_init() {
  start_container "$@" "$unique-app"
  wait_log 'server ready'
  stop_container
  [ "$status" -ne 0 ] || fail "this engine's own init let the server finish, which is news: $logs"
  say "this engine's own init tells only the shell, and the server is cut off. Exit status $status, and the log:"
  show "$logs"
  start_container "$@" "$unique-app" /init
  ended
  expect "a program that must be PID 1, below this engine's own init" 'I must be PID 1' "$logs"
  say "this engine's own init, and a program that must be PID 1. Exit status $status, and the log:"
  show "$logs"
}

# check_init OPTIONS: that adieu, which OPTIONS ask for, keeps its promises in them.
check_init() {
  start_container "$@" "$unique-app"
  wait_log 'server ready'
  stop_container
  expect_finished
  say "adieu tells the server, and it finishes. Exit status $status, and the log:"
  show "$logs"

  start_container "$@" "$unique-app" /init
  wait_log 'init is PID 1'
  stop_container
  expect "the log of a program that must be PID 1" 'init is PID 1
init told TERM' "$logs"
  say "a program that must be PID 1 is executed in place of adieu"

  start_container "$@" "$unique-nested"
  wait_log 'server ready'
  stop_container
  expect_finished
  say "an image that has adieu in it already: the server finished"

  start_container "$@" "$unique-app" sh -c 'sleep 3600; echo next'
  wait_program sleep
  stop_container
  expect "the exit status of a command that handles no signal" 143 "$status"
  expect "its log" '' "$logs"
  [ "$took" -lt 8 ] || fail "a command that handles no signal took $took s to stop: it was killed"
  say "nothing handles the signal: stopped at once"

  start_container "$@" --stop-signal QUIT "$unique-app"
  wait_log 'server ready'
  stop_container
  expect_finished QUIT
  say "the stop signal of the image is the one delivered"

  for code in 0 3 126 127; do
    case $code in
    126) command=/etc/passwd ;;
    127) command=/no/such/program ;;
    *) command="exit $code" ;;
    esac
    # shellcheck disable=SC2086
    case $command in
    exit*) start_container "$@" "$unique-app" sh -c "$command" ;;
    *) start_container "$@" "$unique-app" $command ;;
    esac
    ended
    expect "the exit status of $command" "$code" "$status"
  done
  say "exit statuses are the program's own; 126 and 127 are those of a shell"

  start_container "$@" --env ADIEU_TIMEOUT=1s "$unique-app" \
    sh -c 'trap "" TERM; echo ready; while true; do sleep 1; done'
  wait_log ready
  stop_container
  expect "the exit status with ADIEU_TIMEOUT=1s" 137 "$status"
  [ "$took" -lt 8 ] || fail "ADIEU_TIMEOUT=1s, and it took $took s to stop"
  case $logs in
  *'timeout'*) ;;
  *) fail "the log does not name what was killed: $logs" ;;
  esac
  start_container "$@" --env ADIEU_LOG=verbose "$unique-app"
  wait_log 'server ready'
  stop_container
  case $logs in
  *'stopped in'*) say "settings come from the environment: ADIEU_TIMEOUT, ADIEU_LOG" ;;
  *) fail "ADIEU_LOG=verbose prints nothing: $logs" ;;
  esac

  start_container "$@" --read-only --user 1234:1234 --cap-drop ALL --security-opt no-new-privileges "$unique-app"
  wait_log 'server ready'
  stop_container
  expect_finished
  say "any user, no capabilities, a read-only root: the server finished"

  # The one program that an image FROM scratch is sure to be able to run here is a static one: adieu itself.
  start_container "$@" --read-only --user 1234:1234 "$unique-scratch" /program --version
  ended
  expect "the log in an image FROM scratch" "tini version $version" "$logs"
  expect "the exit status in an image FROM scratch" 0 "$status"
  say "runs in an image FROM scratch"
}

# What the scripts examples/*/run.sh share; each begins with
#
#     # shellcheck source=SCRIPTDIR/../lib.sh
#     . "$(dirname "$0")/../lib.sh"
#
# POSIX sh. A script ends with 0 when everything was as expected, and with 1 and a line that begins with FAILED when not.
# Where a program that it needs is missing it prints a line that begins with SKIPPED and ends with 0; with CI set it fails.
# Environment: ADIEU, the binary (default: target/release/adieu), and BASE, a base image with a shell (see `base_image`).
# shellcheck shell=sh disable=SC2034,SC2120
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

# wait_until COMMAND...: until it succeeds, a minute at the most.
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

# base_image: sets $base to an image with a shell: $BASE, or one of this machine's static busybox, or busybox from Docker Hub.
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

# What the scripts examples/*/run.sh share; each begins with
#
#     # shellcheck source=SCRIPTDIR/../lib.sh
#     . "$(dirname "$0")/../lib.sh"
#
# POSIX sh. A script ends with 0 when everything was as expected, and with 1 and a line that begins
# with FAILED when not. Where something that it needs is missing, its last line is `SKIPPED:
# <example>: it needs <program> (Debian: <package>)`, and it ends with 0; with CI set it fails.
# Nothing that a script has made is there after it, however it ends: see sweep.sh and alone.sh.
# Environment: ADIEU, the binary (default: target/release/adieu), and BASE, a base image with a
# shell (see `base_image`).
# shellcheck shell=sh disable=SC2016,SC2034,SC2120
set -eu
umask 022
export LC_ALL=C
unset ADIEU_TIMEOUT ADIEU_EPILOGUE ADIEU_SHELL ADIEU_REWRITE ADIEU_DELIVER ADIEU_WRAPPERS ADIEU_STOP_ON
unset ADIEU_LINGER ADIEU_OK_EXIT ADIEU_REPORT ADIEU_TERMINATION_LOG ADIEU_SHOW_ARGS ADIEU_LOG

# The folder of the script, its name, and a prefix for containers, images and the like that is
# nobody else's.
here=$(cd "$(dirname "$0")" && pwd)
lib=$(dirname "$here")
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

# need PROGRAM:PACKAGE...: skips the example where one of the programs is missing. PACKAGE is
# Debian's.
PATH=$PATH:/usr/sbin:/sbin
need() {
  for program in "$@"; do
    command -v "${program%:*}" >/dev/null || skip "it needs ${program%:*} (Debian: ${program#*:})"
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

# A directory that is removed at the end, and in which all that is started here makes its temporary
# files.
temporary=${TMPDIR:-/tmp}
scratch=$(mktemp -d "$temporary/$unique.XXXXXX")
used_docker=
at_exit 'DOCKER=$used_docker sh "$lib/sweep.sh" "$unique" "$temporary"'
# For the case that this script is killed. Not its child, nor of its process group: it is not to be
# killed with it.
(cd / && exec setsid sh "$lib/sweep.sh" "$unique" "$temporary" $$ </dev/null >/dev/null 2>&1 &)
export TMPDIR="$scratch"

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

# write_server FILE: a server that needs a moment to finish after a stop signal. A shell script, so
# that it runs anywhere.
write_server() {
  cat >"$1" <<'END'
#!/bin/sh
got() { echo "server got $1"; sleep 0.3; echo "server done"; kill "$!"; exit 0; }
for signal in TERM INT QUIT; do
  # shellcheck disable=SC2064
  trap "got $signal" "$signal"
done
echo "server ready"
while true; do sleep 3600 & wait $!; done
END
  chmod 755 "$1"
}

# put PROGRAM FILE: copies a program of this machine, with the libraries that it needs, below the
# root $root.
put() {
  mkdir -p "$root/$(dirname "$2")"
  cp "$1" "$root/$2" || return 1
  for library in $(ldd "$1" 2>/dev/null | grep -o '/[^ ]*'); do
    mkdir -p "$root/$(dirname "$library")"
    cp "$library" "$root/$library" || return 1
  done
}

# shell_root DIR: fills DIR with a root file system that has a shell and what the examples run in
# it: this machine's busybox, or else its own /bin/sh and coreutils.
shell_root() {
  root=$1
  mkdir -p "$root/bin" "$root/usr/bin" "$root/tmp" "$root/etc" "$root/proc" "$root/dev" "$root/sys"
  chmod 1777 "$root/tmp"
  printf 'root:x:0:0:root:/:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n' >"$root/etc/passwd"
  if command -v busybox >/dev/null; then
    put "$(command -v busybox)" /bin/busybox || return 1
    for applet in sh cat sleep tee tr true; do
      ln -s busybox "$root/bin/$applet"
    done
  else
    # It names the libraries.
    command -v ldd >/dev/null || return 1
    for applet in sh cat sleep tee tr true; do
      # Not by `command -v`, which finds what the shell has built in.
      program=/bin/$applet
      [ -x "$program" ] || program=/usr/bin/$applet
      put "$program" "/bin/$applet" || return 1
    done
  fi
}

# --- Engines of containers -----------------------------------------------------------------------

# Every call of Docker goes through this; an example may define it anew, with another socket or
# another program.
engine() { docker "$@"; }
# The builder that leaves no cache behind.
export DOCKER_BUILDKIT="${DOCKER_BUILDKIT-0}"

need_docker() {
  need docker:docker.io
  docker info >"$scratch/info" 2>&1 ||
    skip "it needs Docker, running (Debian: docker.io);" \
      "'docker info' says: $(tail -n 1 "$scratch/info")"
  used_docker=docker
}

# start_alone COMMAND...: starts an engine by alone.sh, with its output in $scratch/engine.log. Sets
# $alone to the process ID of its unshare(1), and $inside to that of PID 1 of its namespace. The
# engine is ended at the end, and with it its containers: nothing of it has to be removed before.
alone=
inside=
at_exit end_alone
start_alone() {
  need setpriv:util-linux unshare:util-linux
  sh "$lib/alone.sh" "$@" >>"$scratch/engine.log" 2>&1 &
  alone=$!
  inside=
  wait_until find_inside
}
find_inside() {
  kill -0 "$alone" || return 0
  inside=$(cat "/proc/$alone/task/$alone/children")
  inside=${inside% }
  [ -n "$inside" ]
}
runs_alone() { [ -d "/proc/${inside:-none}" ]; }

# stop_alone: asks the engine to end, for 20 s at the most, and then ends it.
stop_alone() {
  kill -TERM "$inside"
  tries=200
  while runs_alone && [ "$tries" -gt 0 ]; do
    tries=$((tries - 1))
    sleep 0.1
  done
  end_alone
}

# end_alone: ends it, and returns when everything in its namespace is gone.
end_alone() {
  [ -n "$alone" ] || return 0
  kill -KILL "${inside:-$alone}" 2>/dev/null || true
  wait "$alone" 2>/dev/null || true
  alone=
}

# start_dockerd CONFIGURATION: starts a Docker daemon apart from the machine's own, for `engine` to
# talk to. Everything that it has is in a directory of ours. It needs root.
start_dockerd() {
  need docker:docker.io dockerd:docker.io runc:runc containerd:containerd
  [ "$(id -u)" -eq 0 ] ||
    skip "it needs root, for a Docker daemon of its own: sudo sh examples/$example/run.sh"
  DOCKER_HOST=unix://$scratch/docker.sock
  export DOCKER_HOST
  start_alone dockerd --config-file "$1" --data-root "$scratch/data" --exec-root "$scratch/exec" \
    --pidfile "$scratch/pid" --host "$DOCKER_HOST" --storage-driver vfs \
    --cgroup-parent "/$unique" --exec-opt native.cgroupdriver=cgroupfs \
    --bridge none --iptables=false --ip6tables=false --ip-forward=false --ip-masq=false
  wait_until dockerd_answers_or_ended
  runs_alone || skip "a second Docker daemon does not start here:" \
    "$(grep -v level=info "$scratch/engine.log" | tail -n 1)"
}
dockerd_answers_or_ended() { engine info || ! runs_alone; }

# base_image: sets $base to an image with a shell: $BASE, or one of this machine's busybox or shell,
# or busybox from a registry. Images that are built from it have its labels, also those that have no
# name.
base_image() {
  base=$unique-base
  mkdir "$scratch/base"
  if [ -n "${BASE:-}" ]; then
    from=$BASE
  elif shell_root "$scratch/base/root"; then
    from=scratch
  else
    from=busybox:stable
    engine pull "$from" >"$scratch/pull" 2>&1 ||
      skip "it needs an image with a shell: busybox (Debian: busybox-static), BASE=IMAGE," \
        "or a registry that has $from: $(tail -n 1 "$scratch/pull")"
  fi
  {
    printf 'FROM %s\n' "$from"
    printf 'LABEL adieu.run=%s adieu.pids=%s\n' "$unique" \
      "$(cat /proc/sys/kernel/random/boot_id).$(stat -L -c %i /proc/self/ns/pid)"
    [ "$from" != scratch ] || echo 'COPY root /'
  } >"$scratch/base/Dockerfile"
  build "$base" "$scratch/base"
}

# build IMAGE [OPTIONS] CONTEXT: `docker build`. The image is removed at the end.
build() {
  image=$1
  shift
  engine build --tag "$image" "$@" >"$scratch/build" 2>&1 || fail "build of $image: $(cat "$scratch/build")"
}

# start_container [OPTIONS] IMAGE [COMMAND...]: starts a container and sets $container to its name.
# It is removed at the end.
containers=0
start_container() {
  containers=$((containers + 1))
  container=$unique-$containers
  engine run --detach --name "$container" --network none "$@" >/dev/null || fail "docker run $* failed"
}

logs_have() { engine logs "$container" 2>&1 | grep -F -- "$1"; }
has_ended() { [ "$(engine inspect --format '{{.State.Running}}' "$container")" = false ]; }

# wait_log TEXT: waits until the container has printed it.
wait_log() { wait_until logs_have "$1"; }

# wait_program NAME: waits until a program of that name runs in the container, for those that print
# nothing.
runs_program() { engine top "$container" -eo pid,comm | grep -w -- "$1"; }
wait_program() { wait_until runs_program "$1"; }

# stop_container [OPTIONS]: `docker stop`; sets $took, in whole seconds, $status, the exit status,
# and $logs.
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

# The server of the container got SIGNAL (TERM unless given), and finished.
finished='server ready
server got TERM
server done'
expect_finished() {
  expect "the server's log" "$(printf '%s' "$finished" | sed "s/TERM/${1:-TERM}/")" "$logs"
  expect "the exit status" 0 "$status"
}

# --- An engine whose `--init` is adieu ---------------------------------------------------------------------

# init_images: builds images without a word about adieu: $unique-app, with a server and a program
# that must be PID 1, and $unique-scratch, with one program only; and $unique-nested, which has
# adieu as its ENTRYPOINT already.
init_images() {
  base_image
  mkdir "$scratch/app"
  write_server "$scratch/app/server"
  cat >"$scratch/app/init" <<'END'
#!/bin/sh
[ $$ -eq 1 ] || { echo "I must be PID 1"; exit 100; }
trap 'echo "init got TERM"; exit 0' TERM
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
  say "this engine's own init signals only the shell, and the server is cut off." \
    "Exit status $status, and the log:"
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
  say "adieu signals the server, and it finishes. Exit status $status, and the log:"
  show "$logs"

  start_container "$@" "$unique-app" /init
  wait_log 'init is PID 1'
  stop_container
  expect "the log of a program that must be PID 1" 'init is PID 1
init got TERM' "$logs"
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

  # The one program that an image FROM scratch is sure to be able to run here is a static one: adieu
  # itself.
  start_container "$@" --read-only --user 1234:1234 "$unique-scratch" /program --version
  ended
  expect "the log in an image FROM scratch" "tini version $version" "$logs"
  expect "the exit status in an image FROM scratch" 0 "$status"
  say "runs in an image FROM scratch"
}

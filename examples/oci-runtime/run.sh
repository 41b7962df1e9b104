#!/bin/sh
# adieu-runtime as the default runtime of a dockerd that this script starts beside yours and stops at the end:
# `sudo sh examples/oci-runtime/run.sh`. Needs root, cargo, dockerd, docker, runc and a static busybox.
set -eu
cd "$(dirname "$0")/../.."
cargo build -q --release --bins --example server
built=$PWD/${CARGO_TARGET_DIR:-target}/release
case ${CARGO_TARGET_DIR:-} in /*) built=$CARGO_TARGET_DIR/release ;; esac
. examples/oci-runtime/engine.sh

# What a container's PID 1 is, and what became of its server and of the time that `docker stop` took.
try() {
  name=$1
  shift
  docker run --detach --network none --name "$name" "$@" >/dev/null
  wait_until sh -c "docker logs $name 2>&1 | grep -q ready"
  docker exec "$name" ps -o pid,args | sed -n '2s/^/   /p'
  began=$(date +%s%N)
  docker stop --time 10 "$name" >/dev/null
  took=$((($(date +%s%N) - began) / 1000000))
  docker logs "$name" 2>&1 | sed 's/^/   /'
  code=$(docker inspect --format '{{.State.ExitCode}}' "$name")
  echo "   exit status $code, docker stop took $took ms"
}
expect() { [ "$1" = "$2" ] || { echo "   expected $2, not $1"; exit 1; }; }

script='cd /app && ./server --work 300ms; exit 3'
echo "1. runc alone, '$script':"
try bare --runtime runc image sh -c "$script"
expect "$code" 137
echo "2. adieu-runtime, the same image and command:"
try wrapped image sh -c "$script"
expect "$code" 3
expect "$(docker logs wrapped 2>&1 | tail -n 1)" "server done"
[ "$took" -lt 8000 ] || { echo "   it took as long as without adieu"; exit 1; }
echo "3. A container that brings its own init is left alone:"
try init --init image ./app/server --work 0s
expect "$(docker inspect --format '{{.State.ExitCode}}' init)" 0

#!/bin/sh
# What a start and end of a container costs with adieu-runtime, beside runc alone: `sudo sh examples/oci-runtime/bench.sh
# [TIMES]`. Interleaved, so that other load meets both; prints medians in milliseconds. Needs what run.sh needs.
set -eu
cd "$(dirname "$0")/../.."
times=${1:-40}
cargo build -q --release --bins --example server
built=$PWD/${CARGO_TARGET_DIR:-target}/release
case ${CARGO_TARGET_DIR:-} in /*) built=$CARGO_TARGET_DIR/release ;; esac
. examples/oci-runtime/engine.sh

bundle=$home/bundle
mkdir "$bundle"
cp -R "$home/image" "$bundle/rootfs"
(cd "$bundle" && runc spec && sed 's/"terminal": true/"terminal": false/; s/"sh"$/"true"/' config.json >plain.json)

# Runs a command and notes its time under a name.
timed() {
  name=$1
  shift
  began=$(date +%s%N)
  "$@" </dev/null >/dev/null
  echo $((($(date +%s%N) - began) / 1000)) >>"$home/$name.us"
}
run_bundle() {
  cp "$bundle/plain.json" "$bundle/config.json"
  timed "$1" "$2" --root "$home/state" run --bundle "$bundle" "adieu-bench-$$"
}

# Once without counting.
count=-1
while [ "$count" -lt "$times" ]; do
  timed version-runc runc --version
  timed version-adieu "$built/adieu-runtime" --version
  run_bundle run-runc runc
  run_bundle run-adieu "$built/adieu-runtime"
  timed docker-runc docker run --rm --network none --runtime runc image true
  timed docker-adieu docker run --rm --network none --runtime adieu image true
  count=$((count + 1))
  [ "$count" -ne 0 ] || rm "$home"/*.us
done

median() { sort -n "$home/$1.us" | awk '{ all[NR] = $1 } END { printf "%.1f", all[int((NR + 1) / 2)] / 1000 }'; }
row() { printf '%-22s %10s %16s\n' "$1" "$2" "$3"; }
row "median of $times, ms" runc adieu-runtime
row '--version' "$(median version-runc)" "$(median version-adieu)"
row 'run, a bundle' "$(median run-runc)" "$(median run-adieu)"
row 'docker run --rm' "$(median docker-runc)" "$(median docker-adieu)"

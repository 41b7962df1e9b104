#!/bin/sh
# What a start and end of a container costs with adieu-runtime, beside runc alone: `sudo sh examples/oci-runtime/bench.sh
# [TIMES]`. Interleaved, so that other load meets both; prints medians in milliseconds. Needs what run.sh
# needs.
# shellcheck disable=SC2154 source=SCRIPTDIR/../lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=SCRIPTDIR/engine.sh
. "$here/engine.sh"
times=${1:-40}

bundle=$scratch/bundle
mkdir "$bundle"
cp -R "$scratch/image" "$bundle/rootfs"
(cd "$bundle" && runc spec && sed 's/"terminal": true/"terminal": false/; s/"sh"$/"true"/' config.json >plain.json)

# Runs a command and notes its time under a name.
timed() {
  name=$1
  shift
  began=$(date +%s%N)
  "$@" </dev/null >/dev/null
  echo $((($(date +%s%N) - began) / 1000)) >>"$scratch/$name.us"
}
run_bundle() {
  cp "$bundle/plain.json" "$bundle/config.json"
  timed "$1" "$2" --root "$scratch/state" run --bundle "$bundle" "adieu-bench-$$"
}

# Once without counting.
count=-1
while [ "$count" -lt "$times" ]; do
  timed version-runc runc --version
  timed version-adieu "$runtime" --version
  run_bundle run-runc runc
  run_bundle run-adieu "$runtime"
  timed docker-runc docker run --rm --network none --runtime runc "$unique" true
  timed docker-adieu docker run --rm --network none --runtime adieu "$unique" true
  count=$((count + 1))
  [ "$count" -ne 0 ] || rm "$scratch"/*.us
done

median() { sort -n "$scratch/$1.us" | awk '{ all[NR] = $1 } END { printf "%.1f", all[int((NR + 1) / 2)] / 1000 }'; }
row() { printf '%-22s %10s %16s\n' "$1" "$2" "$3"; }
row "median of $times, ms" runc adieu-runtime
row '--version' "$(median version-runc)" "$(median version-adieu)"
row 'run, a bundle' "$(median run-runc)" "$(median run-adieu)"
row 'docker run --rm' "$(median docker-runc)" "$(median docker-adieu)"

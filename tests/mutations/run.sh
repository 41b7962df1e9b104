#!/usr/bin/env bash
# Plants each bug of mutations.txt in a copy of the source and runs the simulation, which has to find the bug.
#   tests/mutations/run.sh check          checks that each mutation still applies
#   tests/mutations/run.sh [NAME…]        builds and runs all or those named, and prints the table of docs/simulation.md
# ADIEU_SEEDS is the number of seeds to try with each bug (20000).
set -euo pipefail
cd "$(dirname "$0")/../.."
root=$PWD
work=$root/target/mutations
mkdir -p "$work"

# Copies the source again. Files that are the same keep their time, so cargo builds only what changed.
restore() {
  for path in Cargo.toml Cargo.lock src tests/simulation.rs tests/simulation benches build.rs; do
    [ -e "$path" ] || continue
    find "$path" -type f -printf '%p\n' | while read -r file; do
      mkdir -p "$work/$(dirname "$file")"
      cmp -s "$file" "$work/$file" || cp "$file" "$work/$file"
    done
    # What has moved in the source since the last run would be built as well.
    find "$work/$path" -type f -printf "%P\n" | while read -r file; do
      [ -e "$path${file:+/$file}" ] || rm "$work/$path/$file"
    done
  done
}

failed=0
names=$(python3 tests/mutations/apply.py names)
mode=run
if [ "${1:-}" = check ]; then mode=check; shift; fi
[ $# -eq 0 ] || names="$*"
restore
if [ $mode = run ]; then
  printf '| planted bug | found by | after seeds |\n| --- | --- | --- |\n'
fi
for name in $names; do
  python3 tests/mutations/apply.py apply "$name" "$work"
  if [ $mode = run ]; then
    out=$work/$name.log
    if (cd "$work" && ADIEU_SEEDS=${ADIEU_SEEDS:-20000} ADIEU_NO_SHRINK=1 timeout 300 cargo test -q --profile simulation \
      --test simulation) >"$out" 2>&1; then
      printf '| %s | **not found** | %s |\n' "$(python3 tests/mutations/apply.py title "$name")" "${ADIEU_SEEDS:-20000}"
      failed=1
    elif found=$(grep -m1 -oE 'seed [0-9]+ breaks [A-Za-z]+' "$out"); then
      read -r _ seed _ promise <<<"$found"
      printf '| %s | %s | %s |\n' "$(python3 tests/mutations/apply.py title "$name")" "$promise" "$((seed + 1))"
    else
      printf 'mutations: %s does not build or does not end, see %s\n' "$name" "$out" >&2
      failed=1
    fi
  fi
  restore
done
[ $mode = run ] || printf '%s mutations apply\n' "$(wc -w <<<"$names")"
exit $failed

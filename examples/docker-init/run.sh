#!/bin/sh
# Starts a Docker daemon of its own, twice: with the init that Docker brings along, and with adieu as its `init-path`. Runs
# the same unchanged images with `docker run --init` on both. Needs root. The daemon is
# apart from the machine's own Docker (see ../alone.sh).
# shellcheck disable=SC2016,SC2119 source=SCRIPTDIR/../lib.sh
. "$(dirname "$0")/../lib.sh"

# --- The init that Docker brings along ---------------------------------------------------------------------

echo '{}' >"$scratch/stock.json"
start_dockerd "$scratch/stock.json"
init_images
if command -v docker-init >/dev/null; then
  show_stock_init --init
else
  say "there is no docker-init here to show beside adieu"
fi
stop_alone

# --- adieu in its place ------------------------------------------------------------------------------------

sed "s|/usr/local/bin/adieu|$adieu|" "$here/daemon.json" >"$scratch/daemon.json"
start_dockerd "$scratch/daemon.json"
say "docker info, with init-path in daemon.json:"
info=$(engine info 2>&1)
show "$(printf '%s\n' "$info" | grep -i '^ *init')"
case $info in
*'init version: N/A'*) fail "docker info does not understand the version" ;;
*"Init Binary: $adieu"*) ;;
*) fail "docker info shows another init: $info" ;;
esac
! grep 'failed to parse' "$scratch/engine.log" || fail "the daemon does not understand the version"
case $(engine version) in
*"$version"*) say "docker version knows its version, $version" ;;
*) fail "docker version does not show $version: $(engine version)" ;;
esac
check_init --init

# --- What Docker does not do -------------------------------------------------------------------------------

# Whichever init it is, it is called docker-init in the container.
start_container --init "$unique-app"
wait_log 'server ready'
runs_program docker-init >/dev/null || fail "--init, and no docker-init: $(engine top "$container")"
start_container --init --pid host "$unique-app"
wait_log 'server ready'
! runs_program docker-init || fail "this Docker heeds --init with --pid host, which is news"
say "with --pid host Docker ignores --init: neither its own init nor adieu is there"

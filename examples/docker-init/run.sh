#!/bin/sh
# Starts a Docker daemon of its own, twice: with the init that Docker brings along, and with adieu as its `init-path`. Runs
# the same unchanged images with `docker run --init` on both. Needs root. The machine's own Docker is left alone.
# shellcheck disable=SC2016,SC2119 source=SCRIPTDIR/../lib.sh
. "$(dirname "$0")/../lib.sh"
need docker dockerd
[ "$(id -u)" -eq 0 ] || skip "it needs root, for a Docker daemon of its own"

socket=$scratch/docker.sock
engine() { docker --host "unix://$socket" "$@"; }

# start_daemon CONFIG: everything that the daemon has is in a directory of ours, and no network is touched.
start_daemon() {
  dockerd --config-file "$1" --data-root "$scratch/data" --exec-root "$scratch/exec" --pidfile "$scratch/pid" \
    --host "unix://$socket" --containerd-namespace "$unique" --containerd-plugins-namespace "$unique-plugins" \
    --bridge none --iptables=false --ip6tables=false --ip-forward=false >>"$scratch/daemon.log" 2>&1 &
  daemon=$!
  wait_until daemon_answers_or_ended
  kill -0 "$daemon" 2>/dev/null ||
    skip "a second Docker daemon does not start here: $(grep -v level=info "$scratch/daemon.log" | tail -n 3)"
}
daemon_answers_or_ended() { engine info || ! kill -0 "$daemon"; }
stop_daemon() {
  kill "$daemon"
  wait "$daemon" || true
}
daemon=
# What a daemon that was cut short still has mounted would keep its directory from being removed.
at_exit "grep -o ' $scratch/[^ ]*' /proc/mounts | sort -r | xargs -r umount"
at_exit '[ -z "$daemon" ] || stop_daemon'

# --- The init that Docker brings along ---------------------------------------------------------------------

echo '{}' >"$scratch/stock.json"
start_daemon "$scratch/stock.json"
init_images
if command -v docker-init >/dev/null; then
  show_stock_init --init
else
  say "there is no docker-init here to show beside adieu"
fi
stop_daemon

# --- adieu in its place ------------------------------------------------------------------------------------

sed "s|/usr/local/bin/adieu|$adieu|" "$here/daemon.json" >"$scratch/daemon.json"
start_daemon "$scratch/daemon.json"
say "docker info, with init-path in daemon.json:"
info=$(engine info 2>&1)
show "$(printf '%s\n' "$info" | grep -i '^ *init')"
case $info in
*'init version: N/A'*) fail "docker info does not understand the version" ;;
*"Init Binary: $adieu"*) ;;
*) fail "docker info shows another init: $info" ;;
esac
! grep 'failed to parse' "$scratch/daemon.log" || fail "the daemon does not understand the version"
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

#!/bin/sh
# Runs unchanged images with `podman run --init`: with the init that podman brings along, with adieu
# by --init-path, and with adieu by containers.conf. Images and containers are in a storage of its
# own, apart from the machine's own.
# shellcheck disable=SC2016,SC2119 source=SCRIPTDIR/../lib.sh
. "$(dirname "$0")/../lib.sh"
need podman:podman

# podman 5 warns of it with each command.
export PODMAN_IGNORE_CGROUPSV1_WARNING=1
export CONTAINERS_CONF="$scratch/containers.conf"
options="--root $scratch/storage --runroot $scratch/run --tmpdir $scratch/tmp --storage-driver vfs --cgroup-manager cgroupfs"
if [ "$(id -u)" -eq 0 ]; then
  need nsenter:util-linux
  # A process that stays, for the namespaces: podman itself has no daemon.
  start_alone sh -c ': >"$1" && exec tail -f /dev/null' sh "$scratch/alone"
  wait_until test -e "$scratch/alone"
  apart="nsenter --target $inside --mount --net --pid"
else
  apart=
  at_exit "podman $options rm --all --force; podman unshare rm -rf '$scratch/storage'"
fi
engine() {
  command=$1
  shift
  # Without root there is no cgroup that this could lie below.
  [ "$command" != run ] || [ -z "$apart" ] || set -- --cgroup-parent "/$unique" "$@"
  # shellcheck disable=SC2086
  $apart podman $runtime $options --events-backend file "$command" "$@"
}
# podman top cannot look into the PID namespace from outside.
runs_program() {
  engine exec "$container" sh -c 'cat /proc/[0-9]*/comm' | grep -xF -- "$1"
}

# configure [LINE]: containers.conf, with the limits that this machine allows.
configure() { printf '[containers]\n%s\n%s\n' "$limits" "${1:-}" >"$CONTAINERS_CONF"; }

# Podman's own defaults first. Not every runtime can use every machine's cgroups, and where root may
# not raise limits (no CAP_SYS_RESOURCE) the ones that podman asks for are refused.
works() {
  for runtime in '' '--runtime runc' '--runtime crun'; do
    for limits in '' 'default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]'; do
      configure
      ! engine run --rm --network none "$1" true 2>"$scratch/why" || return 0
    done
  done
  return 1
}
runtime=
limits=
configure
init_images
works "$unique-app" || skip "no way to run a container with podman here: $(tail -n 1 "$scratch/why")"
say "$(podman --version)${runtime:+, $runtime}${limits:+, $limits}"

# --- The init that podman brings along, if any ----------------------------------------------------------------

if engine run --rm --init --network none "$unique-app" true 2>"$scratch/why"; then
  show_stock_init --init
else
  say "there is no init of podman's own here to show beside adieu: $(tail -n 1 "$scratch/why")"
fi

# --- adieu in its place ------------------------------------------------------------------------------------

start_container --init --init-path "$adieu" "$unique-app"
wait_log 'server ready'
stop_container
expect_finished
say "podman run --init --init-path: the server finished"

configure "$(sed "s|/usr/local/bin/adieu|$adieu|" "$here/containers.conf" | grep init_path)"
say "with init_path in containers.conf:"
check_init --init

# --- What podman does not do -------------------------------------------------------------------------------

! engine run --rm --network none --init --init-path "$adieu" --pid host "$unique-app" true 2>"$scratch/why" ||
  fail "this podman takes --init with --pid host, which is news"
grep "PID namespace isn't private" "$scratch/why" >/dev/null || fail "--pid host: $(cat "$scratch/why")"
say "with --pid host podman refuses --init: $(tail -n 1 "$scratch/why")"

# --- adieu from an image of its own, mounted into an image that stays as it is -----------------------------------

mkdir "$scratch/binaries"
cp "$adieu" "$scratch/binaries/adieu"
DOCKER="$apart podman $runtime $options" sh "$here/../../dist/image.sh" "$unique-release" "$scratch/binaries" >"$scratch/release" 2>&1 ||
  fail "dist/image.sh: $(cat "$scratch/release")"
start_container --mount "type=image,source=$unique-release,destination=/adieu" "$unique-app" \
  /adieu/adieu 'cd /app && ./server'
wait_log 'server ready'
stop_container
expect_finished
say "mounted from the release image: the server finished"

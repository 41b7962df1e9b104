#!/bin/sh
# systemd.sh -- PROGRAM ARG...: the program as the only unit of a systemd of its own, in the way that an init is called. The
# unit is as systemd has it by default. What it prints comes to stdout; TERM is `systemctl stop`, INT the same with
# KillSignal=SIGINT, HUP `systemctl kill --signal=HUP`; the exit status is that of a unit that failed, else 0. Wants to be PID 1, so that nothing
# outlives it, and root. SCRATCH and CGROUP, which are the caller's to remove: a directory, and a cgroup to work below.
set -eu
shift # --
# shellcheck disable=SC2153 # the caller's
scratch=$(mktemp -d "$SCRATCH/XXXXXX")
mkdir "$scratch/units"

# systemd splits and unquotes the words; with `:` it leaves $ alone.
words=
for word in "$@"; do
  words="$words \"$(printf '%s' "$word" | sed 's/[\\"]/\\&/g; s/%/%%/g')\""
done
unit() {
  cat <<END
[Unit]
DefaultDependencies=no
[Service]
Environment="SERVER=${SERVER:-}" "PATH=$PATH"
ExecStart=:${words# }
StandardOutput=file:$scratch/out
StandardError=null
END
}
unit >"$scratch/units/peer.service"
printf '[Unit]\nDefaultDependencies=no\n' >"$scratch/units/try.target"

# Sockets of other services are out of sight of it, and so are other cgroups.
cat >"$scratch/init" <<END
set -e
mount -t tmpfs tmpfs /run
mount -t proc proc /proc
umount --lazy /sys/fs/cgroup
mount -t cgroup2 cgroup2 /sys/fs/cgroup
export container=other SYSTEMD_UNIT_PATH=$scratch/units
exec /lib/systemd/systemd --system --unit=try.target --show-status=no
END
mkdir -p "$CGROUP"
group=$(mktemp -d "$CGROUP/XXXXXX")
# shellcheck disable=SC2016 # the inner shell's
sh -c 'echo 0 >"$1/cgroup.procs" && exec unshare --kill-child --pid --fork --mount --uts --ipc --net --cgroup sh "$2"' \
  sh "$group" "$scratch/init" </dev/null >"$scratch/log" 2>&1 &
unshare=$!
# Until systemd listens. Not by sleep(1), which the caller looks for in the tree.
pid=
until [ -n "$pid" ] && [ -S "/proc/$pid/root/run/systemd/private" ] && [ "$(cat "/proc/$pid/comm")" = systemd ]; do
  timeout 0.05 tail -f /dev/null || :
  pid=$(cat "/proc/$unshare/task/$unshare/children")
  pid=${pid% }
done
ctl() { nsenter --target "$pid" --mount --uts --ipc --net --pid --cgroup systemctl "$@"; }

# The unit has ended when no process has its output open any more.
mkfifo "$scratch/out"
cat "$scratch/out" &
reader=$!
trap 'ctl stop peer.service' TERM
trap 'unit >"$scratch/units/peer.service"; echo KillSignal=SIGINT >>"$scratch/units/peer.service"
  ctl daemon-reload; ctl stop peer.service' INT
trap 'ctl kill --signal=HUP peer.service' HUP
ctl start peer.service
while kill -0 "$reader" 2>/dev/null; do
  wait "$reader" || :
done
state=active
while [ "$state" != inactive ] && [ "$state" != failed ]; do
  state=$(ctl show peer.service --property ActiveState --value)
done
exit "$(ctl show peer.service --property ExecMainStatus --value)"

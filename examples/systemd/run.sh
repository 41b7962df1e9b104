#!/bin/sh
# Verifies the unit; starts and stops it under a systemd of its own, which is PID 1 of a PID namespace.
# shellcheck disable=SC2016,SC2119 source=SCRIPTDIR/../lib.sh
. "$(dirname "$0")/../lib.sh"
need systemctl:systemd systemd-analyze:systemd unshare:util-linux nsenter:util-linux

# The unit as it is but for the two places where programs lie on this machine.
mkdir "$scratch/units" "$scratch/shop"
chmod 755 "$scratch"
write_server "$scratch/shop/server"
sed "s|/usr/local/bin/adieu|$adieu|; s|/srv/shop|$scratch/shop|" "$here/shop.service" >"$scratch/units/shop.service"
systemd-analyze verify "$scratch/units/shop.service" >"$scratch/verify" 2>&1 || fail "systemd-analyze verify: $(cat "$scratch/verify")"
expect 'what systemd-analyze verify says' '' "$(grep -F shop.service "$scratch/verify")"
say 'systemd-analyze verify finds nothing to complain of'

[ "$(id -u)" = 0 ] || skip 'a systemd of its own needs root'
systemd=/lib/systemd/systemd
[ -x "$systemd" ] || skip "it needs $systemd"
cgroups=/sys/fs/cgroup
[ -f "$cgroups/cgroup.controllers" ] || cgroups=/sys/fs/cgroup/unified
[ -w "$cgroups/cgroup.procs" ] || skip "it needs a cgroup2 file system that it may write to, at /sys/fs/cgroup"

# Sockets of other services are out of sight of it, and so are other cgroups.
cat >"$scratch/init" <<END
set -e
mount -t tmpfs tmpfs /run
mount -t proc proc /proc
umount --lazy /sys/fs/cgroup
mount -t cgroup2 cgroup2 /sys/fs/cgroup
export container=other SYSTEMD_UNIT_PATH=$scratch/units SYSTEMD_LOG_TARGET=console
exec $systemd --system --unit=try.target --show-status=no
END
# The reference keeps how the unit ended: systemd forgets a unit that nothing needs.
printf '[Unit]\nDefaultDependencies=no\nAfter=shop.service\n' >"$scratch/units/try.target"
# Without the targets, sockets and mounts that a whole machine has; what it prints goes to a file.
mkdir "$scratch/units/shop.service.d"
cat >"$scratch/units/shop.service.d/alone.conf" <<END
[Unit]
DefaultDependencies=no
[Service]
StandardOutput=append:$scratch/log
StandardError=append:$scratch/log
END
group=$cgroups/$unique
mkdir "$group"
at_exit "find '$group' -depth -type d -exec rmdir {} +"
sh -c 'echo $$ >"$1/cgroup.procs" && exec unshare --kill-child --pid --fork --mount --uts --ipc --net --cgroup sh "$2"' \
  sh "$group" "$scratch/init" </dev/null >"$scratch/systemd" 2>&1 &
unshare=$!
# With PID 1 of the namespace everything else in it ends, and then unshare.
at_exit 'kill -KILL "${systemd_pid:-$unshare}"; wait "$unshare"'
init() { systemd_pid=$(cat "/proc/$unshare/task/$unshare/children") && [ -n "$systemd_pid" ]; }
wait_until init
systemd_pid=${systemd_pid% }
ctl() { nsenter --target "$systemd_pid" --mount --uts --ipc --net --pid --cgroup systemctl "$@"; }
is_up() { [ "$(cat "/proc/$systemd_pid/comm")" = systemd ] && ctl show --property Version; }
wait_until is_up

log_has() { grep -qF -- "$1" "$scratch/log"; }
# stop: stops the unit, and sets $log, $result and $ended.
stop() {
  ctl stop shop.service
  log=$(cat "$scratch/log")
  result=$(ctl show shop.service --property Result --value)
  status=$(ctl show shop.service --property ExecMainStatus --value)
  # CLD_EXITED, CLD_KILLED and CLD_DUMPED of waitid(2).
  code=$(ctl show shop.service --property ExecMainCode --value)
  case $code in
  1) ended="exit status $status" ;;
  2) ended="ended by signal $status" ;;
  *) ended="ended by signal $status ($code)" ;;
  esac
}
# try: starts the unit, and stops it when the server is ready.
try() {
  : >"$scratch/log"
  ctl start shop.service
  wait_until log_has 'server ready'
  stop
}

try
expect 'the log' "$finished
bye" "$log"
expect 'the result' 'success, exit status 0' "$result, $ended"
expect 'the log that tee wrote' "$finished" "$(cat "$scratch/shop/server.log")"
say "KillMode=mixed: the server finished, then the script; result $result, $ended"

# Death by SIGTERM is a clean stop to systemd, and an exit status of 143 would be a failure.
cat >"$scratch/units/shop.service.d/idle.conf" <<END
[Service]
ExecStart=
ExecStart=$adieu 'sleep 3600'
END
ctl daemon-reload
ctl start shop.service
stop
expect 'the result without a handler' 'success, ended by signal 15' "$result, $ended"
say "a program that does not handle SIGTERM: result $result, $ended"
rm "$scratch/units/shop.service.d/idle.conf"

printf '[Service]\nKillMode=control-group\n' >"$scratch/units/shop.service.d/default.conf"
ctl daemon-reload
try
say "KillMode=control-group: result $result, $ended, and this log:"
printf '%s\n' "$log"

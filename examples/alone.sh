#!/bin/sh
# alone.sh COMMAND...: runs an engine for containers, as root, beside the machine's own and apart
# from it.
#
# COMMAND has namespaces of its own: of processes, of mounts, and of networks, with nothing but a
# loopback interface. It sees an empty /run and /dev/shm. It sees what is in /etc, /opt and
# /var/lib, without the files of the machine's engines, but what it adds there is in memory. When
# this process ends, or the one that has started it, by whatever signal, the kernel ends everything
# in the namespace of processes, and what was mounted there is gone. SIGTERM to PID 1 of the
# namespace, the one child of this process, is passed on to COMMAND. With COMMAND, PID 1 ends.
#
# Where the machine has cgroup v1, COMMAND does not see the cgroup2 beside it: crun refuses to start
# a container in such a "hybrid mode" if the cgroup2 has a controller.
#
# It needs setpriv(1) and unshare(1), of Debian's util-linux.
set -eu
# shellcheck disable=SC2016 # for the inner shell
exec setpriv --pdeathsig KILL unshare --kill-child --fork --pid --mount-proc --mount --net sh -euc '
  mount -t tmpfs -o mode=755 tmpfs /run
  mount -t tmpfs tmpfs /dev/shm
  [ ! -d /sys/fs/cgroup/unified ] || mount -t tmpfs tmpfs /sys/fs/cgroup/unified
  for directory in /etc /opt /var/lib; do
    mkdir -p "/run/machine$directory"
    mount --bind "$directory" "/run/machine$directory"
    mount -t tmpfs -o mode=755 tmpfs "$directory"
    for entry in "/run/machine$directory"/*; do
      if [ -L "$entry" ]; then
        cp -P "$entry" "$directory"
      elif [ -e "$entry" ]; then
        ln -s "$entry" "$directory"
      fi
    done
  done
  rm -f /etc/cni /etc/docker /opt/containerd /var/lib/containers /var/lib/cni
  ip link set lo up 2>/dev/null || :
  "$@" &
  main=$!
  trap "kill -TERM $main" TERM
  status=0
  while kill -0 "$main" 2>/dev/null; do
    status=0
    wait "$main" || status=$?
  done
  exit "$status"' alone "$@"

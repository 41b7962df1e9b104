#!/bin/sh
# alone.sh COMMAND...: runs an engine for containers, as root, beside the machine's own and apart from it.
#
# COMMAND has namespaces of its own: of processes, of mounts, and of networks, with nothing but a loopback
# interface. Its /run and /dev/shm are empty, and so are those of $HIDDEN, a list of directories, that
# exist. When this process ends, or the one that has started it, by whatever signal, the kernel ends
# everything in the namespace of processes, and what was mounted there is gone. SIGTERM to PID 1 of the
# namespace, the one child of this process, is passed on to COMMAND. With COMMAND, PID 1 ends.
#
# It needs setpriv(1) and unshare(1), of Debian's util-linux.
set -eu
# shellcheck disable=SC2016 # for the inner shell
exec setpriv --pdeathsig KILL unshare --kill-child --fork --pid --mount-proc --mount --net sh -euc '
  for directory in /run /dev/shm ${HIDDEN:-}; do
    [ ! -d "$directory" ] || mount -t tmpfs -o mode=755 tmpfs "$directory"
  done
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

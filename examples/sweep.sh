#!/bin/sh
# sweep.sh NAME DIRECTORY [PID]: removes what a run of an example, or of the tests, has made under
# NAME.
#
# These are the processes that have DIRECTORY/NAME. in their environment; the containers and images
# of Docker that are called NAME or NAME-..., or that have the label adieu.run=NAME; the cgroups
# NAME...; and the files DIRECTORY/NAME... .
#
# With PID it waits for the end of that process first. So it finds what a run has left that was
# killed, by SIGKILL for example: such a run cannot clean up by itself. It also removes the
# containers and images of earlier runs whose process is no longer there. They are known by two
# labels: adieu.run, which ends with the process ID, and adieu.pids, the PID namespace in which that
# is meant, and the boot.
#
# DOCKER is the command of Docker's client, `docker` unless set; empty for none.
set -u
name=$1 directory=$2 pid=${3:-}
[ -n "$name" ] && [ -n "$directory" ] || exit 2
docker=${DOCKER-docker}

if [ -n "$pid" ]; then
  tail --pid="$pid" -f /dev/null 2>/dev/null || while [ -d "/proc/$pid" ]; do sleep 1; done
  # A run that has ended by itself has removed everything, these files last.
  set -- "$directory/$name"[.-]*
  [ -e "$1" ] || exit 0
fi

grep -l --text --fixed-strings -- "$directory/$name." /proc/[0-9]*/environ 2>/dev/null |
while read -r file; do
  process=${file#/proc/}
  process=${process%/environ}
  # This script and what it starts may have it there too.
  case $(cut -d ' ' -f 4,6 "/proc/$process/stat" 2>/dev/null) in
  '' | "$$ "*) ;;
  *) [ "$process" = $$ ] || kill -KILL "$process" ;;
  esac
done 2>/dev/null

# remove FILTER: the containers and images of Docker that it selects.
remove() {
  "$docker" ps --all --quiet --filter "$1" | xargs -r "$docker" rm --force --volumes
  # An image that has children is not removed before them.
  for _ in 1 2 3 4; do
    images=$("$docker" image ls --all --quiet --filter "${2:-$1}" | sort -u)
    [ -n "$images" ] || break
    printf '%s\n' "$images" | xargs "$docker" image rm --force
  done
}

if [ -n "$docker" ] && command -v "$docker" && "$docker" version; then
  remove "label=adieu.run=$name"
  remove "name=^/?$name([_.-]|$)" "reference=$name:*"
  remove "name=^/?$name$" "reference=$name-*"
  if [ -n "$pid" ]; then
    pids=$(cat /proc/sys/kernel/random/boot_id).$(stat -L -c %i /proc/self/ns/pid)
    for run in $(
      for kind in ps 'image ls'; do
        # shellcheck disable=SC2086 # two words
        "$docker" $kind --all --quiet --filter "label=adieu.pids=$pids" |
          xargs -r "$docker" inspect --format '{{index .Config.Labels "adieu.run"}}'
      done | sort -u
    ); do
      [ -d "/proc/${run##*-}" ] || remove "label=adieu.run=$run"
    done
  fi
fi >/dev/null 2>&1

# A cgroup is busy for a moment after the end of its last process.
for group in /sys/fs/cgroup/"$name" /sys/fs/cgroup/*/"$name" /sys/fs/cgroup/"$name"[.-]* \
  /sys/fs/cgroup/*/"$name"[.-]*; do
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    [ -d "$group" ] || break
    find "$group" -depth -type d -exec rmdir {} + 2>/dev/null || sleep 0.2
  done
done
rm -rf "${directory:?}/$name"[.-]*

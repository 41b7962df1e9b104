#!/bin/sh
# today.sh prepare: downloads and unpacks the engines of Debian sid, as today's: Docker 28,
# containerd 2, runc 1.3, crun, podman 5, Compose, buildx, and the libraries that they need. They
# are not installed: they are unpacked into a directory of their own, some 650 MB in target/today,
# or in $TODAY_DIRECTORY. Once there, they stay as they are; remove the directory for newer ones.
#
# today.sh COMMAND...: runs COMMAND, as root, where these engines are in place of the machine's: in
# namespaces of mounts, processes and networks, with this set over the machine's /usr, and with a
# dockerd of the set, which `docker` talks to. There is no network but a loopback interface.
# COMMAND sees the files of the machine. What it adds to /etc, /opt and /var/lib is in memory, and
# /var/tmp, its TMPDIR, is removed at the end. When this process ends, the kernel ends all that is
# in the namespaces. TODAY_INSIDE=1 in COMMAND's environment means that it runs there.
#
#     sudo sh examples/today.sh sh examples/docker-init/run.sh
#     sudo sh examples/today.sh target/release/deps/it-... docker::
#
# TODAY_CGROUPS=2 mounts a cgroup2 hierarchy at /sys/fs/cgroup for COMMAND. On a machine with the
# hierarchies of cgroup v1 it has those controllers only that they leave to it.
# TODAY_FEATURES is the "features" object of the daemon's configuration, for example
# '{"containerd-snapshotter": true}'.
#
# A last line `MISSING: ...` and exit status 75 say what it lacks here. It needs apt-get, dpkg-deb
# and the keys of Debian's archive, root, setpriv(1) and unshare(1), and overlayfs in the kernel.
set -eu
umask 022

missing() {
  printf 'MISSING: %s\n' "$*"
  exit 75
}
need() {
  for program in "$@"; do
    command -v "${program%:*}" >/dev/null || missing "${program%:*} (Debian: ${program#*:})"
  done
}
PATH=$PATH:/usr/sbin:/sbin

lib=$(cd "$(dirname "$0")" && pwd)
set=${TODAY_DIRECTORY:-$(dirname "$lib")/target/today}

# --- The set -------------------------------------------------------------------------------------

# What of the packages' dependencies is left to the machine: programs that are no engine's.
leave_out() {
  case $1 in
  systemd | libsystemd-shared | sysvinit-utils | mount | debconf | netbase | readline-common) ;;
  dirmngr | gnupg* | gpg* | pinentry-*) ;;
  *) return 1 ;;
  esac
}

# apt with a configuration, lists and a cache of its own: it neither sees nor changes what is
# installed.
apt() { APT_CONFIG=$new/apt.conf apt-get -qq "$@" </dev/null >>"$new/log" 2>&1; }

prepare() {
  [ ! -e "$set/complete" ] || return 0
  need apt-get:apt dpkg-deb:dpkg
  keys=/usr/share/keyrings/debian-archive-keyring.gpg
  [ -e "$keys" ] || missing "$keys (Debian: debian-archive-keyring)"
  mkdir -p "$set"
  new=$(mktemp -d "$set/new.XXXXXX")
  trap 'rm -rf "$new"' EXIT
  mkdir -p "$new/state" "$new/lists/partial" "$new/cache/archives/partial" "$new/root"
  : >"$new/state/status"
  # Of the mirrors that the machine's own apt has, the first that is not for security updates only.
  # shellcheck disable=SC2016 # for apt
  mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' |
    grep -v security | head -n 1) || true
  [ -n "${MIRROR:=$mirror}" ] || missing "a Debian mirror in apt's sources; set MIRROR to one"
  printf 'deb [signed-by=%s] %s sid main\n' "$keys" "$MIRROR" >"$new/sources.list"
  cat >"$new/apt.conf" <<END
Dir::State "$new/state";
Dir::State::lists "$new/lists";
Dir::State::status "$new/state/status";
Dir::Cache "$new/cache";
Dir::Etc::sourcelist "$new/sources.list";
Dir::Etc::sourceparts "-";
APT::Sandbox::User "root";
APT::Install-Recommends "false";
Acquire::Languages "none";
Acquire::Retries "3";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
END
  apt update || missing "a Debian mirror with sid: $(tail -n 1 "$new/log")"
  apt install --yes --download-only docker.io docker-cli docker-buildx docker-compose containerd \
    runc crun podman conmon catatonit uidmap ||
    missing "today's engines in Debian sid: $(tail -n 1 "$new/log")"
  for package in "$new"/cache/archives/*.deb; do
    name=${package##*/}
    ! leave_out "${name%%_*}" || continue
    dpkg-deb --extract "$package" "$new/root"
    printf '%s\n' "${name%.deb}" >>"$new/packages"
  done
  rm -rf "$set/root"
  mv "$new/root" "$new/packages" "$set"
  date --utc +%F >"$set/complete"
  rm -rf "$new"
  trap - EXIT
}

if [ "${1:?a command, or prepare}" = prepare ] && [ $# -eq 1 ]; then
  prepare
  printf "today's engines are in %s, of %s\n" "$set" "$(cat "$set/complete")"
  exit
fi

# --- A command with it ---------------------------------------------------------------------------

[ -e "$set/complete" ] ||
  missing "today's engines in $set (sh examples/today.sh prepare downloads them)"
[ "$(id -u)" -eq 0 ] || missing "root, to run today's engines beside the machine's"
need setpriv:util-linux unshare:util-linux ip:iproute2
grep -qw overlay /proc/filesystems || modprobe overlay 2>/dev/null ||
  missing 'overlayfs in the kernel, to lay today'\''s engines over /usr (modprobe overlay)'

temporary=${TMPDIR:-/tmp}
unique=adieu-today-$$
scratch=$(mktemp -d "$temporary/$unique.XXXXXX")
# However this process ends. Of the machine's Docker nothing is used here.
(cd / && DOCKER='' exec setsid sh "$lib/sweep.sh" "$unique" "$temporary" $$ </dev/null \
  >/dev/null 2>&1 &)
mkdir "$scratch/tmp"
chmod 1777 "$scratch/tmp"
echo "{ \"features\": ${TODAY_FEATURES:-{\}} }" >"$scratch/daemon.json"

export TODAY_INSIDE=1 TODAY_SET="$set" TODAY_SCRATCH="$scratch" TODAY_NAME="$unique"
unset DOCKER_HOST DOCKER_CONTEXT DOCKER_CONFIG
# A command in the background has no stdin but by another descriptor.
exec 3<&0
# shellcheck disable=SC2016 # for the inner shell
setpriv --pdeathsig KILL unshare --kill-child --fork --pid --mount-proc --mount --net sh -euc '
  missing() {
    printf "MISSING: %s\n" "$*"
    exit 75
  }
  # over DIRECTORY [LOWER]: what is written there from now on is in memory.
  over() {
    mkdir -p "/run/today$1/upper" "/run/today$1/work"
    own=upperdir=/run/today$1/upper,workdir=/run/today$1/work
    mount -t overlay -o "lowerdir=${2:+$2:}$1,$own" overlay "$1" || missing "an overlayfs at $1"
  }
  mount -t tmpfs -o mode=755 tmpfs /run
  mount -t tmpfs tmpfs /dev/shm
  mount -t overlay -o "lowerdir=$TODAY_SET/root/usr:/usr" overlay /usr ||
    missing "an overlayfs at /usr"
  over /etc "$TODAY_SET/root/etc"
  over /opt
  over /var/lib
  rm -rf /etc/docker /etc/cni
  mount --bind "$TODAY_SCRATCH/tmp" /var/tmp
  [ ! -d /sys/fs/cgroup/unified ] || mount -t tmpfs tmpfs /sys/fs/cgroup/unified
  if [ "${TODAY_CGROUPS:-}" = 2 ]; then
    mount -t cgroup2 cgroup2 /sys/fs/cgroup
  fi
  ip link set lo up
  export PATH="/usr/sbin:/usr/bin:/sbin:/bin:$PATH" TMPDIR=/var/tmp
  dockerd --version >/dev/null || missing "a machine on which the programs of Debian sid run"
  dockerd --config-file "$TODAY_SCRATCH/daemon.json" --data-root "$TODAY_SCRATCH/data" \
    --exec-root "$TODAY_SCRATCH/exec" --pidfile "$TODAY_SCRATCH/pid" \
    --cgroup-parent "/$TODAY_NAME/docker" \
    --exec-opt native.cgroupdriver=cgroupfs --bridge none --iptables=false --ip6tables=false \
    --ip-forward=false --ip-masq=false >"$TODAY_SCRATCH/log" 2>&1 &
  daemon=$!
  until docker info >/dev/null 2>&1; do
    kill -0 "$daemon" 2>/dev/null ||
      missing "a dockerd that starts: $(grep -v level=info "$TODAY_SCRATCH/log" | tail -n 1)"
    sleep 0.1
  done
  exec 3<&0
  "$@" <&3 3<&- &
  main=$!
  trap "kill -TERM $main" TERM
  status=0
  while kill -0 "$main" 2>/dev/null; do
    status=0
    wait "$main" || status=$?
  done
  kill -TERM "$daemon" && wait "$daemon" || :
  exit "$status"' today "$@" <&3 3<&- &
alone=$!
# unshare(1) ignores SIGTERM. Its end is that of all that is in its namespaces.
trap 'kill -KILL "$alone"' HUP INT TERM
status=0
wait "$alone" || status=$?
DOCKER='' sh "$lib/sweep.sh" "$unique" "$temporary"
exit "$status"

# shellcheck shell=sh
# For run.sh and bench.sh, which read it: a dockerd of its own, with adieu-runtime as its default runtime and the image
# `image` (a static busybox and examples/server). `$built` is where the binaries are.
: "${built:?}"
home=$(mktemp -d)
DOCKER_HOST=unix://$home/docker.sock
export DOCKER_HOST
daemon=
finish() {
  if [ -n "$daemon" ]; then
    all=$(docker ps --all --quiet 2>/dev/null) || all=
    # shellcheck disable=SC2086 # the names are words
    [ -z "$all" ] || docker rm --force $all >/dev/null
    kill "$daemon"
    wait "$daemon" || :
  fi
  rm -rf "$home"
}
trap finish EXIT
trap 'exit 1' HUP INT TERM

# Waits until a command succeeds, 20 s at the most.
wait_until() {
  tries=200
  until "$@" 2>/dev/null; do
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || { echo "waited in vain: $*"; tail -n 5 "$home/log"; exit 1; }
    sleep 0.1
  done
}

cat >"$home/daemon.json" <<END
{ "runtimes": { "adieu": { "path": "$built/adieu-runtime" } }, "default-runtime": "adieu" }
END
dockerd --config-file "$home/daemon.json" --data-root "$home/root" --exec-root "$home/exec" --pidfile "$home/pid" \
  -H "$DOCKER_HOST" --storage-driver vfs --bridge=none --iptables=false --ip6tables=false --ip-masq=false \
  >"$home/log" 2>&1 &
daemon=$!
mkdir -p "$home/image/bin" "$home/image/app"
cp "$(command -v busybox)" "$home/image/bin/busybox"
cp "$built/examples/server" "$home/image/app/server"
for name in cat ls ps sh sleep true; do ln -s busybox "$home/image/bin/$name"; done
wait_until sh -c 'docker info >/dev/null'
tar -C "$home/image" -c . | docker import - image >/dev/null

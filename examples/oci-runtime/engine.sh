# For run.sh and bench.sh, after ../lib.sh: a dockerd of its own, with adieu-runtime as its default runtime, and an image in it.
# shellcheck shell=sh disable=SC2154
runtime=${adieu%/*}/adieu-runtime
[ -x "$runtime" ] || fail "no executable $runtime beside adieu: run 'cargo build --release'"
need docker dockerd runc busybox
[ "$(id -u)" -eq 0 ] || skip "it needs root, for a dockerd of its own"
DOCKER_HOST=unix://$scratch/docker.sock
export DOCKER_HOST
cat >"$scratch/daemon.json" <<END
{ "runtimes": { "adieu": { "path": "$runtime" } }, "default-runtime": "adieu" }
END
dockerd --config-file "$scratch/daemon.json" --data-root "$scratch/root" --exec-root "$scratch/exec" \
  --pidfile "$scratch/pid" -H "$DOCKER_HOST" --storage-driver vfs --bridge=none --iptables=false --ip6tables=false \
  --ip-masq=false >"$scratch/dockerd" 2>&1 &
daemon=$!
at_exit "kill $daemon; wait $daemon"
busybox_root "$scratch/image"
mkdir "$scratch/image/app"
write_server "$scratch/image/app/server"
wait_until docker info
tar -C "$scratch/image" -c . | docker import - "$unique" >"$scratch/import" 2>&1 || fail "$(cat "$scratch/import")"

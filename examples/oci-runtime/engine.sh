# For run.sh and bench.sh, after ../lib.sh: a dockerd of its own, with adieu-runtime as its default runtime, and an image in it.
# shellcheck shell=sh disable=SC2154
runtime=${adieu%/*}/adieu-runtime
[ -x "$runtime" ] || fail "no executable $runtime beside adieu: run 'cargo build --release'"
cat >"$scratch/daemon.json" <<END
{
  "runtimes": {
    "adieu": { "path": "$runtime" },
    "adieu-crun": { "path": "$runtime", "runtimeArgs": ["--adieu-runtime=crun"] }
  },
  "default-runtime": "adieu"
}
END
start_dockerd "$scratch/daemon.json"
shell_root "$scratch/image" ||
  skip "it needs a shell for an image: busybox (Debian: busybox-static), or ldd (Debian: libc-bin)"
mkdir "$scratch/image/app"
write_server "$scratch/image/app/server"
tar -C "$scratch/image" -c . | docker import - "$unique" >"$scratch/import" 2>&1 || fail "$(cat "$scratch/import")"

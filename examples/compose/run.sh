#!/bin/sh
# Starts the services of compose.yaml, stops them, and checks that the server under adieu finished.
# shellcheck disable=SC2119 source=SCRIPTDIR/../lib.sh
. "$(dirname "$0")/../lib.sh"
need_docker
if docker compose version >/dev/null 2>&1; then
  compose() { docker compose --project-name "$unique" -f "$here/compose.yaml" -f "$scratch/compose.yaml" "$@"; }
else
  need docker-compose:docker-compose
  compose() { docker-compose --project-name "$unique" -f "$here/compose.yaml" -f "$scratch/compose.yaml" "$@"; }
fi
base_image
mkdir "$scratch/context"
cp "$adieu" "$scratch/context/adieu"
write_server "$scratch/context/server"
cat >"$scratch/context/Dockerfile" <<'END'
ARG BASE
FROM $BASE
COPY adieu /adieu
COPY server /app/server
END
build "$unique" --build-arg "BASE=$base" "$scratch/context"

# Of this machine: the image, and no network.
echo 'services:' >"$scratch/compose.yaml"
for service in shop with-init init-alone; do
  printf '  %s: {image: "%s", network_mode: none}\n' "$service" "$unique" >>"$scratch/compose.yaml"
done

compose config --quiet >"$scratch/out" 2>&1 || fail "compose config: $(cat "$scratch/out")"
at_exit 'compose down --timeout 1'
for service in shop with-init init-alone; do
  compose up --detach "$service" >"$scratch/out" 2>&1 || fail "compose up: $(cat "$scratch/out")"
  container=$(compose ps --quiet "$service")
  wait_log 'server ready'
  began=$(date +%s)
  compose stop "$service" >"$scratch/out" 2>&1 || fail "compose stop: $(cat "$scratch/out")"
  took=$(($(date +%s) - began))
  ended
  case $service in
  init-alone)
    say "$service, for comparison: exit status $status, and this log:"
    printf '%s\n' "$logs"
    ;;
  *)
    expect "the log of $service" "$finished
bye" "$logs"
    expect "the exit status of $service" 0 "$status"
    [ "$took" -lt 15 ] || fail "$service took $took s to stop"
    say "$service: the server finished, then the script; exit status $status"
    ;;
  esac
done

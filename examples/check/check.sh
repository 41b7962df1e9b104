#!/bin/sh
# check.sh IMAGE [COMMAND...]: starts the image as the platform would, and asks what its stop signal would do
# there. It exits with 0 where every program that handles the signal may finish, and with 1 where the signal
# would be ignored until SIGKILL or such a program cut off. 125: it could not be found out.
#
# Environment: READY, a text in the container's log from which on it is worth asking; IMAGE_OF_ADIEU, an image whose
# entry point is adieu (dist/image.sh makes one); OPTIONS, more options for `docker run`. Where Docker runs does
# not matter: adieu is started there too, in the PID namespace of the container that it asks about.
set -eu
image=$1
shift
# shellcheck disable=SC2086
container=$(docker run --detach ${OPTIONS:-} "$image" "$@") || exit 125
trap 'docker rm --force --volumes "$container" >/dev/null' EXIT
tries=60
until docker logs "$container" 2>&1 | grep -qF -- "${READY:-}"; do
  tries=$((tries - 1))
  [ "$tries" -gt 0 ] || { echo "after a minute its log has no '$READY'" >&2; exit 125; }
  sleep 1
done
signal=$(docker inspect --format '{{.Config.StopSignal}}' "$container")
docker run --rm --network none --read-only --cap-drop ALL --cap-add SYS_PTRACE --cap-add DAC_READ_SEARCH \
  --pid "container:$container" "${IMAGE_OF_ADIEU:-adieu}" --explain 1 --check --signal "${signal:-TERM}"

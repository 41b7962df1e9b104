#!/bin/sh
# Makes the release image: sh dist/image.sh IMAGE [FOLDER]. FOLDER has the built binaries; target/release unless given.
set -eu
dist=$(cd "$(dirname "$0")" && pwd)
[ $# -ge 1 ] || { echo "dist/image.sh: no name for the image; write for example: sh dist/image.sh adieu:latest" >&2 && exit 1; }
built=${2:-${CARGO_TARGET_DIR:-$dist/../target}/release}
context=$(mktemp -d)
chmod 755 "$context"
trap 'rm -rf "$context"' EXIT
trap 'exit 1' HUP INT TERM
# Those binaries of the crate that were built; adieu itself has to be there.
for binary in adieu adieu-runtime; do
  if [ "$binary" = adieu ] || [ -e "$built/$binary" ]; then
    install -m 755 "$built/$binary" "$context/$binary"
  fi
done
${DOCKER:-docker} build --file "$dist/Dockerfile" \
  --label "org.opencontainers.image.version=$("$context/adieu" --version | sed 's/^tini version //; s/_adieu$//')" \
  --tag "$1" "$context"

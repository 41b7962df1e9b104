#!/bin/sh
# Builds images that stop well and images that do not, and lets check.sh take the ones and refuse the others.
# shellcheck disable=SC2119 source=SCRIPTDIR/../lib.sh
. "$(dirname "$0")/../lib.sh"
need_docker
base_image
mkdir "$scratch/context" "$scratch/binaries"
cp "$adieu" "$scratch/context/adieu"
cp "$adieu" "$scratch/binaries/adieu"
write_server "$scratch/context/server"
# The image of adieu alone, which dist/image.sh makes.
at_exit "engine image rm --force $unique-adieu"
sh "$here/../../dist/image.sh" "$unique-adieu" "$scratch/binaries" >"$scratch/release" 2>&1 ||
  fail "dist/image.sh: $(cat "$scratch/release")"

# image NAME LINES: an image with the server and these lines.
image() {
  printf 'FROM %s\nCOPY adieu /adieu\nCOPY server /app/server\n%s\n' "$base" "$2" >"$scratch/context/Dockerfile"
  build "$unique-$1" "$scratch/context"
}
image bare 'CMD cd /app && ./server; :'
image exec 'CMD cd /app && exec ./server'
image adieu 'ENTRYPOINT ["/adieu"]
CMD ["cd /app && ./server; :"]'
image ignored 'CMD trap "" TERM; echo server ready; sleep 3600; :'
image quit 'STOPSIGNAL SIGQUIT
CMD cd /app && ./server; :'

# check EXPECTED WHAT IMAGE: runs check.sh, and compares its exit status.
check() {
  status=0
  said=$(READY='server ready' IMAGE_OF_ADIEU="$unique-adieu" OPTIONS="--network none --label adieu.run=$unique $4" \
    sh "$here/check.sh" "$unique-$3" 2>&1) || status=$?
  [ "$status" -eq "$1" ] || fail "$2: exit status $status, expected $1
$said"
  say "$2: exit status $status"
  show "$(printf '%s\n' "$said" | sed '1,/^$/d')"
}
check 1 'a CMD without brackets, whose shell has no handler' bare ''
check 0 'the same with exec' exec ''
check 0 'the same under adieu' adieu ''
check 1 'the first one under docker run --init: tini ends with the shell' bare --init
check 1 'a program that ignores the signal' ignored ''
check 1 'another STOPSIGNAL, which the shell ignores as well' quit ''
check 125 'an image that cannot be started' no-such-image ''

#!/bin/sh
# Builds an image for each target of the Dockerfile, stops its container, and checks that the server finished.
# shellcheck disable=SC2119 source=SCRIPTDIR/../lib.sh
. "$(dirname "$0")/../lib.sh"
need_docker
base_image
mkdir "$scratch/context"
cp "$adieu" "$scratch/context/adieu"
write_server "$scratch/context/server"

for target in string argv shell-form shell-instruction stop-signal; do
  build "$unique-$target" --build-arg "BASE=$base" --target "$target" --file "$here/Dockerfile" "$scratch/context"
  start_container "$unique-$target"
  wait_log 'server ready'
  stop_container
  case $target in
  stop-signal) expect_finished QUIT ;;
  *) expect_finished ;;
  esac
  say "$target: the server finished, exit status $status"
done

start_container "$unique-string" 'cd /tmp && sleep 3600; echo next'
wait_program sleep
stop_container
expect "the exit status of a command that handles no signal" 143 "$status"
expect "its log" '' "$logs"
[ "$took" -lt 8 ] || fail "a command that handles no signal took $took s to stop: Docker has killed it"
say "nothing handles the signal: stopped at once, not after Docker's 10 s"

start_container --env ADIEU_TIMEOUT=1s --env ADIEU_LOG=verbose "$unique-argv" \
  /bin/sh -c 'trap "" TERM; echo ready; while true; do sleep 1; done'
wait_log ready
stop_container
expect "the exit status at the timeout" 137 "$status"
[ "$took" -lt 8 ] || fail "ADIEU_TIMEOUT=1s, and it took $took s to stop"
say "ADIEU_TIMEOUT=1s: killed after it, and named"

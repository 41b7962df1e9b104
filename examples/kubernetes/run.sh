#!/bin/sh
# Holds the manifests against the schemas, evaluates the policy on sample pods, and does with Docker what a kubelet would
# do with the pods: the commands, users, mounts, grace periods and preStop hooks are read from the manifests.
# shellcheck disable=SC2119 source=SCRIPTDIR/../lib.sh
. "$(dirname "$0")/../lib.sh"

# With the packages of ../requirements.txt, which .ci/run installs there.
python=$here/../../target/examples-venv/bin/python3
[ -x "$python" ] || python=python3
need "$python:python3"
"$python" -c 'import cel_expr_python, google.protobuf, jsonpatch, kubernetes_validate, yaml' 2>/dev/null ||
  skip "it needs the Python packages of examples/requirements.txt (python3 -m venv target/examples-venv && target/examples-venv/bin/pip install -r examples/requirements.txt)"
kube() { "$python" "$here/kube.py" "$@"; }

# --- Manifests and policy ----------------------------------------------------------------------------------

cd "$here"
kube check init-container.yaml image-volume.yaml deployment.yaml policy.yaml
say 'the manifests keep to the schemas of Kubernetes 1.36 and to the restricted Pod Security Standard'
kube schema audit.yaml
say 'audit.yaml keeps to the schemas'
kube policy policy.yaml policy-cases.yaml

# --- What the kubelet does with the pods -------------------------------------------------------------------

need_docker
base_image
mkdir "$scratch/context"
cp "$adieu" "$scratch/context/adieu"
write_server "$scratch/context/server"
# Does not end on a stop signal.
printf '%s\n' '#!/bin/sh' 'trap "echo not now" TERM' 'echo "server ready"' 'while true; do sleep 3600 & wait $!; done' \
  >"$scratch/context/stuck"
chmod 755 "$scratch/context/stuck"
cat >"$scratch/context/Dockerfile" <<'END'
ARG BASE
FROM $BASE AS shop
COPY server /app/server
FROM $BASE AS stuck
COPY stuck /app/server
FROM shop AS shop-with-adieu
COPY adieu /adieu
ENTRYPOINT ["/adieu"]
END
at_exit "engine image rm --force $unique-adieu"
sh "$here/../../dist/image.sh" "$unique-adieu" "$scratch/context" >"$scratch/build" 2>&1 || fail "$(cat "$scratch/build")"
for target in shop stuck shop-with-adieu; do
  build "$unique-$target" --build-arg "BASE=$base" --target "$target" "$scratch/context"
done

# new_pod: empty volumes, and the files for the termination messages, for every user, as the kubelet makes them.
new_pod() {
  volumes=$(mktemp -d "$scratch/pod.XXXXXX")
  mkdir "$volumes/adieu" "$volumes/log"
  : >"$volumes/termination-log-adieu"
  : >"$volumes/termination-log-shop"
  chmod 777 "$volumes/adieu" "$volumes/log"
  chmod 666 "$volumes"/termination-log-*
}

# in_pod MANIFEST CONTAINER IMAGE [OPTIONS]: starts that container of the pod.
in_pod() {
  words=$(kube docker "$1" "$2" "$unique-$3" "$volumes")
  shift 3
  eval "start_container \"\$@\" $words"
}

# install MANIFEST: runs its init container to the end.
install() {
  in_pod "$1" adieu adieu
  ended
  expect "what the init container of $1 prints" '' "$logs"
  expect "the exit status of the init container of $1" 0 "$status"
}

# read_stop MANIFEST: sets $grace and $pre_stop, in seconds.
read_stop() {
  grace=$(kube get "$1" spec.terminationGracePeriodSeconds)
  pre_stop=$(kube get "$1" spec.containers.0.lifecycle.preStop.sleep.seconds)
}

# The Deployment with the init container, whose script writes to a pipe.
new_pod
install init-container.yaml
in_pod init-container.yaml shop shop
wait_log 'server ready'
read_stop init-container.yaml
stop_container -t $((grace - pre_stop))
expect_finished
expect 'the log that tee wrote' "$finished" "$(cat "$volumes/log/server.log")"
grep -q '^adieu: stopped by SIGTERM in .*, exit status 0$' "$volumes/termination-log-shop" ||
  fail "the termination message is: $(cat "$volumes/termination-log-shop")"
say "init-container.yaml: the server finished, exit status $status; kubectl describe would show:"
cat "$volumes/termination-log-shop"

# The kubelet would mount the image; here its file is put where the mount would be.
new_pod
engine create --name "$unique-image" "$unique-adieu" --version >/dev/null
at_exit "engine rm --force $unique-image"
engine cp "$unique-image:/adieu" "$volumes/adieu/adieu"
in_pod image-volume.yaml shop shop
wait_log 'server ready'
stop_container
expect_finished
say "image-volume.yaml: the server finished, exit status $status"

new_pod
in_pod deployment.yaml shop shop-with-adieu
wait_log 'server ready'
stop_container
expect_finished
say "deployment.yaml: the server finished, exit status $status"

new_pod
kube mutate policy.yaml policy-cases.yaml 'a command of a shell' >"$scratch/mutated.yaml"
install "$scratch/mutated.yaml"
in_pod "$scratch/mutated.yaml" shop shop
wait_log 'server ready'
stop_container
expect_finished
say "policy.yaml: the server of a pod that it has changed finished, exit status $status"

# --- What a stop would do to each container of a node ------------------------------------------------------

# Of another user, and with a program of which only SYS_PTRACE and DAC_READ_SEARCH show that it waits for no signal.
start_container --user 1234:1234 --hostname other-user "$unique-shop" sleep 3600
wait_program sleep
sleeps=$(engine inspect --format '{{.Id}}' "$container" | cut -c 1-12)
start_container --hostname bare "$unique-shop" sh -c '/app/server; :'
wait_log 'server ready'
bare=$(engine inspect --format '{{.Id}}' "$container" | cut -c 1-12)
new_pod
: >"$volumes/termination-log-audit"
chmod 666 "$volumes/termination-log-audit"
in_pod audit.yaml audit adieu
ended
expect 'the exit status of the audit' 0 "$status"
lines=$(printf '%s\n' "$logs" | grep -e "$sleeps" -e "$bare" | sed 's/^ *[0-9]* //; s/(.*)/(PID)/; s/  */ /g')
expect 'the audit' "$bare bare sh ignores SIGTERM, cuts server (PID) off
$sleeps other-user sleep ignores SIGTERM until SIGKILL" "$lines"
say "audit.yaml: kubectl logs would show:"
show "$logs"

# --- Who ends what does not end ----------------------------------------------------------------------------

# The kubelet waits for preStop, sends SIGTERM, and SIGKILL when the rest of the grace period is over.
timeout=$(kube get init-container.yaml spec.containers.0.env.0.value)
timeout=${timeout%s}
[ $((pre_stop + timeout)) -lt "$grace" ] || fail "init-container.yaml: $pre_stop s preStop and $timeout s timeout do not fit in $grace s"
started=
for case in manifest none; do
  new_pod
  install init-container.yaml
  words=$(kube docker init-container.yaml shop "$unique-stuck" "$volumes")
  [ "$case" = manifest ] || words=$(printf '%s' "$words" | sed 's/--env ADIEU_TIMEOUT=[^ ]*//')
  eval "start_container $words"
  wait_log 'server ready'
  started="$started $case:$container:$volumes"
done
for one in $started; do
  stuck=${one#*:}
  (
    trap - EXIT
    began=$(date +%s)
    sleep "$pre_stop"
    engine stop -t $((grace - pre_stop)) "${stuck%%:*}" >/dev/null
    echo $(($(date +%s) - began)) >"$scratch/took-${one%%:*}"
  ) &
done
wait
for one in $started; do
  case=${one%%:*} volumes=${one##*:} container=${one#*:} container=${container%%:*}
  took=$(cat "$scratch/took-$case")
  ended
  say "a server that does not end, ADIEU_TIMEOUT: $case: $took s, exit status $status; log and termination message:"
  printf '%s\n' "$logs" '--'
  cat "$volumes/termination-log-shop"
  if [ "$case" = manifest ]; then
    { [ "$took" -ge $((pre_stop + timeout)) ] && [ "$took" -lt "$grace" ]; } ||
      fail "it took $took s, not $pre_stop s and $timeout s"
    expect 'the exit status' 137 "$status"
    grep -q '^killed: server' "$volumes/termination-log-shop" || fail 'the termination message does not name the server'
  else
    [ "$took" -ge "$grace" ] || fail "it took $took s, less than the grace period of $grace s"
    expect 'the exit status' 137 "$status"
    expect 'the termination message' '' "$(cat "$volumes/termination-log-shop")"
  fi
done

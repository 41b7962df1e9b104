#!/bin/sh
# rootless.sh COMMAND...: runs COMMAND as a user who may run podman without root: with a home, a
# runtime directory, and subordinate users of their own. For examples/today.sh, where /etc and /run
# are in memory and /var/tmp is removed at the end: it adds that user there. It needs root.
set -eu
[ "${TODAY_INSIDE:-}" = 1 ] || {
  echo "not below examples/today.sh: this would add a user to the machine" >&2
  exit 1
}
name=adieu-rootless id=4321
HOME=/var/tmp/$name XDG_RUNTIME_DIR=/run/user/$id
mkdir -p "$HOME/tmp" "$XDG_RUNTIME_DIR"
chown -R "$id:$id" "$HOME" "$XDG_RUNTIME_DIR"
echo "$name:x:$id:$id::$HOME:/bin/sh" >>/etc/passwd
echo "$name:x:$id:" >>/etc/group
for file in /etc/subuid /etc/subgid; do
  echo "$name:200000:65536" >>"$file"
done
export HOME XDG_RUNTIME_DIR TMPDIR="$HOME/tmp"
cd "$HOME"
exec setpriv --reuid "$id" --regid "$id" --clear-groups "$@"

#!/bin/sh
# Makes adieu_VERSION_ARCH.deb of built binaries: sh dist/deb.sh [FOLDER] [OUT] [ARCH]. FOLDER has the binaries, target/release unless
# given; OUT is where the package goes, the working directory unless given; ARCH is Debian's name, this machine's unless given.
# DEB_MAINTAINER is who signs for it: NAME <ADDRESS>.
# Needs dpkg-deb and gzip. The same input and SOURCE_DATE_EPOCH make the same file.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
built=${1:-${CARGO_TARGET_DIR:-$root/target}/release}
out=${2:-.}
arch=${3:-$(dpkg --print-architecture)}
for binary in adieu adieu-runtime; do
  [ -x "$built/$binary" ] || { echo "dist/deb.sh: no $built/$binary; write first: cargo build --release" >&2 && exit 1; }
done
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' "$root/Cargo.toml" | head -n 1)
epoch=${SOURCE_DATE_EPOCH:-$(git -C "$root" log -1 --format=%ct 2>/dev/null || date +%s)}
SOURCE_DATE_EPOCH=$epoch
export SOURCE_DATE_EPOCH
umask 022
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
trap 'exit 1' HUP INT TERM
chmod 755 "$tree"

put() { install -D -m "$1" "$2" "$tree/$3"; }
put 755 "$built/adieu" usr/bin/adieu
put 755 "$built/adieu-runtime" usr/bin/adieu-runtime
put 644 "$root/completions/adieu.bash" usr/share/bash-completion/completions/adieu
put 644 "$root/completions/_adieu" usr/share/zsh/vendor-completions/_adieu
put 644 "$root/completions/adieu.fish" usr/share/fish/vendor_completions.d/adieu.fish
for page in adieu adieu-runtime; do
  put 644 "$root/man/$page.1" "usr/share/man/man1/$page.1"
  gzip -9n "$tree/usr/share/man/man1/$page.1"
done

documents=$tree/usr/share/doc/adieu
put 644 "$root/README.md" usr/share/doc/adieu/README.md
put 644 "$root/CHANGELOG.md" usr/share/doc/adieu/changelog
gzip -9n "$documents/changelog"
maintainer=${DEB_MAINTAINER:-the adieu authors <adieu@localhost>}
printf 'adieu (%s-1) unstable; urgency=medium\n\n  * See changelog.gz.\n\n -- %s  %s\n' "$version" "$maintainer" \
  "$(LC_ALL=C date --utc --date "@$epoch" '+%a, %d %b %Y %T +0000')" | gzip -9n >"$documents/changelog.Debian.gz"
# On purpose: it has to run in images that hold nothing else.
mkdir -p "$tree/usr/share/lintian/overrides"
printf 'adieu: statically-linked-binary [usr/bin/%s]\n' adieu adieu-runtime >"$tree/usr/share/lintian/overrides/adieu"
# The Apache licence is among those that every Debian has; the MIT one is short. What is linked in has its own, as crates say them.
{
  printf 'Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\n'
  printf 'Files: *\nCopyright: %s\nLicense: MIT or Apache-2.0\n\n' "$(sed -n 's/^Copyright (c) //p' "$root/LICENSE-MIT")"
  printf 'License: MIT or Apache-2.0\n Either of these, as you like.\n .\n'
  sed 's/^$/./; s/^/ /' "$root/LICENSE-MIT"
  printf ' .\n The Apache License, Version 2.0, is in /usr/share/common-licenses/Apache-2.0.\n'
} >"$documents/copyright"
chmod 644 "$documents/copyright"
# For tools that look for the licences of statically linked crates.
if command -v cargo >/dev/null; then
  (cd "$root" && cargo tree --offline --locked --edges normal --prefix none --format '{p} {l}' | sed 's/ (.*)//; s/ (\*)$//' | sort -u) \
    >"$documents/crates.txt"
  chmod 644 "$documents/crates.txt"
fi

mkdir "$tree/DEBIAN"
installed=$(du -sk --apparent-size "$tree/usr" | cut -f 1)
cat >"$tree/DEBIAN/control" <<END
Package: adieu
Version: $version-1
Architecture: $arch
Maintainer: $maintainer
Installed-Size: $installed
Section: admin
Priority: optional
Description: init for containers that lets servers finish
 adieu runs a shell string or a program as the init of a container or in a
 start script. Told to stop, it lets every program that handles the stop
 signal finish, up to a timeout; when none does, it exits at once.
 .
 adieu-runtime is an OCI runtime that puts it into containers.
END
(cd "$tree" && find usr -type f -print0 | LC_ALL=C sort -z | xargs -0 md5sum) >"$tree/DEBIAN/md5sums"
find "$tree" -exec touch --no-dereference --date "@$epoch" {} +
mkdir -p "$out"
dpkg-deb --root-owner-group -Zxz --build "$tree" "$out/adieu_${version}-1_$arch.deb"

#!/bin/sh
# Makes what a release consists of: sh dist/release.sh [OUT]; OUT is target/dist unless given. Static binaries with man pages and
# completions as adieu-VERSION-TARGET.tar.gz and as .deb for each target, and SHA256SUMS. What cannot be built for the lack of a
# toolchain is skipped aloud; with CI=true it is a failure. Needs cargo, dpkg-deb, file, git (or SOURCE_DATE_EPOCH), GNU tar, gzip, and
# for aarch64: rustup target add aarch64-unknown-linux-gnu, and Debian's gcc-aarch64-linux-gnu and libc6-dev-arm64-cross.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
out=${1:-$root/target/dist}
mkdir -p "$out"
out=$(cd "$out" && pwd)
cd "$root"
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -n 1)
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export SOURCE_DATE_EPOCH
# The linker's own compiler, where it is another; cargo takes the flags of .cargo/config.toml for either.
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 1' HUP INT TERM

skip() {
  echo "SKIPPED: $1: $2" >&2
  [ "${CI:-}" != true ] || exit 1
}

# release TARGET DEBIAN-ARCHITECTURE LINKER
release() {
  [ -d "$(rustc --print sysroot)/lib/rustlib/$1/lib" ] ||
    { skip "$1" "no standard library for it; write: rustup target add $1" && return 0; }
  command -v "$3" >/dev/null || { skip "$1" "no $3; install Debian's package of that compiler" && return 0; }
  cargo build --quiet --release --locked --bins --target "$1"
  built=${CARGO_TARGET_DIR:-target}/$1/release
  for binary in adieu adieu-runtime; do
    file "$built/$binary" | grep -Eq 'static(ally|-pie) linked' || { echo "dist/release.sh: $built/$binary is not static" >&2 && exit 1; }
  done
  name=adieu-$version-$1
  mkdir -p "$folder/$name"
  install -m 755 "$built/adieu" "$built/adieu-runtime" "$folder/$name"
  cp -R man completions README.md CHANGELOG.md LICENSE-MIT LICENSE-APACHE "$folder/$name"
  tar --sort=name --owner=0 --group=0 --numeric-owner --mode='u+rw,go=rX' --mtime="@$SOURCE_DATE_EPOCH" \
    -C "$folder" -cf - "$name" | gzip -9n >"$out/$name.tar.gz"
  sh dist/deb.sh "$built" "$out" "$2"
  made="${made:+$made }$name.tar.gz adieu_$version-1_$2.deb"
}

made=
release x86_64-unknown-linux-gnu amd64 cc
release aarch64-unknown-linux-gnu arm64 aarch64-linux-gnu-gcc
[ -n "$made" ] || { echo "dist/release.sh: nothing could be built" >&2 && exit 1; }
# shellcheck disable=SC2086 # the names are words of their own
(cd "$out" && sha256sum $made >SHA256SUMS && cat SHA256SUMS)

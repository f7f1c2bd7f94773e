#!/bin/sh
# Puts the newest compiler of Intel's GPU driver (ocloc, IGC) below FOLDER: usage xpu-native.sh FOLDER. Needs apt of a Debian
# system, whose own ocloc does not know Battlemage and Lunar Lake, and no root: packages of Debian's unstable suite are
# fetched with lists of their own and unpacked, together with the C library that they are built for.
set -eu
folder=$1
keys=/usr/share/keyrings/debian-archive-keyring.gpg
mirror=$(apt-get indextargets --format '$(ORIGIN) $(LABEL) $(SITE)' 'Created-By: Packages' 2>/dev/null |
  sed -n 's/^Debian Debian //p' | head -1)
if [ -z "$mirror" ] || [ ! -e "$keys" ]; then
  echo "xpu-native: needs a Debian system whose apt has package lists (apt-get update)" >&2
  exit 1
fi
state=$(mktemp -d)
trap 'rm -rf "$state"' EXIT
mkdir -p "$state/lists/partial" "$state/cache/archives/partial"
touch "$state/status"
echo "deb [signed-by=$keys] $mirror sid main" > "$state/sources.list"
quietly() {
  apt-get -qq -o Dir::Etc::sourcelist="$state/sources.list" -o Dir::Etc::sourceparts=- -o Dir::State::lists="$state/lists" \
    -o Dir::State::status="$state/status" -o Dir::Cache="$state/cache" -o APT::Sandbox::User="$(id -un)" \
    -o Debug::NoLocking=1 "$@"
}
quietly update
quietly install --yes --no-install-recommends --download-only intel-ocloc libigc2 > /dev/null
mkdir -p "$folder"
for package in "$state"/cache/archives/*.deb; do
  dpkg-deb --extract "$package" "$folder"
done
for package in "$state"/cache/archives/intel-ocloc_*.deb "$state"/cache/archives/libigc2_*.deb; do
  dpkg-deb --show "$package" | tr '\t' ' '
done > "$folder/versions.txt"
cat "$folder/versions.txt"

#!/bin/sh
# Makes a Debian 13 with the packages of next.txt below FOLDER: usage next-setup.sh FOLDER PYTHON. PYTHON's pip fetches the
# wheels, with this machine's settings; the system itself needs no network. Needs root, debootstrap, and apt's package lists.
set -eu
folder=$1 python=$2
here=$(dirname "$0")
mirror=$(apt-get indextargets --format '$(ORIGIN) $(LABEL) $(SITE)' 'Created-By: Packages' 2>/dev/null |
  sed -n 's/^Debian Debian //p' | head -1)
if [ "$(id -u)" != 0 ] || [ -z "$mirror" ]; then
  echo "test-next: needs root on a Debian system whose apt has package lists (apt-get update)" >&2
  exit 1
fi
command -v debootstrap > /dev/null || apt-get install --yes --quiet debootstrap > /dev/null
rm -rf "$folder"
mkdir -p "$folder"
# A compiler too: Triton builds its launcher with it.
debootstrap --variant=minbase --include=python3,python3-venv,python3-dev,gcc,libc6-dev trixie "$folder/system" "$mirror" > "$folder/log" ||
  { tail "$folder/log" >&2; exit 1; }
machine=$(uname -m)
tags=""
for tag in manylinux_2_28 manylinux_2_27 manylinux_2_24 manylinux_2_17 manylinux_2_12 manylinux_2_5 manylinux2014 manylinux1; do
  tags="$tags --platform ${tag}_$machine"
done
version=$(chroot "$folder/system" python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')
cat "$here/lock.txt" "$here/no-deps.txt" | grep -v '^jax' > "$folder/constraints.txt"
# Wheels for another Python than the one that fetches them: hence what it asks of Python is not looked at.
# shellcheck disable=SC2086
"$python" -m pip --disable-pip-version-check --no-input download --quiet --dest "$folder/system/wheels" \
  --ignore-requires-python --python-version "$version" --implementation cp --only-binary=:all: $tags \
  --constraint "$folder/constraints.txt" --requirement "$here/next.txt"
chroot "$folder/system" sh -c \
  'python3 -m venv /venv && /venv/bin/pip install --quiet --no-index --no-deps --no-compile /wheels/*.whl && rm -r /wheels'
mkdir -p "$folder/system/project" "$folder/system/exchange"

#!/bin/sh
# Runs COMMAND in the system that next-setup.sh made, with this project read-only as its working directory: usage
# next-run.sh FOLDER COMMAND... Mounts are of this process alone and end with it.
set -eu
system=$(cd "$1/system" && pwd)
project=$(cd "$(dirname "$0")/.." && pwd)
shift
exec unshare --mount sh -eu -c '
  system=$1 project=$2
  shift 2
  mount --bind "$project" "$system/project"
  mount -o remount,ro,bind "$system/project"
  mount --bind /dev "$system/dev"
  mount -t proc proc "$system/proc"
  exec chroot "$system" env -i HOME=/tmp PATH=/venv/bin:/usr/bin:/bin LANG=C.UTF-8 PYTHONDONTWRITEBYTECODE=1 \
    JAX_PLATFORMS=cpu OPENBLAS_NUM_THREADS=1 sh -c "cd /project && exec \"\$@\"" sh "$@"' sh "$system" "$project" "$@"

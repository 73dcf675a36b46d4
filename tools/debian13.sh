#!/usr/bin/env bash
# Runs `make TARGET...` on a copy of this repository inside Debian 13, whose C library the current
# stack needs: in a container where a Docker engine answers, else, as root, in a root directory made
# by debootstrap. Root and environment stay in .debian13 (or Docker's volume) for the next time.
set -euo pipefail
cd "$(dirname "$0")/.."
packages=python3,python3-venv,python3-dev,g++,make,rsync,ca-certificates
inside=/source/tools/debian13_inside.sh

if docker info >/dev/null 2>&1; then
    forwarded=()
    for name in $(compgen -e | grep -iE '^(pip_|uv_|(http|https|no|all)_proxy$)'); do
        forwarded+=(--env "$name")
    done
    exec docker run --rm --init "${forwarded[@]}" --volume "$PWD:/source:ro" \
        --volume rondo-debian13:/opt/rondo debian:trixie sh -c \
        "apt-get update -qq && apt-get install -qq -y ${packages//,/ } >/dev/null && $inside $*"
fi

if [ "$(id -u)" != 0 ]; then
    echo "The current stack needs Debian 13: sudo make test-current, or a Docker engine." >&2
    exit 1
fi
if ! unshare --mount --pid --fork true; then
    echo "A Debian 13 root needs mounts of its own, which this container does not allow." >&2
    echo "Use a machine, a container with --privileged, or Docker." >&2
    exit 1
fi
if ! command -v debootstrap >/dev/null; then
    command -v apt-get >/dev/null || { echo "Install debootstrap and try again." >&2; exit 1; }
    echo "Installing debootstrap"
    apt-get update -qq && apt-get install -qq -y debootstrap debian-archive-keyring >/dev/null
fi

mkdir -p .debian13
exec 9>.debian13/lock
flock -n 9 || { echo "Waiting for another run in .debian13"; flock 9; }
root=$PWD/.debian13/root
if [ ! -d "$root" ]; then
    # The mirror that apt uses here, if it is one of Debian's.
    mirror=$(grep -rhoE '^[^#]*https?://[^ ]+/debian/?( |$)' /etc/apt/sources.list* 2>/dev/null |
        grep -oE 'https?://[^ ]+' | head -n 1 || true)
    log=.debian13/debootstrap.log
    echo "Making a Debian 13 root in .debian13 (a minute)"
    rm -rf "$root.new"
    unshare --mount debootstrap --variant=minbase --include="$packages" trixie "$root.new" \
        ${mirror:+"$mirror"} >$log 2>&1 || { tail -n 20 $log >&2; exit 1; }
    mv "$root.new" "$root"
fi
find "$root/tmp" -mindepth 1 -delete  # what an earlier run left

# Mounts and processes live in namespaces of their own, so that they end with this command, however
# it ends, and nothing of the host is ever under the root when it is removed.
export root inside HOME=${HOME:-/root}
unshare --mount --pid --fork --kill-child bash -euo pipefail -c '
    show() {  # a file or folder of the host, at the same path inside
        local at=$root${2:-$1}
        if [ -d "$1" ]; then mkdir -p "$at"
        elif [ ! -e "$1" ]; then return 0
        elif [ ! -e "$at" ]; then mkdir -p "$(dirname "$at")"; touch "$at"
        fi
        mount --bind "$1" "$at"
        mount -o remount,bind,ro "$at"
    }
    mount -t proc proc "$root/proc"
    mount --rbind /dev "$root/dev"
    show "$PWD" /source
    # How this machine reaches package indexes.
    for path in /etc/resolv.conf /etc/hosts /etc/ssl/certs/ca-certificates.crt \
        "${SSL_CERT_FILE:-}" "${PIP_CERT:-}" "${PIP_CONFIG_FILE:-}" "${UV_CONFIG_FILE:-}" \
        /etc/pip.conf /etc/uv "$HOME/.config/pip" "$HOME/.config/uv"; do
        show "$path"
    done
    chroot "$root" env -u MAKEFLAGS -u MAKELEVEL -u PYTHONPATH -u VIRTUAL_ENV -u TMPDIR \
        PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 \
        "$inside" "$@"
' debian13 "$@"

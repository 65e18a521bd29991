#!/bin/sh
# The front door of Proviso: ./qemu.sh --help says what it can do.
# All of it is in the crate proviso-boot; this only sees to it that cargo can run.
set -eu
here=$(cd "$(dirname "$0")" && pwd)

if ! command -v cargo >/dev/null 2>&1; then
    # rustup puts it here, and new shells find it.
    PATH="${CARGO_HOME:-$HOME/.cargo}/bin:$PATH"
fi
if ! command -v cargo >/dev/null 2>&1; then
    echo "qemu.sh: there is no cargo; install Rust from https://rustup.rs" >&2
    exit 1
fi
if ! command -v cc >/dev/null 2>&1; then
    echo "qemu.sh: there is no C compiler for Rust to link with; install one (Debian: apt-get install gcc libc6-dev)" >&2
    exit 1
fi
if ! [ -e "${CARGO_TARGET_DIR:-$here/target}/debug/proviso-boot" ]; then
    echo "Building the launcher" >&2
fi
exec cargo run --quiet --manifest-path "$here/Cargo.toml" --package proviso-boot -- "$@"

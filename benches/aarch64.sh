#!/usr/bin/env bash
# Instructions that the decoder executes a message on 64-bit ARM, counted under emulation (qemu, one instruction a block),
# the copy of the message into the read buffer included. It uses the tools of tests/machines.sh; run that first.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$PWD/target/machines
export PATH=/usr/bin:/bin RUSTC_BOOTSTRAP=1
CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc \
RUSTFLAGS="--sysroot $work/sysroot ${RUSTFLAGS:-}" \
    cargo build --release --locked --manifest-path benches/count/Cargo.toml --target aarch64-unknown-linux-gnu \
    --target-dir "$work/count"
program=$work/count/aarch64-unknown-linux-gnu/release/wsframe-count

instructions() { # KIND LEN N
    { qemu-aarch64 -L /usr/aarch64-linux-gnu -singlestep -d exec,nochain "$program" "$@" 2>&1 || true; } | grep -c '^Trace'
}

for kind in binary ascii multilingual; do
    for len in 16 64 1024 16384; do
        one=$(instructions $kind $len 1)
        many=$(instructions $kind $len 11)
        printf '%-13s %6d bytes: %7d\n' $kind $len $(((many - one) / 10))
    done
done

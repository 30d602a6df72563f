#!/usr/bin/env bash
# Runs the crate's tests on other machines by emulation, and builds for targets without an operating system.
#
#   bash tests/machines.sh [aarch64] [i686] [s390x] [wasm32] [bare]     (all of them, if none is named)
#
# For Debian, as root: its `rustc-web` has the sources of the standard library, and the library for 64-bit ARM as a package
# of that architecture.
set -euo pipefail
cd "$(dirname "$0")/.."
machines=${*:-aarch64 i686 s390x wasm32 bare}

work=$PWD/target/machines
mkdir -p "$work"
if [ ! -e "$work/tools" ]; then
    apt-get update -q
    apt-get install -q -y --no-install-recommends rustc-web cargo-web rust-web-src qemu-user lld-22 nodejs \
        gcc-aarch64-linux-gnu libc6-dev-arm64-cross gcc-s390x-linux-gnu libc6-dev-s390x-cross \
        gcc-i686-linux-gnu libc6-dev-i386-cross
    touch "$work/tools"
fi

# Debian's compiler, whatever else is installed. The sources of the standard library are built with features that are not
# stable (`-Zbuild-std`).
export PATH=/usr/bin:/bin RUSTC_BOOTSTRAP=1 CARGO_TARGET_DIR=$work/target CARGO_PROFILE_DEV_DEBUG=0
# A warning on another machine is an error, as on this one.
export RUSTFLAGS=-Dwarnings
unset RUSTUP_TOOLCHAIN
rustc --version

tests="--locked -p wsframe --features tokio-util,tokio,zlib-rs --lib --test suite"

for machine in $machines; do
    printf '\n-- %s\n' "$machine"
    case $machine in
    aarch64)
        # A list of packages of its own: adding an architecture to the machine's list can break its updates.
        if [ ! -e "$work/arm64" ]; then
            mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$work/sysroot/lib/rustlib"
            printf 'APT::Architectures { "amd64"; "arm64"; };\nDir::State::lists "%s";\nDir::Cache "%s";\n' \
                "$work/lists" "$work/cache" >"$work/apt.conf"
            (
                cd "$work"
                export APT_CONFIG=$work/apt.conf
                apt-get update -q
                apt-get download -q libstd-rust-web-dev:arm64
                dpkg-deb -x libstd-rust-web-dev_*_arm64.deb arm64
            )
            ln -sfn /usr/lib/rustlib/x86_64-unknown-linux-gnu "$work/sysroot/lib/rustlib/x86_64-unknown-linux-gnu"
            ln -sfn "$work/arm64/usr/lib/rustlib/aarch64-unknown-linux-gnu" \
                "$work/sysroot/lib/rustlib/aarch64-unknown-linux-gnu"
        fi
        CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc \
        CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER="qemu-aarch64 -L /usr/aarch64-linux-gnu" \
        RUSTFLAGS="-Dwarnings --sysroot $work/sysroot" \
            cargo test $tests --target aarch64-unknown-linux-gnu
        ;;
    i686)
        CARGO_TARGET_I686_UNKNOWN_LINUX_GNU_LINKER=i686-linux-gnu-gcc \
        CARGO_TARGET_I686_UNKNOWN_LINUX_GNU_RUNNER="/usr/i686-linux-gnu/lib/ld-linux.so.2 --library-path /usr/i686-linux-gnu/lib" \
            cargo test -Zbuild-std=std,panic_abort,test $tests --target i686-unknown-linux-gnu
        ;;
    s390x)
        CARGO_TARGET_S390X_UNKNOWN_LINUX_GNU_LINKER=s390x-linux-gnu-gcc \
        CARGO_TARGET_S390X_UNKNOWN_LINUX_GNU_RUNNER="qemu-s390x -L /usr/s390x-linux-gnu" \
            cargo test -Zbuild-std=std,panic_abort,test $tests --target s390x-unknown-linux-gnu
        ;;
    wasm32)
        # Without and with the instructions for 16 bytes, run by Node.
        for kernels in portable simd128; do
            features=""
            if [ $kernels = simd128 ]; then features="-Ctarget-feature=+simd128"; fi
            RUSTFLAGS="-Dwarnings -Clinker=wasm-ld-22 -Zunstable-options -Clinker-flavor=wasm-lld $features" \
                cargo build --locked --release -Zbuild-std=core,panic_abort --manifest-path tests/wasm/Cargo.toml \
                --target wasm32-unknown-unknown --target-dir "$work/$kernels"
            node tests/wasm/check.mjs "$work/$kernels/wasm32-unknown-unknown/release/wsframe_wasm_check.wasm" $kernels
        done
        ;;
    bare)
        # Built, not run: there is no device here.
        for target in thumbv7em-none-eabihf riscv32imac-unknown-none-elf aarch64-unknown-none-softfloat x86_64-unknown-none; do
            cargo build --locked --release -Zbuild-std=core,alloc -p wsframe --no-default-features \
                --features handshake --target "$target"
        done
        # libwsframe, whose handles keep their sizes where pointers have 32 bits.
        cargo build --locked --release -Zbuild-std=core --manifest-path capi/Cargo.toml --target thumbv7em-none-eabihf
        ls -l "$CARGO_TARGET_DIR/thumbv7em-none-eabihf/release/libwsframe.a"
        # What the tool knows of its input, for a page in a browser.
        cargo build --locked --release -Zbuild-std=core,alloc -p wsframe-inspect --target wasm32-unknown-unknown
        ;;
    *)
        echo "$machine: no such machine" >&2
        exit 2
        ;;
    esac
done

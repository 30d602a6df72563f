#!/bin/sh
# Instructions a frame, counted by valgrind, for each codec on W1 and W2 (or on the workloads that are given).
# What a run costs once (generating the workload, starting) cancels out: two runs, one longer, are compared.
set -eu
cd "$(dirname "$0")"
command -v valgrind >/dev/null || { echo "valgrind is not installed" >&2; exit 1; }
cargo build --quiet --release
# Wherever the target directory is.
target=$(cargo metadata --format-version 1 --no-deps | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')
program=$target/release/wsframe-peers
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# Prints the frames that were decoded and the instructions that it took.
count() {
    valgrind --tool=callgrind --callgrind-out-file=/dev/null "$program" --count "$1" "$2" "$3" 2>"$log" | tr '\n' ' '
    sed -n 's/.*Collected : *\([0-9]*\).*/\1/p' "$log"
}

[ $# -gt 0 ] || set -- W1 W2
printf '%-20s' codec; printf ' %12s' "$@"; echo
"$program" --list | grep -v '^W[0-9]' | while read -r codec; do
    # Encoders, and libraries that are not there.
    "$program" --count "$codec" W1 1 >/dev/null 2>&1 || continue
    printf '%-20s' "$codec"
    for workload in "$@"; do
        short=$(count "$codec" "$workload" 1) || short=
        long=$(count "$codec" "$workload" 200000) || long=
        echo "$short $long" | awk 'NF == 4 { printf " %12.1f", ($4 - $2) / ($3 - $1) } NF != 4 { printf " %12s", "fails" }'
    done
    echo
done

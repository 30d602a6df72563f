#!/usr/bin/env bash
# Compares the codecs of this working tree with those of another commit, in turns: runs of either on the same machine at the
# same time, so that what else the machine does falls on both.
#
#   bash benches/peers/compare.sh COMMIT [ROUNDS] [--only NAME]...
#
# ROUNDS is 6 if not given; NAME is a workload or a codec (`--only W1 --only 'wsframe decoder'`), all of wsframe's if not given.
set -euo pipefail
[ $# -ge 1 ] || { sed -n '2,8s/^# \{0,1\}//p' "$0"; exit 2; }
commit=$1
shift
rounds=6
case ${1:-} in [0-9]*) rounds=$1; shift ;; esac
[ $# -ge 1 ] || set -- --only wsframe
cd "$(dirname "$0")"

out=$PWD/target/compare
rm -rf "$out"
mkdir -p "$out"
git worktree prune
git worktree add --force --detach "$out/tree" "$commit" >/dev/null
trap 'git worktree remove --force "$out/tree"' EXIT
cargo build --release --quiet
cargo build --release --quiet --manifest-path "$out/tree/benches/peers/Cargo.toml" --target-dir "$PWD/target/before"

run() { # WHICH ROUND ARGUMENTS
    local program=$PWD/target/release/wsframe-peers
    [ "$1" = after ] || program=$PWD/target/before/release/wsframe-peers
    "$program" --quick --out "$out/$1/$2" "${@:3}" >/dev/null
}
for round in $(seq "$rounds"); do
    if [ $((round % 2)) = 1 ]; then order="before after"; else order="after before"; fi
    for which in $order; do run "$which" "$round" "$@"; done
done
target/release/wsframe-peers --compare "$out/before" "$out/after"

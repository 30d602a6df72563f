#!/usr/bin/env bash
# Runs Autobahn's cases, as the package `kosoku` has them, against examples/echo_server.rs (`server`), by dev/examples/echo_client.rs
# (`client`), or against capi/examples/echo_server.c (`c`): groups 1 to 7, 9, 10, 12 and 13, the last two not in C. Prints the counts,
# and fails if a case is neither OK nor INFORMATIONAL, or if one is missing. The reports are left in target/autobahn.
#
#   tests/autobahn.sh [server|client|c] [short]
#
# `short` leaves out the longer cases of groups 12 and 13, with messages of more than 1 KiB.
set -euo pipefail
cd "$(dirname "$0")/.."
mode=${1:-server}
length=${2:-all}
out=$PWD/target/autobahn
reports=$out/$mode
rm -rf "$reports" "$out/address"
mkdir -p "$out"

if [ ! -e "$out/kosoku" ]; then
    python3 -m pip install --quiet --disable-pip-version-check --root-user-action ignore --target "$out/kosoku" kosoku==0.1.0
fi
kosoku() {
    PYTHONPATH=$out/kosoku python3 "$out/kosoku/bin/kosoku" "$@"
}

# The cases of these groups of permessage-deflate.
compressed() {
    for group in "$@"; do
        if [ "$length" = short ]; then
            # 16, 64, 256 and 1024 bytes.
            for case in 1 2 3 4; do includes+=(-i "$group.$case"); done
        else
            includes+=(-i "$group.*")
        fi
    done
}
includes=()
for group in 1 2 3 4 5 6 7 9 10; do includes+=(-i "$group.*"); done

# Serves the cases to the client, which has this policy, until it has had them all.
serve() {
    address=127.0.0.1:$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    kosoku -m fuzzingserver "$address" "${includes[@]}" -o "$1" >"$out/server.log" 2>&1 &
    until (exec 3<>"/dev/tcp/${address/://}") 2>/dev/null; do
        kill -0 $!
        sleep 0.1
    done
    target/release/examples/echo_client cases "$address" "$2"
    wait $! || cat "$out/server.log"
}

# Runs the cases against a server, which prints its address.
ask() {
    "$@" >"$out/address" 2>"$out/echo_server.log" &
    trap 'kill $!' EXIT
    until [ -s "$out/address" ]; do
        kill -0 $! # It is still there.
        sleep 0.1
    done
    read -r _ _ url <"$out/address"
    kosoku -m fuzzingclient "$url" "${includes[@]}" -o "$reports" || echo "kosoku: exit code $?"
}

case $mode in
server)
    compressed 12.{1..5} 13.{1..7}
    cargo build --release --example echo_server --features tokio,zlib-rs
    ask target/release/examples/echo_server 127.0.0.1:0 --deflate
    ;;
c)
    make -C capi
    cc -std=gnu11 -Wall -Wextra -Werror -O2 -Icapi/include capi/examples/echo_server.c capi/target/release/libwsframe.a \
        -o "$out/echo_server"
    ask "$out/echo_server"
    ;;
client)
    cargo build --release -p wsframe-dev --example echo_client
    compressed 12.{1..5} 13.1 13.3 13.4
    serve "$reports/takeover" 15,15,true,true
    # These ask the client to keep no context, which it has to offer.
    includes=()
    compressed 13.2 13.5 13.6 13.7
    serve "$reports/no-takeover" 15,15,true,false
    ;;
*)
    echo "the mode is server, client or c, not $mode" >&2
    exit 2
    ;;
esac

python3 - "$mode" "$length" "$reports"/{,*/}index.json <<'PYTHON'
import collections, json, os, sys

cases = {}
for path in filter(os.path.exists, sys.argv[3:]):
    [of_path] = json.load(open(path)).values()
    cases |= of_path
groups = collections.defaultdict(collections.Counter)
failed = []
for name, case in cases.items():
    groups[int(name.split(".")[0])][case["behavior"]] += 1
    strict = ("OK",) if name.startswith("6.4.") else ("OK", "INFORMATIONAL")
    if case["behavior"] not in strict or case["behaviorClose"] not in strict:
        failed.append(f"case {name}: {case['behavior']}, its close: {case['behaviorClose']}")
print("group  OK  INFORMATIONAL  others")
for group, counts in sorted(groups.items()):
    ok, informational = counts["OK"], counts["INFORMATIONAL"]
    print(f"{group:5}{ok:4}{informational:15}{counts.total() - ok - informational:8}")
print(f"{len(cases)} cases, of which {len(failed)} failed")
print(*failed, sep="\n", end="\n" * bool(failed))
mode, length = sys.argv[1:3]
compressed = {} if mode == "c" else {12: 90, 13: 126} if length == "all" else {12: 20, 13: 28}
expected = {1: 16, 2: 11, 3: 7, 4: 10, 5: 20, 6: 145, 7: 37, 9: 54, 10: 1} | compressed
found = {group: counts.total() for group, counts in groups.items()}
sys.exit(bool(failed) if found == expected else f"these are not all of the cases: {found}")
PYTHON

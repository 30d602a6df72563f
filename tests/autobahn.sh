#!/usr/bin/env bash
# Runs Autobahn's cases, as the package `kosoku` has them, against examples/framed.rs: groups 1 to 7, 9 and 10. Prints the counts,
# and fails if a case is neither OK nor INFORMATIONAL. The reports are left in target/autobahn/reports.
set -euo pipefail
cd "$(dirname "$0")/.."
out=$PWD/target/autobahn
rm -rf "$out/reports" "$out/address"
mkdir -p "$out"

if [ ! -e "$out/kosoku" ]; then
    python3 -m pip install --quiet --disable-pip-version-check --root-user-action ignore --target "$out/kosoku" kosoku==0.1.0
fi

cargo build --release --example framed --features tokio-util,handshake
target/release/examples/framed 127.0.0.1:0 >"$out/address" &
trap 'kill $!' EXIT
until [ -s "$out/address" ]; do
    kill -0 $! # It is still there.
    sleep 0.1
done
read -r _ _ url <"$out/address"

includes=()
for group in 1 2 3 4 5 6 7 9 10; do includes+=(-i "$group.*"); done
PYTHONPATH=$out/kosoku python3 "$out/kosoku/bin/kosoku" -m fuzzingclient "$url" "${includes[@]}" -o "$out/reports" || echo "kosoku: exit code $?"

python3 - "$out/reports/index.json" <<'PYTHON'
import collections, json, sys

[cases] = json.load(open(sys.argv[1])).values()
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
expected = {1: 16, 2: 11, 3: 7, 4: 10, 5: 20, 6: 145, 7: 37, 9: 54, 10: 1}
found = {group: counts.total() for group, counts in groups.items()}
sys.exit(bool(failed) if found == expected else f"these are not all of the cases: {found}")
PYTHON

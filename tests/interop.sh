#!/usr/bin/env bash
# The endpoint with Python's websockets, npm's ws and libcurl: permessage-deflate with every combination of parameters, and how
# connections close, in both directions (libcurl is a client only).
set -euo pipefail
cd "$(dirname "$0")/.."
out=$PWD/target/interop
mkdir -p "$out"
if ! command -v npm >/dev/null; then
    apt-get update -q && apt-get install -q -y nodejs npm
fi
if [ ! -e "$out/python/curl_cffi" ]; then
    # curl_cffi brings a libcurl that has WebSockets, which Debian's has not.
    python3 -m pip install --quiet --disable-pip-version-check --root-user-action ignore --target "$out/python" \
        websockets==17.4 curl_cffi==0.17.0
fi
if [ ! -e "$out/node_modules/ws" ]; then
    npm install --silent --no-audit --no-fund --prefix "$out" ws@8.23.0
fi
cargo build --release --example echo_server --example client --features tokio,zlib-rs
cargo build --release -p wsframe-dev --example echo_client
PYTHONPATH=$out/python NODE_PATH=$out/node_modules python3 tests/interop/interop.py \
    target/release/examples/echo_server target/release/examples/echo_client target/release/examples/client \
    tests/interop/interop.js

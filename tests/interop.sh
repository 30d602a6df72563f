#!/usr/bin/env bash
# permessage-deflate with Python's websockets and npm's ws: both directions, every combination of parameters.
set -euo pipefail
cd "$(dirname "$0")/.."
out=$PWD/target/interop
mkdir -p "$out"
if ! command -v npm >/dev/null; then
    apt-get update -q && apt-get install -q -y nodejs npm
fi
if [ ! -e "$out/python" ]; then
    python3 -m pip install --quiet --disable-pip-version-check --root-user-action ignore --target "$out/python" websockets==17.4
fi
if [ ! -e "$out/node_modules/ws" ]; then
    npm install --silent --no-audit --no-fund --prefix "$out" ws@8.23.0
fi
cargo build --release --example framed --features tokio-util,handshake,zlib-rs
cargo build --release -p wsframe-dev --example echo_client
PYTHONPATH=$out/python NODE_PATH=$out/node_modules python3 tests/interop/interop.py \
    target/release/examples/framed target/release/examples/echo_client tests/interop/interop.js

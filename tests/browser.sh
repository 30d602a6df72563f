#!/usr/bin/env bash
# The page of examples/echo_server.rs in headless Chromium: every button, every code as the browser reports it, light and dark, narrow
# and wide. The pictures are left in target/browser.
set -euo pipefail
cd "$(dirname "$0")/.."
out=$PWD/target/browser
mkdir -p "$out"
if ! command -v npm >/dev/null || ! command -v chromium >/dev/null; then
    apt-get update -q && apt-get install -q -y nodejs npm chromium
fi
if [ ! -e "$out/node_modules/playwright-core" ]; then
    npm install --silent --no-audit --no-fund --prefix "$out" playwright-core@1.65.1
fi
cargo build --release --example echo_server --features tokio,zlib-rs
NODE_PATH=$out/node_modules node tests/browser/browser.js target/release/examples/echo_server "$(command -v chromium)" "$out"

#!/usr/bin/env bash
# The page of examples/echo_server.rs and that of wasm/ in headless Chromium: every button, every code as the browser reports it,
# light and dark, narrow and wide. The pictures are left in target/browser.
#
#   tests/browser.sh [echo] [decoder]     (both, if none is named)
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
export NODE_PATH=$out/node_modules
for page in ${*:-echo decoder}; do
    case $page in
    echo)
        cargo build --release --example echo_server --features tokio,zlib-rs
        node tests/browser/echo.js target/release/examples/echo_server "$(command -v chromium)" "$out"
        ;;
    decoder)
        cargo build --release -p wsframe-cli
        bash wasm/build.sh
        node wasm/tests/module.mjs target/wasm/wsframe.wasm target/release/wsframe
        node tests/browser/decoder.js target/wasm/wsframe.html "$(command -v chromium)" "$out" target/release/wsframe
        ;;
    *)
        echo "$page: no such page" >&2
        exit 2
        ;;
    esac
done

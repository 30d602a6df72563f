#!/usr/bin/env bash
# Builds the module and the page: target/wasm/ gets wsframe.wasm, wsframe.js and wsframe.html, which is the page with both in it.
#
# With rustup's target wasm32-unknown-unknown, by that; otherwise by Debian's rustc-web (installed as root), which builds the standard
# library for size: that module is held to a limit. wasm-opt comes from npm.
set -euo pipefail
cd "$(dirname "$0")/.."
out=$PWD/target/wasm
mkdir -p "$out"
if ! command -v npm >/dev/null; then
    apt-get update -q && apt-get install -q -y nodejs npm
fi
if [ ! -e "$out/node_modules/binaryen" ]; then
    npm install --silent --no-audit --no-fund --prefix "$out" binaryen@132.0.0
fi
target=wasm32-unknown-unknown
arguments="--release --locked --manifest-path wasm/Cargo.toml --target $target --target-dir $out/build"
if [ -e "$(rustc --print sysroot)/lib/rustlib/$target" ]; then
    cargo build $arguments
    limit=Infinity
else
    if ! dpkg -s rustc-web cargo-web rust-web-src lld-22 >/dev/null 2>&1; then
        apt-get update -q
        apt-get install -q -y --no-install-recommends rustc-web cargo-web rust-web-src lld-22
    fi
    env -u RUSTUP_TOOLCHAIN PATH=/usr/bin:/bin RUSTC_BOOTSTRAP=1 \
        RUSTFLAGS="-Clinker=wasm-ld-22 -Zunstable-options -Clinker-flavor=wasm-lld -Cpanic=immediate-abort" \
        cargo build -Zbuild-std=std,panic_abort -Zbuild-std-features=optimize_for_size $arguments
    # A module that grows beyond this has to say why.
    limit=$((256 * 1024))
fi
# What the compiler takes for granted.
features=$(printf -- '--enable-%s ' bulk-memory mutable-globals multivalue nontrapping-float-to-int reference-types sign-ext)
"$out/node_modules/.bin/wasm-opt" -Oz $features --strip-debug --strip-producers \
    "$out/build/$target/release/wsframe_wasm.wasm" -o "$out/wsframe.wasm"
cp wasm/wsframe.js "$out"
node - "$out" "$limit" <<'NODE'
const { readFileSync, writeFileSync } = require("node:fs");
const { gzipSync } = require("node:zlib");
const [out, limit] = process.argv.slice(2);
const wasm = readFileSync(`${out}/wsframe.wasm`);
const packed = gzipSync(wasm, { level: 9 });
const put = (text, mark, value) => {
  if (text.split(mark).length !== 2) throw new Error(`${mark} is not once in the page`);
  return text.replace(mark, () => value);
};
let page = readFileSync("wasm/page.html", "utf8");
page = put(page, "/* wsframe.js */", readFileSync("wasm/wsframe.js", "utf8").replace("export async function load", "async function load"));
page = put(page, "/* wsframe.wasm */", packed.toString("base64"));
writeFileSync(`${out}/wsframe.html`, page);
const kib = bytes => `${(bytes / 1024).toFixed(1)} KiB`;
console.log(`wsframe.wasm: ${kib(wasm.length)}, ${kib(packed.length)} by gzip; wsframe.html: ${kib(page.length)}`);
if (wasm.length > Number(limit)) throw new Error(`the module has more than ${kib(Number(limit))}`);
NODE

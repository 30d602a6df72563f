// Runs the decoder as a WebAssembly module: node check.mjs MODULE.wasm KERNELS
//
// Every vector, whole, byte by byte and in pieces of 7; the kernels against JavaScript's own loops, at every length and
// alignment, with a wrong byte at every position.
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";

const [module, kernels] = process.argv.slice(2);
const NO_LIMIT = 0xffffffff;
let events = [];
let payload = [];
const memory = (at, len) => new Uint8Array(wasm.memory.buffer, at, len);
const hex = (at, len) => Buffer.from(memory(at, len)).toString("hex");
const utf8 = (at, len) => Buffer.from(memory(at, len)).toString();
const host = {
  chunk(text, at, len, offset, fragments, starts, ends) {
    if (starts) payload = [offset];
    payload.push(hex(at, len));
    if (!ends) return;
    const [first, ...pieces] = payload;
    const payload_hex = pieces.join("");
    const kind = text ? "text" : "binary";
    events.push({ event: "message", kind, offset: first, length: payload_hex.length / 2, fragments, payload_hex });
  },
  control(opcode, at, len, offset, code) {
    if (opcode === 8) events.push({ event: "close", offset, code: code || null, reason: utf8(at, len) });
    else events.push({ event: opcode === 9 ? "ping" : "pong", offset, payload_hex: hex(at, len) });
  },
  violation(close_code, at, len, offset) {
    events.push({ event: "violation", offset, close_code, rule: utf8(at, len) });
  },
};
const { instance } = await WebAssembly.instantiate(readFileSync(module), { host });
const wasm = instance.exports;
const room = wasm.memory_at();

// The kernels are the ones that were asked for.
const len_at = room;
const name_at = wasm.kernels(len_at);
assert.equal(utf8(name_at, new DataView(wasm.memory.buffer).getUint32(len_at, true)), kernels);

const STATES = ["idle", "in_message", "in_frame", "closed", "failed"];
function decode(stream, { role, config = {}, step = stream.length, from = 0 }) {
  events = [];
  memory(room + from, stream.length).set(stream);
  const limits = ["max_frame", "max_message", "max_fragments"].map((name) => config[name] ?? NO_LIMIT);
  return STATES[wasm.decode(Number(role === "server"), ...limits, from, from + stream.length, Math.max(step, 1))];
}

let vectors = 0;
const folder = new URL("../vectors/", import.meta.url);
for (const file of readdirSync(folder).filter((file) => file.endsWith(".json"))) {
  for (const vector of JSON.parse(readFileSync(new URL(file, folder)))) {
    const stream = Buffer.from(vector.stream, "hex");
    for (const step of [stream.length, 1, 7]) {
      const state = decode(stream, { ...vector, step });
      assert.deepEqual([events, state], [vector.events, vector.state], `${file}: ${vector.name}, in pieces of ${step}`);
      vectors += 1;
    }
  }
}

// A masked frame whose payload begins at this alignment.
const KEY = [0x9a, 0x01, 0xff, 0x5c];
function frame(first, plain) {
  const { length } = plain;
  const head = length < 126 ? [first, 0x80 | length] : [first, 0xfe, length >> 8, length & 0xff];
  return Uint8Array.from([...head, ...KEY, ...plain.map((byte, i) => byte ^ KEY[i % 4])]);
}

const mixed = Buffer.from("aé€𝄞 plain letters that are a run, ещё текст, 文字, 🙂 and so on ".repeat(12));
const plain = (length) => Uint8Array.from({ length }, (_, i) => i % 128);
const strict = new TextDecoder("utf-8", { fatal: true });
const isUtf8 = (bytes) => {
  try {
    strict.decode(bytes);
    return true;
  } catch {
    return false;
  }
};
let checks = 0;
for (let length = 0; length <= 520; length += 1) {
  for (const bytes of [plain(length), mixed.subarray(0, length)]) {
    const from = (length * 7) % 64;
    memory(room + from, length).set(bytes);
    assert.equal(wasm.validate(from, from + length) === -1, isUtf8(bytes), `validate, ${length} bytes`);
    memory(room + from, length).set(bytes.map((byte, i) => byte ^ KEY[i % 4]));
    wasm.unmask(from, from + length, 0x5cff019a);
    assert.deepEqual(Buffer.from(memory(room + from, length)), Buffer.from(bytes), `unmask, ${length} bytes`);
    const state = decode(frame(0x81, bytes), { role: "server", from });
    assert.equal(state === "idle", isUtf8(bytes), `text of ${length} bytes`);
    checks += 3;
  }
}
for (const text of [mixed.subarray(0, 600), plain(600)]) {
  for (let at = 0; at < text.length; at += 1) {
    for (const wrong of [0x80, 0xbf, 0xc0, 0xe0, 0xed, 0xf4, 0xff]) {
      const bytes = Uint8Array.from(text);
      bytes[at] = wrong;
      const valid = isUtf8(bytes);
      const state = decode(frame(0x81, bytes), { role: "server", from: at % 64 });
      assert.equal(state === "idle", valid, `${wrong} at ${at}`);
      if (!valid) {
        // The byte that decided: everything before it can still become UTF-8.
        const index = events.at(-1).offset - 8;
        memory(room, bytes.length).set(bytes);
        const found = wasm.validate(0, bytes.length);
        // A code point that is open at the end is wrong only once the frame ends.
        assert.equal(found === -2 ? bytes.length - 1 : found, index, `${wrong} at ${at}`);
        assert.ok(index >= at - 3 && index <= at + 3, `${wrong} at ${at} was found at ${index}`);
      }
      checks += 1;
    }
  }
}
assert.ok(vectors > 5000 && checks > 10000, "all of it was run");
console.log(`${kernels}: ${vectors} runs of vectors and ${checks} checks of kernels, all right`);

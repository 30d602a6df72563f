// The module against the program: module.mjs WASM PROGRAM
//
// Every vector, and every input of the program's tests, for both roles, whole and in pieces: the same records as `wsframe decode
// --json` gives, and the same answers as `wsframe explain --json`.
import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import { readFileSync, readdirSync } from "node:fs";
import { promisify } from "node:util";
import { load } from "../wsframe.js";

const [module, program] = process.argv.slice(2);
const root = new URL("../../", import.meta.url).pathname;
const wsframe = await load(readFileSync(module));

const parse = text => text.split("\n").filter(line => line).map(line => JSON.parse(line));

/** What the program makes of an input. */
async function ask(args) {
  const { stdout, stderr, code } = await promisify(execFile)(program, args, { maxBuffer: 1 << 28 })
    .then(output => ({ ...output, code: 0 }), error => error);
  return { records: parse(stdout), stderr, code };
}

/** What the module makes of it, in pieces of `step` bytes. */
function decode(bytes, options, step) {
  const decoder = new wsframe.Decoder(options);
  const records = [];
  for (let at = 0; at < bytes.length; at += step) records.push(...decoder.push(bytes.subarray(at, at + step)));
  const { records: last, ...ending } = decoder.finish();
  return { records: records.concat(last), ...ending };
}

let runs = 0;
const files = ["cli/tests/inputs", "tests/captures"].flatMap(folder => readdirSync(root + folder).map(name => `${folder}/${name}`));
for (const file of files.filter(file => /\.(bin|txt|har|json)$/.test(file))) {
  const bytes = new Uint8Array(readFileSync(root + file));
  for (const role of ["server", "client"]) {
    const expected = await ask(["decode", "--json", "--frames", "--role", role, root + file]);
    for (const step of [bytes.length || 1, 1000, 1]) {
      if (step === 1 && bytes.length > 20_000) continue;
      const { records, violation, error, warning } = decode(bytes, { role, frames: true }, step);
      const context = `${file}, received by the ${role}, in pieces of ${step}`;
      // Packets are the program's.
      if (error?.includes("capture of packets")) continue;
      assert.deepEqual(records, expected.records, context);
      assert.equal(error ? 2 : violation ? 1 : 0, expected.code, `${context}: ${error}, ${expected.stderr}`);
      if (error) assert.ok(expected.stderr.includes(error), `${context}: ${error}, not ${expected.stderr}`);
      if (warning) assert.ok(expected.stderr.includes(warning), context);
      runs += 1;
    }
  }
}

// The vectors, against what they say themselves.
const EVENTS = ["message", "ping", "pong", "close", "violation"];
for (const file of readdirSync(`${root}tests/vectors`).filter(name => name.endsWith(".json"))) {
  for (const vector of JSON.parse(readFileSync(`${root}tests/vectors/${file}`))) {
    const stream = new Uint8Array(Buffer.from(vector.stream, "hex"));
    const { max_frame: maxFrame, max_message: maxMessage, max_fragments: maxFragments } = vector.config ?? {};
    for (const step of [stream.length || 1, 1]) {
      // A limit of messages goes with that of frames if it is not given.
      const limits = { maxFrame, maxMessage: maxMessage ?? (maxFrame === undefined ? undefined : 16 << 20), maxFragments };
      const { records } = decode(stream, { role: vector.role, form: "raw", ...limits }, step);
      const events = records.filter(record => EVENTS.includes(record.event));
      // A text of HTTP in front is a head to the tool, and the first byte of a violation to a decoder.
      if (records.some(record => record.event === "head")) continue;
      const wanted = vector.events.map(event => ({ ...event }));
      const got = events.map(event => Object.fromEntries(Object.keys(wanted.find(other => other.event === event.event) ?? {}).map(key => [key, event[key]])));
      assert.deepEqual(got, wanted, `${file}: ${vector.name}, in pieces of ${step}`);
      runs += 1;
    }
  }
}

const words = ["", "1009", "0x3f1", "1004", "2999", "70000", "MaskMissing", "text is not UTF-8", "NotUpgrade", "Going Away", "nothing of that name"];
for (const word of words) {
  const { status, stdout } = spawnSync(program, ["explain", "--json", ...(word ? [word] : [])], { encoding: "utf8" });
  assert.deepEqual(wsframe.explain(word), status === 0 ? JSON.parse(stdout) : null, word);
}

// Wrong arguments.
assert.throws(() => wsframe.decode("81", { role: "proxy" }), /role is one of client, server, not proxy/);
assert.throws(() => wsframe.decode("81", { form: "toString" }), /form is one of/);
assert.throws(() => wsframe.decode("81", { maxFrame: -1 }), /maxFrame is a whole number/);
assert.throws(() => wsframe.decode([0x81]), TypeError);
assert.throws(() => wsframe.decode("81", { rol: "client" }), /there is no option rol/);
assert.throws(() => wsframe.decode("81", { frames: "false" }), /frames is true or false, not the string false/);
const finished = new wsframe.Decoder();
finished.finish();
assert.throws(() => finished.push("81"), /was finished/);
assert.throws(() => finished.finish(), /was finished/);

// What it can be loaded from.
for (const source of [new Response(readFileSync(module)), Promise.resolve(new WebAssembly.Module(readFileSync(module)))]) {
  assert.equal((await load(source)).explain("1001").name, "Going Away");
}
await assert.rejects(load(new Response("", { status: 404 })), /404/);

// Memory of the module is given back: the same input again and again.
const large = new Uint8Array(1 << 20).fill(0x20);
large.set([0x82, 0x7f, 0, 0, 0, 0, 0, 0x0f, 0xff, 0xf6]);
for (let i = 0; i < 200; i++) assert.equal(decode(large, { role: "client" }, large.length).records.length, 2);

assert.ok(runs > 3000, "all of it was run");
console.log(`${runs} inputs, and ${words.length} words: as the program`);

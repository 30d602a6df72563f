// Decodes WebSocket streams and explains close codes, in browsers and in Node.
//
//   import { load } from "./wsframe.js";
//   const wsframe = await load(fetch("wsframe.wasm"));       // or bytes, or a WebAssembly.Module
//   wsframe.decode("81 85 37fa213d 7f9f4d5158").records;     // [{event: "message", kind: "text", payload_hex: "48656c6c6f", ...}, ...]
//   wsframe.explain(1009).meaning;

const ROLES = { client: 0, server: 1 };
const FORMS = { auto: 0, raw: 1, hex: 2, dump: 3, base64: 4 };

/** The number of a name, or an error that lists the names. */
function choice(names, name, what) {
  if (!Object.hasOwn(names, name)) throw new RangeError(`${what} is one of ${Object.keys(names).join(", ")}, not ${name}`);
  return names[name];
}

/** A limit, or -1 for the preset. */
function limit(value, name) {
  if (value === undefined) return -1;
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`${name} is a whole number from 0 on, not the ${typeof value} ${value}`);
  return value;
}

/** A flag as a bit. */
function flag(value, bit, name) {
  if (value !== undefined && typeof value !== "boolean") throw new TypeError(`${name} is true or false, not the ${typeof value} ${value}`);
  return value ? bit : 0;
}

/**
 * Loads the module.
 *
 * @param source wsframe.wasm: its bytes, a WebAssembly.Module, a Response, or a promise of one of these
 */
export async function load(source) {
  let module = await source;
  if (typeof Response !== "undefined" && module instanceof Response) {
    if (!module.ok) throw new Error(`the module could not be fetched: ${module.status} ${module.statusText}`);
    module = await module.arrayBuffer();
  }
  if (!(module instanceof WebAssembly.Module)) module = await WebAssembly.compile(module);
  const { exports: wasm } = await WebAssembly.instantiate(module);
  const utf8 = new TextEncoder();

  /** Copies bytes into the module; gives their place and length. */
  function pass(bytes) {
    const at = wasm.wsframe_alloc(bytes.length);
    new Uint8Array(wasm.memory.buffer, at, bytes.length).set(bytes);
    return [at, bytes.length];
  }

  /** The text at the place that a call returned. */
  function text(place) {
    const bytes = new Uint8Array(wasm.memory.buffer, Number(place & 0xffffffffn), Number(place >> 32n));
    return new TextDecoder().decode(bytes);
  }

  function bytesOf(input) {
    if (typeof input === "string") return utf8.encode(input);
    if (input instanceof Uint8Array) return input;
    throw new TypeError("the input is a Uint8Array or a string");
  }

  const lines = place => text(place).split("\n").filter(line => line).map(line => JSON.parse(line));

  /**
   * One direction of a connection, which comes in pieces. `finish` frees what it holds in the module, so call it in any case.
   *
   * Options: `role`, the end that received the bytes ("server" or "client"); `form` of the input ("auto", "raw", "hex", "dump",
   * "base64"); `frames`, for the header of each frame; `stats`, for counts at the end; `deflate`, to inflate though no head says
   * that it was agreed; `maxFrame`, `maxMessage` (bytes) and `maxFragments`; `rows`, for what a page shows instead of records.
   */
  class Decoder {
    #decoding;

    constructor({ role = "server", form = "auto", frames, stats, deflate, rows, maxFrame, maxMessage, maxFragments, ...others } = {}) {
      for (const name of Object.keys(others)) throw new RangeError(`there is no option ${name}`);
      const flags = flag(frames, 1, "frames") | flag(stats, 2, "stats") | flag(deflate, 4, "deflate") | flag(rows, 8, "rows");
      this.#decoding = wasm.wsframe_open(choice(ROLES, role, "role"), choice(FORMS, form, "form"), flags,
        limit(maxFrame, "maxFrame"), limit(maxMessage, "maxMessage"), limit(maxFragments, "maxFragments"));
    }

    /** Takes a Uint8Array or a string; gives the records that it completes. */
    push(input) {
      if (this.#decoding === undefined) throw new Error("the decoder was finished");
      return lines(wasm.wsframe_push(this.#decoding, ...pass(bytesOf(input))));
    }

    /**
     * Ends the input; gives the last records, `violation` (whether the stream broke the protocol), `error` (why the input could not
     * be used, to be read behind "the input") and `warning`.
     */
    finish() {
      if (this.#decoding === undefined) throw new Error("the decoder was finished");
      const records = lines(wasm.wsframe_close(this.#decoding));
      this.#decoding = undefined;
      const { violation, error, warning } = records.pop();
      return { records, violation, error, warning };
    }
  }

  return {
    Decoder,

    /**
     * Decodes one direction of a connection: {records, violation, error, warning}. Options as those of the Decoder. All records are
     * held at once, and take several times the memory of the input; a Decoder gives them as they come.
     */
    decode(input, options) {
      const SLICE = 1 << 16;
      const bytes = bytesOf(input);
      const decoder = new Decoder(options);
      const first = [];
      for (let at = 0; at < bytes.length; at += SLICE) first.push(...decoder.push(bytes.subarray(at, at + SLICE)));
      const { records, ...ending } = decoder.finish();
      return { records: first.concat(records), ...ending };
    },

    /** What a close code, a rule or a refusal means; null if there is none of that name. Without a word, all codes. */
    explain(word = "") {
      return JSON.parse(text(wasm.wsframe_explain(...pass(utf8.encode(word)))) || "null");
    },
  };
}

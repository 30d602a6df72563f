// Drives the page of wasm/: decoder.js PAGE CHROMIUM FOLDER PROGRAM
"use strict";
const assert = require("node:assert/strict");
const { execFileSync, spawnSync } = require("node:child_process");
const { mkdtempSync, readFileSync, writeFileSync } = require("node:fs");
const { tmpdir } = require("node:os");
const { pathToFileURL } = require("node:url");
const { chromium } = require("playwright-core");

const [file, executablePath, folder, program] = process.argv.slice(2);
const squeezed = text => text.replace(/\s+/g, " ").trim();

/** What the program prints: its rows, and the notes and dumps below them, without the columns' blanks. */
function printed(args, input) {
  const { stdout } = spawnSync(program, ["decode", "--full", ...args], { input, encoding: "utf8", maxBuffer: 1 << 28 });
  return stdout.split("\n").slice(1).map(squeezed).filter(line => line);
}

/** The same of the page. */
const shown = page => page.evaluate(() => [...document.querySelectorAll("#rows tbody tr")].flatMap(row => {
  const notes = row.querySelector("dl");
  if (!notes) return [[...row.cells].map(cell => cell.textContent).join(" ")];
  const parts = [];
  for (const part of notes.children) {
    if (part.className === "narrow") continue;
    if (part.localName === "pre") parts.push(...part.textContent.split("\n"));
    else if (part.localName === "dd") parts.push(`${part.previousElementSibling.textContent} ${part.textContent}`);
  }
  return parts;
})).then(lines => lines.map(squeezed).filter(line => line));

const status = page => page.textContent("#status");

/** Waits until what was asked for last is decoded. */
async function settled(page, expected) {
  await page.waitForFunction(expected => document.getElementById("status").textContent === expected, expected, { timeout: 20_000 });
}

/** Lines of the program are wrapped: both as one text. */
const same = (page, program, context) => assert.equal(page.join(" "), program.join(" "), context);

async function drop(page, name, bytes) {
  const transfer = await page.evaluateHandle(([name, base64]) => {
    const transfer = new DataTransfer();
    transfer.items.add(new File([Uint8Array.from(atob(base64), char => char.charCodeAt(0))], name));
    return transfer;
  }, [name, Buffer.from(bytes).toString("base64")]);
  await page.dispatchEvent("body", "dragover", { dataTransfer: transfer });
  assert.ok(await page.evaluate(() => document.body.classList.contains("over")));
  await page.dispatchEvent("body", "drop", { dataTransfer: transfer });
}

async function drive(page, requests) {
  const errors = [];
  page.on("pageerror", error => errors.push(error));
  page.on("console", message => { if (message.type() === "error") errors.push(message.text()); });
  page.on("request", request => { if (!request.url().startsWith("blob:") && !request.url().startsWith("data:")) requests.push(request.url()); });
  await page.goto(pathToFileURL(file).href);
  await page.waitForSelector("body[data-ready]");
  assert.ok(await page.isHidden("#result"));

  // Paste.
  const good = "81 85 37fa213d 7f9f4d5158  # Hello\n89 81 00000000 21\n88 82 00000000 03e8";
  await page.focus("#input");
  await page.evaluate(text => document.execCommand("insertText", false, text), good);
  await settled(page, "No protocol violations.");
  same(await shown(page), printed([], good), "hex");

  // A violation: its block.
  const broken = "81 85 37fa213d 7f9f4d5158  82 03 # not masked";
  await page.fill("#input", broken);
  await settled(page, "The stream violates the protocol.");
  same(await shown(page), printed([], broken), "a violation");
  assert.equal(await page.locator("#rows .alarm dt").first().textContent(), "where");
  assert.ok((await page.textContent("#rows .alarm pre")).includes("^^"));
  assert.ok((await page.textContent("#rows .alarm")).includes("1002 Protocol Error"));
  await pictures(page, "violation");

  // Dumps of programs, by their content; each frame; counts.
  const dump = execFileSync("xxd", ["tests/captures/websockets.client.bin"], { encoding: "utf8" });
  await page.check("#frames");
  await page.check("#stats");
  await page.evaluate(text => {
    const input = document.getElementById("input");
    input.value = text;
    input.dispatchEvent(new Event("input"));
  }, dump);
  await page.waitForFunction(() => document.querySelector("#rows tbody").textContent.includes("messages"));
  await settled(page, "No protocol violations.");
  const cut = lines => lines.filter(line => !line.includes("large") && !line.startsWith("throughput"));
  same(cut(await shown(page)), cut(printed(["--frames", "--stats"], dump)), "xxd");
  await page.uncheck("#frames");
  await page.uncheck("#stats");

  // A file that is dropped, then one that is chosen.
  await page.selectOption("#role", "client");
  await drop(page, "server.bin", readFileSync("tests/captures/chromium-deflate.server.bin"));
  await settled(page, "No protocol violations.");
  same(await shown(page), printed(["--role", "client", "tests/captures/chromium-deflate.server.bin"]), "a file, inflated");
  assert.equal(await page.inputValue("#input"), "");
  await page.selectOption("#role", "server");
  await page.setInputFiles("#file", "tests/captures/ws.client.bin");
  await page.waitForFunction(() => document.querySelector("#rows tbody").textContent.includes("GET"));
  await settled(page, "No protocol violations.");

  // A large file, with more rows than are shown, and its end all the same.
  const frame = Buffer.concat([Buffer.from([0x82, 0xfe, 0x03, 0xe8, 0, 0, 0, 0]), Buffer.alloc(1000, 7)]);
  const large = Buffer.concat([...Array(5000).fill(frame), Buffer.from([0x83])]);
  const path = `${mkdtempSync(`${tmpdir()}/wsframe-`)}/large.bin`;
  writeFileSync(path, large);
  await page.setInputFiles("#file", path);
  await settled(page, "The stream violates the protocol.");
  assert.ok((await page.textContent("#rows")).includes("3,000 more rows are not shown; the command-line tool wsframe shows all."));
  assert.equal(await page.textContent("#name"), "large.bin");
  assert.equal(await page.locator("#rows .alarm dt").count(), printed([path]).filter(line => /^(where|opcode|bits|rule|close with|fix)/.test(line)).length);

  // So are a Close and the statistics.
  await page.check("#stats");
  writeFileSync(path, Buffer.concat([...Array(2500).fill(frame), Buffer.from("88820000000003e8", "hex"), Buffer.from("zz")]));
  await page.setInputFiles("#file", path);
  await settled(page, "No protocol violations.");
  const all = await page.textContent("#rows");
  for (const part of ["500 more rows are", "1000 Normal Closure", "behind the Close frame", "0 text, 2500 binary"]) assert.ok(all.includes(part), part);
  await page.uncheck("#stats");
  writeFileSync(path, "");
  await page.setInputFiles("#file", path);
  await settled(page, "large.bin is empty.");
  await page.click("#clear");
  await settled(page, "");
  assert.ok(await page.isHidden("#clear"));

  // What is asked for later wins, while a file is read.
  writeFileSync(path, Buffer.concat(Array(10).fill(large)));
  await page.setInputFiles("#file", path);
  await page.fill("#input", "81 05 48656c6c6f");
  await page.waitForFunction(() => document.querySelectorAll("#rows tbody tr").length === 3);
  await page.waitForTimeout(500);
  assert.equal(await status(page), "The stream violates the protocol.");
  same(await shown(page), printed([], "81 05 48656c6c6f"), "a later input");
  await page.fill("#input", "81");
  await settled(page, "The stream stops inside a frame: it was cut, or the connection was lost (1006).");

  // What cannot be used says why.
  for (const [input, expected] of [
    ["hello, this is prose and no bytes", /^The input is text, in none of the forms/],
    ["81 85 3", /^The input is/],
    ["{\"a\": 1}", /JSON/],
  ]) {
    await page.fill("#input", input);
    await page.waitForFunction(source => new RegExp(source).test(document.querySelector("#status.bad")?.textContent), expected.source);
  }
  await page.setInputFiles("#file", "cli/tests/captures/lossy.pcap");
  await settled(page, "lossy.pcap is a capture of packets, which the command-line tool wsframe decodes.");
  assert.ok(await page.isHidden("#result"));
  await page.fill("#input", " \n");
  await settled(page, "");
  assert.ok(await page.isHidden("#result"));

  // Text that would play tricks is shown by its escapes.
  await page.selectOption("#role", "client");
  await page.fill("#input", "81 0d 61 e280ae 62 0a 3c623e 2022 5c20");
  await settled(page, "No protocol violations.");
  assert.ok((await page.textContent("#rows")).includes('"a\\u{202e}b\\n<b> \\"\\\\ "'));
  await page.selectOption("#role", "server");

  // The examples.
  for (const option of (await page.locator("#example option").allTextContents()).slice(1)) {
    await page.selectOption("#example", option);
    const expected = printed(["--role", await page.inputValue("#role")], await page.inputValue("#input"));
    await page.waitForFunction(rows => document.querySelectorAll("#rows tbody tr:not(:has(dl))").length === rows,
      expected.filter(line => /^[0-9]+ [a-z]+/.test(line) && !/^[0-9]+ [0-9a-f]{2} /.test(line)).length);
    same(await shown(page), expected, option);
  }

  // The table of codes, and what is asked of it.
  const codes = JSON.parse(execFileSync(program, ["explain", "--json"], { encoding: "utf8" }));
  assert.equal(await page.locator("#codes tbody tr").count(), codes.length);
  for (const code of [1000, 1006, 1009, 1015]) {
    await page.click(`#codes button:text-is("${code}")`);
    const answer = await page.textContent("#answer");
    const known = JSON.parse(execFileSync(program, ["explain", "--json", String(code)], { encoding: "utf8" }));
    for (const field of ["name", "meaning", "cause", "client_remedy", "server_remedy", "reconnect_advice"]) assert.ok(answer.includes(known[field]), `${code} ${field}`);
  }
  await page.fill("#word", "1002");
  await page.click('#answer button:text-is("MaskMissing")');
  assert.ok((await page.textContent("#answer")).includes("5.1"));
  assert.equal(await page.inputValue("#word"), "MaskMissing");
  await page.fill("#word", "too big");
  assert.equal(await page.locator("#codes tbody tr:visible").count(), 1);
  assert.equal(await page.textContent("#unknown"), "");
  await page.fill("#word", "nothing like it");
  assert.equal(await page.textContent("#unknown"), "No code, rule or reason is called that.");
  await page.fill("#word", "1009 Message Too Big");
  assert.ok((await page.textContent("#answer")).includes("1009"));
  await page.fill("#word", "NotUpgrade");
  assert.ok((await page.textContent("#answer")).includes("426"));
  await pictures(page, "codes");
  await page.fill("#word", "");
  assert.equal(await page.locator("#codes tbody tr:visible").count(), codes.length);
  assert.deepEqual(errors, []);
}

async function pictures(page, name) {
  for (const [width, height] of [[320, 640], [390, 844], [1280, 900]]) {
    for (const colorScheme of ["light", "dark"]) {
      await page.setViewportSize({ width, height });
      await page.emulateMedia({ colorScheme });
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
      assert.ok(!overflow, `the page is wider than ${width}`);
      await page.screenshot({ path: `${folder}/decoder-${name}-${width}-${colorScheme}.png`, fullPage: true });
    }
  }
}

(async () => {
  const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
  try {
    const context = await browser.newContext({ offline: true });
    const requests = [];
    await drive(await context.newPage(), requests);
    assert.deepEqual(requests, [pathToFileURL(file).href], "nothing is fetched");
    console.log("the decoder's page: pasted, dropped, chosen, violations, codes");
  } finally {
    await browser.close();
  }
})().catch(error => {
  console.error(error.stack.slice(0, 3000));
  process.exit(1);
});

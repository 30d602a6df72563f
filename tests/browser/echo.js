// Drives the page of the echo server: echo.js SERVER CHROMIUM FOLDER
"use strict";
const assert = require("node:assert/strict");
const { spawn } = require("node:child_process");
const readline = require("node:readline");
const { chromium } = require("playwright-core");

const [program, executablePath, folder] = process.argv.slice(2);

/** Starts the server; gives its address and a way to stop it. */
async function serve(...options) {
  const server = spawn(program, ["127.0.0.1:0", ...options], { stdio: ["ignore", "pipe", "ignore"] });
  const [line] = await Promise.race([
    new Promise(resolve => readline.createInterface(server.stdout).once("line", line => resolve([line]))),
    new Promise((_, reject) => server.once("exit", code => reject(new Error(`the server ended with ${code}`)))),
  ]);
  return { address: line.replace("listening on ws://", ""), server };
}

/** What the page reports, by name. */
const report = page => page.evaluate(() => {
  const texts = [...document.querySelectorAll("#report > *")].map(element => element.textContent);
  return Object.fromEntries(texts.flatMap((text, i) => i % 2 ? [] : [[text, texts[i + 1]]]));
});

async function connect(page) {
  await page.click("#connect");
  await page.waitForSelector("#state.open");
}

async function closed(page, timeout = 20_000) {
  await page.waitForSelector("#state.closed", { timeout });
  return report(page);
}

const lines = page => page.locator("#log li").allTextContents();

async function drive(page, address, deflates) {
  const requests = [];
  page.on("request", request => requests.push(request.url()));
  const errors = [];
  page.on("pageerror", error => errors.push(error));
  await page.goto(`http://${address}/`);
  await page.waitForSelector("body[data-ready]");
  const tables = await (await page.request.get(`http://${address}/tables.json`)).json();

  await connect(page);
  assert.equal((await lines(page))[0].includes("permessage-deflate"), deflates);
  await page.fill("#text", "Grüße 𝄞");
  await page.click("#send-text");
  await page.waitForFunction(() => document.querySelectorAll("#log li").length === 3);
  assert.deepEqual((await lines(page)).slice(0, 2), ["Grüße 𝄞", "Grüße 𝄞"]);
  await page.fill("#bytes", "00 ff 7");
  await page.click("#send-binary");
  assert.equal((await lines(page))[0], "bytes are pairs of hex digits");
  await page.fill("#bytes", "00 ff 07");
  await page.click("#send-binary");
  await page.waitForFunction(() => document.querySelectorAll("#log li").length === 6);
  assert.deepEqual((await lines(page)).slice(0, 2), ["3 bytes: 00 ff 07", "3 bytes: 00 ff 07"]);

  for (const [size, flight] of [["16", "128"], ["65536", "1"], ["1024", "16"]]) {
    await page.selectOption("#size", size);
    await page.selectOption("#flight", flight);
    await page.click("#run");
    await page.waitForFunction(() => samples.length >= 4);
    const rate = Number((await page.textContent("#rate")).replaceAll(",", ""));
    assert.ok(rate > 100, `${rate} messages a second`);
    assert.ok(Number(await page.textContent("#delay")) > 0);
    // Something is drawn, in both colours.
    const colours = await page.evaluate(() => {
      const canvas = document.getElementById("chart");
      const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
      const found = new Set();
      for (let i = 0; i < pixels.length; i += 4) if (pixels[i + 3] === 255) found.add(pixels.slice(i, i + 3).join());
      return found.size;
    });
    assert.ok(colours >= 2, `${colours} colours`);
    if (size === "1024") {
      await page.waitForFunction(() => samples.length >= 12);
      await pictures(page, deflates ? "deflate" : "plain");
    }
    await page.click("#run");
  }
  // The echoes of a run are not messages.
  await page.click("#send-text");
  await page.waitForFunction(() => document.querySelectorAll("#log li").length === 8);
  assert.deepEqual((await lines(page)).slice(0, 3), ["Grüße 𝄞", "Grüße 𝄞", "3 bytes: 00 ff 07"]);

  await page.click("#disconnect");
  assert.equal((await closed(page)).code, "1000 Normal Closure");

  // What the server closes with is what the browser reports, with the crate's words.
  const codes = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 4999];
  for (const code of codes) {
    await connect(page);
    await page.selectOption("#code", String(code));
    await page.fill("#reason", `because of ${code}`);
    await page.click("#close");
    const found = await closed(page);
    const known = tables.codes.find(known => known.code === code) ?? tables.codes.find(known => known.code === 4000);
    assert.deepEqual(found, {
      code: `${code} ${known.name}`, reason: `because of ${code}`, clean: "yes", meaning: known.meaning, cause: known.cause,
      remedy: known.remedy, "connect again": known.reconnect,
    });
  }

  // Each violation: what this browser says of it. It has no limit of its own on fragments and lengths, and a server may send
  // frames without a mask; there, the connection goes on or waits for the rest of the frame.
  const unnoticed = ["TooManyFragments", "MaskMissing", "FrameTooLong", "MessageTooLong"];
  // Where compression was agreed, RSV1 is no violation.
  if (deflates) unnoticed.push("InflatedTooLong", "ReservedBits");
  for (const rule of tables.violations) {
    await connect(page);
    await page.selectOption("#rule", rule.name);
    assert.equal(await page.textContent("#rule-meaning"), `${rule.meaning} RFC 6455 §${rule.section}`);
    await page.click("#violate");
    if (unnoticed.includes(rule.name)) {
      await page.waitForTimeout(200);
      assert.equal(await page.textContent("#state"), "connected", rule.name);
      await page.click("#disconnect");
      await closed(page);
      continue;
    }
    const found = await closed(page);
    // A browser that fails a connection reports 1006 to the page, whatever it sends.
    assert.equal(found.code, "1006 Abnormal Closure", `${rule.name}: ${found.code}`);
    assert.equal(found.clean, "no");
  }
  await page.screenshot({ path: `${folder}/${deflates ? "deflate" : "plain"}-closed.png`, fullPage: true });

  assert.deepEqual(errors, []);
  // Nothing comes from elsewhere.
  assert.ok(requests.every(url => url.startsWith(`http://${address}/`)), requests.join());
}

async function pictures(page, name) {
  for (const [width, height] of [[390, 844], [1280, 900]]) {
    for (const colorScheme of ["light", "dark"]) {
      await page.setViewportSize({ width, height });
      await page.emulateMedia({ colorScheme });
      await page.waitForTimeout(400);
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
      assert.ok(!overflow, `the page is wider than ${width}`);
      await page.screenshot({ path: `${folder}/${name}-${width}-${colorScheme}.png`, fullPage: true });
    }
  }
}

(async () => {
  const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
  try {
    for (const options of [[], ["--deflate", "--workers", "2"]]) {
      const { address, server } = await serve(...options);
      const page = await browser.newPage();
      await drive(page, address, options.includes("--deflate"));

      // A server that is stopped says so; one that is killed says nothing.
      await connect(page);
      server.kill("SIGTERM");
      assert.equal((await closed(page)).code, "1001 Going Away");
      const second = await serve(...options);
      await page.goto(`http://${second.address}/`);
      await page.waitForSelector("body[data-ready]");
      await connect(page);
      second.server.kill("SIGKILL");
      assert.equal((await closed(page)).code, "1006 Abnormal Closure");
      await page.close();

      // A page that is closed, and a tab that is gone: the server goes on.
      const third = await serve(...options);
      for (let i = 0; i < 3; i++) {
        const gone = await browser.newPage();
        await gone.goto(`http://${third.address}/`);
        await gone.waitForSelector("body[data-ready]");
        await connect(gone);
        await gone.close();
      }
      const last = await browser.newPage();
      await last.goto(`http://${third.address}/`);
      await last.waitForSelector("body[data-ready]");
      await connect(last);
      await last.close();
      third.server.kill("SIGKILL");
      console.log(`${options.join(" ") || "plain"}: every button, code and violation`);
    }
  } finally {
    await browser.close();
  }
})().catch(error => {
  console.error(error);
  process.exit(1);
});

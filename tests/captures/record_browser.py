#!/usr/bin/env python3
"""Records a real browser, Debian's Chromium, against a small server, in the form that record.py describes.

    apt-get install chromium
    pip install websockets
    python3 record_browser.py

One page opens a connection a close code: it gets a Ping and "welcome", sends text and binary, gets both back, and closes
with that code from script; for 1001 it leaves that to the browser, whose tab is then closed. Chromium offers
permessage-deflate, which the server declines; in one more connection it accepts, and all messages come twice.
"""

import asyncio
import contextlib
import http
import json
import subprocess
import sys
import tempfile
import urllib.request

import websockets
from websockets.asyncio.server import serve
from websockets.datastructures import Headers
from websockets.http11 import Response

from record import SCRIPTS, proxy

SERVER, PROXY, DEBUG = 9720, 9721, 9722
CODES = {1000: "done — готово", 3000: "", 4999: "再见", 1001: ""}
BINARY = bytes(range(256))
SCRIPT = """<!doctype html><title>capture</title><script>
const [code, reason, times] = %s;
const socket = new WebSocket(`ws://127.0.0.1:%d/`);
socket.binaryType = "arraybuffer";
let received = 0;
socket.onmessage = (event) => {
  received += 1;
  if (received === 1) {
    for (let time = 0; time < times; time++) {
      socket.send(%s);
      socket.send(Uint8Array.from({ length: 256 }, (_, i) => i));
    }
  }
  if (received === 1 + 2 * times) {
    if (code === 1001) document.title = "close me"; else socket.close(code, reason || undefined);
  }
};
</script>"""


def page(connection, request):
    """The page; its WebSocket goes to the proxy, which knows which code it records."""
    if request.headers.get("Upgrade"):
        return None
    code, _, times = request.path.strip("/").partition("x")
    if not code.isdecimal():
        return Response(http.HTTPStatus.NOT_FOUND, "Not Found", Headers({"Content-Length": "0"}), b"")
    code = int(code)
    body = SCRIPT % (json.dumps([code, CODES[code], int(times)]), PROXY, json.dumps(SCRIPTS))
    return Response(http.HTTPStatus.OK, "OK", Headers({"Content-Type": "text/html; charset=utf-8"}), body.encode())


async def talk(connection):
    await (await connection.ping("from the server"))
    await connection.send("welcome")
    with contextlib.suppress(websockets.ConnectionClosed):
        async for message in connection:
            await connection.send(message)


def tabs():
    with urllib.request.urlopen(f"http://127.0.0.1:{DEBUG}/json") as answer:
        return json.load(answer)


async def close_tab():
    """Closes the tab once the page says so."""
    while True:
        await asyncio.sleep(0.1)
        try:
            found = [tab for tab in await asyncio.to_thread(tabs) if tab["title"] == "close me"]
        except OSError:
            continue
        if found:
            url = f"http://127.0.0.1:{DEBUG}/json/close/{found[0]['id']}"
            request = urllib.request.Request(url, method="PUT")
            return await asyncio.to_thread(lambda: urllib.request.urlopen(request).read())


async def record(name, code, reason, times=1):
    through, recorded = await proxy(PROXY, SERVER, name)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        browser = subprocess.Popen(
            ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
             "--disable-background-networking", "--disable-component-update", "--disable-sync",
             f"--user-data-dir={profile}", f"--remote-debugging-port={DEBUG}", f"http://127.0.0.1:{SERVER}/{code}x{times}"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if code == 1001:
            await asyncio.wait_for(close_tab(), 30)
        await asyncio.wait_for(recorded.wait(), 30)
        browser.terminate()
        browser.wait()
    through.close()
    await through.wait_closed()
    messages = [{"text": SCRIPTS}, {"hex": BINARY.hex()}] * times
    close = {"close": code, "reason": reason}
    # A browser whose tab is closed does not wait for the answer.
    answer = [] if code == 1001 else [close]
    events = {
        "client": [{"pong": "from the server"}] + messages + [close],
        "server": [{"ping": "from the server"}, {"text": "welcome"}] + messages + answer,
    }
    for direction in ("client", "server"):
        with open(f"{name}.{direction}.json", "w", encoding="utf-8") as file:
            role = "server" if direction == "client" else "client"
            deflate = {"deflate": True} if times > 1 else {}
            json.dump({"role": role} | deflate | {"events": events[direction]}, file, ensure_ascii=False, indent=1)
            file.write("\n")


async def main():
    version = subprocess.run(["chromium", "--version"], capture_output=True, text=True).stdout.strip()
    print(version, "websockets", websockets.__version__, "Python", sys.version.split()[0])
    async with serve(talk, "127.0.0.1", SERVER, process_request=page, compression=None, ping_interval=None):
        for code, reason in CODES.items():
            await record(f"chromium-{code}", code, reason)
    async with serve(talk, "127.0.0.1", SERVER, process_request=page, ping_interval=None):
        await record("chromium-deflate", 1000, CODES[1000], 2)


if __name__ == "__main__":
    asyncio.run(main())

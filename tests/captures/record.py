#!/usr/bin/env python3
"""Records the captures of this folder: real clients and servers talk through a proxy that writes down both directions.

    pip install websockets
    npm install ws
    NODE_PATH=node_modules python3 record.py

Each session writes NAME.client.bin (what the client sent), NAME.server.bin (what the server sent), and for each of them a
.json with what the two applications passed to their libraries, in order: the test compares it with what is decoded.
"""

import asyncio
import json
import os
import sys

import websockets
from websockets.asyncio.client import connect
from websockets.asyncio.server import serve

SCRIPTS = "Grüße, Привет, 你好, नमस्ते, שלום, مرحبا, 🙂 — “quoted”"
CLIENT = [
    {"text": "Hello"},
    {"text": ""},
    {"text": SCRIPTS},
    {"hex": bytes(range(256)).hex()},
    {"hex": ""},
    {"text": "0123456789abcdef", "times": 8},  # 128 bytes: a length in 16 bits
    {"fragments": ["first, ", "zweite — ", "третья"]},
]
SERVER = [
    {"text": "Hello to you"},
    {"text": SCRIPTS, "times": 5},
    {"hex": "00ff7f80", "times": 100},
    {"fragments": ["one ", "двa ", "三"]},
    {"text": ""},
]
LARGE_TEXT = {"text": "large — большой — 大 ", "times": 2000}  # 66,000 bytes: a length in 64 bits
LARGE_BINARY = {"hex": "deadbeef0123456789", "times": 7500}  # 67,500 bytes

TURN, BYE = "your turn", "that is all"


def plan(large, closer, code, reason):
    """What each end sends: the two lists of events, in order."""
    client = CLIENT + ([large] if large is LARGE_TEXT else [])
    server = SERVER + ([large] if large is LARGE_BINARY else [])
    return {
        "client": client, "server": server, "closer": closer, "code": code, "reason": reason,
        "events": {
            "client": client + [{"ping": "from the client"}, {"text": TURN}, {"pong": "from the server"},
                                {"close": code, "reason": reason}],
            "server": [{"pong": "from the client"}] + server + [{"ping": "from the server"}, {"text": BYE},
                                                                {"close": code, "reason": reason}],
        },
    }


async def send(connection, messages):
    for message in messages:
        if "fragments" in message:
            await connection.send(message["fragments"])
        elif "text" in message:
            await connection.send(message["text"] * message.get("times", 1))
        else:
            await connection.send(bytes.fromhex(message["hex"]) * message.get("times", 1))


async def websockets_server(port, session):
    async def talk(connection):
        async for message in connection:
            if message == TURN:
                await send(connection, session["server"])
                await (await connection.ping("from the server"))
                await connection.send(BYE)
                if session["closer"] == "server":
                    await connection.close(session["code"], session["reason"])
        done.set()

    done = asyncio.Event()
    server = await serve(talk, "127.0.0.1", port, compression=None, ping_interval=None)
    return server, done


async def websockets_client(port, session):
    async with connect(f"ws://127.0.0.1:{port}/chat", compression=None, ping_interval=None) as connection:
        await send(connection, session["client"])
        await (await connection.ping("from the client"))
        await connection.send(TURN)
        async for message in connection:
            if message == BYE and session["closer"] == "client":
                await connection.close(session["code"], session["reason"])


async def proxy(port, upstream, name):
    """One connection through, with each direction written to a file."""
    async def copy(reader, writer, path):
        with open(path, "wb") as file:
            while data := await reader.read(65536):
                file.write(data)
                writer.write(data)
                await writer.drain()
        writer.close()

    async def accept(reader, writer):
        up_reader, up_writer = await asyncio.open_connection("127.0.0.1", upstream)
        await asyncio.gather(copy(reader, up_writer, f"{name}.client.bin"), copy(up_reader, writer, f"{name}.server.bin"))
        done.set()

    done = asyncio.Event()
    return await asyncio.start_server(accept, "127.0.0.1", port), done


async def node(side, port, session):
    """The same part, played by the npm package ws."""
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "record_ws.js")
    arguments = json.dumps({**session, "side": side, "port": port, "turn": TURN, "bye": BYE})
    return await asyncio.create_subprocess_exec("node", script, arguments, stdout=asyncio.subprocess.PIPE)


async def record(name, client, server, session, port):
    if server == "ws":
        server_process = await node("server", port, session)
        await server_process.stdout.readline()
    else:
        listening, done = await websockets_server(port, session)
    through, recorded = await proxy(port + 1, port, name)
    if client == "ws":
        assert await (await node("client", port + 1, session)).wait() == 0
    else:
        await websockets_client(port + 1, session)
    await asyncio.wait_for(recorded.wait(), 10)
    through.close()
    if server == "ws":
        assert await server_process.wait() == 0
    else:
        await done.wait()
        listening.close()
    for direction in ("client", "server"):
        with open(f"{name}.{direction}.json", "w", encoding="utf-8") as file:
            role = "server" if direction == "client" else "client"
            json.dump({"role": role, "events": session["events"][direction]}, file, ensure_ascii=False, indent=1)
            file.write("\n")


async def main():
    print("Python", sys.version.split()[0], "websockets", websockets.__version__)
    normal = plan(LARGE_TEXT, "client", 1000, "done — готово")
    private = plan(LARGE_BINARY, "server", 4001, "kicked: 再见")
    await record("websockets", "websockets", "websockets", normal, 9701)
    await record("ws", "ws", "ws", private, 9711)


if __name__ == "__main__":
    asyncio.run(main())

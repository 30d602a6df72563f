#!/usr/bin/env python3
"""The endpoint with Python's websockets (asyncio and threads), npm's ws and libcurl: every combination of permessage-deflate's
parameters, and how connections close, in both directions: bash tests/interop.sh. Prints how many connections there were; any
difference ends it."""

import asyncio
import itertools
import json
import random
import subprocess
import sys
import threading

from curl_cffi import WebSocket as CurlWebSocket
from websockets.asyncio.client import connect
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory, ServerPerMessageDeflateFactory
from websockets.sync.client import connect as connect_sync
from websockets.sync.server import serve as serve_sync

ECHO, CLIENT, TALK, NODE = sys.argv[1:]
random.seed(7)
MESSAGES = ["", "x", "", "привет, 世界 🎉" * 9]
MESSAGES += [json.dumps({"id": i, "price": f"{i * 37 % 101}.50", "side": "buy"}) for i in range(40)]
MESSAGES += ["".join(random.choice("abcdefgh ") for _ in range(n)) for n in (100, 1000, 5000, 70_000)]
MESSAGES += [random.randbytes(n) for n in (1, 300, 40_000)] + [b"\0" * 100_000, MESSAGES[4]]
BOTH = [False, True]
POLICIES = [f"{server},{client},{st},{ct}" for server in (8, 9, 12, 15) for client in (8, 9, 15) for st in ("true", "false") for ct in ("true", "false")]
connections = 0


async def echoes(connection):
    """Sends everything, some of it at once, and wants it back."""
    for message in MESSAGES:
        await connection.send(message)
        assert await connection.recv() == message
    for message in MESSAGES[:30]:
        await connection.send(message)
    for message in MESSAGES[:30]:
        assert await connection.recv() == message


async def python_clients(url):
    global connections
    for st, ct, server, client in itertools.product(BOTH, BOTH, [None, 8, 9, 12, 15], [None, True, 9, 12, 15]):
        offer = ClientPerMessageDeflateFactory(st, ct, server, client)
        async with connect(url, compression=None, extensions=[offer], max_size=None) as connection:
            assert [extension.name for extension in connection.protocol.extensions] == ["permessage-deflate"]
            await echoes(connection)
        connections += 1


async def our_client(address, policy):
    """Our client echoes to the server, which checks it."""
    global connections
    pipe = subprocess.PIPE
    process = await asyncio.create_subprocess_exec(CLIENT, address, "/", policy, stdout=pipe, stderr=pipe)
    out, error = await asyncio.wait_for(process.communicate(), 60)
    if b"Rejected" in error:
        # ws answers an offer that it cannot accept with 400.
        return "0", "none"
    assert process.returncode == 0, (policy, error)
    connections += 1
    return out.decode().split()


async def python_servers():
    failures = []

    async def handler(connection):
        try:
            await echoes(connection)
        except Exception as error:
            failures.append(repr(error))

    for st, ct, server, client in itertools.product(BOTH, BOTH, [None, 9, 12, 15], [None, 9, 12, 15]):
        accept = ServerPerMessageDeflateFactory(st, ct, server, client)
        async with serve(handler, "127.0.0.1", 0, compression=None, extensions=[accept], max_size=None) as listening:
            address = "127.0.0.1:%d" % listening.sockets[0].getsockname()[1]
            # A different few of the policies each time; all of them in all.
            for policy in random.sample(POLICIES, 6):
                messages, agreed = await our_client(address, policy)
                assert not failures, (failures, policy, agreed)
                # Some policies demand what this server does not agree to.
                assert agreed == "none" or int(messages) == len(MESSAGES) + 30, (policy, agreed, messages)


CODES = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 4999]


async def closing_clients(url):
    """Python closes, and our server answers; then our server closes, asked by a command of its page."""
    global connections
    for code in CODES:
        connection = await connect(url)
        await connection.send("hello")
        assert await connection.recv() == "hello"
        await connection.close(code, "enough")
        assert (connection.close_code, connection.protocol.close_rcvd.code) == (code, code)
        assert connection.protocol.close_rcvd_then_sent is False
        connection = await connect(url + "/page")
        await connection.send(f"/close {code} as you wish")
        try:
            await connection.recv()
            raise AssertionError("a message")
        except ConnectionClosed as closed:
            assert (closed.rcvd.code, closed.rcvd.reason, closed.rcvd_then_sent) == (code, "as you wish", True)
        connections += 2
    # In threads, and answers to Pings.

    def in_threads():
        for code in CODES:
            with connect_sync(url) as connection:
                connection.send("hello")
                assert connection.recv() == "hello"
                assert connection.ping(b"now").wait(10)
                connection.close(code)
                assert connection.close_code == code
            with connect_sync(url + "/page") as connection:
                connection.send(f"/close {code} as you wish")
                try:
                    connection.recv()
                    raise AssertionError("a message")
                except ConnectionClosed as closed:
                    assert (closed.rcvd.code, closed.rcvd_then_sent) == (code, True)
    await asyncio.to_thread(in_threads)
    connections += 2 * len(CODES)


async def our_talk(address):
    """What our client says when its connection ends, until it connects again or exits."""
    pipe = subprocess.PIPE
    process = await asyncio.create_subprocess_exec(TALK, address, stdin=pipe, stdout=pipe, stderr=pipe)
    process.stdin.write(b"typed\n")
    assert (await asyncio.wait_for(process.stdout.readline(), 20)).decode() == "echo of typed\n"
    while not (line := (await asyncio.wait_for(process.stderr.readline(), 20)).decode()).startswith("closed: "):
        assert line, "it ended"
    if process.returncode is None:
        try:
            process.kill()
        except ProcessLookupError:
            # Some codes end the client.
            pass
    await process.wait()
    return line


async def closing_servers():
    """Python's servers close our client, and see its answer."""
    global connections
    closes = []

    async def handler(connection):
        await connection.send("echo of " + await connection.recv())
        await connection.close(code, "why not")
        closes.append((connection.close_code, connection.protocol.close_rcvd_then_sent))

    def handler_sync(connection):
        connection.send("echo of " + connection.recv())
        connection.close(code, "why not")
        closes.append((connection.close_code, connection.protocol.close_rcvd_then_sent))

    for code in CODES:
        async with serve(handler, "127.0.0.1", 0) as listening:
            said = await our_talk("127.0.0.1:%d" % listening.sockets[0].getsockname()[1])
        assert said.startswith(f"closed: {code} ") and said.endswith('"why not", closed by the peer\n'), said
        with serve_sync(handler_sync, "127.0.0.1", 0) as listening:
            thread = threading.Thread(target=listening.serve_forever)
            thread.start()
            said = await our_talk("127.0.0.1:%d" % listening.socket.getsockname()[1])
            listening.shutdown()
            thread.join()
        assert said.startswith(f"closed: {code} "), said
        connections += 2
    assert closes == [(code, False) for code in CODES for _ in BOTH], closes


async def curl_clients(url):
    global connections

    def in_thread():
        for code in CODES:
            with_curl = CurlWebSocket()
            with_curl.connect(url + "/page")
            for message in MESSAGES:
                if isinstance(message, bytes):
                    with_curl.send_bytes(message)
                else:
                    with_curl.send_str(message)
                received, _ = with_curl.recv()
                assert received == (message if isinstance(message, bytes) else message.encode())
            with_curl.send_str(f"/close {code} as you wish")
            received, flags = with_curl.recv()
            assert received == code.to_bytes(2, "big") + b"as you wish", received
            with_curl.terminate()
    await asyncio.to_thread(in_thread)
    connections += len(CODES)


async def node_clients(url):
    global connections
    node = await asyncio.create_subprocess_exec("node", NODE, "client", url, stdout=subprocess.PIPE)
    out, _ = await asyncio.wait_for(node.communicate(), 300)
    assert node.returncode == 0
    connections += int(out)


async def node_servers():
    node = await asyncio.create_subprocess_exec("node", NODE, "servers", stdout=subprocess.PIPE)
    agreed = set()
    try:
        for port in json.loads(await node.stdout.readline()):
            for policy in random.sample(POLICIES, 4):
                messages, how = await our_client(f"127.0.0.1:{port}", policy)
                assert how == "none" or int(messages) > 40, (port, policy, how)
                agreed.add(how)
    finally:
        node.terminate()
        await node.wait()
    assert len(agreed) > 10, agreed


async def main():
    echo = await asyncio.create_subprocess_exec(ECHO, "127.0.0.1:0", "--deflate", stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    url = (await echo.stdout.readline()).split()[-1].decode()
    try:
        for name, part in [
            ("Python websockets to our server", python_clients(url)),
            ("our client to Python websockets", python_servers()),
            ("npm ws to our server", node_clients(url)),
            ("our client to npm ws", node_servers()),
            ("Python websockets to our server, closing", closing_clients(url)),
            ("our client to Python websockets, closing", closing_servers()),
            ("libcurl to our server", curl_clients(url)),
        ]:
            before = connections
            await part
            print(f"{name}: {connections - before} connections", flush=True)
    finally:
        echo.terminate()
        await echo.wait()


asyncio.run(main())

#!/usr/bin/env python3
"""permessage-deflate with Python's websockets and npm's ws, in both directions and with every combination of parameters:
bash tests/interop.sh. Prints how many connections there were; any difference ends it."""

import asyncio
import itertools
import json
import random
import subprocess
import sys

from websockets.asyncio.client import connect
from websockets.asyncio.server import serve
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory, ServerPerMessageDeflateFactory

ECHO, CLIENT, NODE = sys.argv[1:]
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
    if b"the server refuses" in error:
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
    echo = await asyncio.create_subprocess_exec(ECHO, "127.0.0.1:0", "large", stdout=subprocess.PIPE)
    url = (await echo.stdout.readline()).split()[-1].decode()
    try:
        for name, part in [
            ("Python websockets to our server", python_clients(url)),
            ("our client to Python websockets", python_servers()),
            ("npm ws to our server", node_clients(url)),
            ("our client to npm ws", node_servers()),
        ]:
            before = connections
            await part
            print(f"{name}: {connections - before} connections", flush=True)
    finally:
        echo.terminate()
        await echo.wait()


asyncio.run(main())

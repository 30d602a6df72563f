#!/usr/bin/env python3
"""Records the captures of this folder with tcpdump and editcap. Needs root, tcpdump, tshark (editcap) and the Python package
websockets: `python3 record.py OUT`.

Two network namespaces are joined by TUN devices. What joins them loses, repeats and delays packets by a seeded random generator,
as netem does where the kernel has it; tcpdump writes down what arrives at the server.
"""

import asyncio
import ctypes
import fcntl
import os
import random
import select
import struct
import subprocess
import sys
import threading
import time

A, B = "wsframe-a", "wsframe-b"
CLONE_NEWNET = 0x40000000
libc = ctypes.CDLL("libc.so.6", use_errno=True)


def sh(*command, **options):
    return subprocess.run(command, check=True, **options)


def inside(namespace):
    with open(f"/var/run/netns/{namespace}") as file:
        if libc.setns(file.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")


def tun(namespace, number):
    inside(namespace)
    fd = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(fd, 0x400454CA, struct.pack("16sH", b"tun0", 0x0001 | 0x1000))
    sh("ip", "link", "set", "lo", "up")
    sh("sysctl", "-q", "-w", "net.ipv6.conf.tun0.addr_gen_mode=1", "net.ipv6.conf.all.accept_dad=0")
    sh("ip", "addr", "add", f"10.9.0.{number}/24", "dev", "tun0")
    sh("ip", "addr", "add", f"fd00:9::{number}/64", "dev", "tun0", "nodad")
    sh("ip", "link", "set", "tun0", "up", "mtu", "1400")
    return fd


class Network(threading.Thread):
    """Joins two devices."""

    def __init__(self, ends):
        super().__init__(daemon=True)
        self.ends = ends
        self.loss = self.repeat = self.delay = 0.0
        self.random = random.Random(6455)
        self.late = []

    def run(self):
        while True:
            ready, _, _ = select.select(self.ends, [], [], 0.005)
            now = time.monotonic()
            for due, fd, packet in [item for item in self.late if item[0] <= now]:
                os.write(fd, packet)
            self.late = [item for item in self.late if item[0] > now]
            for fd in ready:
                packet = os.read(fd, 65536)
                to = self.ends[1 - self.ends.index(fd)]
                if self.random.random() < self.loss:
                    continue
                if self.random.random() < self.delay:
                    self.late.append((now + self.random.uniform(0.01, 0.05), to, packet))
                    continue
                for _ in range(2 if self.random.random() < self.repeat else 1):
                    os.write(to, packet)


SERVER = """
import asyncio, websockets, sys
from websockets.asyncio.server import serve
async def handle(ws):
    async for message in ws:
        if message == "bye":
            await ws.close(4001, "kicked")
            return
        else:
            await ws.send(message)
async def main():
    async with serve(handle, sys.argv[1], 9001, ping_interval=None):
        async with serve(handle, sys.argv[1], 9002, ping_interval=None, compression=None):
            await asyncio.get_running_loop().create_future()
asyncio.run(main())
"""

CLIENT = """
import asyncio, random, sys
from websockets.asyncio.client import connect
host = sys.argv[1]
rounds = int(sys.argv[2])
words = "Grüße, Привет, 你好, שלום, 🙂 and plain words ".split(" ")
async def talk(port, seed, last):
    chance = random.Random(seed)
    compression = "deflate" if port == 9001 else None
    name = f"[{host}]" if ":" in host else host
    async with connect(f"ws://{name}:{port}/chat?seed={seed}", compression=compression, ping_interval=None) as ws:
        for i in range(rounds):
            text = " ".join(chance.choice(words) for _ in range(chance.choice([1, 5, 400])))
            await ws.send(text)
            assert await ws.recv() == text
            data = chance.randbytes(chance.choice([0, 1, 125, 126, 3000]))
            await ws.send(data)
            assert await ws.recv() == data
            await (await ws.ping(b"ping %d" % i))
        if last == "bye":
            await ws.send("bye")
            try:
                await ws.recv()
            except Exception:
                pass
async def main():
    await asyncio.gather(talk(9001, 1, ""), talk(9002, 2, "bye"))
asyncio.run(main())
"""

PLAIN = """
import socket, sys
host = sys.argv[1]
s = socket.create_connection((host, 9002)); s.sendall(b"GET / HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n"); s.recv(4096); s.close()
s = socket.create_connection((host, 9002)); s.sendall(bytes.fromhex("160301002a0100002603032a") + bytes(35)); s.recv(4096); s.close()
"""


def record(out, name, network, host, options, rounds, faults, others=False):
    network.loss = network.repeat = network.delay = 0.0
    server = subprocess.Popen(["ip", "netns", "exec", B, sys.executable, "-c", SERVER, host], stderr=subprocess.DEVNULL)
    path = os.path.join(out, name)
    dump = subprocess.Popen(["ip", "netns", "exec", B, "tcpdump", "-q", "-U", *options, "-w", path, "tcp"], stderr=subprocess.DEVNULL)
    time.sleep(2)
    network.loss, network.repeat, network.delay = faults
    run = lambda code, *arguments: sh("ip", "netns", "exec", A, sys.executable, "-c", code, host, *arguments)
    if others:
        run(PLAIN)
    run(CLIENT, str(rounds))
    time.sleep(1)
    for process in (dump, server):
        process.terminate()
        process.wait()


def main():
    out = sys.argv[1]
    os.makedirs(out, exist_ok=True)
    for namespace in (A, B):
        subprocess.run(["ip", "netns", "del", namespace], stderr=subprocess.DEVNULL)
        sh("ip", "netns", "add", namespace)
    ends = [tun(A, 1), tun(B, 2)]
    network = Network(ends)
    network.start()
    bad = (0.06, 0.05, 0.10)
    good = (0.0, 0.0, 0.0)
    # Raw IP, with loss, repeated and late packets; HTTP and the beginning of TLS beside the WebSockets.
    record(out, "lossy.pcap", network, "10.9.0.2", ["-i", "tun0"], 5, bad, others=True)
    # IPv6, with loss.
    record(out, "lossy-ipv6.pcap", network, "fd00:9::2", ["-i", "tun0"], 3, bad)
    # Linux cooked, both versions, and nanoseconds.
    record(out, "any.pcap", network, "10.9.0.2", ["-i", "any", "--time-stamp-precision=nano"], 1, good)
    record(out, "any-v1.pcap", network, "10.9.0.2", ["-i", "any", "-y", "LINUX_SLL"], 1, good)
    # Frames cut by the snap length.
    record(out, "snap.pcap", network, "10.9.0.2", ["-i", "tun0", "-s", "380"], 3, good)
    for namespace in (A, B):
        sh("ip", "netns", "del", namespace)
    # Without a packet of data of each connection.
    lossy = os.path.join(out, "lossy.pcap")
    fields = ["-T", "fields", "-e", "frame.number", "-e", "tcp.stream", "-e", "tcp.srcport", "-e", "tcp.len", "-e", "tcp.analysis.retransmission"]
    listing = sh("tshark", "-r", lossy, *fields, capture_output=True, text=True).stdout
    # Every segment that carries one byte of the server's stream in its middle.
    sh("tshark", "-r", lossy, "-Y", "!(tcp.srcport == 9002 && tcp.seq <= 3000 && tcp.seq + tcp.len > 3000)", "-w", os.path.join(out, "hole.pcapng"))
    print(listing.count("\n"), "packets")


main()

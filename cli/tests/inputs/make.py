#!/usr/bin/env python3
"""Makes the inputs of this folder: `python3 make.py` in it. Needs xxd, hexdump and od."""

import base64
import hashlib
import subprocess
import zlib


def frame(opcode, payload, key=None, fin=True, rsv=0):
    head = bytes([(0x80 if fin else 0) | rsv << 4 | opcode])
    mask = 0x80 if key is not None else 0
    if len(payload) < 126:
        head += bytes([mask | len(payload)])
    else:
        head += bytes([mask | 126]) + len(payload).to_bytes(2, "big")
    if key is None:
        return head + payload
    return head + key + bytes(byte ^ key[i % 4] for i, byte in enumerate(payload))


def deflated(text):
    engine = zlib.compressobj(wbits=-15)
    return (engine.compress(text) + engine.flush(zlib.Z_SYNC_FLUSH))[:-4]


def head(*lines, end="\r\n"):
    return "".join(line + end for line in (*lines, "")).encode("latin-1")


def write(name, content):
    with open(name, "wb") as file:
        file.write(content if isinstance(content, bytes) else content.encode())


KEY = bytes.fromhex("0badcafe")
CLIENT = frame(1, b"Hi there", KEY) + frame(9, b"are you?", KEY)
SERVER = frame(1, b"welcome") + frame(2, bytes(range(5)))
SWITCH = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="]
ASK = ["GET /chat HTTP/1.1", "Host: example.org", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="]
DEFLATE = "Sec-WebSocket-Extensions: permessage-deflate"
PACKED = frame(1, deflated(b"welcome, welcome, welcome"), rsv=4)

# Text forms.
write("frames.bin", CLIENT)
for name, command in {
    "xxd.txt": ["xxd"],
    "xxd-plain.txt": ["xxd", "-p"],
    "xxd-c.txt": ["xxd", "-i"],
    "hexdump.txt": ["hexdump", "-C"],
    "hexdump-words.txt": ["hexdump"],
    "od.txt": ["od", "-Ax", "-tx1"],
    "od-octal.txt": ["od", "-tx1z"],
    "base64.txt": ["base64"],
}.items():
    write(name, subprocess.run([*command, "frames.bin"], check=True, capture_output=True).stdout)
rows = [CLIENT[i : i + 16] for i in range(0, len(CLIENT), 16)]
letters = lambda row: "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
write("wireshark.txt", "".join(f"{16 * i:04x}   {row.hex(' '):47}   {letters(row)}\n" for i, row in enumerate(rows)))
write("repeated.txt", subprocess.run(["hexdump", "-C"], input=frame(2, bytes(100), KEY), check=True, capture_output=True).stdout)
write("offset-wrong.txt", open("xxd.txt").read().replace("00000010", "00000020"))
write("python.txt", repr(CLIENT) + "\n")
write("go.txt", 'frame := []byte("\\x81\\x88\\v\\xad\\xca\\xfeC\\xc4\\xea\\x8ac\\xc8\\xb8\\x9b")\n')
write("decimal.txt", f"Uint8Array({len(CLIENT)}) [\n  {', '.join(map(str, CLIENT))}\n]\n")
write("java.txt", str([byte - 256 if byte > 127 else byte for byte in CLIENT]) + "\n")
write("node.txt", f"<Buffer {CLIENT.hex(' ')}>\n")
write("node-cut.txt", f"<Buffer {CLIENT.hex(' ')} ... 14 more bytes>\n")
write("colons.txt", CLIENT.hex(":") + "\n")
write("utf16.txt", b"\xff\xfe" + CLIENT.hex(" ").encode("utf-16-le"))
write("url.txt", base64.urlsafe_b64encode(frame(2, bytes([0xFB, 0xFF, 0xFE, 0xFB]), KEY)).rstrip(b"="))
write("one-digit.txt", "81 3 61 62 63\n")
write("too-large.txt", "[129, 3, 256]\n")
write("prose.txt", "The connection was closed.\n")
write("peers.txt", f"char peer0_0[] = {{ /* Packet 4 */\n{', '.join(f'{byte:#04x}' for byte in CLIENT)} }};\nchar peer1_0[] = {{ /* Packet 6 */\n{', '.join(f'{byte:#04x}' for byte in SERVER)} }};\n")
write("capture.har", '{"log": {"version": "1.2", "creator": {"name": "Firefox"}, "entries": []}}\n')
write("logged.har", '{"log": {"version": "1.2", "creator": {}, "entries": [{"text": "a\\nb \\"c\\""}]}}\n')
write("numbered.txt", "12:00:01 INFO [12] received " + CLIENT.hex(" ") + "\n")
write("args.txt", "Traceback: args=[1, 2]\n")
write("nested.json", '{"type": "next", "payload": {"xs": [1, 2, 3]}}\n')
write("two-arrays.txt", "uint8_t key[4] = {1, 2, 3, 4};\nuint8_t tx[2] = {0x81, 0x05};\n")
write("words.txt", "uint16_t b[] = {0x8581, 0xfa37};\n")
write("java-array.txt", "byte[] frame = new byte[] { " + ", ".join(f"(byte) 0x{byte:02x}" for byte in CLIENT) + " };\n")
write("rust.txt", f"let frame: [u8; {len(CLIENT)}] = {list(CLIENT)};\n")
write("underscores.txt", CLIENT.hex("_") + "\n")
write("follow.txt", CLIENT.hex() + "\n\t" + SERVER.hex() + "\n")
write("utf16-plain.txt", CLIENT.hex(" ").encode("utf-16-le"))
write("openssl.txt", "".join(f"{16 * i:04x} - {row[:8].hex(' ')}{'-' if len(row) > 8 else ''}{row[8:].hex(' ')}   {letters(row)}\n" for i, row in enumerate(rows)))
write("netty.txt", "+--------+-------------------------------------------------+----------------+\n" + "".join(f"|{16 * i:08x}| {row.hex(' '):48}|{letters(row):16}|\n" for i, row in enumerate(rows)) + "+--------+-------------------------------------------------+----------------+\n")
write("logged-array.har", '{"log": {"version": "1.2", "entries": [{"data": "[1,2]"}]}}\n')
write("log.txt", '[INFO] sent "hi\\n" to "chat"\n')
write("gdb.txt", "".join(f"0x{0x7FFE10 + i:x}:\t" + "\t".join(f"0x{byte:02x}" for byte in CLIENT[i : i + 8]) + "\n" for i in range(0, len(CLIENT), 8)))
write("od-words.txt", subprocess.run(["od", "-Ax", "-tx4", "frames.bin"], check=True, capture_output=True).stdout)
write("joined.txt", "".join(f"0x{byte:02x}" for byte in CLIENT))
write("swapped.txt", subprocess.run(["xxd", "-e", "frames.bin"], check=True, capture_output=True).stdout)
write("netlog.json", '{"constants": {"logEventTypes": {}}, "events": []}\n')

# Heads.
write("interim.bin", head("HTTP/1.1 103 Early Hints", "Link: </a.css>") + head(*SWITCH) + SERVER)
write("unauthorized.bin", head("HTTP/1.1 401 Unauthorized", "Content-Length: 9") + b"Not yet.\n" + head("HTTP/1.1 407 Proxy", "Transfer-Encoding: chunked") + b"3\r\nabc\r\n0\r\nX: y\r\n\r\n" + head(*SWITCH) + SERVER)
write("connect.bin", head("HTTP/1.1 200 Connection established") + head(*SWITCH) + SERVER)
write("fields.bin", head(*SWITCH, *(f"X-Field-{i}: value" for i in range(300)), DEFLATE) + PACKED)
write("folded.bin", head(*SWITCH, "X-Note: one", "\ttwo", DEFLATE) + PACKED)
write("blanks.bin", head("GET /a b HTTP/1.1", *ASK[1:5], "Sec-WebSocket-Key : dGhlIHNhbXBsZSBub25jZQ==") + CLIENT)
write("latin.bin", head("GET /caf\xe9 HTTP/1.1", *ASK[1:], "X-Name: J\xfcrgen") + CLIENT)
write("lf.bin", head(*SWITCH, end="\n") + frame(1, b"a\r\n\r\nb") + frame(1, b"c"))
write("http10.bin", head("HTTP/1.0 101 Switching", *SWITCH[1:]) + SERVER)
write("proxy-v1.bin", b"PROXY TCP4 203.0.113.9 192.0.2.1 40000 80\r\n" + head(*ASK) + CLIENT)
write("proxy-v2.bin", b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + bytes([203, 0, 113, 9, 192, 0, 2, 1, 0x9C, 0x40, 0, 80]) + head(*ASK) + CLIENT)
write("extensions.bin", head(*SWITCH, "Sec-WebSocket-Extensions: x-trace; level=\"7\"", 'sec-websocket-extensions: permessage-deflate; server_max_window_bits="10"') + PACKED)
write("webkit.bin", head(*SWITCH, "Sec-WebSocket-Extensions: x-webkit-deflate-frame") + PACKED)
write("no-accept.bin", head(*SWITCH[:3]) + SERVER)
write("refused.bin", head("HTTP/1.1 403 Forbidden", "Content-Length: 5") + b"Sorry")
write("status.bin", head("HTTP/1.1 500 " + "very " * 60 + "sorry"))
write("two.bin", head(*ASK) + CLIENT + frame(8, b"\x03\xe8", KEY) + head(*ASK) + CLIENT)
write("after-close.bin", CLIENT + frame(8, b"\x03\xe8done", KEY) + b"\x81\x02no")
write("client.bin", head(*ASK, DEFLATE) + frame(1, deflated(b"compressed"), KEY, rsv=4))
write("server.bin", head(*SWITCH, DEFLATE + "; client_no_context_takeover") + PACKED)
OTHER = [*ASK[:5], "Sec-WebSocket-Key: AAECAwQFBgcICQoLDA0ODw=="]
PROOF = "Sec-WebSocket-Accept: " + base64.b64encode(hashlib.sha1(b"AAECAwQFBgcICQoLDA0ODw==258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()).decode()
write("two-client.bin", head(*ASK, DEFLATE) + frame(1, deflated(b"compressed"), KEY, rsv=4) + frame(8, b"", KEY) + head(*OTHER) + CLIENT)
write("two-server.bin", head(*SWITCH, DEFLATE) + PACKED + frame(8, b"") + head(*SWITCH[:3], PROOF) + SERVER)
write("two-wrong.bin", head(*SWITCH[:3], PROOF, DEFLATE) + PACKED + frame(8, b"") + head(*SWITCH[:3], PROOF) + SERVER)
write("unasked.bin", head(*SWITCH, DEFLATE + "; client_max_window_bits=10, permessage-deflate") + PACKED)
write("headless.bin", PACKED)
write("tunnel.bin", head("HTTP/1.1 200 Connection established") + bytes.fromhex("16030300050200000100"))
write("behind.bin", head("HTTP/1.1 403 Forbidden", "Content-Length: 3") + b"no!" + frame(1, b"plain"))
write("endless.bin", b"GET /chat HTTP/1.1\r\nHost: example.org\r\nUpgrade: websock")

# What is not frames.
write("tls.bin", bytes.fromhex("16030100c4010000c003038a1b") + bytes(range(60)))
write("http2.bin", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes.fromhex("000012040000000000000300000064"))
write("gzip.bin", b"\x1f\x8b\x08\0\0\0\0\0\0\3" + deflated(b"something"))
write("chunked.bin", head(*SWITCH, "Transfer-Encoding: chunked") + b"9\r\n" + frame(1, b"welcome") + b"\r\n")
write("json.bin", head(*SWITCH) + b'{"error": "no such room", "code": 17}')
write("text.bin", head(*SWITCH) + b"upstream connect error or disconnect/reset before headers")
write("encoded.bin", head(*SWITCH) + base64.b64encode(SERVER))
write("rest.bin", b"ade: websocket\r\nConnection: Upgrade\r\n\r\n" + SERVER)
write("extra.bin", head(*SWITCH) + b"\r\n" + SERVER)
write("middle.bin", bytes([0xB5, 0x7C, 0x91, 0xE0]) * 9 + CLIENT + frame(1, b"more", KEY))
write("bad-gateway.bin", frame(1, b"fine") + head("HTTP/1.1 502 Bad Gateway", "Content-Length: 0"))
write("events.bin", head(*SWITCH) + b"data: hello\n\n")
write("signalr.bin", head(*SWITCH) + b'{}\x1e{"type":6}\x1e')
write("long-form.bin", bytes.fromhex("897e0005") + b"hello")
write("small.bin", head(*SWITCH) + b'{"a":1}')
write("method.bin", b"GET\t/chat HTTP/1.1\r\nHost: example.org\r\n\r\n")
write("broken-list.bin", head(*SWITCH, DEFLATE + ";;, x") + SERVER)
write("one-bad.bin", CLIENT + frame(2, b"bad", KEY, rsv=2) + CLIENT + CLIENT)

# Values.
write("too-long.bin", frame(2, bytes(200), KEY))
write("code.bin", frame(8, b"\x03\xee" + b"gone away", KEY))
write("utf8.bin", frame(1, b"Gr\xc3\xbc", KEY, fin=False) + frame(0, b"\xc3\x9fe aus M\xfcnchen", KEY))
write("reason.bin", frame(8, b"\x0f\xa0caf\xe9 closed", KEY))
write("negative.bin", bytes.fromhex("82ffffffffffffffff8000000000"))

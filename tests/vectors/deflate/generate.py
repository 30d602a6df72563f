#!/usr/bin/env python3
"""Writes the vectors of this folder: python3 generate.py

Streams are made by Python's zlib and by the writer of bits below, so they owe nothing to the crate that they test. Where a
violation is expected, its offset was worked out from the format (RFC 1951), byte by byte."""

import json
import zlib


class Bits:
    """Deflated data, bit by bit (RFC 1951 section 3)."""

    def __init__(self):
        self.bits = []

    def number(self, value, count):
        self.bits += [value >> i & 1 for i in range(count)]
        return self

    def code(self, value, count):
        self.bits += [value >> i & 1 for i in reversed(range(count))]
        return self

    def align(self):
        while len(self.bits) % 8:
            self.bits.append(0)
        return self

    def fixed(self, final=False):
        return self.number(int(final), 1).number(1, 2)

    def literals(self, data):
        for byte in data:
            if byte < 144:
                self.code(0x30 + byte, 8)
            else:
                self.code(0x190 + byte - 144, 9)
        return self

    LENGTHS = [3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258]
    LENGTH_BITS = [0] * 8 + [1] * 4 + [2] * 4 + [3] * 4 + [4] * 4 + [5] * 4 + [0]
    DISTANCES = [1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577]
    DISTANCE_BITS = [0, 0, 0, 0] + [i // 2 for i in range(2, 28)]

    def match(self, length, distance):
        at = max(i for i, base in enumerate(self.LENGTHS) if base <= length)
        symbol = 257 + at
        self.code(symbol - 256, 7) if symbol < 280 else self.code(0xC0 + symbol - 280, 8)
        self.number(length - self.LENGTHS[at], self.LENGTH_BITS[at])
        at = max(i for i, base in enumerate(self.DISTANCES) if base <= distance)
        self.code(at, 5)
        return self.number(distance - self.DISTANCES[at], self.DISTANCE_BITS[at])

    def end(self):
        return self.code(0, 7)

    def stored(self, data, final=False):
        self.number(int(final), 1).number(0, 2).align()
        for byte in len(data).to_bytes(2, "little") + (len(data) ^ 0xFFFF).to_bytes(2, "little") + data:
            self.number(byte, 8)
        return self

    def empty_header(self):
        """The header of the empty stored block at the end of a message: the rest of it is left out."""
        return self.number(0, 3).align()

    def bytes(self):
        self.align()
        return bytes(sum(bit << i for i, bit in enumerate(self.bits[at : at + 8])) for at in range(0, len(self.bits), 8))


def deflate(text, level=6, bits=15, state=None, strategy=0):
    state = state or zlib.compressobj(level, zlib.DEFLATED, -bits, 8, strategy)
    data = state.compress(text) + state.flush(zlib.Z_SYNC_FLUSH)
    assert data.endswith(b"\x00\x00\xff\xff")
    return data[:-4]


def final(text, level=6):
    state = zlib.compressobj(level, zlib.DEFLATED, -15)
    return state.compress(text) + state.flush(zlib.Z_FINISH)


KEY = bytes([0x37, 0xFA, 0x21, 0x3D])


def frame(first, payload, masked):
    n = len(payload)
    head = bytes([first])
    mask = 0x80 if masked else 0
    if n < 126:
        head += bytes([mask | n])
    elif n < 65536:
        head += bytes([mask | 126]) + n.to_bytes(2, "big")
    else:
        head += bytes([mask | 127]) + n.to_bytes(8, "big")
    if masked:
        head += KEY
        payload = bytes(byte ^ KEY[i % 4] for i, byte in enumerate(payload))
    return head, payload


TEXT, BINARY, CONTINUED, PING, CLOSE = 1, 2, 0, 9, 8
FIN, RSV1 = 0x80, 0x40


class Stream:
    """Frames, and the events that they give."""

    def __init__(self):
        self.frames = []
        self.events = []
        self.state = "idle"

    def add(self, first, payload=b""):
        self.frames.append((first, payload))
        return self

    def message(self, text, payload, pieces=None, kind=TEXT):
        """A message, compressed as `payload`, in frames that end at these places."""
        self.event("message", len(self.frames), kind, payload, len(pieces or []) + 1)
        cuts = [0, *(pieces or []), len(text)]
        for i, (start, end) in enumerate(zip(cuts, cuts[1:])):
            last = i == len(cuts) - 2
            self.add((FIN if last else 0) | (kind | RSV1 if i == 0 else CONTINUED), text[start:end])
        return self

    def plain(self, payload, kind=BINARY):
        self.event("message", len(self.frames), kind, payload, 1)
        return self.add(FIN | kind, payload)

    def ping(self, payload):
        self.event("ping", len(self.frames), payload)
        return self.add(FIN | PING, payload)

    def event(self, *event):
        self.events.append(event)
        return self

    def broken(self, rule, code, frame, index):
        """The byte at this index of this frame's payload decides; a negative index counts from its first payload byte back into
        its header."""
        self.events.append(("violation", rule, code, frame, index))
        self.state = "failed"
        return self

    def record(self, name, masked, deflate, config=None):
        starts, payloads, stream = [], [], b""
        for first, payload in self.frames:
            head, payload = frame(first, payload, masked)
            starts.append(len(stream))
            payloads.append(len(stream) + len(head))
            stream += head + payload
        events = []
        for event in self.events:
            match event:
                case ("message", at, kind, payload, fragments):
                    kind = "text" if kind == TEXT else "binary"
                    events.append({"event": "message", "kind": kind, "offset": starts[at], "length": len(payload), "fragments": fragments, "payload_hex": payload.hex()})
                case ("ping", at, payload):
                    events.append({"event": "ping", "offset": starts[at], "payload_hex": payload.hex()})
                case ("violation", rule, code, at, index):
                    offset = payloads[at] + index if index is not None else starts[at]
                    events.append({"event": "violation", "offset": offset, "close_code": code, "rule": rule})
        record = {"name": name + (", masked" if masked else ""), "role": "server" if masked else "client"}
        if config:
            record["config"] = config
        record |= {"deflate": deflate, "stream": stream.hex(), "events": events, "state": self.state}
        return record


def write(file, records):
    with open(file, "w") as out:
        out.write("[\n" + ",\n".join(json.dumps(record) for record in records) + "\n]\n")
    print(file, len(records))


def both(make, name, window=15, takeover=True, config=None):
    deflate = {"window": window, "takeover": takeover}
    records = [make().record(name, masked, deflate, config) for masked in (False, True)]
    # Long streams once.
    return records if len(records[0]["stream"]) < 4000 else records[:1]


HELLO = bytes.fromhex("f248cdc9c90700")
CORRUPT = ("DeflateCorrupt", 1007)
TOO_LONG = ("InflatedTooLong", 1009)
NOT_UTF8 = ("TextNotUtf8", 1007)


def messages():
    records = []
    add = lambda *args, **kw: records.extend(both(*args, **kw))
    for takeover in (True, False):
        how = "takeover" if takeover else "no takeover"
        add(lambda: Stream().message(HELLO, b"Hello"), f"RFC 7692 7.2.3.1: one frame, {how}", takeover=takeover)
        add(lambda: Stream().message(HELLO, b"Hello", [3]), f"RFC 7692 7.2.3.1: fragments, {how}", takeover=takeover)
    add(lambda: Stream().message(HELLO, b"Hello").message(bytes.fromhex("f200110000"), b"Hello"), "RFC 7692 7.2.3.2: a message that refers to the one before")
    add(lambda: Stream().message(bytes.fromhex("000500faff48656c6c6f00"), b"Hello"), "RFC 7692 7.2.3.3: no compression")
    add(lambda: Stream().message(bytes.fromhex("f348cdc9c9070000"), b"Hello"), "RFC 7692 7.2.3.4: a final block")
    add(lambda: Stream().message(bytes.fromhex("f248050000 00ffffcac9c90700".replace(" ", "")), b"Hello"), "RFC 7692 7.2.3.5: two blocks")
    add(lambda: Stream().message(b"\x00", b""), "RFC 7692 7.2.3.6: an empty message")
    add(lambda: Stream().message(b"\x00", b"").message(b"\x00", b""), "an empty message, twice")
    add(lambda: Stream().message(b"\x00", b"").message(HELLO, b"Hello"), "an empty message, then another")
    add(lambda: Stream().message(b"\x02\x00", b""), "an empty message in a fixed block")
    # Final blocks.
    done = final(b"Hello")
    for tail, what in ((b"\x00", "with the empty block"), (b"", "without the empty block")):
        add(lambda: Stream().message(done + tail, b"Hello").message(done + tail, b"Hello"), f"a final block in each of two messages, {what}")
        add(lambda: Stream().message(done + tail, b"Hello").message(HELLO, b"Hello"), f"a message after a final block, {what}")
        add(lambda: Stream().message(done * 3 + tail, b"Hello" * 3), f"three final blocks in a message, {what}")
        back = Bits().fixed().match(5, 5).end().empty_header().bytes()
        add(lambda: Stream().message(done + tail, b"Hello").message(back, b"Hello"), f"a message that refers to one with a final block, {what}")
        far = Bits().fixed().match(5, 8).end().empty_header().bytes()
        bye = Bits().fixed(True).literals(b"bye").end().bytes()
        add(lambda: Stream().message(HELLO, b"Hello").message(bye + tail, b"bye").message(far, b"Hello"), f"a message that refers over a final block to the one before, {what}")
    add(lambda: Stream().message(Bits().fixed(True).literals(b"Hel").end().align().fixed().match(3, 3).end().empty_header().bytes(), b"HelHel"), "a block that refers over a final one in the same message")
    add(lambda: Stream().message(Bits().stored(b"Hello", True).bytes() + b"\x00", b"Hello"), "a final stored block")
    # Every message a stream of its own that refers to all before it.
    history, stream = b"", Stream()
    for i in range(5):
        text = f"message {i} of a stream of final blocks".encode()
        state = zlib.compressobj(9, zlib.DEFLATED, -15, 8, 0, history) if history else zlib.compressobj(9, zlib.DEFLATED, -15)
        stream.message(state.compress(text) + state.flush(zlib.Z_FINISH) + b"\x00", text)
        history += text
    add(lambda: stream, "final blocks that refer to all messages before")
    # Fragments.
    add(lambda: Stream().message(HELLO, b"Hello", list(range(1, 7))), "a fragment for each byte")
    add(lambda: Stream().message(HELLO, b"Hello", [0, 0, 3, 3, 7]), "empty fragments")
    stream2 = lambda: (lambda s: (s.add(TEXT | RSV1, HELLO[:3]), s.event("ping", 1, b"now"), s.add(FIN | PING, b"now"), s.event("message", 0, TEXT, b"Hello", 2), s.add(FIN, HELLO[3:]), s)[-1])(Stream())
    add(stream2, "a Ping between compressed fragments")
    # Compressed and plain.
    add(lambda: Stream().message(HELLO, b"Hello").plain(b"plain").message(bytes.fromhex("f200110000"), b"Hello"), "a plain message leaves the window as it is")
    add(lambda: Stream().plain(HELLO).message(HELLO, b"Hello"), "a plain message that looks compressed")
    # Whatever zlib makes.
    texts = [b"Hello, Hello, Hello! ", bytes(range(256)) * 3, "κόσμε ∀x∈ℝ 語".encode() * 20, b"x" * 5000]
    for level in (0, 1, 6, 9):
        for strategy in (0, 2, 4):
            for text in texts:
                kind = BINARY if text[0] == 0 else TEXT
                add(lambda: Stream().message(deflate(text, level, strategy=strategy), text, kind=kind), f"level {level}, strategy {strategy}, {len(text)} bytes", takeover=False)
    for bits in range(9, 16):
        state = zlib.compressobj(9, zlib.DEFLATED, -bits)
        stream3 = Stream()
        for i in range(6):
            text = f'{{"price": {i * 37 % 11}.50, "window": {bits}}}'.encode() * (i + 1) * 3
            stream3.message(deflate(text, state=state), text)
        add(lambda: stream3, f"six messages with takeover, {bits} bits", window=bits)
    # As far back as each window goes.
    for bits in range(8, 16):
        size = 1 << bits
        noise = bytes((i * i >> 3 ^ i * 7) & 0x7F for i in range(size))
        blocks = b"".join(Bits().stored(noise[at : at + 60000]).bytes() for at in range(0, size, 60000))
        far = Bits().fixed().match(258 if bits > 8 else 200, size).end().empty_header().bytes()
        add(lambda: Stream().message(blocks + far, noise + noise[: 258 if bits > 8 else 200], kind=BINARY), f"a match at the far end of a window of {bits} bits", window=bits, takeover=False)
        if bits <= 12:
            add(lambda: Stream().message(blocks + b"\x00", noise, kind=BINARY).message(far, noise[: 258 if bits > 8 else 200], kind=BINARY), f"a match at the far end of a window of {bits} bits, in the next message", window=bits)
    write("messages.json", records)


def broken():
    records = []
    add = lambda *args, **kw: records.extend(both(*args, **kw))
    one = lambda data, index, rule=CORRUPT, kind=TEXT: lambda: Stream().message(HELLO, b"Hello").add(FIN | RSV1 | kind, data).broken(*rule, 1, index)
    add(one(b"\x07", 0), "a reserved block type")
    add(one(b"\x06", 0), "a reserved block type, not final")
    add(one(b"\x00\x05\x00\xfa\xfe", 4), "a stored length that does not match its complement")
    add(one(b"\x00\x05\x00\xfb\xff", 4), "a stored length that does not match its complement, low byte")
    # The end.
    add(one(HELLO[:-1], 5), "the last byte is missing")
    add(one(HELLO[:-2], 4), "the last two bytes are missing")
    for at in range(1, 7):
        add(one(HELLO[:at], at - 1), f"only {at} bytes of the message")
    add(one(HELLO + b"\x00\x00\xff\xff", 10), "the tail was not left out")
    add(one(HELLO + b"\x00", 7), "one byte too many at the end")
    add(one(final(b"Hello") + b"\x00\x00", 8), "one byte too many after a final block")
    add(one(b"", -1), "no byte at all")
    add(lambda: Stream().add(TEXT | RSV1, HELLO[:4]).add(FIN | CONTINUED, b"").broken(*CORRUPT, 1, -1), "a cut message whose last frame is empty")
    add(one(Bits().stored(b"Hello").bytes(), 9), "the empty block at the end is missing")
    add(one(b"\x00\x05\x00\xfa\xffHel", 7), "a stored block that is not complete")
    # References.
    add(one(Bits().fixed().match(3, 6).end().empty_header().bytes(), 1), "a distance beyond the first message")
    add(lambda: Stream().message(HELLO, b"Hello").add(FIN | RSV1 | TEXT, bytes.fromhex("f200110000")).broken(*CORRUPT, 1, 2), "a message that refers to the one before, which was not agreed", takeover=False)
    add(one(Bits().fixed().literals(b"a").code(0xC6, 8).bytes(), 2), "length symbol 286")
    add(one(Bits().fixed().literals(b"a").code(1, 7).code(30, 5).bytes(), 2), "distance symbol 30")
    # Text.
    add(one(Bits().fixed().literals(b"a\xffb").end().empty_header().bytes(), 2, NOT_UTF8), "text that is not UTF-8")
    add(one(Bits().fixed().literals(b"a\xff").match(100, 1).number(7, 3).bytes(), 2, NOT_UTF8), "text that is not UTF-8, before what is no block")
    add(one(Bits().fixed().literals("a€"[:1].encode() + "€".encode()[:2]).literals(b"a" * 9).bytes(), 4, NOT_UTF8), "text with a code point that is not complete")
    add(one(deflate("é".encode()[:1]), len(deflate("é".encode()[:1])) - 1, NOT_UTF8), "text that ends inside a code point")
    add(lambda: Stream().message(deflate(b"a\xffb"), b"a\xffb", kind=BINARY), "binary that is not UTF-8")
    add(lambda: Stream().message(deflate("é".encode()[:1] + b""), "é".encode()[:1], kind=BINARY), "binary that looks like half a code point")
    # Bits.
    add(lambda: Stream().add(TEXT | RSV1, HELLO[:3]).add(FIN | CONTINUED | RSV1, HELLO[3:]).broken("ReservedBits", 1002, 1, None), "RSV1 on a continuation")
    add(lambda: Stream().add(TEXT, b"Hel").add(FIN | CONTINUED | RSV1, b"lo").broken("ReservedBits", 1002, 1, None), "RSV1 on a continuation of a plain message")
    add(lambda: Stream().add(FIN | PING | RSV1, HELLO).broken("ReservedBits", 1002, 0, None), "RSV1 on a Ping")
    add(lambda: Stream().message(HELLO, b"Hello").add(FIN | TEXT | 0x60, HELLO).broken("ReservedBits", 1002, 1, None), "RSV2 beside RSV1")
    write("broken.json", records)


def limits():
    records = []
    add = lambda *args, **kw: records.extend(both(*args, **kw))
    for size in (0, 1, 5, 255, 256, 257, 1000, 4096):
        text = bytes(33 + i * i % 89 for i in range(size))
        # Literals of eight bits after three of header: byte i is decided with payload byte i + 1.
        data = Bits().fixed().literals(text).end().empty_header().bytes()
        for limit in (size - 1, size, size + 1):
            if limit < 0:
                continue
            config = {"max_message": limit, "max_frame": 1 << 24}
            # On the wire they are longer than the limit.
            if limit >= size:
                add(lambda: Stream().message(data, text), f"{size} bytes, limit {limit}", config=config)
            else:
                add(lambda: Stream().add(FIN | RSV1 | TEXT, data).broken(*TOO_LONG, 0, size), f"{size} bytes, limit {limit}", config=config)
    # A letter and matches of it: where the limit is passed is decided by the last bit of a match.
    for size, step in ((20, 7), (257, 31), (1000, 100), (1000, 258), (30000, 258)):
        bits, ends, done = Bits().fixed().literals(b"z"), [], 1
        while done < size:
            length = min(step, size - done) if size - done - step not in (1, 2) else step - 3
            bits.match(length, 1)
            done += length
            ends.append((done, (len(bits.bits) + 7) // 8 - 1))
        data = bits.end().empty_header().bytes()
        for limit in (size - 1, size, size + 1, size // 2):
            config = {"max_message": limit}
            if limit >= size:
                add(lambda: Stream().message(data, b"z" * size), f"{size} bytes in matches of {step}, limit {limit}", config=config)
            else:
                index = next(at for end, at in ends if end > limit)
                add(lambda: Stream().message(b"\x00", b"").add(FIN | RSV1 | TEXT, data).broken(*TOO_LONG, 1, index), f"{size} bytes in matches of {step}, limit {limit}", config=config)
    for size in (3, 258, 259, 1000, 20000):
        text = b"z" * size
        data = deflate(text, 9)
        for limit in (size, size + 1):
            add(lambda: Stream().message(data, text), f"{size} bytes of one letter, limit {limit}", takeover=False, config={"max_message": limit})
    write("limits.json", records)


messages()
broken()
limits()

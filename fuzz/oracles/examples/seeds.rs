//! Writes the seeds that are made from the test vectors: `cargo run -p wsframe-oracles --example seeds`. Seeds that the
//! fuzzer found are kept beside them.

use std::fs;
use std::path::{Path, PathBuf};

use wsframe::Role;
use wsframe_dev::vectors;

fn main() {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("../seeds");
    let write = |target: &str, name: &str, bytes: &[u8]| {
        let folder: PathBuf = seeds.join(target);
        fs::create_dir_all(&folder).expect("a folder can be made");
        fs::write(folder.join(name), bytes).expect("a file can be written");
    };
    for (index, vector) in vectors::all().iter().enumerate() {
        let stream = vector.stream();
        // Short ones, and not all of a kind.
        if stream.len() > 300 || (index % 6 != 0 && !vector.name.contains("limit")) {
            continue;
        }
        let name: String =
            vector.name.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '-' }).collect();
        let server = u8::from(vector.role() == Role::Server);
        // A `Setup` without limits or extensions, as the inputs begin with one.
        let setup = [server, 0, 0, 0, 0];
        let join = |parts: &[&[u8]]| parts.concat();
        write("decode", &name, &join(&[&setup, &stream]));
        write("earliest", &name, &join(&[&setup, &stream]));
        // Two cuts, and no idle buffer.
        write("assembler", &name, &join(&[&setup, &[1, 3, 0, 1, 9, 0, 0, 0, 0], &stream]));
        // Two cuts; the pieces in two of the ways of feeding.
        let way = (index % 6) as u8;
        let feedings = [1, way, 1, (way + 1) % 6, 0];
        write("codec", &name, &join(&[&setup, &[0, 1], &feedings, &[1, 3, 0, 1, 9, 0, 0], &stream]));
        write("differential", &name, &join(&[&[server], &stream]));
        // JSON, and a chunk of three bytes.
        write("cli", &name, &join(&[&setup, &[1, 1, 3, 0], &stream]));
        write("header", &name, &join(&[&setup, &stream[..stream.len().min(14)]]));
    }
    for (index, vector) in vectors::deflate().iter().enumerate() {
        let name: String =
            vector.name.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '-' }).collect();
        let stream = vector.stream();
        if vector.role() != Role::Client || stream.len() > 300 || stream.len() < 3 {
            continue;
        }
        // The payload of the first frame.
        let payload = &stream[2..(2 + usize::from(stream[1] & 0x7f)).min(stream.len())];
        let takeover = (index % 2) as u8;
        // Reads of eight bytes, scratch of 256, all in the first message.
        write("inflate", &name, &[&[takeover, 7, 255, 0, 255, 255][..], payload].concat());
        // A limit of 1000 bytes, reads of 18.
        write("bomb", &name, &[&[takeover, 0xe8, 3, 17, 0, 16, 0, 0, 6][..], payload].concat());
        if index % 4 == 0 {
            let index = index as u8;
            // Operations one after another, until a 0 says that there are no more.
            let settings = [index & 1, takeover, 0, 7, 40, index];
            let raw = [1, 0, 0, 0, 64, takeover, 20];
            write("deflated", &name, &[&settings[..], &raw, &[1, 0, 0, 0, 0, 1, 100, 0, 6, 3, 9, 0], payload].concat());
            let settings = [index & 1, index, takeover, index, 0];
            let message = [1, 0, 0, 0, 0, 0, 0, 50, 0, 9];
            write("deflate", &name, &[&settings[..], &message, &[1, 0, 0, 0, 200, 1, 0, 0], payload].concat());
            let lies = [1, 0, 0, 0, 0, 3, 4, 1, 0, 0, 0, 128, 0];
            write("engine", &name, &[&[takeover, 0, 0, 64, 0, 0, 1][..], &lies, &[1, 7, 1, 9, 0], payload].concat());
        }
    }
    for (index, words) in [
        &[0_u8][..],
        &[0, 6, 4],
        &[0, 6, 4, 19],
        &[0, 6, 3, 5, 10],
        &[0, 6, 1, 6, 2],
        &[0, 6, 3, 7, 0],
        &[0, 6, 3, 5, 8, 11, 8],
        &[15, 7, 0, 6, 3, 5, 13, 7, 0],
        &[0, 6, 1, 6, 1, 7, 0, 6, 2],
        &[0, 6, 3, 5, 8, 7, 0, 8, 7, 0],
        &[0, 5, 8],
    ]
    .into_iter()
    .enumerate()
    {
        let settings = [[7, 4, 1, 1, 0, 0], [4, 4, 1, 0, 1, 1]].concat();
        let words: Vec<u8> = words.iter().flat_map(|word| [1, *word]).chain([0]).collect();
        write("negotiation", &format!("words-{index}"), &[&settings[..], &[0], &words].concat());
    }
    // Text after this many letters, and before as many, in two pieces.
    for (name, text) in [
        ("two-bytes", &b"\xc3\xa9"[..]),
        ("three-bytes", b"\xe2\x82\xac"),
        ("four-bytes", b"\xf0\x9d\x84\x9e"),
        ("surrogate", b"\xed\xa0\x80"),
        ("overlong", b"\xe0\x9f\xbf"),
        ("too-large", b"\xf4\x90\x80\x80"),
        ("lone-continuation", b"\x80"),
        ("cut-code-point", b"\xf0\x9d\x84"),
        ("lead-before-a-letter", b"\xc3a"),
        ("never-a-byte", b"\xff"),
    ] {
        for letters in [0_u16, 62, 127, 16_383] {
            let cut = letters + 1;
            let start =
                [&letters.to_le_bytes()[..], &[b'e', 0, 0, 0, 0, 1, 2, 3, 4, 1], &cut.to_le_bytes(), &[0, 70]].concat();
            write("utf8", &format!("{name}-behind-{letters}-letters"), &[&start, text].concat());
        }
    }
    // Key, alignment, times, a cut, and the bytes.
    for (align, times, len, cut) in
        [(0, 0, 0, 0), (1, 0, 1, 0), (3, 0, 7, 3), (63, 0, 64, 31), (32, 4, 100, 257), (7, 255, 255, 4097)]
    {
        let cut = u16::to_le_bytes(cut);
        let name = format!("{len}-bytes-{}-times-at-{align}", u16::from(times) + 1);
        write("mask", &name, &[&[1, 2, 3, 4, align, times, 1][..], &cut, &[0], &vec![b'm'; len]].concat());
        write(
            "mask",
            &format!("{name}-by-ones"),
            &[&[255, 0, 255, 0, align, times, 1][..], &cut, &[0], &vec![1; len]].concat(),
        );
    }
    // Frames as `splits` builds them: their first byte by its place in the list there, no key, all of the bytes.
    let first = |place: u64| (((place << 32) / 9 + 1) as u32).to_le_bytes();
    for (name, frames) in [
        ("text", &[0][..]),
        ("text-in-two-fragments", &[1, 5]),
        ("binary-in-three-fragments", &[3, 4, 5]),
        ("ping-between-fragments", &[1, 6, 5]),
        ("text-then-close", &[0, 7]),
        ("two-texts", &[0, 0]),
        ("continuation-of-nothing", &[4]),
        ("text-inside-a-message", &[1, 0]),
        ("binary", &[2]),
        ("ping", &[6]),
    ] {
        for (how, bytewise, times) in [("bytewise", 1, 0), ("cut", 0, 40)] {
            let mut input = vec![1, 0, 0, 0, 0];
            for frame in frames {
                input.push(1);
                input.extend(first(*frame));
                input.extend([9, 8, 7, 6, 0, 0, 16, 0, times]);
            }
            input.extend([0, 1, 5, 0, 1, 200, 0, 0, bytewise, 0]);
            input.extend("naïve, 文字!".as_bytes());
            write("splits", &format!("{name}-{how}"), &input);
        }
    }
    // Operations as `roundtrip` lists them.
    let op = |place: u64, fields: &[u8]| [&[1][..], &(((place << 32) / 9 + 1) as u32).to_le_bytes(), fields].concat();
    for (name, ops) in [
        ("text", vec![op(0, &[9, 0])]),
        ("empty-text", vec![op(0, &[0, 0])]),
        ("long-binary", vec![op(1, &[0, 255])]),
        ("text-in-fragments-with-a-ping", vec![op(2, &[5, 0]), op(5, &[4]), op(2, &[5, 1])]),
        ("bytes-cut-in-a-code-point", vec![op(3, &[1, 0, 3, 0, 0]), op(3, &[1, 0, 9, 0, 1])]),
        ("header-alone", vec![op(4, &[0, 0, 20, 1])]),
        ("ping-and-pong", vec![op(5, &[125]), op(6, &[0])]),
        ("ping-too-long", vec![op(5, &[126])]),
        ("text-behind-a-close", vec![op(7, &[0xe8, 3, 4]), op(0, &[1, 0])]),
        ("no-room", vec![op(8, &[3]), op(0, &[9, 0]), op(0, &[9, 0])]),
        ("reserved-bits", vec![op(3, &[0, 0x40, 9, 0, 1])]),
        ("text-inside-a-message", vec![op(2, &[5, 0]), op(0, &[5, 0])]),
    ] {
        for server in [0, 1] {
            let setup = [server, 0, 0, 0, 0x40];
            let input = [&setup[..], &ops.concat(), &[0], "naïve text and more, ещё".as_bytes()].concat();
            write("roundtrip", &format!("{name}-to-a-{}", if server == 1 { "server" } else { "client" }), &input);
        }
    }
    let requests = [
        ("head-of-a-request", &b"GET / HTTP/1.1\r\nHost: a\r\n\r\n\x81\x80\0\0\0\0"[..]),
        (
            "head-that-accepts-deflate",
            b"HTTP/1.1 101 X\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n\xc1\x01x",
        ),
        ("head-without-an-end", b"GET / HTTP/1.1\r\nHost: a\r\n"),
    ];
    for (name, bytes) in requests {
        write("cli", name, &[&[1, 0, 0, 0, 0, 4, 0][..], bytes].concat());
    }
    for (name, text) in [
        ("hex", &b"81 85 37fa213d 7f9f4d5158 # Hello"[..]),
        ("hex-that-is-none", b"81 8g"),
        ("hex-with-half-a-byte", b"81 8"),
    ] {
        write("cli", name, &[&[1, 0, 0, 0, 0, 16, 0][..], text].concat());
    }
    // Changes to a request as `handshake` lists them: a field, one of seven changes, and what it needs.
    let variant = |place: u64, of: u64| (((place << 32) / of + 1) as u32).to_le_bytes();
    let change = |field: u8, place: u64, more: &[u8]| [&[1, field][..], &variant(place, 7), more].concat();
    for (name, changes) in [
        ("accepted", vec![]),
        ("no-host", vec![change(0, 0, &[])]),
        ("two-hosts", vec![change(0, 1, &[])]),
        ("upgrade-list", vec![change(1, 3, &[6])]),
        ("no-upgrade", vec![change(2, 3, &[8])]),
        ("version-12", vec![change(3, 3, &[3])]),
        ("two-versions", vec![change(3, 1, &[])]),
        ("key-of-another-kind", vec![change(4, 5, &[3, 5])]),
        ("empty-key", vec![change(4, 2, &[])]),
        ("protocol-twice", vec![change(5, 1, &[])]),
        ("empty-protocol", vec![change(5, 3, &[12])]),
        ("open-quote", vec![change(6, 3, &[15])]),
        ("two-extension-fields", vec![change(6, 1, &[])]),
        ("two-origins", vec![change(7, 1, &[])]),
        ("a-body", vec![change(8, 4, &[0])]),
        ("spaces-and-other-case", vec![change(0, 6, &[5]), change(4, 6, &[6])]),
    ] {
        let input = [&[0, 0][..], &changes.concat(), &[0], &[9; 16], b"\x81\x80\0\0\0\0"].concat();
        write("handshake", name, &input);
    }
    write("handshake", "post", &[&[1, 1, 0, 0][..], &[9; 16]].concat());
    write("handshake", "http-1.0", &[&[0, 1, 0][..], &[9; 16]].concat());
    for (name, bytes) in [
        ("answer", &b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"[..]),
        ("interim-answer", b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 401 No\r\nWWW-Authenticate: Basic\r\n\r\n"),
        ("lone-line-feed", b"GET / HTTP/1.1\nHost: x\n\n"),
    ] {
        write("handshake", name, &[&[0, 0, 0][..], &[9; 16], bytes].concat());
    }
    // Texts as the tool is given them, and bytes to be written in each form.
    let inputs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../cli/tests");
    for entry in fs::read_dir(inputs.join("inputs")).expect("there are inputs") {
        let path = entry.expect("a file").path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        if name.ends_with(".txt") {
            let text = fs::read(&path).expect("a file can be read");
            write("text_forms", &name.replace('.', "-"), &[&[1, 0, 15, 2], &text[..]].concat());
        }
    }
    for form in 0..7_u8 {
        write("text_forms", &format!("form-{form}"), &[&[0, form, 15, 6][..], b"\0\x7f\\' \"|<>0a\xff\xfe*"].concat());
    }
    // Files of packets, the last of the formats being that of the bytes; and segments in some orders.
    for name in ["any.pcap", "any-v1.pcap", "snap.pcap", "hole.pcapng"] {
        let file = fs::read(inputs.join("captures").join(name)).expect("a capture");
        let start = &file[..file.len().min(3000)];
        write("capture", &name.replace('.', "-"), &[&variant(0, 2)[..], &[5, 0], start].concat());
    }
    for (name, order) in [
        ("in-order", &[][..]),
        ("overlaps", &[[0, 0, 30], [60, 0, 90], [10, 0, 5]]),
        ("out-of-order", &[[3, 0, 0], [1, 0, 1], [9, 0, 2], [2, 0, 200]]),
    ] {
        let order: Vec<u8> = order.iter().flat_map(|[at, high, len]| [1, *at, *high, *len]).chain([0]).collect();
        for link in 0..3 {
            let input = [&variant(1, 2)[..], &[0xf0, 0xff, 0xff, 0xff, link], &order, &[7; 300]].concat();
            write("capture", &format!("{name}-{link}"), &input);
        }
    }
    // Operations as `endpoint` lists them, of ten kinds.
    let act = |place: u64, more: &[u8]| [&[1][..], &variant(place, 10), more].concat();
    let (arrive, take) = (|len: u8| act(0, &[len]), |len: u16| act(1, &len.to_le_bytes()));
    let (next, send, feed) =
        (|| act(2, &[]), |len: u16| act(3, &len.to_le_bytes()), |len: u16| act(4, &len.to_le_bytes()));
    for (name, operations) in [
        ("echo", vec![arrive(90), next(), next(), feed(5), next(), take(50)]),
        ("short-writes", vec![send(300), take(3), next(), take(9), arrive(9), next()]),
        ("long-payload", vec![feed(20_000), feed(7), take(10_000), send(1), take(60_000), act(5, &[])]),
        ("above-the-mark", vec![feed(300), feed(300), send(300), arrive(30), next(), take(900), send(9)]),
        ("closed-by-us", vec![take(99), act(6, &[0xe8, 3]), arrive(30), next(), next()]),
        ("closed-and-dropped", vec![take(99), act(7, &[0xe9, 3]), arrive(99), act(7, &[0xe9, 3])]),
        ("reset", vec![arrive(9), next(), act(8, &[]), next(), send(3)]),
        ("broken-pipe", vec![arrive(90), act(9, &[]), send(3), next(), next()]),
    ] {
        for (stream_name, stream) in [
            (
                "messages",
                &b"\x81\x82\0\0\0\0hi\x89\x81\0\0\0\0p\x02\x81\0\0\0\0a\x80\x81\0\0\0\0b\x88\x82\0\0\0\0\x03\xe8"[..],
            ),
            ("violation", b"\x81\x82\0\0\0\0hi\x83"),
        ] {
            let input = [&[1, 0, 1][..], &operations.concat(), &[0], stream].concat();
            write("endpoint", &format!("{name}-{stream_name}"), &input);
        }
    }
    // Operations as `connection` lists them.
    let act = |place: u64, more: &[u8]| [&[1][..], &variant(place, 8), more].concat();
    let receive = |len: u8| act(0, &[len]);
    let control = || act(1, &[20, 1]);
    let close = || act(2, &[0xe8, 3, 200]);
    let at = |time: u8| act(5, &[time, 0]);
    for (name, operations) in [
        ("closed-by-peer", vec![receive(30), control(), act(7, &[])]),
        ("closed-by-us", vec![close(), receive(30), act(7, &[])]),
        ("pings-without-room", vec![receive(11), act(1, &[1, 0]), receive(30), control()]),
        ("data-then-close", vec![act(4, &[9]), receive(5), close(), act(4, &[9]), receive(30)]),
        ("failed", vec![receive(6), act(3, &[]), receive(30), control(), act(7, &[])]),
        ("keepalive", vec![at(1), act(6, &[]), control(), act(6, &[]), act(6, &[])]),
        ("no-close-comes", vec![at(1), close(), act(6, &[]), act(6, &[])]),
        ("lost", vec![receive(3), act(7, &[]), control()]),
        ("byte-by-byte", vec![receive(1), receive(1), receive(1), receive(1), receive(9), control()]),
        ("late", vec![receive(30), at(200), control(), at(100), act(6, &[])]),
    ] {
        for (server, stream) in [
            (1, &b"\x89\x81\0\0\0\0p\x81\x82\0\0\0\0hi\x88\x82\0\0\0\0\x03\xe8"[..]),
            (0, b"\x89\x01p\x01\x01h\x80\x01i\x88\x02\x03\xe8"),
            (1, b"\x81\x02hi"),
        ] {
            let setup = [server, 0, 0, 0, 0, 5, 5, 5, 2];
            let input = [&setup[..], &operations.concat(), &[0], stream].concat();
            let end = ["client", "server", "violation"][if stream.len() == 4 { 2 } else { usize::from(server) }];
            write("connection", &format!("{name}-{end}"), &input);
        }
    }
}

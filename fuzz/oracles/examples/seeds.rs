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
}

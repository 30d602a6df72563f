//! Writes the seeds that are made from the test vectors: `cargo run -p wsframe-oracles --example seeds`. Seeds that the
//! fuzzer found are kept beside them.

use std::fs;
use std::path::{Path, PathBuf};

use wsframe_oracles::vectors;

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
        let server = u8::from(vector.is_server());
        // A `Setup` without limits or extensions, as the inputs begin with one.
        let setup = [server, 0, 0, 0, 0];
        let join = |parts: &[&[u8]]| parts.concat();
        write("decode", &name, &join(&[&setup, &stream]));
        write("earliest", &name, &join(&[&setup, &stream]));
        // Two cuts, and a buffer that is not kept.
        write("assembler", &name, &join(&[&setup, &[1, 3, 0, 1, 9, 0, 0, 0, 0], &stream]));
        write("differential", &name, &join(&[&[server], &stream]));
        // JSON, and a chunk of three bytes.
        write("cli", &name, &join(&[&setup, &[1, 1, 3, 0], &stream]));
        write("header", &name, &join(&[&setup, &stream[..stream.len().min(14)]]));
    }
    let requests = [
        ("head-of-a-request", &b"GET / HTTP/1.1\r\nHost: a\r\n\r\n\x81\x80\0\0\0\0"[..]),
        ("head-that-accepts-deflate", b"HTTP/1.1 101 X\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n\xc1\x01x"),
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

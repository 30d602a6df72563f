//! C8: the work grows with the bytes, for any split. Instructions are counted by valgrind, so that the result does not
//! depend on what else the machine does.

use core::hint::black_box;
use std::env;
use std::process::{Command, ExitCode};

#[cfg(feature = "bytes")]
use wsframe::codec::{BufMut, MessageDecoder};
#[cfg(feature = "handshake")]
use wsframe::handshake::{HeadFinder, RequestHead};
use wsframe::{Assembler, Decoder, Role};

/// What is decoded, by name: payload bytes to a stream of about that size.
type Case = (&'static str, fn(usize) -> Vec<u8>);

const CASES: [Case; 7] = [
    ("one text message", |n| frame(0x81, &"aé€𝄞".as_bytes().repeat(n / 10))),
    ("one binary message", |n| frame(0x82, &vec![0xaa; n])),
    ("one text message that is broken at its end", |n| frame(0x81, &[&vec![b'a'; n][..], b"\xff"].concat())),
    ("empty fragments", |n| [frame(0x01, b""), frame(0x00, b"").repeat(n / 6)].concat()),
    ("small fragments", |n| [frame(0x01, b""), frame(0x00, b"abcd").repeat(n / 10)].concat()),
    ("a request with long fields", |n| {
        let list = |element: &str| vec![element; n / 4 / (element.len() + 2)].join(", ");
        format!(
            "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nConnection: {}, upgrade\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Extensions: {}\r\nCookie: {}\r\nX: {}\r\n\r\n",
            list("keep-alive"),
            list("x; a=b; c=\"d\""),
            list("a=b"),
            list("c"),
        )
        .into_bytes()
    }),
    ("small messages and pings", |n| [frame(0x81, b"hello"), frame(0x89, b"ping")].concat().repeat(n / 21)),
];

fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    wsframe_dev::frame(first, Some([0; 4]), payload)
}

/// What decodes it, by name: a stream, in pieces of so many bytes.
type Codec = (&'static str, fn(Vec<u8>, usize));

const CODECS: &[Codec] = &[
    ("decoder", |mut stream, size| {
        let mut decoder = Decoder::new(Role::Server);
        for piece in stream.chunks_mut(size) {
            _ = decoder.for_each(piece, |event| _ = black_box(event));
        }
    }),
    ("assembler", |mut stream, size| {
        let mut assembler = Assembler::new(Role::Server);
        for piece in stream.chunks_mut(size) {
            _ = assembler.for_each(piece, |event| _ = black_box(event));
        }
    }),
    #[cfg(feature = "bytes")]
    ("owned messages", |stream, size| {
        let mut decoder = MessageDecoder::new(Role::Server);
        for piece in stream.chunks(size) {
            decoder.put_slice(piece);
            _ = decoder.for_each(|message| _ = black_box(message));
        }
    }),
    #[cfg(feature = "handshake")]
    ("opening handshake", |stream, size| {
        let mut finder = HeadFinder::with_max_head(1 << 20);
        for len in (size.min(stream.len())..=stream.len()).step_by(size.min(stream.len())) {
            if let Ok(Some(head)) = finder.find(&stream[..len]) {
                _ = black_box(RequestHead::parse(&stream[..head]).and_then(|head| head.check().map(drop)));
            }
        }
    }),
    #[cfg(feature = "tokio-util")]
    ("owned messages, all kept, each piece in a buffer of its own", |stream, size| {
        let (mut codec, mut messages) = (wsframe::codec::MessageCodec::server(), Vec::new());
        for piece in stream.chunks(size) {
            let mut buffer = wsframe::codec::BytesMut::from(piece);
            while let Ok(Some(message)) = tokio_util::codec::Decoder::decode(&mut codec, &mut buffer) {
                messages.push(message);
            }
        }
    }),
];

/// Instructions of this program when it does that work.
fn instructions(arguments: [usize; 4]) -> u64 {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(env::current_exe().unwrap())
        .arg("--work")
        .args(arguments.map(|argument| argument.to_string()))
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    let line = text.lines().find(|line| line.contains("Collected :")).unwrap_or_else(|| panic!("{text}"));
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

fn main() -> ExitCode {
    let arguments: Vec<_> = env::args().skip(1).collect();
    if arguments.first().is_some_and(|argument| argument == "--work") {
        let [case, payload, piece, codec] = [1, 2, 3, 4].map(|i| arguments[i].parse::<usize>().unwrap());
        CODECS[codec].1(CASES[case].1(payload), piece);
        return ExitCode::SUCCESS;
    }
    if Command::new("valgrind").arg("--version").output().is_err() {
        println!("linear_work: SKIPPED: valgrind, which counts the instructions, is not installed");
        return if env::var_os("CI").is_some() { ExitCode::FAILURE } else { ExitCode::SUCCESS };
    }
    for (case, (name, _)) in CASES.iter().enumerate() {
        for (piece, size) in [(1, 16_000), (100, 100_000), (usize::MAX, 100_000)] {
            for (codec, (how, _)) in CODECS.iter().enumerate() {
                let [once, twice] = [1, 2].map(|times| instructions([case, times * size, piece, codec]));
                let pieces = if piece == usize::MAX { "whole".to_owned() } else { format!("in pieces of {piece}") };
                println!(
                    "linear_work: {name}, {pieces}, {how}: {once} instructions for {size} bytes, {twice} for twice that"
                );
                // If some of it were quadratic, this would tend to four times.
                assert!(twice <= once * 21 / 10, "twice the bytes cost more than 2.1 times the work");
            }
        }
    }
    println!("linear_work: ok");
    ExitCode::SUCCESS
}

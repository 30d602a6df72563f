//! `wsframe-count KIND LEN N`: decodes a masked message of `LEN` bytes `N` times. `KIND` is `binary`, `ascii` or `multilingual`.

use std::hint::black_box;

use wsframe::{Decoder, Encoder, Frame, Role};

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, kind, len, count] = &arguments[..] else { panic!("KIND LEN N") };
    let (len, count) = (len.parse().expect("a number"), count.parse::<usize>().expect("a number"));
    let sample = if kind == "multilingual" {
        "naïve, ещё, 文字, 🙂; "
    } else {
        "plain letters, digits 0123 and so on; "
    };
    let mut text: String = sample.chars().cycle().take(len).collect();
    while text.len() > len {
        text.pop();
    }
    text.extend(std::iter::repeat_n(' ', len - text.len()));

    let frame = if kind == "binary" { Frame::binary(text.as_bytes()) } else { Frame::text(&text) };
    let mut wire = Vec::new();
    Encoder::client(|| [0x9a, 0x01, 0xf3, 0x5c]).append(&mut wire, frame).expect("it may be sent");
    let mut buffer = wire.clone();
    let mut decoder = Decoder::new(Role::Server);
    for _ in 0..count {
        buffer.copy_from_slice(&wire);
        decoder.for_each(&mut buffer, |event| _ = black_box(event)).expect("it is valid");
    }
}

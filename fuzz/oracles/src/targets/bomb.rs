//! Whatever is sent compressed, and however it comes: the memory stays within three times the limit and what an engine takes.

use arbitrary::Arbitrary;
use wsframe::codec::{BufMut, MessageDecoder};
use wsframe::deflate::Inflater;
use wsframe::{Assembler, Config, Role};
use wsframe_dev::{alloc, push_frame};

use crate::{agreed, input};

/// An engine, and small change.
const ENGINE: i64 = 52 * 1024;

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    takeover: bool,
    max_message_len: u16,
    read_len: u8,
    zeros: u32,
    level: u8,
    raw: &'a [u8],
}

pub(super) fn check(data: &[u8]) {
    let Some(input) = input::<Input<'_>>(data) else { return };
    let max = u64::from(input.max_message_len);
    // Many zeros, after whatever the input has.
    let plain = [&input.raw[..input.raw.len() / 2], &vec![0; (input.zeros % (1 << 20)) as usize]].concat();
    let bomb = [&miniz_oxide::deflate::compress_to_vec(&plain, input.level % 10)[..], &[0]].concat();
    let mut stream = Vec::new();
    for payload in [&bomb[..], input.raw, &bomb] {
        push_frame(&mut stream, 0xc2, None, payload);
    }
    let agreed = agreed(input.takeover);
    let read_len = usize::from(input.read_len) + 1;
    // The wire is not limited here, so that what is inflated is.
    let config = Config::CLIENT;
    let inflater = || Inflater::zlib(agreed, Role::Client).with_max_message_len(max);
    let mut copies: Vec<_> = stream.chunks(read_len).map(<[u8]>::to_vec).collect();
    let (_, counted) = alloc::measure(|| {
        let mut assembler = Assembler::with_config(Role::Client, config).with_inflater(inflater());
        for piece in &mut copies {
            let result = assembler.for_each(piece, |event| {
                if let wsframe::MessageEvent::Message(message) = event {
                    assert!(message.payload().len() as u64 <= max);
                }
            });
            if result.is_err() {
                break;
            }
        }
    });
    let limit = 3 * (max as i64 + 1024) + ENGINE;
    assert!(counted.peak <= limit, "the assembler takes {} bytes for a limit of {max}", counted.peak);
    let (_, counted) = alloc::measure(|| {
        let mut decoder = MessageDecoder::with_config(Role::Client, config).with_inflater(inflater());
        for piece in stream.chunks(read_len) {
            decoder.put_slice(piece);
            if decoder.for_each(|message| assert!(message.payload().len() as u64 <= max)).is_err() {
                break;
            }
        }
    });
    let buffers = 2 * (8 * 1024 + read_len as i64);
    assert!(counted.peak <= limit + buffers, "the decoder takes {} bytes for a limit of {max}", counted.peak);
}

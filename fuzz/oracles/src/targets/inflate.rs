//! What the inflater makes of arbitrary bytes, against a plain inflater and, where they can be compared, miniz_oxide: the same
//! messages, the same verdict at the same byte, however the bytes come.

use arbitrary::Arbitrary;
use miniz_oxide::inflate::core::{DecompressorOxide, decompress, inflate_flags};
use wsframe::deflate::Inflater;
use wsframe::{Config, Role};
use wsframe_dev::{Event, assemble_with, frame, inflate, inflate_plainly};

use crate::{agreed, assembler, input};

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    takeover: bool,
    /// How long the reads are, and the memory for pieces.
    read_len: u8,
    scratch_len: u16,
    /// Two messages, the first of so many bytes.
    first_len: u16,
    payload: &'a [u8],
}

pub(super) fn check(data: &[u8]) {
    let Some(input) = input::<Input<'_>>(data) else { return };
    let (first, second) = input.payload.split_at(usize::from(input.first_len).min(input.payload.len()));
    let (mut stream, mut expected, mut history) = (Vec::new(), Vec::new(), Vec::new());
    for payload in [first, second] {
        let offset = stream.len() as u64;
        stream.extend_from_slice(&frame(0xc2, None, payload));
        let head = stream.len() as u64 - payload.len() as u64;
        if !input.takeover {
            history.clear();
        }
        let before = history.len();
        match inflate_plainly(payload, &mut history) {
            Ok(_) => {
                let payload = history[before..].to_vec();
                expected.push(Event::Message { text: false, rsv: 0, offset, fragments: 1, payload });
            }
            Err(index) => {
                let offset = head.checked_add_signed(index as i64).expect("it is in the stream");
                let rule = "DeflateCorrupt".to_owned();
                expected.push(Event::Violation { offset, close_code: 1007, rule });
                break;
            }
        }
        if !input.takeover {
            check_miniz(payload, expected.last(), &history[before..]);
        }
    }
    let agreed = agreed(input.takeover);
    let read_len = usize::from(input.read_len) + 1;
    let found = assemble_with(assembler(Role::Client, Config::CLIENT, agreed), [&stream[..]]);
    assert_eq!(found.0, expected, "whole");
    let found = assemble_with(assembler(Role::Client, Config::CLIENT, agreed), stream.chunks(read_len));
    assert_eq!(found.0, expected, "reads of {read_len}");
    let inflater = Inflater::zlib(agreed, Role::Client);
    let scratch_len = usize::from(input.scratch_len) + 1;
    let found = inflate(Role::Client, Config::CLIENT, inflater, scratch_len, stream.chunks(read_len));
    assert_eq!(found.0, expected, "pieces of {scratch_len}");
}

/// miniz_oxide does not say whether a message is complete, so only what it made of one is compared.
fn check_miniz(payload: &[u8], expected: Option<&Event>, plain: &[u8]) {
    let Some(Event::Message { .. }) = expected else { return };
    let mut out = vec![0; plain.len() + 1];
    let input = [payload, &[0, 0, 0xff, 0xff]].concat();
    let flags = inflate_flags::TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF | inflate_flags::TINFL_FLAG_HAS_MORE_INPUT;
    // It stops at a final block.
    let (_, _, written) = decompress(&mut DecompressorOxide::new(), &input, &mut out, 0, flags);
    assert_eq!(out[..written], plain[..written]);
}

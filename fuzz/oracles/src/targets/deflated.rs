//! Streams of compressed and plain messages, fragments and control frames, against a reference on a plain inflater: the same
//! from each decoder, however they are cut.

use arbitrary::Arbitrary;
use wsframe::deflate::Inflater;
use wsframe::{Config, Role, State};
use wsframe_dev::{Event, FEEDINGS, assemble_with, inflate, inflate_plainly, own_with, push_frame};

use crate::{agreed, assembler, input};

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    server: bool,
    takeover: bool,
    max_message_len: Option<u16>,
    read_len: u8,
    scratch_len: u8,
    feeding: u8,
    ops: Vec<Op>,
    bytes: &'a [u8],
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Op {
    /// A message that is well deflated, in up to three frames.
    Deflated {
        text: bool,
        len: u16,
        level: u8,
        cuts: [u8; 2],
    },
    /// The next bytes as they are, as a compressed message.
    Raw {
        text: bool,
        len: u8,
    },
    Plain {
        text: bool,
        len: u8,
    },
    Ping {
        len: u8,
    },
}

pub(super) fn check(data: &[u8]) {
    let Some(input) = input::<Input<'_>>(data) else { return };
    let role = if input.server { Role::Server } else { Role::Client };
    let key = input.server.then_some([0x12, 0x34, 0x56, 0x78]);
    let max = input.max_message_len.map_or(1 << 24, u64::from);
    let config = Config::preset(role).with_max_message_len(1 << 24);
    let (mut stream, mut expected, mut history) = (Vec::new(), Vec::new(), Vec::<u8>::new());
    let mut bytes = input.bytes;
    let mut take = |len: usize| {
        let (taken, rest) = bytes.split_at(len.min(bytes.len()));
        bytes = rest;
        taken
    };
    for op in input.ops.iter().take(20) {
        let offset = stream.len() as u64;
        let (text, payload, cuts) = match *op {
            Op::Ping { len } => {
                let payload = take(usize::from(len) % 126).to_vec();
                push_frame(&mut stream, 0x89, key, &payload);
                expected.push(Event::Ping { offset, payload });
                continue;
            }
            Op::Plain { text, len } => {
                let payload = take(len.into()).to_vec();
                let payload = if text { String::from_utf8_lossy(&payload).into_owned().into_bytes() } else { payload };
                push_frame(&mut stream, if text { 0x81 } else { 0x82 }, key, &payload);
                expected.push(Event::Message { text, rsv: 0, offset, fragments: 1, payload });
                continue;
            }
            Op::Deflated { text, len, level, cuts } => {
                let pattern = take(17);
                let plain: Vec<u8> =
                    pattern.iter().copied().cycle().take(if pattern.is_empty() { 0 } else { len.into() }).collect();
                let plain = if text { String::from_utf8_lossy(&plain).into_owned().into_bytes() } else { plain };
                (text, [&miniz_oxide::deflate::compress_to_vec(&plain, level % 10)[..], &[0]].concat(), Some(cuts))
            }
            Op::Raw { text, len } => (text, take(len.into()).to_vec(), None),
        };
        let cuts = cuts.map_or(vec![0, payload.len()], |[a, b]| {
            let mut cuts = vec![0, usize::from(a).min(payload.len()), usize::from(b).min(payload.len()), payload.len()];
            cuts.sort_unstable();
            cuts
        });
        let mut ends = Vec::new();
        for (i, pair) in cuts.windows(2).enumerate() {
            let fin = if i + 2 == cuts.len() { 0x80 } else { 0 };
            let first = if i == 0 { 0x42 - u8::from(text) } else { 0 };
            push_frame(&mut stream, fin | first, key, &payload[pair[0]..pair[1]]);
            ends.push((pair[1], stream.len()));
        }
        // Where a byte of the payload lies in the stream; the one before the first is that before its frame's payload.
        let place = |index: isize| {
            let (end, stream_end) =
                ends.iter().find(|(end, _)| (*end as isize) > index).unwrap_or(&ends[ends.len() - 1]);
            let last = index + 1 == payload.len() as isize;
            let (end, stream_end) = if last { ends[ends.len() - 1] } else { (*end, *stream_end) };
            (stream_end as i64 - (end as i64 - index as i64)) as u64
        };
        if !input.takeover {
            history.clear();
        }
        let before = history.len();
        let verdict = inflate_plainly(&payload, &mut history);
        let plain = &history[before..];
        let allowed = &plain[..plain.len().min(max as usize)];
        let violation = |rule: &str, close_code, offset| Event::Violation { offset, close_code, rule: rule.to_owned() };
        let not_text = match str::from_utf8(allowed) {
            Err(error) if text => error.error_len().is_some() || (allowed.len() == plain.len() && verdict.is_ok()),
            _ => false,
        };
        if not_text {
            expected.push(violation("TextNotUtf8", 1007, 0));
            break;
        }
        if allowed.len() < plain.len() {
            expected.push(violation("InflatedTooLong", 1009, 0));
            break;
        }
        if let Err(index) = verdict {
            expected.push(violation("DeflateCorrupt", 1007, place(index)));
            break;
        }
        expected.push(Event::Message { text, rsv: 0, offset, fragments: ends.len() as u32, payload: plain.to_vec() });
    }
    let failed = matches!(expected.last(), Some(Event::Violation { .. }));
    let state = if failed { State::Failed } else { State::Idle };
    let agreed = agreed(input.takeover);
    let inflater = || Inflater::zlib(agreed, role).with_max_message_len(max);
    let read_len = usize::from(input.read_len) + 1;
    for pieces in [stream.len().max(1), read_len, 1] {
        let assembler = assembler(role, config, agreed).with_inflater(inflater());
        compare(assemble_with(assembler, stream.chunks(pieces)), &expected, state, pieces);
        let found = inflate(role, config, inflater(), usize::from(input.scratch_len) + 1, stream.chunks(pieces));
        compare(found, &expected, state, pieces);
        if max == 1 << 24 {
            let feeding = FEEDINGS[usize::from(input.feeding) % FEEDINGS.len()];
            let found = own_with(role, config, Some(agreed), 1000, stream.chunks(pieces).map(|piece| (piece, feeding)));
            let places = expected.iter().cloned().map(Event::without_place).collect::<Vec<_>>();
            compare(found, &places, state, pieces);
        }
    }
}

/// The offsets of text that is broken and of what is too long depend on how the bytes came.
fn compare(found: (Vec<Event>, State), expected: &[Event], state: State, pieces: usize) {
    let (mut events, found_state) = found;
    if let Some(Event::Violation { rule, offset, .. }) = events.last_mut()
        && rule != "DeflateCorrupt"
    {
        *offset = 0;
    }
    assert_eq!(events, expected, "reads of {pieces}");
    assert_eq!(found_state, state);
}

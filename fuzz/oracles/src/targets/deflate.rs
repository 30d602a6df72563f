//! What the compressor sends, a plain inflater gets back, and it refers to no more than the window; nothing that is refused
//! changes what comes after it.

use arbitrary::Arbitrary;
use wsframe::codec::PreparedFrame;
use wsframe::deflate::{Agreement, Compressor, Direction, WindowBits, ZlibDeflate};
use wsframe::{EncodeError, Encoder, Frame, Header, Mask, Masking, Role, Rsv};
use wsframe_dev::inflate_plainly;

use crate::input;

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    client: bool,
    bits: u8,
    takeover: bool,
    level: u8,
    threshold: u8,
    ops: Vec<Op>,
    bytes: &'a [u8],
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Op {
    Message { start: u16, len: u16, repeat: u8 },
    Slice { start: u16, len: u16, room: u16 },
    Plain { len: u8 },
    Prepared { len: u16 },
    Release,
}

pub(super) fn check(data: &[u8]) {
    let Some(input) = input::<Input<'_>>(data) else { return };
    if input.client {
        let mut key = 0_u8;
        let keys = move || {
            key = key.wrapping_mul(5).wrapping_add(1);
            [key, 7, key, 9]
        };
        run(Encoder::client(keys), &input, |_, _, _| None);
    } else {
        run(Encoder::server(), &input, |encoder, frame, compressor| {
            Some(encoder.encode_prepared_compressed(frame, compressor).expect("it may be sent").to_vec())
        });
    }
}

type SendPrepared<K> = fn(&mut Encoder<K>, &PreparedFrame, &mut Compressor<ZlibDeflate>) -> Option<Vec<u8>>;

fn run<K: Masking>(mut encoder: Encoder<K>, input: &Input<'_>, send_prepared: SendPrepared<K>) {
    let role = if input.client { Role::Client } else { Role::Server };
    let bits = 8 + input.bits % 8;
    let direction = Direction::new(WindowBits::new(bits).expect("8 to 15"), input.takeover);
    let agreed = Agreement::new(direction, direction);
    let engine = ZlibDeflate::new(direction).with_level(input.level % 10);
    let mut compressor = Compressor::new(engine, agreed, role).with_threshold(input.threshold.into());
    let engine = ZlibDeflate::new(direction);
    let mut shared = Compressor::new(engine, agreed, role).with_threshold(0);
    let (mut history, mut out) = (Vec::new(), Vec::new());
    let bytes = |start: usize, len: usize| {
        let rest = input.bytes.get(start..).unwrap_or_default();
        rest[..len.min(rest.len())].to_vec()
    };
    for op in input.ops.iter().take(30) {
        let before = out.len();
        let message = match *op {
            Op::Message { start, len, repeat } => {
                let message = bytes(start.into(), len.into()).repeat(usize::from(repeat) % 40 + 1);
                encoder.append_compressed(&mut out, &mut compressor, Frame::binary(&message)).expect("it may be sent");
                message
            }
            Op::Slice { start, len, room } => {
                let message = bytes(start.into(), len.into());
                let mut slice = vec![0xee; room.into()];
                match encoder.encode_compressed(&mut slice[..], &mut compressor, Frame::binary(&message)) {
                    Ok(len) => out.extend_from_slice(&slice[..len]),
                    Err(EncodeError::BufferTooSmall { needed }) => {
                        assert!(needed > room.into() && slice.iter().all(|byte| *byte == 0xee));
                        continue;
                    }
                    Err(error) => panic!("{error}"),
                }
                message
            }
            Op::Plain { len } => {
                let message = bytes(0, len.into());
                encoder.append(&mut out, Frame::binary(&message)).expect("it may be sent");
                message
            }
            Op::Prepared { len } => {
                let message = bytes(3, len.into());
                let frame = PreparedFrame::compressed(Frame::binary(&message), &mut shared).expect("it is a message");
                let Some(frame) = send_prepared(&mut encoder, &frame, &mut compressor) else { continue };
                out.extend_from_slice(&frame);
                message
            }
            Op::Release => {
                compressor.release();
                continue;
            }
        };
        let header = Header::parse(&out[before..], if input.client { Role::Server } else { Role::Client }, Rsv::RSV1);
        let header = header.expect("a legal header").expect("all of it");
        let mut payload = out[before + header.encoded_len()..].to_vec();
        assert_eq!(payload.len() as u64, header.payload_len());
        if let Some(key) = header.mask_key() {
            Mask::new(key).apply(&mut payload);
        }
        if header.rsv() == Rsv::NONE {
            assert_eq!(payload, message);
            continue;
        }
        assert!(!matches!(op, Op::Plain { .. }));
        if !input.takeover {
            history.clear();
        }
        let start = history.len();
        let farthest = inflate_plainly(&payload, &mut history).expect("it inflates");
        assert_eq!(history[start..], message);
        assert!(farthest <= 1 << bits, "{farthest} bytes back with {bits} bits");
    }
}

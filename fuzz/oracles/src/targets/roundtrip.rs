//! What the encoder writes, the decoder of the other end reads; what it refuses, that decoder would have refused; and a
//! refusal changes nothing.

use arbitrary::Arbitrary;
use wsframe::{CloseCode, CloseFrame, EncodeError, Encoder, Frame, Masking, MessageKind, Role, Rsv, State};
use wsframe_dev::Event;

use crate::{Setup, assemble, decode, input, reference};

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    /// Of the end that receives.
    setup: Setup,
    ops: Vec<Op>,
    /// Where payloads come from.
    bytes: &'a [u8],
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Op {
    Text {
        len: u16,
    },
    Binary {
        len: u16,
    },
    TextFragment {
        len: u8,
        fin: bool,
    },
    Fragment {
        text: bool,
        rsv: u8,
        len: u16,
        fin: bool,
    },
    Header {
        text: bool,
        rsv: u8,
        len: u8,
        fin: bool,
    },
    Ping {
        len: u8,
    },
    Pong {
        len: u8,
    },
    Close {
        code: u16,
        len: u8,
    },
    /// The next frame has so few bytes of room.
    Room {
        len: u8,
    },
}

pub(super) fn check(data: &[u8]) {
    let Some(input) = input::<Input<'_>>(data) else { return };
    let config = input.setup.encoder_config();
    match input.setup.role() {
        Role::Server => {
            let mut last = 7_u32;
            let keys = move || {
                last = last.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                last.to_le_bytes()
            };
            run(Encoder::client_with_config(keys, config), &input)
        }
        Role::Client => run(Encoder::server_with_config(config), &input),
    }
}

/// What the receiver would make of the stream so far and one more frame: the rule that it breaks with it.
fn verdict(setup: &Setup, stream: &[u8], frame: &[u8]) -> Option<String> {
    let mut all = stream.to_vec();
    all.extend_from_slice(frame);
    match reference::decode(&setup.limits(), &all).0.pop() {
        Some(Event::Violation { rule, .. }) => Some(rule),
        _ => None,
    }
}

fn run<K: Masking>(mut encoder: Encoder<K>, input: &Input<'_>) {
    let setup = &input.setup;
    let mut stream = Vec::new();
    let mut out = vec![0x55; 70_000];
    let mut room = out.len();
    // The open message: whether it is text, and its bits. After a header alone, its bytes are the caller's to check.
    let (mut open, mut open_rsv, mut callers, mut closed) = (None::<bool>, 0, false, false);
    for (i, op) in input.ops.iter().enumerate().take(40) {
        let bytes: Vec<u8> = input.bytes.iter().copied().cycle().skip(i).take(1 << 16).collect();
        let payload = |len: usize| &bytes[..len.min(bytes.len())];
        let text = |len: usize| String::from_utf8_lossy(payload(len)).into_owned();
        let data = |is_text: bool, rsv: u8, fin: bool| {
            let opcode = if open.is_some() { 0 } else { 2 - u8::from(is_text) };
            // A fragment that names the bits of its message again is sent without them.
            let repeated = open.is_some() && rsv & 0x70 & !open_rsv == 0;
            u8::from(fin) << 7 | if repeated { 0 } else { rsv & 0x70 } | opcode
        };
        let kind = |is_text: bool| if is_text { MessageKind::Text } else { MessageKind::Binary };
        // A message goes on as what it began as; that anything else is refused has its own test.
        let goes_on = |is_text: bool| open.is_none_or(|open| open == is_text);

        // What the frame would be, and its body.
        let (first, body) = match *op {
            Op::Room { len } => {
                room = len.into();
                continue;
            }
            Op::Text { len } => (0x81, text(len.into()).into_bytes()),
            Op::Binary { len } => (0x82, payload(len.into()).to_vec()),
            Op::Ping { len } => (0x89, payload(len.into()).to_vec()),
            Op::Pong { len } => (0x8a, payload(len.into()).to_vec()),
            Op::TextFragment { len, fin } if goes_on(true) => (data(true, 0, fin), text(len.into()).into_bytes()),
            Op::Fragment { text, rsv, len, fin } if goes_on(text) => {
                (data(text, rsv, fin), payload(len.into()).to_vec())
            }
            Op::Header { text, rsv, len, fin } if goes_on(text) => (data(text, rsv, fin), vec![b'h'; len.into()]),
            Op::Close { code, len } => {
                let close = close(code, &text(len.into())).map(|close| close.encode(None).as_ref()[2..].to_vec());
                let Some(body) = close else { continue };
                (0x88, body)
            }
            _ => continue,
        };
        let refused = verdict(setup, &stream, &wsframe_dev::frame(first, setup.server.then_some([0; 4]), &body));
        let header_alone = matches!(op, Op::Header { .. }) && !body.is_empty();
        if (callers || header_alone) && refused.as_deref() == Some("TextNotUtf8") {
            continue;
        }

        let out = &mut out[..room];
        let before = out.to_vec();
        let rsv_of = |rsv: u8| Rsv::from_first_byte(rsv & 0x70);
        let result = match *op {
            Op::Text { .. } => encoder.text(out, str::from_utf8(&body).expect("it was text")),
            Op::Binary { .. } => encoder.binary(out, &body),
            Op::Ping { .. } => encoder.ping(out, &body),
            Op::Pong { .. } => encoder.pong(out, &body),
            Op::TextFragment { fin, .. } => {
                encoder.encode(out, Frame::text_fragment(str::from_utf8(&body).expect("it was text"), fin))
            }
            Op::Fragment { text, rsv, fin, .. } => {
                encoder.encode(out, Frame::fragment(kind(text), &body, fin).with_rsv(rsv_of(rsv)))
            }
            Op::Header { text, rsv, fin, .. } => {
                encoder.header(kind(text), rsv_of(rsv), fin, body.len()).map(|header| {
                    stream.extend_from_slice(header.encode().as_ref());
                    let mut body = body.clone();
                    wsframe_dev::mask(&mut body, header.mask_key().unwrap_or_default(), 0);
                    stream.extend_from_slice(&body);
                    0
                })
            }
            Op::Close { code, len } => encoder.close(out, close(code, &text(len.into())).expect("it was made")),
            Op::Room { .. } => unreachable!("it was skipped"),
        };
        let needed = encoder.frame_len(body.len());
        match result {
            Ok(len) => {
                assert!(!closed, "{op:?} was sent after a Close");
                assert_eq!(refused, None, "{op:?} was sent");
                assert!(len == needed || matches!(op, Op::Header { .. }));
                assert_eq!(out[len..], before[len..], "written beyond the frame");
                stream.extend_from_slice(&out[..len]);
                match first & 0x0f {
                    8 => closed = true,
                    opcode @ 0..3 => {
                        if open.is_none() {
                            open_rsv = first & 0x70;
                        }
                        open = (first & 0x80 == 0).then_some(open.unwrap_or(opcode == 1));
                        callers = open.is_some() && (callers || header_alone);
                    }
                    _ => {}
                }
            }
            Err(error) => {
                assert_eq!(*out, before[..], "a refusal has written");
                match error {
                    EncodeError::Closed => assert!(closed),
                    EncodeError::BufferTooSmall { needed: wanted } => {
                        assert_eq!(wanted, needed);
                        assert!(room < needed && !closed && refused.is_none());
                    }
                    EncodeError::Forbidden(violation) | EncodeError::OverLimit(violation) => {
                        assert_eq!(refused.as_deref(), Some(violation.name()), "{op:?} was refused");
                    }
                    _ => unreachable!("there is no other reason"),
                }
            }
        }
        room = 70_000;
    }

    // All of it is received, and as it was sent.
    let expected = reference::decode(&setup.limits(), &stream);
    let between = if open.is_some() { State::InMessage } else { State::Idle };
    assert_eq!(expected.1, if closed { State::Closed } else { between });
    assert_eq!(decode(setup, [&stream[..]]), expected);
    assert_eq!(assemble(setup, stream.chunks(1000)), expected);
}

fn close(code: u16, reason: &str) -> Option<CloseFrame<'_>> {
    CloseFrame::new(CloseCode::new(code).ok()?, reason).ok()
}

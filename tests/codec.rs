//! Owned messages out of a `BytesMut`: the same as from the assembler, for any cut and any way of giving the bytes.

mod common;

use bytes::{BufMut, Bytes, BytesMut};
use common::{Event, assemble, hex, vectors};
use proptest::prelude::*;
use wsframe::codec::{Close, Message, MessageDecoder, Opaque, PreparedFrame};
use wsframe::{CloseCode, CloseFrame, Config, Encoder, Kind, Misuse, Role, Rsv, State, Violation};

/// How the bytes of a read get into the buffer.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Feeding {
    /// Behind the end of the buffer that the decoder left.
    Onto,
    /// In a buffer of their own each time.
    Apart,
    /// Into the room that the decoder left, as far as it goes, as a socket does.
    Room,
    /// In turns.
    Mixed,
}

const FEEDINGS: [Feeding; 4] = [Feeding::Onto, Feeding::Apart, Feeding::Room, Feeding::Mixed];

/// What is comparable: owned messages have no offsets.
fn record(event: &Event) -> (String, Option<u64>) {
    match event {
        Event::Message { kind, payload_hex, .. } => (format!("{kind} {payload_hex}"), None),
        Event::Ping { payload_hex, .. } => (format!("ping {payload_hex}"), None),
        Event::Pong { payload_hex, .. } => (format!("pong {payload_hex}"), None),
        Event::Close { code, reason, .. } => (format!("close {code:?} {reason}"), None),
        Event::Violation { offset, close_code, rule } => (format!("{rule} {close_code}"), Some(*offset)),
    }
}

fn record_of(message: &Message) -> (String, Option<u64>) {
    let text = match message {
        Message::Text(text) => {
            assert_eq!(core::str::from_utf8(text.as_bytes()).unwrap(), &**text);
            format!("text {}", hex(text.as_bytes()))
        }
        Message::Binary(payload) => format!("binary {}", hex(payload)),
        Message::Opaque(opaque) => format!("{} {}", opaque.kind, hex(&opaque.payload)),
        Message::Ping(payload) => format!("ping {}", hex(payload)),
        Message::Pong(payload) => format!("pong {}", hex(payload)),
        Message::Close(close) => format!("close {:?} {}", close.code().map(CloseCode::get), close.reason()),
    };
    (text, None)
}

/// A decoder, its buffer, and all that came out of it. Every second message is kept until the end, the others are dropped.
struct Run {
    decoder: MessageDecoder,
    buffer: BytesMut,
    records: Vec<(String, Option<u64>)>,
    kept: Vec<(Message, String)>,
}

impl Run {
    fn new(role: Role, config: Config) -> Run {
        let decoder = MessageDecoder::with_config(role, config);
        Run { decoder, buffer: BytesMut::new(), records: Vec::new(), kept: Vec::new() }
    }

    fn feed(&mut self, mut piece: &[u8], feeding: Feeding) {
        while !piece.is_empty() {
            match feeding {
                Feeding::Apart => self.buffer = BytesMut::from(core::mem::take(&mut piece)),
                Feeding::Room if self.buffer.capacity() > 0 => {
                    let (now, later) = piece.split_at(piece.len().min(self.buffer.capacity()));
                    self.buffer.put_slice(now);
                    piece = later;
                }
                _ => self.buffer.extend_from_slice(core::mem::take(&mut piece)),
            }
            loop {
                match self.decoder.decode(&mut self.buffer) {
                    Ok(Some(message)) => {
                        let record = record_of(&message);
                        if self.records.len().is_multiple_of(2) {
                            self.kept.push((message, record.0.clone()));
                        }
                        self.records.push(record);
                    }
                    Ok(None) => break,
                    Err(error) => {
                        assert!(self.buffer.is_empty(), "C6: input is left empty");
                        assert_eq!(self.decoder.position(), error.offset() + 1);
                        assert_eq!(self.decoder.decode(&mut BytesMut::from(&b"\x81\x00"[..])).unwrap_err(), error);
                        self.records.push(record(&Event::violation(error)));
                        return;
                    }
                }
            }
            assert!(self.buffer.is_empty(), "C1: bytes were left");
        }
    }

    fn finish(self) -> (Vec<(String, Option<u64>)>, State) {
        for (message, record) in &self.kept {
            assert_eq!(record_of(message).0, *record, "a message changed after it was given out");
        }
        (self.records, self.decoder.state())
    }
}

/// What comes of a stream in these pieces.
fn receive<'a>(
    role: Role,
    config: Config,
    feeding: Feeding,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> (Vec<(String, Option<u64>)>, State) {
    let mut run = Run::new(role, config);
    for (i, piece) in pieces.into_iter().enumerate() {
        if run.decoder.state() == State::Failed {
            break;
        }
        let feeding = if feeding == Feeding::Mixed { FEEDINGS[i % 3] } else { feeding };
        run.feed(piece, feeding);
    }
    run.finish()
}

#[test]
fn every_vector_gives_its_events_at_every_cut() {
    for vector in vectors() {
        let stream = vector.stream();
        let (role, config) = (vector.role(), vector.config());
        let expected = (vector.events.iter().map(record).collect::<Vec<_>>(), vector.state());
        for feeding in FEEDINGS {
            let check = |how: &str, found| assert_eq!(found, expected, "{}, {feeding:?}, {how}", vector.name);
            check("whole", receive(role, config, feeding, [&stream[..]]));
            check("byte by byte", receive(role, config, feeding, stream.chunks(1)));
            for cut in 1..stream.len() {
                let (a, b) = stream.split_at(cut);
                check(&format!("cut at {cut}"), receive(role, config, feeding, [a, b]));
            }
        }
    }
}

/// C3: with the deciding byte, and not before.
#[test]
fn a_violation_comes_with_its_deciding_byte_and_not_before() {
    for vector in vectors() {
        let Some(Event::Violation { offset, .. }) = vector.events.last() else { continue };
        let stream = vector.stream();
        let mut run = Run::new(vector.role(), vector.config());
        run.feed(&stream[..*offset as usize], Feeding::Onto);
        assert_ne!(run.decoder.state(), State::Failed, "{}", vector.name);
        run.feed(&stream[*offset as usize..][..1], Feeding::Onto);
        assert_eq!(run.decoder.state(), State::Failed, "{}", vector.name);
        let expected: Vec<_> = vector.events.iter().map(record).collect();
        assert_eq!(run.finish().0, expected, "{}", vector.name);
    }
}

#[test]
fn captures_give_the_same_at_every_cut() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/captures");
    let mut captures = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "bin") {
            continue;
        }
        captures += 1;
        let session = std::fs::read_to_string(path.with_extension("json")).unwrap();
        let session: serde_json::Value = serde_json::from_str(&session).unwrap();
        let role = if session["role"] == "server" { Role::Server } else { Role::Client };
        let bytes = std::fs::read(&path).unwrap();
        let head = bytes.windows(4).position(|end| end == b"\r\n\r\n").unwrap() + 4;
        let stream = &bytes[head..];
        let config = Config::preset(role);
        let (events, state) = assemble(role, config, [stream]);
        let expected = (events.iter().map(record).collect::<Vec<_>>(), state);
        assert!(expected.0.len() >= session["events"].as_array().unwrap().len());
        for size in [1, 13, 1460] {
            for feeding in FEEDINGS {
                assert_eq!(receive(role, config, feeding, stream.chunks(size)), expected, "{path:?}, {size}");
            }
        }
        // Every cut of the small frames, and some of what is long.
        let step = |at: usize| if at < 2000 || stream.len() - at < 200 { 1 } else { 4099 };
        let mut cut = 0;
        while cut < stream.len() {
            let (a, b) = stream.split_at(cut);
            for feeding in [Feeding::Onto, Feeding::Apart] {
                assert_eq!(receive(role, config, feeding, [a, b]), expected, "{path:?}, cut at {cut}");
            }
            cut += step(cut);
        }
    }
    assert!(captures >= 4);
}

#[derive(Clone, Debug)]
enum Op {
    Message(Vec<usize>, bool),
    Ping(usize),
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let len = prop_oneof![0..200_usize, Just(0), 100..5000_usize, 60_000..70_000_usize];
    prop::collection::vec(
        prop_oneof![
            4 => (prop::collection::vec(len, 1..6), any::<bool>()).prop_map(|(lens, text)| Op::Message(lens, text)),
            1 => (0..126_usize).prop_map(Op::Ping),
        ],
        1..12,
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_messages_fragments_and_cuts_give_what_was_sent(ops in ops(), cuts in prop::collection::vec(1..70_000_usize, 1..40), masked in any::<bool>(), small in any::<bool>()) {
        let mut out = BytesMut::new();
        let mut expected = Vec::new();
        macro_rules! send {
            ($encoder:expr) => {
                for op in &ops {
                    match op {
                        Op::Ping(len) => {
                            let payload = vec![b'p'; *len];
                            $encoder.put_ping(&mut out, &payload).unwrap();
                            expected.push(record_of(&Message::Ping(payload.into())));
                        }
                        Op::Message(lens, text) => {
                            let mut whole = Vec::new();
                            for (i, len) in lens.iter().enumerate() {
                                let fin = i + 1 == lens.len();
                                let piece = "aä€𝄞bc".repeat(len / 12 + 1);
                                let piece = if *len == 0 { "" } else { &piece };
                                if *text {
                                    $encoder.put_text_fragment(&mut out, piece, fin).unwrap();
                                } else {
                                    $encoder.put_fragment(&mut out, Kind::Binary, Rsv::NONE, fin, piece.as_bytes()).unwrap();
                                }
                                whole.extend_from_slice(piece.as_bytes());
                                if !fin && i % 2 == 1 {
                                    $encoder.put_pong(&mut out, b"between").unwrap();
                                    expected.push(record_of(&Message::Pong(Bytes::from_static(b"between"))));
                                }
                            }
                            let whole = String::from_utf8(whole).unwrap();
                            let message = if *text { Message::from(whole) } else { Message::from(whole.into_bytes()) };
                            expected.push(record_of(&message));
                        }
                    }
                }
            };
        }
        let role = if masked { Role::Server } else { Role::Client };
        if masked {
            let mut key = 0_u32;
            let mut encoder = Encoder::client(move || { key = key.wrapping_mul(0x9e37_79b9).wrapping_add(7); key.to_le_bytes() });
            send!(encoder);
        } else {
            let mut encoder = Encoder::server();
            send!(encoder);
        }
        for feeding in FEEDINGS {
            let mut pieces = Vec::new();
            let mut rest = &out[..];
            for cut in cuts.iter().cycle() {
                if rest.is_empty() { break; }
                let cut = if small { cut % 1500 + 1 } else { *cut };
                let (piece, behind) = rest.split_at(cut.min(rest.len()));
                pieces.push(piece);
                rest = behind;
            }
            let found = receive(role, Config::preset(role), feeding, pieces);
            prop_assert!(found == (expected.clone(), State::Idle), "{:?}", feeding);
        }
    }
}

#[test]
fn a_message_in_one_frame_is_not_copied() {
    let mut decoder = MessageDecoder::new(Role::Client);
    let mut buffer = BytesMut::from(&b"\x82\x05Hello\x81\x02hi"[..]);
    let start = buffer.as_ptr();
    let first = decoder.decode(&mut buffer).unwrap().unwrap();
    let second = decoder.decode(&mut buffer).unwrap().unwrap();
    assert_eq!((first.payload().as_ptr(), second.payload().as_ptr()), (start.wrapping_add(2), start.wrapping_add(9)));
    // Nor is one that was cut, if the rest is read into the room that was left.
    let mut buffer = BytesMut::with_capacity(8192);
    buffer.extend_from_slice(b"\x82\x0812");
    let start = buffer.as_ptr();
    for piece in [b"34", b"56", b"78"] {
        assert_eq!(decoder.decode(&mut buffer).unwrap(), None);
        buffer.extend_from_slice(piece);
    }
    let message = decoder.decode(&mut buffer).unwrap().unwrap();
    assert_eq!((message.payload(), message.payload().as_ptr()), (&b"12345678"[..], start.wrapping_add(2)));
    // Fragments in one buffer are joined in it.
    let mut buffer = BytesMut::from(&b"\x01\x03Hel\x89\x00\x80\x02lo"[..]);
    let start = buffer.as_ptr();
    assert_eq!(decoder.decode(&mut buffer).unwrap(), Some(Message::Ping(Bytes::new())));
    let message = decoder.decode(&mut buffer).unwrap().unwrap();
    assert_eq!((message.text(), message.payload().as_ptr()), (Some("Hello"), start.wrapping_add(2)));
}

/// What has been validated cannot be altered before the message is whole.
#[test]
fn the_beginning_of_a_message_is_out_of_reach() {
    let mut decoder = MessageDecoder::new(Role::Client);
    let mut buffer = BytesMut::from(&b"\x81\x04ok"[..]);
    assert_eq!(decoder.decode(&mut buffer).unwrap(), None);
    assert!(buffer.is_empty());
    // Whatever the caller does to its buffer, and even if it gives another one:
    buffer.extend_from_slice(b"\xff\xff");
    buffer = BytesMut::from(&b"!!"[..]);
    assert_eq!(decoder.decode(&mut buffer).unwrap().unwrap().text(), Some("ok!!"));
}

/// Behind a control frame there may be more in the decoder: what is added then comes after it, from any buffer.
#[test]
fn what_is_added_between_two_messages_comes_behind_what_was_there() {
    for apart in [false, true] {
        let mut decoder = MessageDecoder::new(Role::Client);
        let mut buffer = BytesMut::from(&b"\x01\x02ab"[..]);
        assert_eq!(decoder.decode(&mut buffer).unwrap(), None);
        buffer.extend_from_slice(b"\x89\x00\x00\x02cd");
        assert_eq!(decoder.decode(&mut buffer).unwrap(), Some(Message::Ping(Bytes::new())));
        if apart {
            buffer = BytesMut::from(&b"\x80\x02ef\x81\x01x"[..]);
        } else {
            buffer.extend_from_slice(b"\x80\x02ef\x81\x01x");
        }
        assert_eq!(decoder.decode(&mut buffer).unwrap(), Some(Message::from("abcdef")));
        assert_eq!(decoder.decode(&mut buffer).unwrap(), Some(Message::from("x")));
        assert_eq!(decoder.decode(&mut buffer).unwrap(), None);
    }
}

#[test]
fn opaque_messages_are_handed_over_as_they_are() {
    let config = Config::CLIENT.allowed_rsv(Rsv::RSV1);
    let mut decoder = MessageDecoder::with_config(Role::Client, config);
    let mut buffer = BytesMut::from(&b"\xc1\x02\xff\xfe\x41\x01a\x80\x01\xff"[..]);
    let opaque =
        |payload: &'static [u8]| Message::Opaque(Opaque { kind: Kind::Text, rsv: Rsv::RSV1, payload: payload.into() });
    assert_eq!(decoder.decode(&mut buffer).unwrap(), Some(opaque(b"\xff\xfe")));
    assert_eq!(decoder.decode(&mut buffer).unwrap(), Some(opaque(b"a\xff")));
    assert_eq!(opaque(b"x").text(), None);

    let mut out = BytesMut::new();
    Encoder::server_with_config(config).put(&mut out, &opaque(b"\xff\xfe")).unwrap();
    assert_eq!(&out[..], b"\xc1\x02\xff\xfe");
    assert_eq!(Encoder::server().put(&mut out, &opaque(b"")), Err(Misuse::Forbidden(Violation::ReservedBits)));
    assert_eq!(Encoder::server().parts(opaque(b"")), Err(Misuse::Forbidden(Violation::ReservedBits)));

    // Without the bit it is plain text, which must be UTF-8 however it is sent.
    for (payload, may_be_sent) in [(&b"\xc3\xa9"[..], true), (b"\xff", false), (b"\xc3", false)] {
        let plain = Message::Opaque(Opaque { kind: Kind::Text, rsv: Rsv::NONE, payload: payload.into() });
        let refused = Some(Misuse::Forbidden(Violation::TextNotUtf8)).filter(|_| !may_be_sent);
        let before = out.len();
        assert_eq!(Encoder::server().put(&mut out, &plain).err(), refused);
        assert_eq!(out.len() > before, may_be_sent);
        assert_eq!(Encoder::server().parts(plain.clone()).err(), refused);
        assert_eq!(PreparedFrame::new(&plain).err(), refused);
    }
}

/// The same bytes as into a slice, and nothing at all after a refusal.
#[test]
fn frames_in_a_buffer_are_those_in_a_slice() {
    let close = CloseFrame::new(CloseCode::GOING_AWAY, "bye").unwrap();
    let long = "ä".repeat(40_000);
    let mut slice = vec![0; 100_000];
    macro_rules! same {
        ($new:expr, $($slice:ident $put:ident ($($argument:expr),*);)*) => {
            let (mut a, mut b) = ($new, $new);
            let mut out = BytesMut::new();
            let mut expected = Vec::new();
            $(
                let result = a.$slice(&mut slice, $($argument),*);
                let before = out.len();
                let put = b.$put(&mut out, $($argument),*);
                assert_eq!(put, result.map(drop), stringify!($slice $($argument),*));
                match result {
                    Ok(len) => expected.extend_from_slice(&slice[..len]),
                    Err(_) => assert_eq!(out.len(), before, "the output was touched"),
                }
            )*
            assert!(out[..] == expected[..]);
        };
    }
    macro_rules! all {
        ($new:expr) => {
            same!($new,
                text put_text("Hello");
                text put_text(&long);
                binary put_binary(&[7; 200]);
                text_fragment put_text_fragment("Hel", false);
                text put_text("not now");
                binary put_binary(b"not now");
                ping put_ping(b"ping");
                ping put_ping(&[0; 126]);
                pong put_pong(b"");
                fragment put_fragment(Kind::Text, Rsv::NONE, false, b"\xc3");
                text_fragment put_text_fragment("broken", true);
                fragment put_fragment(Kind::Text, Rsv::NONE, true, b"\xa4");
                fragment put_fragment(Kind::Binary, Rsv::RSV1, true, b"");
                close put_close(&close);
                close put_close(&close);
                pong put_pong(b"");
            );
        };
    }
    all!(Encoder::server());
    all!(Encoder::client(|| [9, 8, 7, 6]));
}

#[test]
fn messages_are_sent_as_they_were_received() {
    let close = CloseFrame::new(CloseCode::NORMAL, "done").unwrap();
    let messages = [
        Message::from("text"),
        Message::from(vec![0; 70_000]),
        Message::Ping(Bytes::from_static(b"1")),
        Message::Pong(Bytes::new()),
        Message::from(close),
    ];
    let (mut whole, mut in_parts) = (BytesMut::new(), BytesMut::new());
    let (mut server, mut parts) = (Encoder::server(), Encoder::server());
    for message in &messages {
        server.put(&mut whole, message).unwrap();
        for part in parts.parts(message.clone()).unwrap() {
            in_parts.extend_from_slice(&part);
        }
    }
    assert!(whole == in_parts);
    assert_eq!(parts.parts(Message::from("late")), Err(Misuse::Closed));
    let mut decoder = MessageDecoder::new(Role::Client);
    for message in &messages {
        assert_eq!(decoder.decode(&mut whole).unwrap().as_ref(), Some(message));
    }
    let Message::Close(close) = &messages[4] else { unreachable!() };
    assert_eq!((close.reply().code(), close.reply().reason()), (Some(CloseCode::NORMAL), ""));
    assert_eq!(Close::default().as_frame(), CloseFrame::EMPTY);
    assert_eq!(Close::new(CloseCode::NORMAL, "done").map(Message::Close).as_ref(), Ok(&messages[4]));
    assert!(Close::new(CloseCode::ABNORMAL_CLOSURE, "").is_err());
}

#[test]
fn a_prepared_frame_goes_where_it_may() {
    let news = PreparedFrame::new(&Message::from("news")).unwrap();
    let mut encoder = Encoder::server();
    let sent = encoder.prepared(&news).unwrap();
    assert_eq!((&sent[..], sent.as_ptr()), (&b"\x81\x04news"[..], news.as_bytes().as_ptr()));
    // Not inside a message, not above the peer's limits, not behind a Close.
    let mut out = BytesMut::new();
    encoder.put_text_fragment(&mut out, "first", false).unwrap();
    assert_eq!(encoder.prepared(&news), Err(Misuse::Forbidden(Violation::ContinuationExpected)));
    let ping = PreparedFrame::new(&Message::Ping(Bytes::from_static(b"?"))).unwrap();
    assert_eq!(encoder.prepared(&ping).unwrap(), &b"\x89\x01?"[..]);
    let mut small = Encoder::server_with_config(Config::CLIENT.max_frame_len(3));
    assert_eq!(small.prepared(&news), Err(Misuse::Forbidden(Violation::FrameTooLong)));
    encoder.put_close(&mut out, &CloseFrame::EMPTY).unwrap();
    assert_eq!(encoder.prepared(&news), Err(Misuse::Closed));
    assert!(PreparedFrame::new(&Message::from(CloseFrame::EMPTY)).is_err());
    assert!(PreparedFrame::new(&Message::Ping(vec![0; 126].into())).is_err());
}

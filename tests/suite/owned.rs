//! Owned messages: the same as from the assembler, for any cut and any way of feeding, as they were received and as they are
//! sent.

use bytes::{BufMut, Bytes, BytesMut};
use proptest::prelude::*;
use tokio_util::codec::Decoder as _;
use wsframe::codec::{Message, MessageCodec, MessageDecoder, Opaque, OwnedCloseFrame, PreparedFrame, Text};
use wsframe::{
    CloseCode, CloseFrame, Config, EncodeError, Encoder, EncoderConfig, Frame, MessageKind, Role, Rsv, State, Violation,
};
use wsframe_dev::{Event, FEEDINGS, Feeding, assemble, own, vectors};

const IDLE: usize = 64 * 1024;

fn without_places(events: &[Event]) -> Vec<Event> {
    events.iter().cloned().map(Event::without_place).collect()
}

/// What comes of a stream in these pieces.
fn receive<'a>(
    role: Role,
    config: Config,
    feeding: Feeding,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> (Vec<Event>, State) {
    own(role, config, IDLE, pieces.into_iter().map(|piece| (piece, feeding)))
}

#[test]
fn every_vector_gives_its_events_at_every_cut() {
    for vector in vectors::all() {
        let stream = vector.stream();
        let (role, config) = (vector.role(), vector.config());
        let expected = (without_places(&vector.events), vector.state());
        for feeding in FEEDINGS {
            let check = |how: &str, found| assert_eq!(found, expected, "{}, {feeding:?}, {how}", vector.name);
            check("whole", receive(role, config, feeding, [&stream[..]]));
            check("byte by byte", receive(role, config, feeding, stream.chunks(1)));
            for cut in 1..stream.len() {
                let (a, b) = stream.split_at(cut);
                check("cut", receive(role, config, feeding, [a, b]));
            }
        }
        let mixed =
            stream.chunks(3).zip([Feeding::Onto, Feeding::Apart, Feeding::Room, Feeding::Shared].into_iter().cycle());
        assert_eq!(own(role, config, 0, mixed), expected, "{}, mixed", vector.name);
    }
}

/// C3: with the deciding byte, and not before.
#[test]
fn a_violation_comes_with_its_deciding_byte_and_not_before() {
    for vector in vectors::all() {
        let Some((Event::Violation { offset, .. }, complete)) = vector.events.split_last() else { continue };
        let stream = vector.stream();
        let before = receive(vector.role(), vector.config(), Feeding::Put, [&stream[..*offset as usize]]);
        assert_eq!(before.0, without_places(complete), "{}", vector.name);
        assert_ne!(before.1, State::Failed, "{}", vector.name);
        let with = receive(vector.role(), vector.config(), Feeding::Put, [&stream[..=*offset as usize]]);
        assert_eq!(with, (without_places(&vector.events), State::Failed), "{}", vector.name);
    }
}

#[test]
fn captures_give_the_same_at_every_cut() {
    for capture in crate::captures::all() {
        let (role, stream) = (capture.role, &capture.stream[..]);
        let config = Config::preset(role);
        let (events, state) = assemble(role, config, [stream]);
        let expected = (without_places(&events), state);
        for size in [1, 13, 1460] {
            for feeding in FEEDINGS {
                assert_eq!(receive(role, config, feeding, stream.chunks(size)), expected, "{}, {size}", capture.name);
            }
        }
        // Every cut of the small frames, and some of what is long.
        let step = |at: usize| if at < 2000 || stream.len() - at < 200 { 1 } else { 4099 };
        let mut cut = 0;
        while cut < stream.len() {
            let (a, b) = stream.split_at(cut);
            let feeding = FEEDINGS[cut % FEEDINGS.len()];
            assert_eq!(receive(role, config, feeding, [a, b]), expected, "{}, cut at {cut}", capture.name);
            cut += step(cut);
        }
    }
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
                            $encoder.append(&mut out, Frame::ping(&payload)).unwrap();
                            expected.push(Event::Ping { offset: 0, payload });
                        }
                        Op::Message(lens, text) => {
                            let mut whole = Vec::new();
                            for (i, len) in lens.iter().enumerate() {
                                let fin = i + 1 == lens.len();
                                let piece = "aä€𝄞bc".repeat(len / 12 + 1);
                                let piece = if *len == 0 { "" } else { &piece };
                                if *text {
                                    $encoder.append(&mut out, Frame::text_fragment(piece, fin)).unwrap();
                                } else {
                                    $encoder.append(&mut out, Frame::fragment(MessageKind::Binary, piece.as_bytes(), fin)).unwrap();
                                }
                                whole.extend_from_slice(piece.as_bytes());
                                if !fin && i % 2 == 1 {
                                    $encoder.append(&mut out, Frame::pong(b"between")).unwrap();
                                    expected.push(Event::Pong { offset: 0, payload: b"between".to_vec() });
                                }
                            }
                            expected.push(Event::Message { text: *text, rsv: 0, offset: 0, fragments: 0, payload: whole });
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
    decoder.put_slice(b"\x82\x05Hello\x81\x02hi");
    let first = decoder.decode().unwrap().unwrap();
    let second = decoder.decode().unwrap().unwrap();
    assert_eq!(second.payload().as_ptr(), first.payload().as_ptr().wrapping_add(7), "both lie in the read buffer");
    // Nor is one that was cut, or sent in fragments.
    for pieces in [&[&b"\x82\x0812"[..], b"34", b"56", b"78"][..], &[b"\x01\x03Hel\x89\x00\x80\x02lo"]] {
        let mut decoder = MessageDecoder::new(Role::Client);
        let start = decoder.spare_mut().as_ptr();
        let mut messages = Vec::new();
        for piece in pieces {
            decoder.put_slice(piece);
            decoder.for_each(|message| messages.push(message)).unwrap();
        }
        assert_eq!(messages.last().unwrap().payload().as_ptr(), start.wrapping_add(2));
    }
    // Bytes that were there before are taken as they are.
    let before = BytesMut::from(&b"\x82\x05Hello"[..]);
    let start = before.as_ptr();
    let mut decoder = MessageDecoder::new(Role::Client).with_received(before);
    assert_eq!(decoder.decode().unwrap().unwrap().payload().as_ptr(), start.wrapping_add(2));
}

/// What a `Framed` gives to anybody never holds the beginning of a message, so what was validated cannot be altered.
#[test]
fn the_beginning_of_a_message_is_out_of_reach_of_the_owner_of_the_buffer() {
    let mut codec = MessageCodec::client(|| [0; 4]);
    let mut buffer = BytesMut::from(&b"\x81\x04ok"[..]);
    assert_eq!(codec.decode(&mut buffer).unwrap(), None);
    assert!(buffer.is_empty() && buffer.capacity() >= 1024);
    // Whatever the caller does to its buffer, and even if it passes another one:
    buffer.resize(buffer.capacity(), 0xff);
    buffer = BytesMut::from(&b"!!"[..]);
    assert_eq!(codec.decode(&mut buffer).unwrap().unwrap().text(), Some("ok!!"));
}

/// After a control frame there may be more in the decoder: what is added then comes after it, from any buffer.
#[test]
fn what_is_added_between_two_messages_comes_after_what_was_there() {
    for apart in [false, true] {
        let mut codec = MessageCodec::client(|| [0; 4]);
        let mut buffer = BytesMut::from(&b"\x01\x02ab"[..]);
        assert_eq!(codec.decode(&mut buffer).unwrap(), None);
        buffer.extend_from_slice(b"\x89\x00\x00\x02cd");
        assert_eq!(codec.decode(&mut buffer).unwrap(), Some(Message::Ping(Bytes::new())));
        if apart {
            buffer = BytesMut::from(&[&buffer[..], b"\x80\x02ef\x81\x01x"].concat()[..]);
        } else {
            buffer.extend_from_slice(b"\x80\x02ef\x81\x01x");
        }
        assert_eq!(codec.decode(&mut buffer).unwrap(), Some(Message::from("abcdef")));
        assert_eq!(codec.decode(&mut buffer).unwrap(), Some(Message::from("x")));
        assert_eq!(codec.decode(&mut buffer).unwrap(), None);
    }
}

/// `read_buf` takes a full buffer for the end of the transport, so there is room in every state.
#[test]
fn there_is_always_room_for_a_read() {
    let streams: [&[u8]; 8] = [
        b"",
        b"\x82",
        b"\x82\x7f\0\0\0\0\0\x10\0\0abc",
        b"\x82\x01x\x02\x05hello\x89\x00",
        b"\x88\x00",
        b"\x88\x00and more",
        b"\x83\x00",
        b"\x81\x01\xff",
    ];
    for stream in streams {
        for idle in [0, 100, IDLE] {
            let mut decoder = MessageDecoder::new(Role::Client).with_max_idle_buffer(idle);
            for byte in stream {
                decoder.put_u8(*byte);
                _ = decoder.for_each(drop);
                assert!(decoder.remaining_mut() > 1 << 20 && decoder.chunk_mut().len() >= 1024, "{stream:?}");
                assert!(decoder.spare_mut().len() >= 1024, "{stream:?}");
            }
            // Room that is not decoded out of is left too.
            for _ in 0..6 {
                let len = decoder.spare_mut().len();
                assert!(len >= 1024);
                decoder.commit(len);
            }
        }
    }
}

#[test]
fn after_the_end_of_the_stream_what_is_read_is_dropped() {
    for (end, state) in [(&b"\x88\x00"[..], State::Closed), (b"\x83", State::Failed)] {
        let mut decoder = MessageDecoder::new(Role::Client);
        decoder.put_slice(end);
        let position = decoder.decode().map_or_else(|_| 1, |_| 2);
        for _ in 0..1000 {
            decoder.put_slice(&[0x81; 1000]);
            let room = decoder.spare_mut();
            room.fill(0x81);
            let len = room.len();
            decoder.commit(len);
        }
        assert_eq!((decoder.state(), decoder.position()), (state, position));
        assert!(decoder.take_undecoded().is_none_or(|bytes| bytes.is_empty()));
        assert!(matches!(decoder.decode(), Ok(None) | Err(_)));
    }
}

/// A message that was moved to a lower address has room after it that ends before what was known to be initialized: nothing
/// between the two is handed out as it was found.
#[test]
fn room_that_was_not_initialized_is_never_handed_out() {
    const FOUND: u8 = 0xa5;
    let mut memory = BytesMut::new();
    memory.resize(140_000, FOUND);
    memory.clear();
    let mut received = memory.split_off(100_000);
    drop(memory);
    let stream = wsframe_dev::frame(0x82, None, &[7; 60_000]);
    received.extend_from_slice(&stream[..39_900]);
    let mut decoder = MessageDecoder::new(Role::Client).with_max_idle_buffer(1 << 20).with_received(received);
    let mut rest = &stream[39_900..];
    assert_eq!(decoder.decode(), Ok(None));
    for _ in 0..4 {
        let room = decoder.spare_mut();
        assert!(!room.contains(&FOUND));
        let len = room.len().min(rest.len());
        room[..len].copy_from_slice(&rest[..len]);
        rest = &rest[len..];
        decoder.commit(len);
        while decoder.decode().unwrap().is_some() {}
    }
}

#[test]
fn initialized_room_is_not_initialized_again() {
    let mut decoder = MessageDecoder::new(Role::Client);
    decoder.spare_mut().fill(0xee);
    assert!(decoder.spare_mut().iter().all(|byte| *byte == 0xee), "it was filled again");
    // More than the room is as much as the room.
    let len = decoder.spare_mut().len();
    decoder.spare_mut()[..7].copy_from_slice(b"\x82\x05Hello");
    decoder.commit(7);
    assert_eq!(decoder.decode().unwrap(), Some(Message::from(b"Hello".to_vec())));
    assert!(decoder.spare_mut()[7..].iter().all(|byte| *byte == 0xee), "it was filled again after a read");
    decoder.commit(usize::MAX);
    let taken = decoder.take_undecoded().unwrap();
    assert!(taken.len() <= len && taken[7..].iter().all(|byte| *byte == 0xee));
    // And what a reader of uninitialized memory wrote counts as well.
    let mut decoder = MessageDecoder::new(Role::Client);
    decoder.put_slice(&[b"\x82\x7e\x03\xe8", &[0xaa; 1000][..]].concat());
    assert!(decoder.decode().unwrap().is_some());
    decoder.spare_mut().fill(0xbb);
    assert!(decoder.spare_mut().iter().all(|byte| *byte == 0xbb));
}

#[test]
fn undecoded_bytes_can_be_taken_out_between_frames() {
    // Between two messages, and between two frames of one.
    for (stream, events, rest) in [
        (&b"\x81\x02hi\x82\x00rest"[..], 2, &b"rest"[..]),
        (b"\x01\x02hi\x89\x00rest", 1, b"rest"),
        (b"\x88\x00rest", 1, b"rest"),
        (b"", 0, b""),
    ] {
        let mut decoder = MessageDecoder::new(Role::Client);
        decoder.put_slice(stream);
        for _ in 0..events {
            assert!(decoder.decode().unwrap().is_some());
        }
        assert_eq!(decoder.take_undecoded().unwrap(), rest);
        assert_eq!(decoder.take_undecoded().unwrap(), &b""[..]);
    }
    // The message under way goes on with what is put in again.
    let mut decoder = MessageDecoder::new(Role::Client);
    decoder.put_slice(b"\x01\x02hi\x89\x00\x80\x01!");
    assert!(matches!(decoder.decode(), Ok(Some(Message::Ping(_)))));
    let rest = decoder.take_undecoded().unwrap();
    let mut decoder = decoder.with_received(rest);
    assert_eq!(decoder.decode().unwrap(), Some(Message::from("hi!")));
    // Inside a frame, and after a violation, there is nothing to take over.
    for stream in [&b"\x81"[..], b"\x81\x02h", b"\x83"] {
        let mut decoder = MessageDecoder::new(Role::Client);
        decoder.put_slice(stream);
        _ = decoder.decode();
        assert!(decoder.take_undecoded().is_none(), "{stream:?}");
    }
}

#[test]
fn opaque_messages_are_handed_over_as_they_are() {
    let mut decoder = MessageDecoder::with_config(Role::Client, Config::CLIENT.with_allowed_rsv(Rsv::RSV1));
    decoder.put_slice(b"\xc1\x02\xff\xfe\x41\x01a\x80\x01\xff");
    let opaque = |payload: &'static [u8]| Message::Opaque(Opaque::new(MessageKind::Text, Rsv::RSV1, payload.into()));
    assert_eq!(decoder.decode().unwrap(), Some(opaque(b"\xff\xfe")));
    assert_eq!(decoder.decode().unwrap(), Some(opaque(b"a\xff")));
    assert_eq!(opaque(b"x").text(), None);

    let mut out = BytesMut::new();
    Encoder::server_with_config(EncoderConfig::new().with_allowed_rsv(Rsv::RSV1))
        .append(&mut out, &opaque(b"\xff\xfe"))
        .unwrap();
    assert_eq!(&out[..], b"\xc1\x02\xff\xfe");
    assert_eq!(Encoder::server().append(&mut out, &opaque(b"")), Err(EncodeError::Forbidden(Violation::ReservedBits)));
    assert_eq!(Encoder::server().header_and_payload(opaque(b"")), Err(EncodeError::Forbidden(Violation::ReservedBits)));

    // Without the bit it is plain text, which must be UTF-8 however it is sent.
    for (payload, may_be_sent) in [(&b"\xc3\xa9"[..], true), (b"\xff", false), (b"\xc3", false)] {
        let plain = Message::Opaque(Opaque::new(MessageKind::Text, Rsv::NONE, payload.into()));
        let refused = Some(EncodeError::Forbidden(Violation::TextNotUtf8)).filter(|_| !may_be_sent);
        let before = out.len();
        assert_eq!(Encoder::server().append(&mut out, &plain).err(), refused);
        assert_eq!(out.len() > before, may_be_sent);
        assert_eq!(Encoder::server().header_and_payload(plain.clone()).err(), refused);
        assert_eq!(PreparedFrame::new(&plain).err(), refused);
    }
}

/// The same bytes as into a slice, and nothing at all after a refusal.
#[test]
fn frames_in_a_buffer_are_those_in_a_slice() {
    let close = CloseFrame::new(CloseCode::GOING_AWAY, "bye").unwrap();
    let long = "ä".repeat(40_000);
    let mut slice = vec![0; 100_000];
    let frames = [
        Frame::text("Hello"),
        Frame::text(&long),
        Frame::binary(&[7; 200]),
        Frame::text_fragment("Hel", false),
        Frame::text("not now"),
        Frame::binary(b"not now"),
        Frame::ping(b"ping"),
        Frame::ping(&[0; 126]),
        Frame::pong(b""),
        Frame::fragment(MessageKind::Text, b"\xc3", false),
        Frame::text_fragment("broken", true),
        Frame::fragment(MessageKind::Text, b"\xa4", true),
        Frame::fragment(MessageKind::Binary, b"", true).with_rsv(Rsv::RSV1),
        Frame::close(close),
        Frame::close(close),
        Frame::pong(b""),
    ];
    macro_rules! same {
        ($encoder:expr) => {
            let (mut encoder, mut into_bytes, mut into_vec) = ($encoder, $encoder, $encoder);
            let (mut bytes, mut vec, mut expected) = (BytesMut::new(), Vec::new(), Vec::new());
            for frame in frames {
                let result = encoder.encode(&mut slice[..], frame);
                expected.extend_from_slice(&slice[..result.unwrap_or(0)]);
                assert_eq!(into_bytes.append(&mut bytes, frame), result, "{frame:?}");
                assert_eq!(into_vec.append(&mut vec, frame), result, "{frame:?}");
                assert!(bytes[..] == expected[..] && vec == expected, "{frame:?}");
            }
        };
    }
    same!(Encoder::server());
    same!(Encoder::client(|| [9, 8, 7, 6]));
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
        server.append(&mut whole, message).unwrap();
        for part in parts.header_and_payload(message.clone()).unwrap() {
            in_parts.extend_from_slice(&part);
        }
    }
    assert!(whole == in_parts);
    assert_eq!(parts.header_and_payload(Message::from("late")), Err(EncodeError::Closed));
    let mut decoder = MessageDecoder::new(Role::Client).with_received(whole);
    for message in &messages {
        assert_eq!(decoder.decode().unwrap().as_ref(), Some(message));
    }
    let Message::Close(close) = &messages[4] else { unreachable!() };
    assert_eq!((close.reply().code(), close.reply().reason()), (Some(CloseCode::NORMAL), ""));
    assert_eq!(OwnedCloseFrame::default().as_frame(), CloseFrame::EMPTY);
    assert_eq!(OwnedCloseFrame::new(CloseCode::NORMAL, "done").map(Message::Close).as_ref(), Ok(&messages[4]));
    assert!(OwnedCloseFrame::new(CloseCode::ABNORMAL_CLOSURE, "").is_err());
}

#[test]
fn a_prepared_frame_goes_where_it_may() {
    let news = PreparedFrame::new("news").unwrap();
    let mut encoder = Encoder::server();
    let sent = encoder.encode_prepared(&news).unwrap();
    assert_eq!((&sent[..], sent.as_ptr()), (&b"\x81\x04news"[..], news.as_bytes().as_ptr()));
    // Not inside a message, not above the encoder's limits, not after a Close.
    let mut out = BytesMut::new();
    encoder.append(&mut out, Frame::text_fragment("first", false)).unwrap();
    assert_eq!(encoder.encode_prepared(&news), Err(EncodeError::Forbidden(Violation::ContinuationExpected)));
    let ping = PreparedFrame::new(Frame::ping(b"?")).unwrap();
    assert_eq!(encoder.encode_prepared(&ping).unwrap(), &b"\x89\x01?"[..]);
    let mut small = Encoder::server_with_config(EncoderConfig::new().with_max_frame_len(3));
    assert_eq!(small.encode_prepared(&news), Err(EncodeError::OverLimit(Violation::FrameTooLong)));
    encoder.append(&mut out, CloseFrame::EMPTY).unwrap();
    assert_eq!(encoder.encode_prepared(&news), Err(EncodeError::Closed));
    assert!(PreparedFrame::new(CloseFrame::EMPTY).is_err());
    assert!(PreparedFrame::new(Frame::ping(&[0; 126])).is_err());
}

/// What an extension has transformed is no text, on whichever way it is sent and looked at.
#[test]
fn an_opaque_payload_is_never_taken_for_text() {
    let message = Message::Opaque(Opaque::new(MessageKind::Text, Rsv::RSV1, Bytes::from_static(b"\xff\xc3")));
    assert_eq!((message.text(), message.payload()), (None, &b"\xff\xc3"[..]));
    assert_eq!(message.clone().into_payload(), &b"\xff\xc3"[..]);
    let sending = EncoderConfig::new().with_allowed_rsv(Rsv::RSV1);
    let [header, payload] = Encoder::server_with_config(sending).header_and_payload(message.clone()).unwrap();
    assert_eq!((&header[..], &payload[..]), (&b"\xc1\x02"[..], &b"\xff\xc3"[..]));
    let prepared = PreparedFrame::new(&message).unwrap();
    assert_eq!(prepared.as_bytes(), &b"\xc1\x02\xff\xc3"[..]);
    assert_eq!(Encoder::server_with_config(sending).encode_prepared(&prepared).unwrap(), *prepared.as_bytes());
    let refused = Err(EncodeError::Forbidden(Violation::ReservedBits));
    assert_eq!(Encoder::server().encode_prepared(&prepared), refused);
}

#[test]
fn only_frames_that_change_nothing_can_be_prepared() {
    for frame in [
        Frame::close(CloseFrame::EMPTY),
        Frame::text_fragment("a", true),
        Frame::fragment(MessageKind::Binary, b"a", false),
    ] {
        let error = PreparedFrame::new(frame).unwrap_err();
        assert_eq!(error, EncodeError::NotPreparable);
        assert!(error.to_string().contains("Close frame"), "{error}");
    }
    let broken = Frame::opaque(MessageKind::Text, Rsv::NONE, b"\xff");
    assert_eq!(PreparedFrame::new(broken).unwrap_err(), EncodeError::Forbidden(Violation::TextNotUtf8));
}

#[test]
fn owned_messages_are_made_of_what_one_has() {
    let text = [Message::from("hi"), Message::from("hi".to_owned()), Message::from(Text::from_static("hi"))];
    let binary = [Message::from(b"hi".to_vec()), Message::from(Bytes::from_static(b"hi"))];
    for message in text.iter().chain(&binary) {
        assert_eq!((message.payload(), message.clone().into_payload()), (&b"hi"[..], Bytes::from_static(b"hi")));
        assert_eq!(message.text().is_some(), text.contains(message));
    }
    let close = Message::close(CloseCode::NORMAL, "bye").unwrap();
    assert_eq!((close.payload(), close.clone().into_payload()), (&b"bye"[..], Bytes::from_static(b"bye")));
    assert_eq!(Message::close(CloseCode::RESERVED, ""), Err(wsframe::CloseCodeError::NotOnWire));
    let ping = Message::Ping(Bytes::from_static(b"p"));
    assert_eq!(ping.clone().into_payload(), "p");
    let opaque = Message::Opaque(Opaque::new(MessageKind::Binary, Rsv::RSV2, Bytes::from_static(b"o")));
    for message in [&text[0], &binary[0], &close, &ping, &opaque, &Message::Pong(Bytes::new())] {
        assert_eq!(&message.clone().detach(), message);
    }
    let shown = format!("{:?}", MessageDecoder::new(Role::Client));
    assert!(shown.contains("position: 0") && shown.contains("gathered: 0"), "{shown}");
}

#[test]
fn text_owns_what_it_shows() {
    let text = Text::try_from(Bytes::from_static("naïve".as_bytes())).unwrap();
    assert_eq!((&*text, text.to_string(), format!("{text:?}")), ("naïve", "naïve".to_owned(), "\"naïve\"".to_owned()));
    assert!(text == *"naïve" && text == "naïve" && text.as_str().len() == 6 && Text::new().is_empty());
    assert_eq!(Bytes::from(text.clone()).as_ptr(), text.as_ptr(), "it was copied");
    assert_eq!(String::from(text.clone()), "naïve");
    let map = std::collections::HashMap::from([(text, 1)]);
    assert_eq!(map.get("naïve"), Some(&1));
    for broken in [&b"\xff"[..], b"\xc3", b"\xed\xa0\x80"] {
        assert!(Text::try_from(Bytes::copy_from_slice(broken)).is_err());
    }
}

/// An empty buffer of the owner that has room is left to it; and after buffers of its own, there is room again.
#[test]
fn a_framed_is_left_its_room() {
    let mut codec = MessageCodec::client(|| [0; 4]);
    let mut buffer = BytesMut::with_capacity(5000);
    let room = buffer.spare_capacity_mut().as_ptr();
    assert_eq!(codec.decode(&mut buffer).unwrap(), None);
    assert_eq!((buffer.spare_capacity_mut().as_ptr(), buffer.capacity()), (room, 5000));
    for payload in [b"ab", b"cd"] {
        // The first message comes in buffers of its own.
        for piece in [&b"\x81\x02"[..], &payload[..1], &payload[1..]] {
            buffer = BytesMut::from(piece);
            if let Some(message) = codec.decode(&mut buffer).unwrap() {
                assert_eq!(message.payload(), payload);
            }
        }
        assert_eq!(codec.decode(&mut buffer).unwrap(), None);
        assert!(buffer.capacity() >= 1024, "there are {} bytes of room", buffer.capacity());
        // The next one finds room, and goes on in it.
        buffer.extend_from_slice(b"\x82\x7e\x10\x00begun");
        assert_eq!(codec.decode(&mut buffer).unwrap(), None);
        assert!(buffer.is_empty() && buffer.capacity() >= 1024, "there are {} bytes of room", buffer.capacity());
        buffer.extend_from_slice(&[7; 4091]);
        assert_eq!(codec.decode(&mut buffer).unwrap().unwrap().payload().len(), 4096);
    }
}

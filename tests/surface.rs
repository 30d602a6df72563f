//! The small things that users read: offsets, lengths, words and sources of errors, defaults.

use core::error::Error as _;
use std::collections::HashSet;

use wsframe::{
    Assembler, CloseCode, CloseFrame, Config, Decoder, Encoder, Event, Header, Incoming, Kind, Mask, Misuse, Opcode,
    Reconnect, Role, Rsv, Sender, State, Utf8Validator, Violation,
};

#[test]
fn pieces_tell_where_they_are_and_what_is_still_to_come() {
    let mut decoder = Decoder::new(Role::Client);
    let mut seen = Vec::new();
    let mut bytes = *b"\x89\x00\x82\x05Hello\x81\x03abc";
    let (first, second) = bytes.split_at_mut(7);
    for part in [first, second] {
        decoder
            .for_each(part, |event| {
                let offset = event.offset();
                match event {
                    Event::Data(data) => {
                        let shape = (data.remaining(), data.ends_frame(), data.fragments());
                        seen.push((offset, Some(shape), data.into_text().map(str::to_owned)));
                    }
                    _ => seen.push((offset, None, None)),
                }
            })
            .unwrap();
    }
    let expected = [
        (0, None, None),
        (2, Some((2, false, 1)), None),
        (2, Some((0, true, 1)), None),
        (9, Some((0, true, 1)), Some("abc".to_owned())),
    ];
    assert_eq!(seen, expected);
}

#[test]
fn an_assembler_tells_its_position() {
    let mut assembler = Assembler::new(Role::Client);
    assembler.for_each(&mut b"\x81\x02hi\x82\x05x".to_vec(), |_| {}).unwrap();
    assert_eq!((assembler.position(), assembler.state()), (7, State::InFrame));
    let shown = format!("{assembler:?}");
    assert!(shown.contains("position: 7") && shown.contains("gathered: 1"), "{shown}");
}

#[test]
fn the_default_limits_are_those_of_the_documentation() {
    for (role, limit) in [(Role::Server, 16 << 20), (Role::Client, 64 << 20)] {
        let header = |len| {
            let key = (role == Role::Server).then_some([0; 4]);
            Header::new(true, Rsv::NONE, Opcode::Binary, key, len).unwrap().encode()
        };
        let mut at_limit = header(limit).as_ref().to_vec();
        let mut decoder = Decoder::new(role);
        assert!(
            matches!(decoder.decode(&mut &mut at_limit[..]), Ok(Some(Event::Data(data))) if data.remaining() == limit)
        );
        let mut above = header(limit + 1).as_ref().to_vec();
        let error = Decoder::new(role).for_each(&mut above, |_| {}).unwrap_err();
        assert_eq!(error.violation(), Violation::FrameTooLong);
        // A message of many frames has the same limit.
        let only_message = Config::preset(role).max_frame_len(u64::MAX >> 1);
        let mut above = header(limit + 1).as_ref().to_vec();
        let error = Decoder::with_config(role, only_message).for_each(&mut above, |_| {}).unwrap_err();
        assert_eq!(error.violation(), Violation::MessageTooLong);
    }
}

#[test]
fn a_close_body_of_126_bytes_is_too_long() {
    let mut body = [b'a'; 126];
    (body[0], body[1]) = (0x03, 0xe8);
    assert_eq!(CloseFrame::parse(&body), Err(Violation::ControlTooLong));
    assert_eq!(CloseFrame::parse(&body[..125]).unwrap().reason().len(), 123);
}

#[test]
fn a_mask_goes_on_where_its_last_piece_ended() {
    for cut in 0..=11 {
        let mut bytes: Vec<u8> = (0..11).collect();
        let mut mask = Mask::new([0x10, 0x20, 0x40, 0x80]);
        let (first, second) = bytes.split_at_mut(cut);
        mask.apply(first);
        mask.apply(second);
        let expected: Vec<u8> = (0..11).map(|i| i ^ [0x10, 0x20, 0x40, 0x80][usize::from(i) % 4]).collect();
        assert_eq!(bytes, expected, "cut at {cut}");
    }
    assert!(!format!("{:?}", Mask::new([0x10, 0x20, 0x40, 0x80])).contains("16"));
}

#[test]
fn the_kernels_have_a_name() {
    let forced = option_env!("RUSTFLAGS").unwrap_or_default();
    let name = wsframe::kernels();
    assert!(["portable", "sse2", "avx2", "avx512"].contains(&name), "{name}");
    if forced.contains("wsframe_force=\"portable\"") {
        assert_eq!(name, "portable");
    }
}

#[test]
fn everything_that_goes_wrong_says_so_in_words_of_its_own_and_names_its_cause() {
    let misuse = Encoder::server().ping(&mut [0; 200], &[0; 126]).unwrap_err();
    assert_eq!(misuse.source().unwrap().to_string(), Violation::ControlTooLong.to_string());
    assert!(Misuse::Closed.source().is_none());
    let error = Decoder::new(Role::Server).for_each(&mut [0x81, 0x00], |_| {}).unwrap_err();
    assert_eq!(error.source().unwrap().to_string(), Violation::MaskMissing.to_string());
    let header = Header::parse(&[0x83, 0x00], Role::Client, Rsv::NONE).unwrap_err();
    assert_eq!(header.source().unwrap().to_string(), Violation::ReservedOpcode.to_string());

    let words = [
        misuse.to_string(),
        Misuse::Closed.to_string(),
        Misuse::BufferTooSmall { needed: 1234 }.to_string(),
        error.to_string(),
        header.to_string(),
        Utf8Validator::new().update(b"\xff").unwrap_err().to_string(),
        CloseCode::NORMAL.to_string(),
        CloseCode::new(5000).unwrap_err().to_string(),
        CloseFrame::new(CloseCode::NO_STATUS_RECEIVED, "").unwrap_err().to_string(),
        Role::Server.to_string(),
        Role::Client.to_string(),
        Sender::Either.to_string(),
        Sender::Client.to_string(),
        Reconnect::WithBackoff.to_string(),
        Reconnect::AfterChange.to_string(),
    ];
    assert!(words.iter().all(|words| words.len() > 3), "{words:?}");
    assert_eq!(words.iter().collect::<HashSet<_>>().len(), words.len(), "{words:?}");
    assert!(words[2].contains("1234") && words[3].contains("byte 1"), "{words:?}");
}

#[test]
fn what_is_shown_for_debugging_says_what_it_is() {
    let mut decoder = Decoder::new(Role::Client);
    decoder
        .for_each(&mut b"\x81\x05He".to_vec(), |event| {
            let shown = format!("{event:?}");
            assert!(shown.contains("len: 2") && shown.contains("remaining: 3"), "{shown}");
        })
        .unwrap();
    assert!(format!("{decoder:?}").contains("position: 4"));
    let mut encoder = Encoder::server();
    encoder.fragment(&mut [0; 9], Kind::Binary, Rsv::NONE, false, b"x").unwrap();
    assert!(format!("{encoder:?}").contains("in_message: true"));
    assert!(format!("{:?}", CloseFrame::EMPTY.encode(None)).contains("136"));
    assert!(format!("{:?}", CloseCode::NORMAL).contains("1000"));
    Assembler::new(Role::Client)
        .for_each(&mut b"\x82\x01x".to_vec(), |incoming| {
            let Incoming::Message(message) = incoming else { panic!("{incoming:?}") };
            assert!(format!("{message:?}").contains("len: 1"));
        })
        .unwrap();
}

#[test]
fn a_header_that_breaks_a_rule_cannot_be_made() {
    let header = |fin, rsv, opcode, len| Header::new(fin, rsv, opcode, None, len).unwrap_err();
    assert_eq!(header(true, Rsv::RSV1, Opcode::Ping, 0), Violation::ReservedBits);
    assert_eq!(header(true, Rsv::RSV1, Opcode::Continuation, 0), Violation::ReservedBits);
    assert_eq!(header(false, Rsv::NONE, Opcode::Ping, 0), Violation::ControlFragmented);
    assert_eq!(header(true, Rsv::NONE, Opcode::Pong, 126), Violation::ControlTooLong);
    assert_eq!(header(true, Rsv::NONE, Opcode::Close, 1), Violation::CloseBodyOneByte);
    assert_eq!(header(true, Rsv::NONE, Opcode::Binary, 1 << 63), Violation::LengthTopBitSet);
    assert!(Header::new(true, Rsv::RSV1, Opcode::Text, None, (1 << 63) - 1).is_ok());
}

#[test]
fn each_violation_says_what_decides_it_and_shows_an_example() {
    for violation in Violation::ALL {
        assert!(violation.deciding_byte().len() > 10, "{violation:?}");
        assert!(!violation.example().is_empty(), "{violation:?}");
    }
    let refused = [0, 1004, 1016, 5000].map(|code| match CloseCode::new(code) {
        Ok(code) => CloseFrame::new(code, "").unwrap_err().to_string(),
        Err(error) => error.to_string(),
    });
    assert_eq!(refused.iter().collect::<HashSet<_>>().len(), 4, "{refused:?}");
    assert_eq!(Sender::Server.to_string(), "the server");
}

#[test]
fn a_close_is_answered_with_its_code_alone() {
    let mut decoder = Decoder::new(Role::Client);
    let Ok(Some(Event::Close(close))) = decoder.decode(&mut &mut b"\x88\x05\x03\xe9bye".to_vec()[..]) else { panic!() };
    assert_eq!((close.offset(), Event::Close(close).offset()), (0, 0));
    assert_eq!(close.reply(), CloseFrame::new(CloseCode::GOING_AWAY, "").unwrap());
    assert_eq!(CloseFrame::parse(b"\x03\xe9bye").unwrap().reply(), close.reply());
    assert_eq!(CloseFrame::EMPTY.reply(), CloseFrame::EMPTY);
}

#[test]
fn a_piece_can_be_taken_out_with_the_lifetime_of_its_buffer() {
    let mut buffer = *b"\x82\x03abc";
    let payload = {
        let mut decoder = Decoder::new(Role::Client);
        let Ok(Some(Event::Data(data))) = decoder.decode(&mut &mut buffer[..]) else { panic!() };
        data.into_payload()
    };
    payload[0] = b'A';
    assert_eq!(payload, b"Abc");
}

#[cfg(feature = "bytes")]
#[test]
fn owned_messages_are_made_of_what_one_has() {
    use bytes::Bytes;
    use wsframe::codec::{Message, MessageDecoder};

    let text = [Message::from("hi"), Message::from("hi".to_owned()), Message::from(bytestring::ByteString::from("hi"))];
    let binary = [Message::from(b"hi".to_vec()), Message::from(Bytes::from_static(b"hi"))];
    for message in text.iter().chain(&binary) {
        assert_eq!((message.payload(), message.clone().into_payload()), (&b"hi"[..], Bytes::from_static(b"hi")));
        assert_eq!(message.text().is_some(), text.contains(message));
    }
    let close = Message::from(CloseFrame::new(CloseCode::NORMAL, "bye").unwrap());
    assert_eq!((close.payload(), close.clone().into_payload()), (&b"bye"[..], Bytes::from_static(b"bye")));
    assert_eq!(Message::Ping(Bytes::from_static(b"p")).into_payload(), "p");
    let shown = format!("{:?}", MessageDecoder::new(Role::Client));
    assert!(shown.contains("position: 0") && shown.contains("gathered: 0"), "{shown}");
}

#[cfg(feature = "tokio-util")]
#[test]
fn what_ends_a_framed_connection_says_why() {
    use wsframe::codec::{CodecError, MessageCodec};

    let violation = Decoder::new(Role::Server).for_each(&mut [0x81, 0x00], |_| {}).unwrap_err();
    let errors = [
        CodecError::from(violation),
        CodecError::from(Encoder::server().ping(&mut [], &[0; 126]).unwrap_err()),
        CodecError::ConnectionLost,
        CodecError::from(std::io::Error::from(std::io::ErrorKind::ConnectionReset)),
    ];
    let words: Vec<_> = errors.iter().map(ToString::to_string).collect();
    assert!(words[0].contains("not masked") && words[1].contains("125") && words[2].contains("1006"), "{words:?}");
    assert!(words[3].contains("reset"), "{words:?}");
    let causes = errors.each_ref().map(|error| error.source().is_some());
    assert_eq!(causes, [true, true, false, true]);
    let codes = errors.each_ref().map(|error| error.close_code().map(CloseCode::get));
    assert_eq!(codes, [Some(1002), None, Some(1006), Some(1006)]);
    assert!(format!("{:?}", MessageCodec::server()).contains("encoder"));
}

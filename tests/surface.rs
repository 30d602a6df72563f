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

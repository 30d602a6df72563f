//! What a decoder tells about its events and its place, and its defaults.

use wsframe::{CloseFrame, Config, Decoder, Event, Header, Opcode, Role, Rsv, State, Violation};
use wsframe_dev::{assemble, decode, frame, push_frame};

#[test]
fn chunks_tell_where_they_are_and_what_is_still_to_come() {
    let mut decoder = Decoder::new(Role::Client);
    let mut seen = Vec::new();
    let mut bytes = *b"\x89\x00\x82\x05Hello\x81\x03abc\x88\x00";
    let (first, second) = bytes.split_at_mut(7);
    for mut input in [first, second] {
        while let Some(event) = decoder.decode(&mut input).unwrap() {
            seen.push(match event {
                Event::Chunk(chunk) => {
                    let shape = (chunk.frame_remaining(), chunk.ends_frame(), chunk.fragments());
                    (chunk.offset(), Some(shape), chunk.into_text().map(str::to_owned))
                }
                _ => (decoder.control_offset(), None, None),
            });
        }
    }
    let expected = [
        (0, None, None),
        (2, Some((2, false, 1)), None),
        (2, Some((0, true, 1)), None),
        (9, Some((0, true, 1)), Some("abc".to_owned())),
        (14, None, None),
    ];
    assert_eq!(seen, expected);
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
        let event = decoder.decode(&mut &mut at_limit[..]);
        assert!(matches!(event, Ok(Some(Event::Chunk(chunk))) if chunk.frame_remaining() == limit));
        let mut above = header(limit + 1).as_ref().to_vec();
        let error = Decoder::new(role).for_each(&mut above, |_| {}).unwrap_err();
        assert_eq!(error.violation(), Violation::FrameTooLong);
        // A message of many frames has the same limit.
        let only_message = Config::preset(role).with_max_frame_len(u64::MAX >> 1);
        let mut above = header(limit + 1).as_ref().to_vec();
        let error = Decoder::with_config(role, only_message).for_each(&mut above, |_| {}).unwrap_err();
        assert_eq!(error.violation(), Violation::MessageTooLong);
    }
}

/// The original Autobahn suite sends 4 MiB in 65,536 fragments of 64 bytes and an empty last one (9.3.1 and 9.4.1).
#[test]
fn a_message_in_65537_fragments_passes_the_default_limits() {
    for role in [Role::Server, Role::Client] {
        let key = (role == Role::Server).then_some([1, 2, 3, 4]);
        let mut stream = frame(0x01, key, &[b'a'; 64]);
        for _ in 1..65_536 {
            push_frame(&mut stream, 0x00, key, &[b'a'; 64]);
        }
        push_frame(&mut stream, 0x80, key, b"");
        let (events, state) = assemble(role, Config::preset(role), stream.chunks(65_536));
        assert_eq!(state, State::Idle);
        let [wsframe_dev::Event::Message { fragments, payload, .. }] = &events[..] else { panic!("one message") };
        assert_eq!((*fragments, payload.len()), (65_537, 4 << 20));
    }
}

#[test]
fn the_default_limit_on_fragments_is_exact() {
    let limit = Config::SERVER.max_fragments();
    let key = Some([0; 4]);
    let mut decoder = Decoder::new(Role::Server);
    decoder.for_each(&mut frame(0x01, key, b""), |_| {}).unwrap();
    let more = frame(0x00, key, b"");
    for _ in 1..limit {
        decoder.for_each(&mut more.clone(), |_| {}).unwrap();
    }
    let error = decoder.for_each(&mut more.clone(), |_| {}).unwrap_err();
    assert_eq!((error.violation(), error.offset()), (Violation::TooManyFragments, 6 * u64::from(limit)));
}

/// 65,535 must be written in 16 bits: with all of the payload at hand, the short way through the decoder must see that too.
#[test]
fn a_length_that_is_not_minimal_is_refused_with_all_of_the_payload_at_hand() {
    for (role, key) in [(Role::Client, None), (Role::Server, Some([0; 4]))] {
        for (short_len, len) in [(127, 0), (127, 126), (127, 0xffff_u64), (126, 0), (126, 125)] {
            let mask_bit = if key.is_some() { 0x80 } else { 0 };
            let mut stream = vec![0x82, mask_bit | short_len];
            stream.extend(&len.to_be_bytes()[if short_len == 127 { 0 } else { 6 }..]);
            let offset = stream.len() as u64 - 1;
            stream.extend(key.into_iter().flatten());
            stream.extend(vec![7; len as usize]);
            let rule = "LengthNotMinimal".to_owned();
            let expected = [wsframe_dev::Event::Violation { offset, close_code: 1002, rule }];
            assert_eq!(decode(role, Config::preset(role), [&stream[..]]).0, expected, "{role}, {len}");
            assert_eq!(assemble(role, Config::preset(role), [&stream[..]]).0, expected, "{role}, {len}");
        }
    }
}

#[test]
fn a_close_is_answered_with_its_code_alone() {
    let mut decoder = Decoder::new(Role::Client);
    assert!(decoder.received_close().is_none());
    let mut stream = b"\x89\x00\x88\x05\x03\xe9bye".to_vec();
    let mut input = &mut stream[..];
    assert!(matches!(decoder.decode(&mut input), Ok(Some(Event::Ping(b"")))));
    assert!(decoder.received_close().is_none());
    let Ok(Some(Event::Close(close))) = decoder.decode(&mut input) else { panic!("a Close") };
    let reply = close.reply();
    assert_eq!(reply, CloseFrame::parse(b"\x03\xe9").unwrap());
    assert_eq!(CloseFrame::parse(b"\x03\xe9bye").unwrap().reply(), reply);
    assert_eq!(CloseFrame::EMPTY.reply(), CloseFrame::EMPTY);
    assert_eq!((decoder.control_offset(), decoder.received_close().unwrap().reason()), (2, "bye"));
    // It is still there when more has come.
    assert!(decoder.decode(&mut &mut b"\x89\x02hi".to_vec()[..]).unwrap().is_none());
    assert_eq!(decoder.received_close().unwrap().reason(), "bye");
    // After a violation inside a Close frame there is none.
    let mut decoder = Decoder::new(Role::Client);
    decoder.for_each(&mut b"\x88\x03\x03\xe8\xff".to_vec(), |_| {}).unwrap_err();
    assert!(decoder.received_close().is_none());
}

#[test]
fn a_chunk_can_be_taken_out_with_the_lifetime_of_its_buffer() {
    let mut buffer = *b"\x82\x03abc";
    let payload = {
        let mut decoder = Decoder::new(Role::Client);
        let Ok(Some(Event::Chunk(chunk))) = decoder.decode(&mut &mut buffer[..]) else { panic!("a chunk") };
        chunk.into_payload()
    };
    payload[0] = b'A';
    assert_eq!(payload, b"Abc");
}

/// A request, or the answer to one, in front of the frames.
#[test]
fn an_http_head_is_refused_with_a_hint() {
    for (role, head) in [(Role::Server, &b"GET / HTTP/1.1\r\n\r\n"[..]), (Role::Client, b"HTTP/1.1 101 Switching")] {
        let error = Decoder::new(role).for_each(&mut head.to_vec(), |_| {}).unwrap_err();
        assert_eq!((error.violation(), error.offset()), (Violation::ReservedBits, 0));
        assert!(error.to_string().contains("opening handshake"), "{error}");
    }
    // Not where frames came before.
    let error = Decoder::new(Role::Client).for_each(&mut b"\x8a\x00GET".to_vec(), |_| {}).unwrap_err();
    assert!(!error.to_string().contains("opening handshake"), "{error}");
}

#[test]
fn what_is_shown_for_debugging_says_what_it_is() {
    let mut decoder = Decoder::new(Role::Client);
    decoder
        .for_each(&mut b"\x81\x05He".to_vec(), |event| {
            let shown = format!("{event:?}");
            assert!(shown.contains("len: 2") && shown.contains("frame_remaining: 3"), "{shown}");
        })
        .unwrap();
    assert!(format!("{decoder:?}").contains("position: 4"));
    assert!(format!("{:?}", CloseFrame::EMPTY.encode(None)).contains("136"));
}

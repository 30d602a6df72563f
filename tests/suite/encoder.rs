//! C11: what the protocol or a limit forbids is an `EncodeError`, and neither the output nor the encoder changes.

use wsframe::{
    CloseCode, CloseFrame, EncodeError, Encoder, EncoderConfig, Frame, KeySource, MaskKey, Masking, MessageKind, NoKey,
    Rsv, Unmasked, Violation,
};

const MARK: u8 = 0xee;

/// A call that must be refused.
fn refused<K: Masking + Clone>(
    encoder: &mut Encoder<K>,
    expected: EncodeError,
    call: impl Fn(&mut Encoder<K>, &mut [u8]) -> Result<usize, EncodeError>,
) {
    let mut out = [MARK; 400];
    let size = if let EncodeError::BufferTooSmall { needed, .. } = expected { needed - 1 } else { out.len() };
    assert_eq!(call(encoder, &mut out[..size]), Err(expected));
    assert_eq!(out, [MARK; 400], "the output was touched");
}

/// A call that must be accepted.
fn sent<K: Masking>(
    encoder: &mut Encoder<K>,
    expected: &[u8],
    call: impl Fn(&mut Encoder<K>, &mut [u8]) -> Result<usize, EncodeError>,
) {
    let mut out = [MARK; 400];
    let len = call(encoder, &mut out).unwrap();
    assert_eq!(&out[..len], expected);
    assert!(out[len..].iter().all(|byte| *byte == MARK), "bytes after the frame were touched");
}

fn server(config: EncoderConfig) -> Encoder<Unmasked> {
    Encoder::server_with_config(config)
}

#[test]
fn a_new_message_inside_a_fragmented_one_is_refused() {
    let mut e = Encoder::server();
    sent(&mut e, b"\x01\x01a", |e, out| e.encode(out, Frame::text_fragment("a", false)));
    let expected = EncodeError::Forbidden(Violation::ContinuationExpected);
    refused(&mut e, expected, |e, out| e.text(out, "b"));
    refused(&mut e, expected, |e, out| e.binary(out, b"b"));
    refused(&mut e, expected, |e, out| e.encode(out, Frame::fragment(MessageKind::Binary, b"b", true)));
    sent(&mut e, b"\x89\x01p", |e, out| e.ping(out, b"p"));
    sent(&mut e, b"\x80\x01c", |e, out| e.encode(out, Frame::text_fragment("c", true)));
    sent(&mut e, b"\x82\x01d", |e, out| e.binary(out, b"d"));
}

#[test]
fn control_frames_longer_than_125_are_refused() {
    let mut e = Encoder::server();
    refused(&mut e, EncodeError::Forbidden(Violation::ControlTooLong), |e, out| e.ping(out, &[0; 126]));
    refused(&mut e, EncodeError::Forbidden(Violation::ControlTooLong), |e, out| e.pong(out, &[0; 126]));
    let mut longest = vec![0x8a, 125];
    longest.extend([7; 125]);
    sent(&mut e, &longest, |e, out| e.pong(out, &[7; 125]));
}

#[test]
fn limits_are_the_encoders_own() {
    let mut e = server(EncoderConfig::new().with_max_frame_len(5).with_max_message_len(7).with_max_fragments(3));
    refused(&mut e, EncodeError::OverLimit(Violation::FrameTooLong), |e, out| e.text(out, "123456"));
    sent(&mut e, b"\x81\x0512345", |e, out| e.text(out, "12345"));
    sent(&mut e, b"\x02\x0512345", |e, out| e.encode(out, Frame::fragment(MessageKind::Binary, b"12345", false)));
    refused(&mut e, EncodeError::OverLimit(Violation::MessageTooLong), |e, out| {
        e.encode(out, Frame::fragment(MessageKind::Binary, b"678", false))
    });
    sent(&mut e, b"\x00\x00", |e, out| e.encode(out, Frame::fragment(MessageKind::Binary, b"", false)));
    sent(&mut e, b"\x00\x00", |e, out| e.encode(out, Frame::fragment(MessageKind::Binary, b"", false)));
    refused(&mut e, EncodeError::OverLimit(Violation::TooManyFragments), |e, out| {
        e.encode(out, Frame::fragment(MessageKind::Binary, b"", true))
    });
}

#[test]
fn text_given_as_bytes_is_checked_across_fragments() {
    let mut e = Encoder::server();
    let not_utf8 = EncodeError::Forbidden(Violation::TextNotUtf8);
    refused(&mut e, not_utf8, |e, out| e.encode(out, Frame::fragment(MessageKind::Text, b"a\xff", true)));
    refused(&mut e, not_utf8, |e, out| e.encode(out, Frame::fragment(MessageKind::Text, b"a\xc3", true)));
    sent(&mut e, b"\x01\x02a\xc3", |e, out| e.encode(out, Frame::fragment(MessageKind::Text, b"a\xc3", false)));
    refused(&mut e, not_utf8, |e, out| e.encode(out, Frame::text_fragment("b", false)));
    refused(&mut e, not_utf8, |e, out| e.encode(out, Frame::text_fragment("", true)));
    refused(&mut e, not_utf8, |e, out| e.encode(out, Frame::fragment(MessageKind::Text, b"", true)));
    sent(&mut e, b"\x00\x01\xa9", |e, out| e.encode(out, Frame::fragment(MessageKind::Text, b"\xa9", false)));
    sent(&mut e, b"\x80\x01b", |e, out| e.encode(out, Frame::text_fragment("b", true)));
}

#[test]
fn reserved_bits_need_permission_and_stand_on_the_first_fragment() {
    let reserved = EncodeError::Forbidden(Violation::ReservedBits);
    let mut e = Encoder::server();
    refused(&mut e, reserved, |e, out| {
        e.encode(out, Frame::fragment(MessageKind::Text, b"x", true).with_rsv(Rsv::RSV1))
    });
    let mut e = server(EncoderConfig::new().with_allowed_rsv(Rsv::RSV1));
    refused(&mut e, reserved, |e, out| {
        e.encode(out, Frame::fragment(MessageKind::Text, b"x", true).with_rsv(Rsv::RSV1 | Rsv::RSV2))
    });
    sent(&mut e, b"\x41\x01\xff", |e, out| {
        e.encode(out, Frame::fragment(MessageKind::Text, b"\xff", false).with_rsv(Rsv::RSV1))
    });
    refused(&mut e, reserved, |e, out| {
        e.encode(out, Frame::fragment(MessageKind::Text, b"x", true).with_rsv(Rsv::RSV2))
    });
    sent(&mut e, b"\x80\x01\xfe", |e, out| e.encode(out, Frame::fragment(MessageKind::Text, b"\xfe", true)));
    refused(&mut e, EncodeError::Forbidden(Violation::TextNotUtf8), |e, out| {
        e.encode(out, Frame::fragment(MessageKind::Text, b"\xfe", true))
    });
}

#[test]
fn nothing_follows_a_close() {
    let mut e = Encoder::server();
    let close = CloseFrame::new(CloseCode::NORMAL, "bye").unwrap();
    refused(&mut e, EncodeError::BufferTooSmall { needed: 7 }, |e, out| e.close(out, close));
    sent(&mut e, b"\x88\x05\x03\xe8bye", |e, out| e.close(out, close));
    refused(&mut e, EncodeError::Closed, |e, out| e.close(out, close));
    refused(&mut e, EncodeError::Closed, |e, out| e.text(out, "x"));
    refused(&mut e, EncodeError::Closed, |e, out| e.ping(out, b""));
    refused(&mut e, EncodeError::Closed, |e, out| e.encode(out, Frame::fragment(MessageKind::Binary, b"", true)));
    assert_eq!(e.header(MessageKind::Binary, Rsv::NONE, true, 3).unwrap_err(), EncodeError::Closed);
}

#[test]
fn a_small_buffer_tells_what_is_needed_and_changes_nothing() {
    for len in [0, 1, 125, 126, 300] {
        let payload = vec![b'x'; len];
        let mut e = Encoder::server();
        let needed = e.frame_len(len);
        refused(&mut e, EncodeError::BufferTooSmall { needed }, |e, out| e.binary(out, &payload));
        refused(&mut e, EncodeError::BufferTooSmall { needed }, |e, out| {
            e.encode(out, Frame::fragment(MessageKind::Binary, &payload, false))
        });
        // No message was opened by what was refused.
        let mut out = vec![0; needed];
        assert_eq!(e.binary(&mut out[..], &payload), Ok(needed));
        assert_eq!(&out[needed - len..], payload);
    }
}

#[test]
fn a_key_is_drawn_for_each_frame_that_is_written_and_for_no_other() {
    let mut drawn = 0;
    let mut e = Encoder::client(|| {
        drawn += 1;
        [drawn, 0, 0, 0]
    });
    let mut out = [0; 20];
    assert_eq!(e.text(&mut out[..5], "ab"), Err(EncodeError::BufferTooSmall { needed: 8 }));
    assert_eq!(e.ping(&mut out, &[0; 126]), Err(EncodeError::Forbidden(Violation::ControlTooLong)));
    assert_eq!(e.text(&mut out, "\x01\x01"), Ok(8));
    assert_eq!(out[..8], *b"\x81\x82\x01\x00\x00\x00\x00\x01");
    assert_eq!(e.close(&mut out, CloseFrame::EMPTY), Ok(6));
    assert_eq!(out[..6], *b"\x88\x80\x02\x00\x00\x00");
    assert_eq!(drawn, 2);
}

#[test]
fn a_header_alone_keeps_the_order_and_the_limits() {
    let mut e = Encoder::client_with_config(|| [1, 2, 3, 4], EncoderConfig::new().with_max_frame_len(70_000));
    let header = e.header(MessageKind::Text, Rsv::NONE, false, 70_000).unwrap();
    assert_eq!(header.encode().as_ref(), b"\x01\xff\x00\x00\x00\x00\x00\x01\x11\x70\x01\x02\x03\x04");
    assert_eq!(header.mask_key(), Some([1, 2, 3, 4]));
    let refused = e.header(MessageKind::Text, Rsv::NONE, false, 70_001).unwrap_err();
    assert_eq!(refused, EncodeError::OverLimit(Violation::FrameTooLong));
    let refused = e.header(MessageKind::Binary, Rsv::NONE, true, 1).unwrap_err();
    assert_eq!(refused, EncodeError::Forbidden(Violation::ContinuationExpected));
    assert_eq!(
        e.header(MessageKind::Text, Rsv::NONE, true, 126).unwrap().encode().as_ref(),
        b"\x80\xfe\x00\x7e\x01\x02\x03\x04"
    );
    assert_eq!(
        e.header(MessageKind::Binary, Rsv::NONE, true, 1).unwrap().encode().as_ref(),
        b"\x82\x81\x01\x02\x03\x04"
    );
}

#[test]
fn an_empty_header_does_not_close_an_open_code_point() {
    let mut e = Encoder::server();
    sent(&mut e, b"\x01\x01\xc3", |e, out| e.encode(out, Frame::fragment(MessageKind::Text, b"\xc3", false)));
    let not_utf8 = EncodeError::Forbidden(Violation::TextNotUtf8);
    assert_eq!(e.header(MessageKind::Text, Rsv::NONE, true, 0).unwrap_err(), not_utf8);
    assert_eq!(e.header(MessageKind::Text, Rsv::NONE, false, 0).unwrap().encode().as_ref(), b"\x00\x00");
    refused(&mut e, not_utf8, |e, out| e.encode(out, Frame::text_fragment("abc", true)));
    sent(&mut e, b"\x80\x01\xaf", |e, out| e.encode(out, Frame::fragment(MessageKind::Text, b"\xaf", true)));
}

#[test]
fn after_a_header_alone_the_caller_answers_for_the_text() {
    let mut e = Encoder::server();
    e.header(MessageKind::Text, Rsv::NONE, false, 1).unwrap();
    sent(&mut e, b"\x80\x01\xaf", |e, out| e.encode(out, Frame::fragment(MessageKind::Text, b"\xaf", true)));
    // And for no longer than that message.
    refused(&mut e, EncodeError::Forbidden(Violation::TextNotUtf8), |e, out| {
        e.encode(out, Frame::fragment(MessageKind::Text, b"\xaf", true))
    });
}

/// A proxy may drop empty first chunks, and passes the message's bits with each of its chunks.
#[test]
fn the_bits_of_a_message_stand_on_its_first_frame_whichever_that_is() {
    let mut e = Encoder::server_with_config(EncoderConfig::new().with_allowed_rsv(Rsv::RSV1 | Rsv::RSV2));
    let fragment = |payload: &'static [u8], fin| Frame::fragment(MessageKind::Text, payload, fin).with_rsv(Rsv::RSV1);
    sent(&mut e, b"\x41\x01\xff", |e, out| e.encode(out, fragment(b"\xff", false)));
    sent(&mut e, b"\x00\x01\xfe", |e, out| e.encode(out, fragment(b"\xfe", false)));
    let other = Frame::fragment(MessageKind::Text, b"", true).with_rsv(Rsv::RSV2);
    refused(&mut e, EncodeError::Forbidden(Violation::ReservedBits), |e, out| e.encode(out, other));
    sent(&mut e, b"\x80\x00", |e, out| e.encode(out, fragment(b"", true)));
    // The next message has its own.
    sent(&mut e, b"\x81\x01x", |e, out| e.encode(out, "x"));
}

#[test]
fn an_opaque_message_is_never_a_fragment() {
    let mut e = Encoder::server_with_config(EncoderConfig::new().with_allowed_rsv(Rsv::RSV1));
    sent(&mut e, b"\xc1\x01\xff", |e, out| e.encode(out, Frame::opaque(MessageKind::Text, Rsv::RSV1, b"\xff")));
    sent(&mut e, b"\x02\x01a", |e, out| e.encode(out, Frame::fragment(MessageKind::Binary, b"a", false)));
    for rsv in [Rsv::NONE, Rsv::RSV1] {
        refused(&mut e, EncodeError::Forbidden(Violation::ContinuationExpected), |e, out| {
            e.encode(out, Frame::opaque(MessageKind::Binary, rsv, b"b"))
        });
    }
    sent(&mut e, b"\x80\x01c", |e, out| e.encode(out, Frame::fragment(MessageKind::Binary, b"c", true)));
    // Without a bit it is text, and is validated.
    for broken in [&b"\xff"[..], b"\xc3"] {
        refused(&mut e, EncodeError::Forbidden(Violation::TextNotUtf8), |e, out| {
            e.encode(out, Frame::opaque(MessageKind::Text, Rsv::NONE, broken))
        });
    }
    sent(&mut e, b"\x81\x02\xc3\xa9", |e, out| e.encode(out, Frame::opaque(MessageKind::Text, Rsv::NONE, b"\xc3\xa9")));
}

/// What a proxy receives, it sends on as it is: chunks while they arrive, messages, and the Close.
#[test]
fn received_frames_are_forwarded() {
    let stream = b"\xc1\x02\xff\xfe\x41\x00\x00\x03abc\x80\x00\x81\x02hi\x88\x05\x03\xe8bye";
    let config = wsframe::Config::CLIENT.with_allowed_rsv(Rsv::RSV1);
    let sending = EncoderConfig::new().with_allowed_rsv(Rsv::RSV1);
    for skip_empty in [false, true] {
        for size in [stream.len(), 4, 1] {
            let mut decoder = wsframe::Decoder::with_config(wsframe::Role::Client, config);
            let mut encoder = Encoder::server_with_config(sending);
            let mut out = Vec::new();
            for piece in stream.to_vec().chunks_mut(size) {
                decoder
                    .try_for_each(&mut &mut *piece, |event| {
                        match event {
                            wsframe::Event::Chunk(chunk)
                                if chunk.payload().is_empty() && !chunk.ends_message() && skip_empty => {}
                            wsframe::Event::Chunk(chunk) => _ = encoder.append(&mut out, &chunk).unwrap(),
                            wsframe::Event::Close(close) => _ = encoder.append(&mut out, close).unwrap(),
                            event => panic!("{event:?}"),
                        }
                        Ok::<(), wsframe::DecodeError>(())
                    })
                    .unwrap();
            }
            let role = wsframe::Role::Client;
            let found = wsframe_dev::assemble(role, config, [&out[..]]);
            let expected = wsframe_dev::assemble(role, config, [&stream[..]]);
            let places = |events: Vec<wsframe_dev::Event>| {
                events.into_iter().map(wsframe_dev::Event::without_place).collect::<Vec<_>>()
            };
            assert_eq!((places(found.0), found.1), (places(expected.0), expected.1));
        }
    }
}

#[test]
fn after_a_close_that_is_the_reason_whatever_else_is_wrong() {
    let mut e = Encoder::server_with_config(EncoderConfig::new().with_max_frame_len(1));
    assert!(!e.is_closed());
    sent(&mut e, b"\x88\x00", |e, out| e.close(out, CloseFrame::EMPTY));
    assert!(e.is_closed());
    refused(&mut e, EncodeError::Closed, |e, out| e.ping(out, &[0; 126]));
    refused(&mut e, EncodeError::Closed, |e, out| e.text(out, "too long"));
    refused(&mut e, EncodeError::Closed, |e, out| {
        e.encode(out, Frame::fragment(MessageKind::Text, b"\xff", true).with_rsv(Rsv::RSV3))
    });
    assert_eq!(e.text(&mut [], "no room"), Err(EncodeError::Closed));
}

#[test]
fn by_default_nothing_but_the_protocol_limits_what_is_sent() {
    let mut e = Encoder::server();
    assert!(e.header(MessageKind::Binary, Rsv::NONE, true, usize::MAX >> 1).is_ok());
    assert_eq!(EncoderConfig::default(), EncoderConfig::new());
    assert_eq!(EncoderConfig::new().max_message_len(), u64::MAX);
}

#[test]
fn each_header_takes_one_key() {
    let mut drawn = 0;
    let mut e = Encoder::client(|| {
        drawn += 1;
        [drawn, 0, 0, 0]
    });
    for expected in 1..5 {
        let header = e.header(MessageKind::Binary, Rsv::NONE, true, 3).unwrap();
        assert_eq!(header.mask_key(), Some([expected, 0, 0, 0]));
        // None is taken for what is refused.
        assert!(e.header(MessageKind::Text, Rsv::RSV1, true, 3).is_err());
    }
    assert_eq!(drawn, 4);
}

/// A key source that the user names, and that can run out.
#[derive(Clone)]
struct Few(Vec<MaskKey>);

impl KeySource for Few {
    fn next_key(&mut self) -> Result<MaskKey, NoKey> {
        self.0.pop().ok_or(NoKey::new())
    }
}

#[test]
fn without_a_key_nothing_is_sent() {
    let mut e: Encoder<Few> = Encoder::client(Few(vec![[0; 4]]));
    sent(&mut e, b"\x81\x81\0\0\0\0x", |e, out| e.text(out, "x"));
    refused(&mut e, EncodeError::NoKey, |e, out| e.text(out, "x"));
    refused(&mut e, EncodeError::NoKey, |e, out| e.close(out, CloseFrame::EMPTY));
    assert!(!e.is_closed());
    let mut out = vec![1];
    assert_eq!(e.append(&mut out, "x"), Err(EncodeError::NoKey));
    assert_eq!(out, [1]);
    assert_eq!(e.header(MessageKind::Text, Rsv::NONE, true, 1), Err(EncodeError::NoKey));
}

#[test]
fn keys_of_the_operating_system_are_all_different() {
    let mut keys = wsframe::OsKeys::new();
    let mut seen = std::collections::HashSet::new();
    for i in 0..1000 {
        assert!(seen.insert(keys.next_key().unwrap()), "a key came twice, or is very unlucky");
        if i % 100 == 0 {
            let [a, b] = [keys.handshake_key().unwrap(), keys.handshake_key().unwrap()];
            assert!(a != b && a != [0; 16]);
        }
    }
    assert!(!seen.contains(&[0; 4]), "bytes that were given out are zeros");
    assert_eq!(format!("{keys:?}"), "OsKeys { .. }");
}

#[test]
fn an_open_message_is_shown_for_debugging() {
    let mut encoder = Encoder::server();
    encoder.encode(&mut [0; 9], Frame::fragment(MessageKind::Binary, b"x", false)).unwrap();
    assert!(format!("{encoder:?}").contains("in_message: true"));
}

/// A batch is what its frames are one by one, in room that was made once; a frame that is refused takes the batch back.
#[test]
fn a_batch_is_written_whole_or_not_at_all() {
    let frames = [
        Frame::text("one"),
        Frame::ping(b"?"),
        Frame::fragment(MessageKind::Text, b"caf\xc3", false),
        Frame::binary(&[7; 300]).with_rsv(Rsv::NONE),
    ];
    let mut keys = 0;
    let mut key = move || {
        keys += 1;
        [keys, 1, 2, 3]
    };
    // Whole: the first three, which leave a message open in the middle of a code point.
    let (mut one_by_one, mut batch) = (Vec::from(*b"before"), Vec::from(*b"before"));
    let mut e = Encoder::client(key);
    for frame in &frames[..3] {
        e.append(&mut one_by_one, *frame).unwrap();
    }
    let mut e = Encoder::client(&mut key);
    assert_eq!(e.append_all(&mut batch, frames[..3].iter().copied()), Ok(one_by_one.len() - 6));
    assert_eq!(batch, one_by_one);
    let capacity = batch.capacity();
    // Not at all: the fourth does not belong into the open message, and the rest of the code point is still missing.
    let rest = Frame::fragment(MessageKind::Text, b"\xa9", true);
    let refused = e.append_all(&mut batch, [rest, Frame::text("two"), Frame::close(CloseFrame::EMPTY), frames[3]]);
    assert_eq!(refused, Err(EncodeError::Closed));
    assert_eq!(batch, one_by_one);
    assert!(batch.capacity() >= capacity);
    assert_eq!(
        e.append_all(&mut batch, [Frame::text("two")]),
        Err(EncodeError::Forbidden(Violation::ContinuationExpected))
    );
    assert_eq!(
        e.append_all(&mut batch, [Frame::fragment(MessageKind::Text, b"x", true)]),
        Err(EncodeError::Forbidden(Violation::TextNotUtf8))
    );
    assert_eq!(batch, one_by_one);
    assert!(e.append_all(&mut batch, [rest]).is_ok() && !e.is_closed());
    assert_eq!(e.append_all(&mut batch, core::iter::empty::<Frame<'_>>()), Ok(0));
    // Lengths of every header, in both outputs.
    let payloads = [0, 1, 125, 126, 65_535, 65_536].map(|len| vec![5; len]);
    let frames = payloads.iter().map(|payload| Frame::binary(payload));
    let mut out = Vec::new();
    let len = Encoder::server().append_all(&mut out, frames.clone()).unwrap();
    assert_eq!((out.len(), out.capacity()), (len, len), "the room was made once");
    let mut same = bytes::BytesMut::new();
    assert_eq!(Encoder::server().append_all(&mut same, frames), Ok(len));
    assert_eq!(same, out);
}

#[test]
fn a_message_is_open_between_its_first_fragment_and_its_last() {
    let (mut encoder, mut out) = (Encoder::server(), [0; 16]);
    assert!(!encoder.is_message_open());
    encoder.encode(&mut out, Frame::text_fragment("a", false)).unwrap();
    encoder.ping(&mut out, b"").unwrap();
    assert!(encoder.is_message_open());
    encoder.encode(&mut out, Frame::text_fragment("b", true)).unwrap();
    assert!(!encoder.is_message_open());
}

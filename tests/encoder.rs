//! C11: what the peer would refuse is a `Misuse`, and neither the output nor the encoder changes.

use wsframe::{CloseCode, CloseFrame, Config, Encoder, KeySource, Kind, Misuse, Rsv, Unmasked, Violation};

const MARK: u8 = 0xee;

/// A call that must be refused.
fn refused<K: KeySource + Clone>(
    encoder: &mut Encoder<K>,
    expected: Misuse,
    call: impl Fn(&mut Encoder<K>, &mut [u8]) -> Result<usize, Misuse>,
) {
    let mut out = [MARK; 400];
    let size = if let Misuse::BufferTooSmall { needed } = expected { needed - 1 } else { out.len() };
    assert_eq!(call(encoder, &mut out[..size]), Err(expected));
    assert_eq!(out, [MARK; 400], "the output was touched");
}

/// A call that must be accepted.
fn sent<K: KeySource>(
    encoder: &mut Encoder<K>,
    expected: &[u8],
    call: impl Fn(&mut Encoder<K>, &mut [u8]) -> Result<usize, Misuse>,
) {
    let mut out = [MARK; 400];
    let len = call(encoder, &mut out).unwrap();
    assert_eq!(&out[..len], expected);
    assert!(out[len..].iter().all(|byte| *byte == MARK), "bytes behind the frame were touched");
}

fn server(config: Config) -> Encoder<Unmasked> {
    Encoder::server_with_config(config)
}

#[test]
fn a_new_message_inside_a_fragmented_one_is_refused() {
    let mut e = server(Config::CLIENT);
    sent(&mut e, b"\x01\x01a", |e, out| e.text_fragment(out, "a", false));
    let expected = Misuse::Forbidden(Violation::ContinuationExpected);
    refused(&mut e, expected, |e, out| e.text(out, "b"));
    refused(&mut e, expected, |e, out| e.binary(out, b"b"));
    refused(&mut e, expected, |e, out| e.fragment(out, Kind::Binary, Rsv::NONE, true, b"b"));
    sent(&mut e, b"\x89\x01p", |e, out| e.ping(out, b"p"));
    sent(&mut e, b"\x80\x01c", |e, out| e.text_fragment(out, "c", true));
    sent(&mut e, b"\x82\x01d", |e, out| e.binary(out, b"d"));
}

#[test]
fn control_frames_longer_than_125_are_refused() {
    let mut e = server(Config::CLIENT);
    refused(&mut e, Misuse::Forbidden(Violation::ControlTooLong), |e, out| e.ping(out, &[0; 126]));
    refused(&mut e, Misuse::Forbidden(Violation::ControlTooLong), |e, out| e.pong(out, &[0; 126]));
    let mut longest = vec![0x8a, 125];
    longest.extend([7; 125]);
    sent(&mut e, &longest, |e, out| e.pong(out, &[7; 125]));
}

#[test]
fn limits_are_the_peers() {
    let mut e = server(Config::CLIENT.max_frame_len(5).max_message_len(7).max_fragments(3));
    refused(&mut e, Misuse::Forbidden(Violation::FrameTooLong), |e, out| e.text(out, "123456"));
    sent(&mut e, b"\x81\x0512345", |e, out| e.text(out, "12345"));
    sent(&mut e, b"\x02\x0512345", |e, out| e.fragment(out, Kind::Binary, Rsv::NONE, false, b"12345"));
    refused(&mut e, Misuse::Forbidden(Violation::MessageTooLong), |e, out| {
        e.fragment(out, Kind::Binary, Rsv::NONE, false, b"678")
    });
    sent(&mut e, b"\x00\x00", |e, out| e.fragment(out, Kind::Binary, Rsv::NONE, false, b""));
    sent(&mut e, b"\x00\x00", |e, out| e.fragment(out, Kind::Binary, Rsv::NONE, false, b""));
    refused(&mut e, Misuse::Forbidden(Violation::TooManyFragments), |e, out| {
        e.fragment(out, Kind::Binary, Rsv::NONE, true, b"")
    });
}

#[test]
fn text_given_as_bytes_is_checked_across_fragments() {
    let mut e = server(Config::CLIENT);
    let not_utf8 = Misuse::Forbidden(Violation::TextNotUtf8);
    refused(&mut e, not_utf8, |e, out| e.fragment(out, Kind::Text, Rsv::NONE, true, b"a\xff"));
    refused(&mut e, not_utf8, |e, out| e.fragment(out, Kind::Text, Rsv::NONE, true, b"a\xc3"));
    sent(&mut e, b"\x01\x02a\xc3", |e, out| e.fragment(out, Kind::Text, Rsv::NONE, false, b"a\xc3"));
    refused(&mut e, not_utf8, |e, out| e.text_fragment(out, "b", false));
    refused(&mut e, not_utf8, |e, out| e.text_fragment(out, "", true));
    refused(&mut e, not_utf8, |e, out| e.fragment(out, Kind::Text, Rsv::NONE, true, b""));
    sent(&mut e, b"\x00\x01\xa9", |e, out| e.fragment(out, Kind::Text, Rsv::NONE, false, b"\xa9"));
    sent(&mut e, b"\x80\x01b", |e, out| e.text_fragment(out, "b", true));
}

#[test]
fn reserved_bits_need_permission_and_stand_on_the_first_fragment() {
    let reserved = Misuse::Forbidden(Violation::ReservedBits);
    let mut e = server(Config::CLIENT);
    refused(&mut e, reserved, |e, out| e.fragment(out, Kind::Text, Rsv::RSV1, true, b"x"));
    let mut e = server(Config::CLIENT.allowed_rsv(Rsv::RSV1));
    refused(&mut e, reserved, |e, out| e.fragment(out, Kind::Text, Rsv::RSV1 | Rsv::RSV2, true, b"x"));
    sent(&mut e, b"\x41\x01\xff", |e, out| e.fragment(out, Kind::Text, Rsv::RSV1, false, b"\xff"));
    refused(&mut e, reserved, |e, out| e.fragment(out, Kind::Text, Rsv::RSV1, true, b"x"));
    sent(&mut e, b"\x80\x01\xfe", |e, out| e.fragment(out, Kind::Text, Rsv::NONE, true, b"\xfe"));
    refused(&mut e, Misuse::Forbidden(Violation::TextNotUtf8), |e, out| {
        e.fragment(out, Kind::Text, Rsv::NONE, true, b"\xfe")
    });
}

#[test]
fn nothing_follows_a_close() {
    let mut e = server(Config::CLIENT);
    let close = CloseFrame::new(CloseCode::NORMAL, "bye").unwrap();
    refused(&mut e, Misuse::BufferTooSmall { needed: 7 }, |e, out| e.close(out, &close));
    sent(&mut e, b"\x88\x05\x03\xe8bye", |e, out| e.close(out, &close));
    refused(&mut e, Misuse::Closed, |e, out| e.close(out, &close));
    refused(&mut e, Misuse::Closed, |e, out| e.text(out, "x"));
    refused(&mut e, Misuse::Closed, |e, out| e.ping(out, b""));
    refused(&mut e, Misuse::Closed, |e, out| e.fragment(out, Kind::Binary, Rsv::NONE, true, b""));
    assert_eq!(e.header(Kind::Binary, Rsv::NONE, true, 3).unwrap_err(), Misuse::Closed);
}

#[test]
fn a_small_buffer_tells_what_is_needed_and_changes_nothing() {
    for len in [0, 1, 125, 126, 300] {
        let payload = vec![b'x'; len];
        let needed = Encoder::<Unmasked>::frame_len(len);
        let mut e = server(Config::CLIENT);
        refused(&mut e, Misuse::BufferTooSmall { needed }, |e, out| e.binary(out, &payload));
        refused(&mut e, Misuse::BufferTooSmall { needed }, |e, out| {
            e.fragment(out, Kind::Binary, Rsv::NONE, false, &payload)
        });
        // No message was opened by what was refused.
        let mut out = vec![0; needed];
        assert_eq!(e.binary(&mut out, &payload), Ok(needed));
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
    assert_eq!(e.text(&mut out[..5], "ab"), Err(Misuse::BufferTooSmall { needed: 8 }));
    assert_eq!(e.ping(&mut out, &[0; 126]), Err(Misuse::Forbidden(Violation::ControlTooLong)));
    assert_eq!(e.text(&mut out, "\x01\x01"), Ok(8));
    assert_eq!(out[..8], *b"\x81\x82\x01\x00\x00\x00\x00\x01");
    assert_eq!(e.close(&mut out, &CloseFrame::EMPTY), Ok(6));
    assert_eq!(out[..6], *b"\x88\x80\x02\x00\x00\x00");
    assert_eq!(drawn, 2);
}

#[test]
fn a_header_alone_keeps_the_order_and_the_limits() {
    let mut e = Encoder::client_with_config(|| [1, 2, 3, 4], Config::SERVER.max_frame_len(70_000));
    let header = e.header(Kind::Text, Rsv::NONE, false, 70_000).unwrap();
    assert_eq!(header.encode().as_ref(), b"\x01\xff\x00\x00\x00\x00\x00\x01\x11\x70\x01\x02\x03\x04");
    assert_eq!(header.mask_key(), Some([1, 2, 3, 4]));
    let refused = e.header(Kind::Text, Rsv::NONE, false, 70_001).unwrap_err();
    assert_eq!(refused, Misuse::Forbidden(Violation::FrameTooLong));
    let refused = e.header(Kind::Binary, Rsv::NONE, true, 1).unwrap_err();
    assert_eq!(refused, Misuse::Forbidden(Violation::ContinuationExpected));
    assert_eq!(
        e.header(Kind::Text, Rsv::NONE, true, 126).unwrap().encode().as_ref(),
        b"\x80\xfe\x00\x7e\x01\x02\x03\x04"
    );
    assert_eq!(e.header(Kind::Binary, Rsv::NONE, true, 1).unwrap().encode().as_ref(), b"\x82\x81\x01\x02\x03\x04");
}

#[test]
fn an_empty_header_does_not_close_an_open_code_point() {
    let mut e = server(Config::CLIENT);
    sent(&mut e, b"\x01\x01\xc3", |e, out| e.fragment(out, Kind::Text, Rsv::NONE, false, b"\xc3"));
    let not_utf8 = Misuse::Forbidden(Violation::TextNotUtf8);
    assert_eq!(e.header(Kind::Text, Rsv::NONE, true, 0).unwrap_err(), not_utf8);
    assert_eq!(e.header(Kind::Text, Rsv::NONE, false, 0).unwrap().encode().as_ref(), b"\x00\x00");
    refused(&mut e, not_utf8, |e, out| e.text_fragment(out, "abc", true));
    sent(&mut e, b"\x80\x01\xaf", |e, out| e.fragment(out, Kind::Text, Rsv::NONE, true, b"\xaf"));
}

#[test]
fn behind_a_header_alone_the_caller_answers_for_the_text() {
    let mut e = server(Config::CLIENT);
    e.header(Kind::Text, Rsv::NONE, false, 1).unwrap();
    sent(&mut e, b"\x80\x01\xaf", |e, out| e.fragment(out, Kind::Text, Rsv::NONE, true, b"\xaf"));
    // And for no longer than that message.
    refused(&mut e, Misuse::Forbidden(Violation::TextNotUtf8), |e, out| {
        e.fragment(out, Kind::Text, Rsv::NONE, true, b"\xaf")
    });
}

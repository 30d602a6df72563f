//! A message whose first frame carries an allowed reserved bit is opaque: not validated, never `str`, and the bit is told.

use wsframe::{Assembler, Config, Decoder, Event, MessageEvent, MessageKind, Role, Rsv, Violation};

const NOT_TEXT: &[u8] = b"\xff\xfe\x80";

/// Opaque text in one frame, in two frames, and plain text behind it.
const STREAMS: [&[u8]; 2] = [
    b"\xc1\x83\0\0\0\0\xff\xfe\x80\x81\x82\0\0\0\0ok",
    b"\x41\x82\0\0\0\0\xff\xfe\x80\x81\0\0\0\0\x80\x81\x82\0\0\0\0ok",
];

fn config() -> Config {
    Config::SERVER.with_allowed_rsv(Rsv::RSV1)
}

#[test]
fn opaque_messages_at_every_cut() {
    for stream in STREAMS {
        for cut in 0..=stream.len() {
            let (a, b) = stream.split_at(cut);
            let mut messages = Vec::new();
            let mut assembler = Assembler::with_config(Role::Server, config());
            let (mut payload, mut decoder) = (Vec::new(), Decoder::with_config(Role::Server, config()));
            for piece in [a, b] {
                assembler
                    .for_each(&mut piece.to_vec(), |event| {
                        let MessageEvent::Message(message) = event else { panic!("{event:?}") };
                        let text = message.text().map(str::to_owned);
                        messages.push((message.kind(), message.rsv(), text, message.payload().to_vec()));
                    })
                    .unwrap();
                decoder
                    .for_each(&mut piece.to_vec(), |event| {
                        let Event::Chunk(chunk) = event else { panic!("{event:?}") };
                        if payload.len() < NOT_TEXT.len() {
                            assert_eq!((chunk.kind(), chunk.rsv(), chunk.text()), (MessageKind::Text, Rsv::RSV1, None));
                        } else {
                            assert_eq!((chunk.kind(), chunk.rsv()), (MessageKind::Text, Rsv::NONE));
                        }
                        payload.extend_from_slice(chunk.payload());
                        assert!(chunk.into_text().is_none_or(|text| text == "ok"));
                    })
                    .unwrap();
            }
            let expected = [
                (MessageKind::Text, Rsv::RSV1, None, NOT_TEXT.to_vec()),
                (MessageKind::Text, Rsv::NONE, Some("ok".to_owned()), b"ok".to_vec()),
            ];
            assert_eq!(messages, expected, "cut at {cut}");
            assert_eq!(payload, [NOT_TEXT, b"ok"].concat(), "cut at {cut}");
        }
    }
}

#[test]
fn other_bits_and_other_frames_are_refused() {
    for (first, rest) in [(0xa1, &b""[..]), (0xd1, b""), (0x01, b"\x80\0\0\0\0\xc0"), (0xc9, b"")] {
        let mut stream = [&[first][..], rest].concat();
        let error = Decoder::with_config(Role::Server, config()).for_each(&mut stream, |_| {}).unwrap_err();
        assert_eq!((error.violation(), error.offset()), (Violation::ReservedBits, stream.len() as u64 - 1));
    }
}

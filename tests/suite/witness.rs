//! An independent implementation, tungstenite, decodes what we encode, and we decode what it encodes.

use std::io::{Cursor, Read, Write};

use tungstenite::protocol::frame::coding::CloseCode as TheirCode;
use tungstenite::protocol::{CloseFrame as TheirClose, Message as TheirMessage, Role as TheirRole, WebSocket};
use wsframe::{Assembler, CloseCode, CloseFrame, Encoder, Frame, Masking, MessageEvent, MessageKind, Role};

/// A socket in memory.
struct Pipe {
    input: Cursor<Vec<u8>>,
    output: Vec<u8>,
}

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.input.read(buffer)
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.output.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn texts() -> Vec<String> {
    ["", "a", "naïve", "кириллица", "文字", "𝄞"]
        .into_iter()
        .flat_map(|text| [1, 5, 30, 1000, 20_000].map(|times| text.repeat(times)))
        .collect()
}

fn sends<K: Masking>(mut encoder: Encoder<K>, their_role: TheirRole) {
    let mut stream = Vec::new();
    let mut out = vec![0; 400_000];
    let mut expected = Vec::new();
    for text in texts() {
        let len = encoder.text(&mut out[..], &text).unwrap();
        stream.extend_from_slice(&out[..len]);
        let len = encoder.ping(&mut out[..], b"are you there?").unwrap();
        stream.extend_from_slice(&out[..len]);
        expected.extend([TheirMessage::text(text.clone()), TheirMessage::Ping("are you there?".into())]);
        let half = text.len() / 2;
        let (a, b) = text.as_bytes().split_at(half);
        let len = encoder.encode(&mut out[..], Frame::fragment(MessageKind::Binary, a, false)).unwrap();
        stream.extend_from_slice(&out[..len]);
        let len = encoder.pong(&mut out[..], b"yes").unwrap();
        stream.extend_from_slice(&out[..len]);
        let len = encoder.encode(&mut out[..], Frame::fragment(MessageKind::Binary, b, true)).unwrap();
        stream.extend_from_slice(&out[..len]);
        expected.extend([TheirMessage::Pong("yes".into()), TheirMessage::binary(text)]);
    }
    let len = encoder.close(&mut out[..], CloseFrame::new(CloseCode::GOING_AWAY, "bye").unwrap()).unwrap();
    stream.extend_from_slice(&out[..len]);
    expected.push(TheirMessage::Close(Some(TheirClose { code: TheirCode::Away, reason: "bye".into() })));

    let mut theirs =
        WebSocket::from_raw_socket(Pipe { input: Cursor::new(stream), output: Vec::new() }, their_role, None);
    for message in expected {
        assert_eq!(theirs.read().unwrap(), message);
    }
}

#[test]
fn tungstenite_decodes_what_we_encode() {
    sends(Encoder::server(), TheirRole::Client);
    let mut key = 0x1234_5678_u32;
    sends(
        Encoder::client(move || {
            key = key.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            key.to_be_bytes()
        }),
        TheirRole::Server,
    );
}

#[test]
fn we_decode_what_tungstenite_encodes() {
    for (their_role, role) in [(TheirRole::Server, Role::Client), (TheirRole::Client, Role::Server)] {
        let pipe = Pipe { input: Cursor::new(Vec::new()), output: Vec::new() };
        let mut theirs = WebSocket::from_raw_socket(pipe, their_role, None);
        for text in texts() {
            theirs.send(TheirMessage::text(text.clone())).unwrap();
            theirs.send(TheirMessage::Ping("ping".into())).unwrap();
            theirs.send(TheirMessage::binary(text)).unwrap();
        }
        theirs.close(Some(TheirClose { code: TheirCode::Library(4999), reason: "чао".into() })).unwrap();
        let mut stream = theirs.get_ref().output.clone();

        for size in [stream.len(), 1460, 7] {
            let mut assembler = Assembler::new(role);
            let mut seen = Vec::new();
            for piece in stream.clone().chunks_mut(size) {
                assembler
                    .for_each(piece, |event| {
                        seen.push(match event {
                            MessageEvent::Message(message) => (message.kind().to_string(), message.payload().to_vec()),
                            MessageEvent::Ping(ping) => ("ping".to_owned(), ping.to_vec()),
                            MessageEvent::Pong(pong) => ("pong".to_owned(), pong.to_vec()),
                            MessageEvent::Close(close) => {
                                assert_eq!(close.code().map(CloseCode::get), Some(4999));
                                ("close".to_owned(), close.reason().as_bytes().to_vec())
                            }
                        });
                    })
                    .unwrap();
            }
            let mut expected = Vec::new();
            for text in texts() {
                expected.push(("text".to_owned(), text.clone().into_bytes()));
                expected.push(("ping".to_owned(), b"ping".to_vec()));
                expected.push(("binary".to_owned(), text.into_bytes()));
            }
            expected.push(("close".to_owned(), "чао".as_bytes().to_vec()));
            assert!(seen == expected, "{role:?}, pieces of {size}");
        }
        stream.clear();
    }
}

//! The codec in a `Framed`, without sockets.

use core::pin::Pin;
use core::task::{Context, Poll};
use std::io;

use bytes::{Bytes, BytesMut};
use futures_util::{FutureExt, SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, DuplexStream, ReadBuf, duplex};
use tokio_util::codec::{Framed, FramedParts, FramedRead, FramedWrite};
use wsframe::codec::{CodecError, Message, MessageCodec, OwnedCloseFrame, PreparedFrame};
use wsframe::{
    CloseCode, CloseFrame, Config, EncodeError, Encoder, EncoderConfig, Frame, MaskKey, Rsv, Unmasked, Violation,
};

type Server = Framed<DuplexStream, MessageCodec<Unmasked>>;

/// A server's end, and what its peer writes to and reads from.
fn server() -> (Server, DuplexStream) {
    let (ours, theirs) = duplex(1 << 20);
    (Framed::new(ours, MessageCodec::server()), theirs)
}

fn keys() -> MaskKey {
    [0xa, 0xb, 0xc, 0xd]
}

/// "Hello" in two fragments, a Ping between them, and a Close with 1000, from a client.
fn stream() -> BytesMut {
    let mut stream = BytesMut::new();
    let mut client = Encoder::client(keys);
    client.append(&mut stream, Frame::text_fragment("Hel", false)).unwrap();
    client.append(&mut stream, Frame::ping(b"?")).unwrap();
    client.append(&mut stream, Frame::text_fragment("lo", true)).unwrap();
    client.append(&mut stream, Frame::binary(&[7; 300])).unwrap();
    client.append(&mut stream, CloseFrame::new(CloseCode::NORMAL, "bye").unwrap()).unwrap();
    stream
}

fn messages() -> Vec<Message> {
    let close = CloseFrame::new(CloseCode::NORMAL, "bye").unwrap();
    vec![Message::Ping("?".into()), Message::from("Hello"), Message::from(vec![7; 300]), Message::from(close)]
}

#[tokio::test]
async fn both_ends_exchange_messages() {
    let (ours, theirs) = duplex(1000);
    let mut server = Framed::new(ours, MessageCodec::server());
    let mut client = Framed::new(theirs, MessageCodec::client(keys));
    let sent = [
        Message::from("text"),
        Message::from(vec![1; 100_000]),
        Message::Ping("ping".into()),
        Message::Pong("pong".into()),
        Message::from(CloseFrame::new(CloseCode::GOING_AWAY, "restart").unwrap()),
    ];
    for message in &sent {
        let (result, received) = tokio::join!(client.send(message.clone()), server.next());
        result.unwrap();
        assert_eq!(&received.unwrap().unwrap(), message);
        let (result, received) = tokio::join!(server.send(message.clone()), client.next());
        result.unwrap();
        assert_eq!(&received.unwrap().unwrap(), message);
    }
    // After a Close nothing can be sent, and the end of the transport is no error.
    assert!(server.codec().is_close_sent());
    let late = server.send(Message::from("late")).await.unwrap_err();
    assert!(matches!(late, CodecError::Encode(EncodeError::Closed)));
    drop(client);
    assert!(server.next().await.is_none());
}

/// The end of the transport, at every byte of a stream: without a Close, the connection was lost.
#[tokio::test]
async fn the_end_without_a_close_is_a_lost_connection() {
    let stream = stream();
    for end in 0..stream.len() {
        let (mut server, mut peer) = server();
        peer.write_all(&stream[..end]).await.unwrap();
        drop(peer);
        let mut received = Vec::new();
        let error = loop {
            match server.next().await.expect("an error comes before the end") {
                Ok(message) => received.push(message),
                Err(error) => break error,
            }
        };
        assert!(messages().starts_with(&received));
        assert!(matches!(error, CodecError::ConnectionLost), "{end}: {error:?}");
        assert_eq!(error.close_code(), Some(CloseCode::ABNORMAL_CLOSURE));
        assert!(error.to_string().contains("1006"));
        assert!(server.next().await.is_none());
    }
    let (mut server, mut peer) = server();
    peer.write_all(&[&stream[..], b"what comes after a Close is discarded"].concat()).await.unwrap();
    drop(peer);
    for message in messages() {
        assert_eq!(server.next().await.unwrap().unwrap(), message);
    }
    assert!(server.next().await.is_none());
}

/// Each `next` is polled once and dropped.
#[tokio::test]
async fn dropping_a_future_loses_nothing() {
    let (mut server, mut peer) = server();
    let mut received = Vec::new();
    for byte in &stream() {
        peer.write_all(&[*byte]).await.unwrap();
        while let Some(message) = server.next().now_or_never() {
            received.push(message.unwrap().unwrap());
        }
    }
    assert_eq!(received, messages());
}

#[tokio::test]
async fn after_a_violation_its_close_can_be_sent() {
    let (mut server, mut peer) = server();
    peer.write_all(b"\x81\x82\0\0\0\0hi\x81\xfe\x10\0\0\0\0\0ok\xff").await.unwrap();
    assert_eq!(server.next().await.unwrap().unwrap(), Message::from("hi"));
    let error = server.next().await.unwrap().unwrap_err();
    assert_eq!(error.close_code(), Some(CloseCode::INVALID_PAYLOAD));
    let CodecError::Violation(error) = error else { panic!("{error}") };
    assert_eq!((error.violation(), error.offset()), (Violation::TextNotUtf8, 8 + 8 + 2));
    assert!(server.next().await.is_none());
    server.send(Message::from(error.violation().close_frame())).await.unwrap();
    drop(server);
    let mut answer = Vec::new();
    peer.read_to_end(&mut answer).await.unwrap();
    assert_eq!(&answer[..4], [0x88, answer.len() as u8 - 2, 0x03, 0xef]);
}

#[tokio::test]
async fn a_refused_frame_sends_nothing_and_ends_nothing() {
    let (mut server, mut peer) = server();
    let error = server.send(Message::Ping(vec![0; 126].into())).await.unwrap_err();
    assert_eq!(error.close_code(), None);
    assert!(matches!(error, CodecError::Encode(EncodeError::Forbidden(Violation::ControlTooLong))), "{error:?}");
    server.send(Message::from("fine")).await.unwrap();
    let news = PreparedFrame::new("news").unwrap();
    server.send(news.clone()).await.unwrap();
    server.send(Message::Close(OwnedCloseFrame::default())).await.unwrap();
    assert!(matches!(server.send(news).await, Err(CodecError::Encode(EncodeError::Closed))));
    drop(server);
    let mut answer = Vec::new();
    peer.read_to_end(&mut answer).await.unwrap();
    assert_eq!(answer, b"\x81\x04fine\x81\x04news\x88\x00");
}

#[tokio::test]
async fn both_halves_are_configured_for_both_roles() {
    let config = Config::SERVER.with_max_message_len(4);
    let (ours, mut peer) = duplex(100);
    let mut server = Framed::new(ours, MessageCodec::server_with_config(config, EncoderConfig::new()));
    peer.write_all(b"\x82\x85").await.unwrap();
    let error = server.next().await.unwrap().unwrap_err();
    assert_eq!(error.close_code(), Some(CloseCode::MESSAGE_TOO_BIG));

    // An extension goes both ways.
    let (ours, mut peer) = duplex(100);
    let mut server = Framed::new(
        ours,
        MessageCodec::server_with_config(
            Config::SERVER.with_allowed_rsv(Rsv::RSV1),
            EncoderConfig::new().with_allowed_rsv(Rsv::RSV1),
        ),
    );
    peer.write_all(b"\xc2\x81\0\0\0\0x").await.unwrap();
    let opaque = server.next().await.unwrap().unwrap();
    assert!(matches!(opaque, Message::Opaque(_)));
    server.send(opaque).await.unwrap();
    let mut answer = [0; 3];
    peer.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"\xc2\x01x");

    let sending = EncoderConfig::new().with_max_frame_len(1);
    let codec = MessageCodec::client_with_config(keys, Config::CLIENT.with_max_message_len(4), sending);
    let (ours, mut peer) = duplex(100);
    let mut client = Framed::new(ours, codec);
    let error = client.send(Message::from("no")).await.unwrap_err();
    assert!(matches!(error, CodecError::Encode(EncodeError::OverLimit(Violation::FrameTooLong))));
    peer.write_all(b"\x82\x05").await.unwrap();
    assert!(matches!(client.next().await, Some(Err(CodecError::Violation(_)))));
    assert_eq!(client.codec().position(), 2);
}

/// A transport that fails after these bytes.
struct Failing(Bytes);

impl AsyncRead for Failing {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.0.is_empty() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        let len = buf.remaining().min(self.0.len());
        buf.put_slice(&self.0.split_to(len));
        Poll::Ready(Ok(()))
    }
}

#[tokio::test]
async fn a_transport_that_fails_is_a_lost_connection() {
    let transport = Failing(Bytes::from_static(b"\x81\x82\0\0\0\0hi\x81"));
    let mut server = FramedRead::new(transport, MessageCodec::server());
    assert_eq!(server.next().await.unwrap().unwrap(), Message::from("hi"));
    let error = server.next().await.unwrap().unwrap_err();
    assert_eq!(error.close_code(), Some(CloseCode::ABNORMAL_CLOSURE));
    assert!(core::error::Error::source(&error).is_some());
    assert!(matches!(error, CodecError::Io(error) if error.kind() == io::ErrorKind::ConnectionReset));
}

/// What is sent has no limits but one's own, whatever is accepted from the other end.
#[tokio::test]
async fn limits_on_receiving_do_not_limit_sending() {
    let (ours, mut peer) = duplex(100);
    let codec = MessageCodec::server_with_config(Config::SERVER.with_max_message_len(4), EncoderConfig::new());
    let mut server = Framed::new(ours, codec);
    server.send(Message::from("hello")).await.unwrap();
    let mut answer = [0; 7];
    peer.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"\x81\x05hello");
}

/// Split halves for two tasks, of which the sending one also sends prepared frames.
#[tokio::test]
async fn two_codecs_serve_the_two_halves_of_a_socket() {
    let (ours, mut peer) = duplex(1000);
    let (read, write) = tokio::io::split(ours);
    let mut receiver = FramedRead::new(read, MessageCodec::server());
    let mut sender = FramedWrite::new(write, MessageCodec::server());
    peer.write_all(&stream()).await.unwrap();
    sender.feed(Message::from("one")).await.unwrap();
    sender.send(PreparedFrame::new("two").unwrap()).await.unwrap();
    for message in messages() {
        assert_eq!(receiver.next().await.unwrap().unwrap(), message);
    }
    let mut answer = [0; 10];
    peer.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"\x81\x03one\x81\x03two");
}

/// Bytes after the head of an HTTP request are decoded without waiting for a read.
#[tokio::test]
async fn bytes_that_came_with_the_opening_handshake_are_decoded_at_once() {
    let (ours, _theirs) = duplex(100);
    let mut parts = FramedParts::new::<Message>(ours, MessageCodec::server());
    parts.read_buf = stream();
    let mut server = Framed::from_parts(parts);
    for message in messages() {
        assert_eq!(server.next().now_or_never().expect("at once").unwrap().unwrap(), message);
    }
}

/// After a control frame inside a message, too, what is not decoded is in the `Framed`, and goes with its parts.
#[tokio::test]
async fn undecoded_bytes_are_in_the_framed() {
    let (mut server, mut peer) = server();
    peer.write_all(&stream()).await.unwrap();
    let mut received = vec![server.next().await.unwrap().unwrap()];
    let parts = server.into_parts();
    assert!(parts.read_buf.len() > 300);
    let mut server = Framed::from_parts(parts);
    while let Some(message) = server.next().now_or_never() {
        received.push(message.unwrap().unwrap());
    }
    assert_eq!(received, messages());
}

/// `SinkExt::close` sends no Close frame, as documented.
#[tokio::test]
async fn closing_the_sink_sends_no_close_frame() {
    let (mut server, mut peer) = server();
    SinkExt::<Message>::close(&mut server).await.unwrap();
    assert!(!server.codec().is_close_sent());
    let mut answer = Vec::new();
    peer.read_to_end(&mut answer).await.unwrap();
    assert_eq!(answer, b"");
}

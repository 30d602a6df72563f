//! wtx: asynchronous, over a stream trait of its own.

use std::future::poll_fn;
use std::hint::black_box;
use std::pin::pin;
use std::task::Poll;

use wtx::collection::Vector;
use wtx::http::GenericHeader;
use wtx::rng::Xorshift64;
use wtx::stream::{StreamReader, StreamWriter};
use wtx::web_socket::compression::{CompressionLevel, Flate2, NegotiatedCompression, NegotiatedFlate2};
use wtx::web_socket::{
    Compression, DeflateConfig, Frame, OpCode, WebSocketBuffer, WebSocketOwned, WebSocketPayloadOrigin,
};

use super::{Codec, Encode, Peer, Rank, text};
use crate::feed::{Feed, poll_once};
use crate::tally::{Kind, Message, Tally};
use crate::workloads::Role;

pub const CODEC: Codec = Codec {
    name: "wtx",
    package: "wtx",
    rank: Rank::Rival,
    owns: false,
    mode: "WebSocket::read_frame (adaptive payload) over its Stream trait, polled by hand; pongs go to a sink",
    unchecked: "nothing that was noticed",
    decoder: Some(|feed, role| match role {
        Role::Server => Box::new(Reading { socket: socket::<false>(feed), message: Vector::new() }),
        Role::Client => Box::new(Reading { socket: socket::<true>(feed), message: Vector::new() }),
    }),
    encoder: Some(|feed, role, message| match role {
        Role::Server => Box::new(Writing { socket: socket::<false>(feed.clone()), feed, message, copy: Vec::new() }),
        Role::Client => Box::new(Writing { socket: socket::<true>(feed.clone()), feed, message, copy: Vec::new() }),
    }),
};

type Socket<const IS_CLIENT: bool, NC = ()> = WebSocketOwned<NC, Xorshift64, Stream, IS_CLIENT>;

fn socket<const IS_CLIENT: bool>(feed: Feed) -> Socket<IS_CLIENT> {
    let mut socket = Socket::new((), false, Xorshift64::new(3), Stream(feed), WebSocketBuffer::new());
    socket.set_max_payload_len(1 << 30);
    socket
}

struct Stream(Feed);

impl StreamReader for Stream {
    #[inline]
    async fn read(&mut self, into: &mut [u8]) -> wtx::Result<usize> {
        poll_fn(|_| match self.0.read(into) {
            0 => Poll::Pending,
            len => Poll::Ready(Ok(len)),
        })
        .await
    }
}

impl StreamWriter for Stream {
    async fn write_all(&mut self, bytes: &[u8]) -> wtx::Result<()> {
        self.0.written().borrow_mut().extend_from_slice(bytes);
        Ok(())
    }

    async fn write_all_vectored(&mut self, pieces: &[&[u8]]) -> wtx::Result<()> {
        let mut written = self.0.written().borrow_mut();
        pieces.iter().for_each(|piece| written.extend_from_slice(piece));
        Ok(())
    }
}

/// What was agreed, as its negotiation sees it.
struct Agreed;

impl GenericHeader for Agreed {
    fn name(&self) -> &[u8] {
        b"sec-websocket-extensions"
    }

    fn value(&self) -> &[u8] {
        b"permessage-deflate"
    }
}

fn compressed(feed: Feed) -> Socket<false, Option<NegotiatedFlate2>> {
    let config = DeflateConfig { compression_level: CompressionLevel::One, ..DeflateConfig::default() };
    let agreed = <Flate2 as Compression<false>>::negotiate(Flate2::from(config), [Agreed].into_iter());
    let agreed = agreed.expect("it is what it writes");
    let mut socket = Socket::new(agreed, false, Xorshift64::new(3), Stream(feed), WebSocketBuffer::new());
    socket.set_max_payload_len(1 << 30);
    socket
}

/// It begins anew with each message.
pub fn inflating(feed: Feed, takeover: bool) -> Option<Box<dyn Peer>> {
    (!takeover).then(|| Box::new(Reading { socket: compressed(feed), message: Vector::new() }) as Box<dyn Peer>)
}

pub fn deflating(feed: Feed, messages: &[Message], takeover: bool) -> Option<Box<dyn Encode>> {
    let messages = messages.iter().map(|message| message.payload.clone()).collect();
    (!takeover).then(|| Box::new(Deflating { socket: compressed(feed.clone()), feed, messages }) as Box<dyn Encode>)
}

struct Deflating {
    socket: Socket<false, Option<NegotiatedFlate2>>,
    feed: Feed,
    messages: Vec<Vec<u8>>,
}

impl Encode for Deflating {
    fn batch(&mut self, _: usize) -> Result<(), String> {
        self.feed.written().borrow_mut().clear();
        for message in &mut self.messages {
            let mut frame = Frame::new_fin(OpCode::Text, &mut message[..]);
            poll_once(pin!(self.socket.write_frame(&mut frame))).ok_or("pending")?.map_err(text)?;
        }
        Ok(())
    }

    fn output(&mut self) -> Vec<u8> {
        self.feed.written().borrow().clone()
    }
}

struct Reading<const IS_CLIENT: bool, NC = ()> {
    socket: Socket<IS_CLIENT, NC>,
    message: Vector<u8>,
}

impl<const IS_CLIENT: bool, NC: NegotiatedCompression> Peer for Reading<IS_CLIENT, NC> {
    fn run(&mut self, tally: &mut Tally) -> Result<(), String> {
        let read = async {
            loop {
                let frame = self.socket.read_frame(&mut self.message, WebSocketPayloadOrigin::Adaptive).await;
                let frame = frame.map_err(text)?;
                match frame.op_code() {
                    OpCode::Text => tally.message(Kind::Text, frame.payload()),
                    OpCode::Binary => tally.message(Kind::Binary, frame.payload()),
                    OpCode::Ping => tally.ping(frame.payload()),
                    _ => {}
                }
            }
        };
        poll_once(pin!(read)).unwrap_or(Ok(()))
    }
}

struct Writing<const IS_CLIENT: bool> {
    socket: Socket<IS_CLIENT>,
    feed: Feed,
    message: Message,
    /// A client masks the caller's buffer, so it is given a copy, whose memory is reused.
    copy: Vec<u8>,
}

impl<const IS_CLIENT: bool> Encode for Writing<IS_CLIENT> {
    fn batch(&mut self, count: usize) -> Result<(), String> {
        self.feed.written().borrow_mut().clear();
        let op_code = match self.message.kind {
            Kind::Text => OpCode::Text,
            Kind::Binary => OpCode::Binary,
        };
        for _ in 0..count {
            let this = black_box(&mut *self);
            let payload = if IS_CLIENT {
                this.copy.clear();
                this.copy.extend_from_slice(&this.message.payload);
                &mut this.copy[..]
            } else {
                &mut this.message.payload[..]
            };
            let mut frame = Frame::new_fin(op_code, payload);
            poll_once(pin!(this.socket.write_frame(&mut frame))).ok_or("pending")?.map_err(text)?;
        }
        Ok(())
    }

    fn output(&mut self) -> Vec<u8> {
        self.feed.written().borrow().clone()
    }
}

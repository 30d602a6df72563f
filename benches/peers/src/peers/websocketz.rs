//! websocketz: asynchronous, over embedded-io's traits, in buffers that the caller gives.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use embedded_io_async::{ErrorType, Read};
use websocketz::{Message as ZMessage, WebSocketRead};

use super::{Codec, Peer, Rank, text};
use crate::feed::{Feed, READ, poll_once};
use crate::tally::{Kind, Tally};
use crate::workloads::Role;

pub const CODEC: Codec = Codec {
    name: "websocketz",
    package: "websocketz",
    rank: Rank::Rival,
    owns: false,
    mode: "WebSocketRead, polled by hand; its two buffers hold the workload's longest message (at least 64 KiB)",
    unchecked: "nothing that was noticed",
    decoder: Some(|feed, role| {
        let len = (feed.longest() + 14).max(READ);
        Box::new(Reading { feed, role, buffer: vec![0; len], fragments: vec![0; len] })
    }),
    encoder: None,
};

struct Stream(Feed);

impl ErrorType for Stream {
    type Error = Infallible;
}

impl Read for Stream {
    #[inline]
    async fn read(&mut self, into: &mut [u8]) -> Result<usize, Infallible> {
        poll_fn(|_| match self.0.read(into) {
            0 => Poll::Pending,
            len => Poll::Ready(Ok(len)),
        })
        .await
    }
}

struct Reading {
    feed: Feed,
    role: Role,
    buffer: Vec<u8>,
    fragments: Vec<u8>,
}

impl Peer for Reading {
    fn run(&mut self, tally: &mut Tally) -> Result<(), String> {
        // It borrows its buffers, so it is made anew for each run, between two messages.
        let stream = Stream(self.feed.clone());
        let mut socket = match self.role {
            Role::Server => WebSocketRead::server(stream, &mut self.buffer, &mut self.fragments),
            Role::Client => WebSocketRead::client(stream, &mut self.buffer, &mut self.fragments),
        };
        let read = async {
            loop {
                match websocketz::next!(socket) {
                    Some(Ok(ZMessage::Text(payload))) => tally.message(Kind::Text, payload.as_bytes()),
                    Some(Ok(ZMessage::Binary(payload))) => tally.message(Kind::Binary, payload),
                    Some(Ok(ZMessage::Ping(payload))) => tally.ping(payload),
                    Some(Ok(_)) => {}
                    Some(Err(error)) => return Err(text(error)),
                    None => return Err("the stream ended".to_owned()),
                }
            }
        };
        poll_once(pin!(read)).unwrap_or(Ok(()))
    }
}

//! tokio-websockets: asynchronous, over any `AsyncRead + AsyncWrite`.

use std::hint::black_box;
use std::pin::pin;

use futures_util::{SinkExt, StreamExt};
use tokio_websockets::{ClientBuilder, Config, Limits, Message as TMessage, Payload, ServerBuilder, WebSocketStream};

use super::{Codec, Encode, Peer, Rank, as_str, text};
use crate::feed::{Feed, poll_once};
use crate::tally::{Kind, Message, Tally};
use crate::workloads::Role;

pub const CODEC: Codec = Codec {
    name: "tokio-websockets",
    package: "tokio-websockets",
    rank: Rank::Rival,
    owns: true,
    mode: "WebSocketStream polled by hand, no limits, simdutf8; pongs go to a sink",
    unchecked: "nothing that was noticed",
    decoder: Some(|feed, role| Box::new(Reading { stream: stream(feed.clone(), role), feed })),
    encoder: Some(|feed, role, message| {
        let Message { kind, payload } = message;
        let item = match kind {
            Kind::Text => TMessage::text(as_str(&payload).to_owned()),
            Kind::Binary => TMessage::binary(Payload::from(payload)),
        };
        Box::new(Writing { stream: stream(feed.clone(), role), feed, item })
    }),
};

fn stream(feed: Feed, role: Role) -> WebSocketStream<Feed> {
    // Messages go out as one frame, as they do with the others.
    let config = Config::default().frame_size(usize::MAX);
    match role {
        Role::Server => ServerBuilder::new().config(config).limits(Limits::unlimited()).serve(feed),
        Role::Client => ClientBuilder::new().config(config).limits(Limits::unlimited()).take_over(feed),
    }
}

struct Reading {
    stream: WebSocketStream<Feed>,
    feed: Feed,
}

impl Peer for Reading {
    fn run(&mut self, tally: &mut Tally) -> Result<(), String> {
        while let Some(message) = poll_once(pin!(self.stream.next())) {
            let message = message.ok_or("the stream ended")?.map_err(text)?;
            if message.is_text() {
                tally.message(Kind::Text, message.as_payload());
            } else if message.is_binary() {
                tally.message(Kind::Binary, message.as_payload());
            } else if message.is_ping() {
                tally.ping(message.as_payload());
            }
        }
        self.feed.written().borrow_mut().clear();
        Ok(())
    }
}

struct Writing {
    stream: WebSocketStream<Feed>,
    feed: Feed,
    item: TMessage,
}

impl Encode for Writing {
    fn batch(&mut self, count: usize) -> Result<(), String> {
        self.feed.written().borrow_mut().clear();
        for _ in 0..count {
            let this = black_box(&mut *self);
            poll_once(pin!(this.stream.feed(this.item.clone()))).ok_or("pending")?.map_err(text)?;
        }
        poll_once(pin!(self.stream.flush())).ok_or("pending")?.map_err(text)
    }

    fn output(&mut self) -> Vec<u8> {
        self.feed.written().borrow().clone()
    }
}

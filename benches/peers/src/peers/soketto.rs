//! soketto: asynchronous, over futures' `AsyncRead + AsyncWrite`; reads header bytes one request at a time.

use std::hint::black_box;
use std::pin::pin;

use futures_util::io::BufReader;
use soketto::connection::{Builder, Error, Mode};
#[cfg(feature = "c-zlib")]
use soketto::extension::deflate::Deflate;
#[cfg(feature = "c-zlib")]
use soketto::extension::{Extension, Param};
use soketto::{Data, Incoming, Receiver, Sender};

use super::{Codec, Encode, Peer, Rank, as_str, text};
use crate::feed::{Feed, READ, poll_once};
use crate::tally::{Kind, Message, Tally};
use crate::workloads::Role;

pub const CODEC: Codec = Codec {
    name: "soketto",
    package: "soketto",
    rank: Rank::Rival,
    owns: true,
    mode: "Receiver::receive into a reused Vec, over a BufReader of 64 KiB, polled by hand; pongs go to a sink",
    unchecked: "UTF-8 (done by the harness with simdutf8), masks",
    decoder: Some(|feed, role| {
        let (_, receiver) = connection(feed.clone(), role);
        Box::new(Reading { receiver, feed, message: Vec::new() })
    }),
    encoder: Some(|feed, role, message| {
        let (sender, _) = connection(feed.clone(), role);
        Box::new(Writing { sender, feed, message })
    }),
};

type Socket = BufReader<Feed>;

fn connection(feed: Feed, role: Role) -> (Sender<Socket>, Receiver<Socket>) {
    let mode = match role {
        Role::Server => Mode::Server,
        Role::Client => Mode::Client,
    };
    let mut builder = Builder::new(BufReader::with_capacity(READ, feed), mode);
    builder.set_max_message_size(1 << 30);
    builder.set_max_frame_size(1 << 30);
    builder.finish()
}

#[cfg(feature = "c-zlib")]
fn compressed(feed: Feed) -> (Sender<Socket>, Receiver<Socket>) {
    let mut builder = Builder::new(BufReader::with_capacity(READ, feed), Mode::Server);
    builder.set_max_message_size(1 << 30);
    builder.set_max_frame_size(1 << 30);
    let mut deflate = Deflate::new(Mode::Server);
    let agreed = [Param::new("client_no_context_takeover"), Param::new("server_no_context_takeover")];
    deflate.configure(&agreed).expect("it knows these");
    builder.add_extensions([Box::new(deflate) as Box<dyn Extension + Send>]);
    builder.finish()
}

#[cfg(feature = "c-zlib")]
/// It never keeps a context.
pub fn inflating(feed: Feed, takeover: bool) -> Option<Box<dyn Peer>> {
    let (_, receiver) = compressed(feed.clone());
    (!takeover).then(|| Box::new(Reading { receiver, feed, message: Vec::new() }) as Box<dyn Peer>)
}

#[cfg(feature = "c-zlib")]
pub fn deflating(feed: Feed, messages: &[Message], takeover: bool) -> Option<Box<dyn Encode>> {
    let (sender, _) = compressed(feed.clone());
    let messages = messages.iter().map(|message| as_str(&message.payload).to_owned()).collect();
    (!takeover).then(|| Box::new(Deflating { sender, feed, messages }) as Box<dyn Encode>)
}

#[cfg(feature = "c-zlib")]
struct Deflating {
    sender: Sender<Socket>,
    feed: Feed,
    messages: Vec<String>,
}

#[cfg(feature = "c-zlib")]
impl Encode for Deflating {
    fn batch(&mut self, _: usize) -> Result<(), String> {
        self.feed.written().borrow_mut().clear();
        for message in &self.messages {
            poll_once(pin!(self.sender.send_text(message))).ok_or("pending")?.map_err(text)?;
        }
        Ok(())
    }

    fn output(&mut self) -> Vec<u8> {
        self.feed.written().borrow().clone()
    }
}

struct Reading {
    receiver: Receiver<Socket>,
    feed: Feed,
    message: Vec<u8>,
}

impl Peer for Reading {
    fn run(&mut self, tally: &mut Tally) -> Result<(), String> {
        let read = async {
            loop {
                self.message.clear();
                match self.receiver.receive(&mut self.message).await {
                    Ok(Incoming::Data(Data::Text(_))) => tally.message_to_validate(Kind::Text, &self.message)?,
                    Ok(Incoming::Data(Data::Binary(_))) => tally.message(Kind::Binary, &self.message),
                    Ok(_) => {}
                    // How it reports the end of the stream, which is the end of a grant here.
                    Err(Error::Closed) => return Ok(()),
                    Err(error) => return Err(text(error)),
                }
            }
        };
        let result = poll_once(pin!(read)).ok_or("pending")?;
        self.feed.written().borrow_mut().clear();
        result
    }
}

struct Writing {
    sender: Sender<Socket>,
    feed: Feed,
    message: Message,
}

impl Encode for Writing {
    fn batch(&mut self, count: usize) -> Result<(), String> {
        self.feed.written().borrow_mut().clear();
        for _ in 0..count {
            let this = black_box(&mut *self);
            let sent = match this.message.kind {
                Kind::Text => poll_once(pin!(this.sender.send_text(as_str(&this.message.payload)))),
                Kind::Binary => poll_once(pin!(this.sender.send_binary(&this.message.payload))),
            };
            sent.ok_or("pending")?.map_err(text)?;
        }
        Ok(())
    }

    fn output(&mut self) -> Vec<u8> {
        self.feed.written().borrow().clone()
    }
}

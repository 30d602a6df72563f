//! The codecs, one file each.

mod actix;
mod c;
mod embedded_websocket;
mod fastwebsockets;
mod floor;
mod nexus;
pub mod sockudo;
pub mod soketto;
mod tokio_websockets;
mod tungstenite;
mod web_socket;
mod websocket_codec;
mod websocket_sans_io;
mod websocketz;
mod ws_framer;
pub mod wsframe;
mod wslay;
pub mod wtx;
pub mod yawc;

use crate::feed::Feed;
use crate::tally::{Message, Tally};
use crate::workloads::Role;

/// A connection that decodes.
pub trait Peer {
    /// Takes all that the feed gives.
    fn run(&mut self, tally: &mut Tally) -> Result<(), String>;
}

/// A connection that encodes.
pub trait Encode {
    /// Clears the output, encodes `count` frames into it, one after another. The encoder, the payload and its length are hidden
    /// from the optimizer before each of them.
    fn batch(&mut self, count: usize) -> Result<(), String>;

    /// What [`Encode::batch`] encoded.
    fn output(&mut self) -> Vec<u8>;
}

pub type NewPeer = fn(Feed, Role) -> Box<dyn Peer>;
pub type NewEncoder = fn(Feed, Role, Message) -> Box<dyn Encode>;

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Rank {
    /// The codec that this is about.
    Own,
    Rival,
    /// Not a codec: what the reads alone cost.
    Yardstick,
}

/// A codec, as it is driven here.
pub struct Codec {
    pub name: &'static str,
    /// The package whose version is told; empty for none.
    pub package: &'static str,
    pub rank: Rank,
    /// Whether its messages own their payload, so that they can be kept: what others lend from their buffer, a user who keeps
    /// it must copy.
    pub owns: bool,
    pub mode: &'static str,
    /// What it does not check, or leaves to the harness.
    pub unchecked: &'static str,
    pub decoder: Option<NewPeer>,
    pub encoder: Option<NewEncoder>,
}

pub const CODECS: &[Codec] = &[
    floor::MEMCPY,
    wsframe::DECODER,
    wsframe::CONNECTION,
    wsframe::ASSEMBLER,
    wsframe::CODEC,
    wsframe::ENCODER,
    c::DECODER,
    c::CONNECTION,
    c::ENCODER,
    tungstenite::CODEC,
    fastwebsockets::CODEC,
    tokio_websockets::CODEC,
    sockudo::CODEC,
    websocket_codec::CODEC,
    actix::CODEC,
    websocket_sans_io::CODEC,
    yawc::CODEC,
    web_socket::CODEC,
    embedded_websocket::CODEC,
    wtx::CODEC,
    soketto::CODEC,
    wslay::CODEC,
    c::BEAST,
    nexus::CODEC,
    websocketz::CODEC,
    ws_framer::CODEC,
];

/// Codecs that were looked at and are not here, and why.
pub const LEFT_OUT: &[(&str, &str)] = &[];

/// The debug text of a codec's error.
fn text(error: impl std::fmt::Debug) -> String {
    format!("{error:?}")
}

/// A payload as text, without validating it each time: applications have text already.
fn as_str(payload: &[u8]) -> &str {
    // SAFETY: it is used for the workloads whose payload was made of characters.
    unsafe { std::str::from_utf8_unchecked(payload) }
}

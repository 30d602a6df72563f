//! An oracle for each fuzz target: it panics if the input shows a fault.

mod assembler;
mod bomb;
mod capture;
mod cli;
mod codec;
mod connection;
mod decode;
mod deflate;
mod deflated;
mod differential;
mod earliest;
mod endpoint;
mod engine;
mod handshake;
mod header;
mod inflate;
mod mask;
mod negotiation;
mod roundtrip;
mod splits;
mod text_forms;
mod utf8;

/// A fuzz target.
#[derive(Debug)]
pub struct Target {
    /// The name of the target, of its seeds and of its regressions.
    pub name: &'static str,
    /// Panics if the input shows a fault.
    pub check: fn(&[u8]),
}

/// All of them.
pub const TARGETS: &[Target] = &[
    Target { name: "decode", check: decode::check },
    Target { name: "splits", check: splits::check },
    Target { name: "mask", check: mask::check },
    Target { name: "utf8", check: utf8::check },
    Target { name: "header", check: header::check },
    Target { name: "earliest", check: earliest::check },
    Target { name: "roundtrip", check: roundtrip::check },
    Target { name: "assembler", check: assembler::check },
    Target { name: "codec", check: codec::check },
    Target { name: "connection", check: connection::check },
    Target { name: "endpoint", check: endpoint::check },
    Target { name: "handshake", check: handshake::check },
    Target { name: "inflate", check: inflate::check },
    Target { name: "deflated", check: deflated::check },
    Target { name: "deflate", check: deflate::check },
    Target { name: "bomb", check: bomb::check },
    Target { name: "negotiation", check: negotiation::check },
    Target { name: "engine", check: engine::check },
    Target { name: "differential", check: differential::check },
    Target { name: "cli", check: cli::check },
    Target { name: "capture", check: capture::check },
    Target { name: "text_forms", check: text_forms::check },
];

/// Runs the oracle of this name over an input.
pub fn check(name: &str, data: &[u8]) {
    let target = TARGETS.iter().find(|target| target.name == name).expect("there is such a target");
    (target.check)(data);
}

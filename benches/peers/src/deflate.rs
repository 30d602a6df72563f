//! permessage-deflate: the codecs that have it, all on the same engine (zlib-rs) and, where they compress, at level 1. With the
//! feature `c-zlib`, the rivals are on C zlib, and soketto is with them, which has no other engine.

use std::hint::black_box;
use std::rc::Rc;

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};
use wsframe_dev::{Rng, alloc, push_frame};

use crate::Arguments;
use crate::feed::{Feed, READ};
#[cfg(feature = "c-zlib")]
use crate::peers::soketto;
use crate::peers::{Encode, Peer, Rank, sockudo, wsframe, wtx, yawc};
use crate::report;
use crate::rounds::{Contestant, Effort, guarded, measure};
use crate::tally::{Message, Tally};
use crate::workloads::Content;

type NewInflating = fn(Feed, bool) -> Option<Box<dyn Peer>>;
type NewDeflating = fn(Feed, &[Message], bool) -> Option<Box<dyn Encode>>;

struct Codec {
    name: &'static str,
    rank: Rank,
    owns: bool,
    inflating: NewInflating,
    deflating: Option<NewDeflating>,
}

const CODECS: &[Codec] = &[
    Codec {
        name: "wsframe, encoded once",
        rank: Rank::Own,
        owns: false,
        inflating: |_, _| None,
        deflating: Some(|_, messages, _| wsframe::broadcasting(messages)),
    },
    Codec {
        name: "wsframe",
        rank: Rank::Own,
        owns: false,
        inflating: |feed, takeover| Some(wsframe::inflating(feed, takeover)),
        deflating: Some(|feed, messages, takeover| Some(wsframe::deflating(feed, messages, takeover))),
    },
    Codec {
        name: "wsframe codec",
        rank: Rank::Own,
        owns: true,
        inflating: |feed, takeover| Some(wsframe::inflating_owned(feed, takeover)),
        deflating: None,
    },
    Codec {
        name: "sockudo-ws",
        rank: Rank::Rival,
        owns: true,
        inflating: |feed, takeover| Some(sockudo::inflating(feed, takeover)),
        deflating: Some(|feed, messages, takeover| Some(sockudo::deflating(feed, messages, takeover))),
    },
    Codec {
        name: "yawc",
        rank: Rank::Rival,
        owns: true,
        inflating: |feed, takeover| Some(yawc::inflating(feed, takeover)),
        deflating: Some(|feed, messages, takeover| Some(yawc::deflating(feed, messages, takeover))),
    },
    Codec { name: "wtx", rank: Rank::Rival, owns: false, inflating: wtx::inflating, deflating: Some(wtx::deflating) },
    #[cfg(feature = "c-zlib")]
    Codec {
        name: "soketto",
        rank: Rank::Rival,
        owns: true,
        inflating: soketto::inflating,
        deflating: Some(soketto::deflating),
    },
];

/// What is received or sent.
struct Workload {
    name: &'static str,
    title: &'static str,
    len: usize,
    takeover: bool,
    read_len: usize,
    /// How many of four messages are compressed.
    compressed: usize,
    /// How many receivers one message goes to, if it is a broadcast.
    receivers: usize,
}

#[rustfmt::skip]
const RECEIVED: &[Workload] = &[
    Workload { name: "D1", title: "receive 64 B, no takeover", len: 64, takeover: false, read_len: READ, compressed: 4, receivers: 0 },
    Workload { name: "D2", title: "receive 1 KiB, no takeover", len: 1024, takeover: false, read_len: READ, compressed: 4, receivers: 0 },
    Workload { name: "D3", title: "receive 64 KiB, no takeover", len: 65536, takeover: false, read_len: READ, compressed: 4, receivers: 0 },
    Workload { name: "D1t", title: "receive 64 B, takeover", len: 64, takeover: true, read_len: READ, compressed: 4, receivers: 0 },
    Workload { name: "D2t", title: "receive 1 KiB, takeover", len: 1024, takeover: true, read_len: READ, compressed: 4, receivers: 0 },
    Workload { name: "D3t", title: "receive 64 KiB, takeover", len: 65536, takeover: true, read_len: READ, compressed: 4, receivers: 0 },
    Workload { name: "D7", title: "receive 1 KiB, one of four compressed, no takeover", len: 1024, takeover: false, read_len: READ, compressed: 1, receivers: 0 },
    Workload { name: "D8", title: "receive 64 KiB in reads of 1460 B, no takeover", len: 65536, takeover: false, read_len: 1460, compressed: 4, receivers: 0 },
];

#[rustfmt::skip]
const SENT: &[Workload] = &[
    Workload { name: "D4", title: "send 64 B, no takeover", len: 64, takeover: false, read_len: READ, compressed: 4, receivers: 0 },
    Workload { name: "D5", title: "send 1 KiB, no takeover", len: 1024, takeover: false, read_len: READ, compressed: 4, receivers: 0 },
    Workload { name: "D6", title: "send 64 KiB, no takeover", len: 65536, takeover: false, read_len: READ, compressed: 4, receivers: 0 },
    Workload { name: "D4t", title: "send 64 B, takeover", len: 64, takeover: true, read_len: READ, compressed: 4, receivers: 0 },
    Workload { name: "D5t", title: "send 1 KiB, takeover", len: 1024, takeover: true, read_len: READ, compressed: 4, receivers: 0 },
    Workload { name: "D9", title: "send 1 KiB to 1,000 receivers, no takeover", len: 1024, takeover: false, read_len: READ, compressed: 4, receivers: 1000 },
    Workload { name: "D6t", title: "send 64 KiB, takeover", len: 65536, takeover: true, read_len: READ, compressed: 4, receivers: 0 },
];

impl Workload {
    fn messages(&self) -> Vec<Message> {
        let mut rng = Rng(self.len as u64);
        if self.receivers != 0 {
            return (0..self.receivers).map(|_| Content::Json.message(self.len, &mut Rng(9))).collect();
        }
        (0..(256 * 1024 / self.len).clamp(8, 512)).map(|_| Content::Json.message(self.len, &mut rng)).collect()
    }

    /// As a browser sends them: level 6.
    fn wire(&self, messages: &[Message]) -> Vec<u8> {
        let mut rng = Rng(5);
        let mut engine = Compress::new_with_window_bits(Compression::new(6), false, 15);
        let mut wire = Vec::new();
        for (i, message) in messages.iter().enumerate() {
            if i % 4 >= self.compressed {
                push_frame(&mut wire, 0x81, Some(rng.key()), &message.payload);
                continue;
            }
            if !self.takeover {
                engine.reset();
            }
            let mut deflated = Vec::with_capacity(message.payload.len() * 2 + 100);
            engine.compress_vec(&message.payload, &mut deflated, FlushCompress::Sync).expect("there is room");
            deflated.truncate(deflated.len() - 4);
            push_frame(&mut wire, 0xc1, Some(rng.key()), &deflated);
        }
        wire
    }
}

/// Inflates what was sent, with another owner of the engine, and returns the length of all payloads on the wire.
fn check_sent(mut wire: &[u8], messages: &[Message], engine: &mut Decompress, takeover: bool) -> Result<usize, String> {
    let mut total = 0;
    for message in messages {
        let (first, len, rest) = match *wire {
            [first, len @ 0..126, ref rest @ ..] => (first, usize::from(len), rest),
            [first, 126, a, b, ref rest @ ..] => (first, usize::from(a) << 8 | usize::from(b), rest),
            [first, 127, 0, 0, 0, 0, a, b, c, d, ref rest @ ..] => {
                (first, u32::from_be_bytes([a, b, c, d]) as usize, rest)
            }
            _ => return Err("a frame is cut".to_owned()),
        };
        let (payload, rest) = rest.split_at_checked(len).ok_or("a payload is cut")?;
        wire = rest;
        total += len;
        if first & 0x40 == 0 {
            (payload == message.payload).then_some(()).ok_or("a plain message is another")?;
            continue;
        }
        if !takeover {
            engine.reset(false);
        }
        let mut inflated = Vec::with_capacity(message.payload.len() + 1);
        let input = [payload, &[0, 0, 0xff, 0xff]].concat();
        engine.decompress_vec(&input, &mut inflated, FlushDecompress::Sync).map_err(|error| error.to_string())?;
        (inflated == message.payload).then_some(()).ok_or("a compressed message is another")?;
    }
    Ok(total)
}

pub fn run(arguments: &Arguments) -> Result<(), String> {
    let effort = Effort::of(arguments);
    let is_wanted = |name: &str| arguments.only.is_empty() || arguments.only.iter().any(|only| only == name);
    for workload in RECEIVED.iter().filter(|workload| is_wanted(workload.name)) {
        receive(workload, &effort);
    }
    for workload in SENT.iter().filter(|workload| is_wanted(workload.name)) {
        send(workload, &effort);
    }
    if is_wanted("memory") {
        memory();
    }
    Ok(())
}

fn receive(workload: &Workload, effort: &Effort) {
    let messages = Rc::new(workload.messages());
    let wire = workload.wire(&messages);
    let (mut contestants, mut failed) = (Vec::new(), Vec::new());
    for codec in CODECS {
        let feed = Feed::new(wire.clone(), workload.read_len, workload.len);
        let Some(mut peer) = (codec.inflating)(feed.clone(), workload.takeover) else { continue };
        let checked = guarded(|| {
            for _ in 0..2 {
                let mut tally = Tally::checking(messages.clone());
                feed.grant(1);
                peer.run(&mut tally)?;
                tally.verdict()?;
            }
            Ok(())
        });
        if let Err(reason) = checked {
            failed.push((codec.name, reason));
            continue;
        }
        let run = Box::new(move |passes| {
            feed.grant(passes);
            let mut tally = Tally::default();
            peer.run(&mut tally).expect("it passed before");
            black_box((tally.messages, tally.bytes));
        });
        contestants.push(Contestant::new(codec.name, codec.rank, codec.owns, run));
    }
    let (count, payload) = (messages.len() as u64, (messages.len() * workload.len) as u64);
    println!("compressed: {:.3} of the plain bytes", wire.len() as f64 / payload as f64);
    report::print_table(&measure(workload.name, workload.title, contestants, failed, count, payload, effort));
}

fn send(workload: &Workload, effort: &Effort) {
    let messages = workload.messages();
    let payload: usize = messages.iter().map(|message| message.payload.len()).sum();
    let (mut contestants, mut failed, mut sizes) = (Vec::new(), Vec::new(), Vec::new());
    for codec in CODECS {
        let Some(new) = codec.deflating else { continue };
        let feed = Feed::new(Vec::new(), READ, workload.len);
        let Some(mut encoder) = new(feed, &messages, workload.takeover) else { continue };
        let checked = guarded(|| {
            let mut engine = Decompress::new(false);
            let mut total = 0;
            for _ in 0..2 {
                encoder.batch(messages.len())?;
                total = check_sent(&encoder.output(), &messages, &mut engine, workload.takeover)?;
            }
            Ok(total)
        });
        match checked {
            Ok(total) => sizes.push(format!("{} {:.3}", codec.name, total as f64 / payload as f64)),
            Err(reason) => {
                failed.push((codec.name, reason));
                continue;
            }
        }
        let count = messages.len();
        let run = Box::new(move |passes| {
            for _ in 0..passes {
                encoder.batch(count).expect("it passed before");
                black_box(&mut encoder);
            }
        });
        contestants.push(Contestant::new(codec.name, codec.rank, false, run));
    }
    println!("sizes, of the plain bytes: {}", sizes.join(", "));
    let count = messages.len() as u64;
    report::print_table(&measure(workload.name, workload.title, contestants, failed, count, payload as u64, effort));
}

/// What the second of two connections of a thread holds, in bytes: new, and idle after 1 KiB messages in one direction. What they
/// share is the first one's.
fn memory() {
    println!("Memory of a connection, bytes");
    println!("  {:<20} {:>9} {:>12} {:>12} {:>12}", "codec", "takeover", "new", "received", "sent");
    for codec in CODECS {
        for takeover in [false, true] {
            let workload = RECEIVED.iter().find(|workload| workload.len == 1024 && workload.takeover == takeover);
            let workload = workload.expect("it is there");
            std::thread::scope(|scope| {
                // A thread that shares nothing yet.
                scope.spawn(|| memory_of(codec, workload)).join().expect("it does not panic");
            });
        }
    }
}

fn memory_of(codec: &Codec, workload: &Workload) {
    let (takeover, messages) = (workload.takeover, workload.messages());
    let wire = workload.wire(&messages);
    let receive = || {
        let feed = Feed::new(wire.clone(), READ, workload.len);
        let (peer, new) = alloc::measure(|| (codec.inflating)(feed.clone(), takeover));
        let mut peer = peer?;
        let (result, received) = alloc::measure(|| {
            feed.grant(1);
            peer.run(&mut Tally::default())
        });
        result.ok()?;
        Some((peer, new.held, new.held + received.held))
    };
    let Some(_first) = receive() else { return };
    let Some((_second, new, received)) = receive() else { return };
    let send = || {
        let feed = Feed::new(Vec::new(), READ, workload.len);
        // The output is not the connection's.
        feed.written().borrow_mut().reserve(1 << 20);
        let mut encoder = (codec.deflating?)(feed, &messages, takeover)?;
        let (result, sent) = alloc::measure(|| encoder.batch(messages.len()));
        result.ok()?;
        Some((encoder, sent.held))
    };
    let _first = send();
    let sent = send().map_or_else(|| "-".to_owned(), |(_encoder, held)| held.to_string());
    println!("  {:<20} {takeover:>9} {new:>12} {received:>12} {sent:>12}", codec.name);
}

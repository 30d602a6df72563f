//! Checks each codec on each workload, then times those that passed, in turns.

use std::hint::black_box;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use wsframe_dev::alloc;

use crate::Arguments;
use crate::feed::{Feed, READ};
use crate::peers::{CODECS, Codec, Encode, NewPeer, Peer, Rank};
use crate::report::{self, Cost, Measured, Outcome, Results, Table};
use crate::tally::Tally;
use crate::workloads::{ENCODE_WORKLOADS, EncodeWorkload, Stream, WORKLOADS, Workload};

/// How long is measured.
pub struct Effort {
    rounds: usize,
    round: Duration,
}

impl Effort {
    pub fn of(arguments: &Arguments) -> Effort {
        match arguments.quick {
            true => Effort { rounds: 5, round: Duration::from_millis(5) },
            false => Effort { rounds: 21, round: Duration::from_millis(15) },
        }
    }
}

/// Something that is timed: `run(n)` does n passes.
pub struct Contestant<'a> {
    codec: &'static str,
    rank: Rank,
    /// Whether it is compared with those alone whose messages own their payload.
    owns: bool,
    run: Box<dyn FnMut(usize) + 'a>,
    /// So many that a round takes its time.
    passes: usize,
    samples: Vec<f64>,
}

impl<'a> Contestant<'a> {
    pub fn new(codec: &'static str, rank: Rank, owns: bool, run: Box<dyn FnMut(usize) + 'a>) -> Contestant<'a> {
        Contestant { codec, rank, owns, run, passes: 1, samples: Vec::new() }
    }
}

pub fn all(arguments: &Arguments) -> Results {
    let wanted = Wanted::of(arguments);
    let effort = Effort::of(arguments);
    let mut tables = Vec::new();
    for workload in WORKLOADS.iter().filter(|workload| wanted.workload(workload.name)) {
        tables.push(decode(workload, &wanted, &effort));
        report::print_table(tables.last().expect("it was pushed"));
    }
    for workload in ENCODE_WORKLOADS.iter().filter(|workload| wanted.workload(workload.name)) {
        tables.push(encode(workload, &wanted, &effort));
        report::print_table(tables.last().expect("it was pushed"));
    }
    let costs = costs(&wanted);
    report::print_costs(&costs);
    report::print_notes();
    Results { tables, costs }
}

/// What `--only` leaves. A name of a workload is matched whole, so that W1 is not W10.
struct Wanted<'a> {
    workloads: Vec<&'a str>,
    codecs: Vec<&'a str>,
}

impl Wanted<'_> {
    fn of(arguments: &Arguments) -> Wanted<'_> {
        let is_workload = |name: &&str| {
            WORKLOADS.iter().any(|workload| workload.name == *name)
                || ENCODE_WORKLOADS.iter().any(|workload| workload.name == *name)
        };
        let (workloads, codecs) = arguments.only.iter().map(String::as_str).partition(is_workload);
        Wanted { workloads, codecs }
    }

    fn workload(&self, name: &str) -> bool {
        self.workloads.is_empty() || self.workloads.contains(&name)
    }

    fn codec(&self, codec: &Codec) -> bool {
        self.codecs.is_empty() || self.codecs.iter().any(|part| codec.name.contains(part))
    }
}

/// A panic is a failure like another.
pub fn guarded<T>(f: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(f)).unwrap_or_else(|_| Err("it panicked".to_owned()))
}

fn feed(workload: &Workload, stream: &Stream) -> Feed {
    let longest = stream.messages.iter().map(|message| message.payload.len()).max().unwrap_or(0);
    Feed::new(stream.wire.clone(), workload.read_len, longest)
}

/// Two passes, compared with the reference: the second shows that nothing was lost at the end of the first.
fn check(codec: &Codec, peer: &mut dyn Peer, feed: &Feed, stream: &Stream) -> Result<(), String> {
    for _ in 0..2 {
        let mut tally = Tally::checking(stream.messages.clone());
        feed.grant(1);
        peer.run(&mut tally)?;
        if codec.rank != Rank::Yardstick {
            tally.verdict()?;
        }
    }
    Ok(())
}

/// Text that is not UTF-8 must be refused: who delivers it does less than the others.
fn check_refusal(new: NewPeer, workload: &Workload, broken: &Stream) -> Result<(), String> {
    let feed = feed(workload, broken);
    feed.grant(1);
    let mut tally = Tally::default();
    let refused = guarded(|| new(feed, workload.role).run(&mut tally)).is_err();
    // Some say nothing, and close.
    if refused || tally.messages < broken.messages.len() as u64 {
        return Ok(());
    }
    Err("text that is not UTF-8 is delivered as text".to_owned())
}

fn decode(workload: &Workload, wanted: &Wanted, effort: &Effort) -> Table {
    let stream = workload.generate();
    let broken = workload.generate_broken();
    let (mut contestants, mut failed) = (Vec::new(), Vec::new());
    for codec in CODECS.iter().filter(|codec| wanted.codec(codec)) {
        let Some(new) = codec.decoder else { continue };
        let feed = feed(workload, &stream);
        let ready = guarded(|| {
            let mut peer = new(feed.clone(), workload.role);
            check(codec, &mut *peer, &feed, &stream)?;
            if let Some(broken) = broken.as_ref().filter(|_| codec.rank != Rank::Yardstick) {
                check_refusal(new, workload, broken)?;
            }
            Ok(peer)
        });
        match ready {
            Ok(mut peer) => {
                let run = Box::new(move |passes| {
                    feed.grant(passes);
                    let mut tally = Tally::default();
                    peer.run(&mut tally).expect("it passed before");
                    black_box((tally.messages, tally.bytes, tally.pings));
                });
                contestants.push(Contestant::new(codec.name, codec.rank, codec.owns, run));
            }
            Err(reason) => failed.push((codec.name, reason)),
        }
    }
    let (frames, payload) = (stream.frames, stream.payload);
    measure(workload.name, workload.title, contestants, failed, frames, payload, effort)
}

fn encode(workload: &EncodeWorkload, wanted: &Wanted, effort: &Effort) -> Table {
    let count = workload.batch();
    let (mut contestants, mut failed) = (Vec::new(), Vec::new());
    for codec in CODECS.iter().filter(|codec| wanted.codec(codec)) {
        let Some(new) = codec.encoder else { continue };
        let ready = guarded(|| {
            let mut encoder: Box<dyn Encode> =
                new(Feed::new(Vec::new(), READ, workload.len), workload.role, workload.message());
            for _ in 0..2 {
                encoder.batch(count)?;
                workload.check(&encoder.output(), &workload.message())?;
            }
            Ok(encoder)
        });
        match ready {
            Ok(mut encoder) => {
                let run = Box::new(move |passes| {
                    for _ in 0..passes {
                        encoder.batch(count).expect("it passed before");
                        black_box(&mut encoder);
                    }
                });
                contestants.push(Contestant::new(codec.name, codec.rank, false, run));
            }
            Err(reason) => failed.push((codec.name, reason)),
        }
    }
    let payload = (count * workload.len) as u64;
    measure(workload.name, workload.title, contestants, failed, count as u64, payload, effort)
}

pub fn measure(
    name: &'static str,
    title: &'static str,
    mut contestants: Vec<Contestant>,
    failed: Vec<(&'static str, String)>,
    frames: u64,
    payload: u64,
    effort: &Effort,
) -> Table {
    for contestant in &mut contestants {
        // Warm up, then find out how many passes a round takes.
        let began = Instant::now();
        let mut passes = 0;
        while began.elapsed() < effort.round {
            (contestant.run)(1);
            passes += 1;
        }
        contestant.passes = passes;
    }
    for round in 0..effort.rounds {
        // Each round begins with another codec, so that none is always after the same one.
        for turn in 0..contestants.len() {
            let index = (turn + round) % contestants.len();
            let contestant = &mut contestants[index];
            let began = Instant::now();
            (contestant.run)(contestant.passes);
            let spent = began.elapsed().as_secs_f64() * 1e9;
            contestant.samples.push(spent / (contestant.passes as f64 * frames as f64));
        }
    }
    let mut outcomes: Vec<Outcome> = contestants
        .into_iter()
        .map(|mut contestant| {
            contestant.samples.sort_by(f64::total_cmp);
            let median = contestant.samples[contestant.samples.len() / 2];
            let per_frame = payload as f64 / frames as f64;
            let measured = Measured {
                median,
                minimum: contestant.samples[0],
                gib_per_second: per_frame / median * 1e9 / f64::from(1 << 30),
                ratio: f64::NAN,
            };
            Outcome { codec: contestant.codec, rank: contestant.rank, owns: contestant.owns, result: Ok(measured) }
        })
        .collect();
    let quickest = |owning: bool| {
        let rivals = outcomes.iter().filter(|outcome| outcome.rank == Rank::Rival && (outcome.owns || !owning));
        rivals.filter_map(|outcome| Some(outcome.result.as_ref().ok()?.median)).min_by(f64::total_cmp)
    };
    let (of_all, of_owning) = (quickest(false), quickest(true));
    for outcome in &mut outcomes {
        let quickest = if outcome.owns { of_owning } else { of_all };
        if let (Ok(measured), Some(quickest)) = (&mut outcome.result, quickest) {
            measured.ratio = measured.median / quickest;
        }
    }
    outcomes.extend(failed.into_iter().map(|(codec, reason)| Outcome {
        codec,
        rank: Rank::Rival,
        owns: false,
        result: Err(reason),
    }));
    Table { name, title, frames, payload, outcomes }
}

/// What an idle connection holds, and how often a message allocates, on W2.
fn costs(wanted: &Wanted) -> Vec<Cost> {
    let workload = WORKLOADS.iter().find(|workload| workload.name == "W2").expect("W2 is there");
    let stream = workload.generate();
    let mut costs = Vec::new();
    for codec in CODECS.iter().filter(|codec| wanted.codec(codec) && codec.rank != Rank::Yardstick) {
        let Some(new) = codec.decoder else { continue };
        let feed = feed(workload, &stream);
        let cost = guarded(|| {
            let (mut peer, created) = alloc::measure(|| new(feed.clone(), workload.role));
            let run = |peer: &mut Box<dyn Peer>| {
                feed.grant(1);
                peer.run(&mut Tally::default())
            };
            let (result, grown) = alloc::measure(|| run(&mut peer));
            result?;
            // Once more, when the buffers have grown: the allocations of each message.
            let (result, more) = alloc::measure(|| run(&mut peer));
            result?;
            let per_message = more.calls as f64 / stream.messages.len() as f64;
            let after_traffic = created.held + grown.held + more.held;
            Ok(Cost { codec: codec.name, created: created.held, after_traffic, per_message })
        });
        costs.extend(cost.ok());
    }
    costs
}

/// Decodes at least so many frames of a workload, in whole passes, and prints how many.
pub fn count(codec: &str, workload: &str, frames: u64) -> Result<(), String> {
    let codec = CODECS.iter().find(|known| known.name == codec).ok_or("no such codec")?;
    let workload = WORKLOADS.iter().find(|known| known.name == workload).ok_or("no such workload")?;
    let new = codec.decoder.ok_or("it does not decode here")?;
    let stream = workload.generate();
    let feed = feed(workload, &stream);
    let mut peer = new(feed.clone(), workload.role);
    let passes = frames.div_ceil(stream.frames).max(1);
    feed.grant(passes as usize);
    let mut tally = Tally::default();
    peer.run(&mut tally)?;
    black_box(tally.messages);
    println!("{}", passes * stream.frames);
    Ok(())
}

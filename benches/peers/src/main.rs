//! A measured comparison of WebSocket frame codecs, all in one process and on the same bytes.

mod chart;
mod compare;
mod deflate;
mod feed;
mod peers;
mod report;
mod rounds;
mod tally;
mod workloads;

use std::path::PathBuf;

use crate::workloads::WORKLOADS;

#[global_allocator]
static ALLOCATOR: wsframe_dev::alloc::Counting = wsframe_dev::alloc::Counting;

const HELP: &str = "\
Compares WebSocket frame codecs on the same bytes in memory.

Usage: wsframe-peers [OPTIONS]

  --quick           fewer and shorter rounds
  --only SUBSTRING  only workloads or codecs whose name contains it; may be repeated
  --out DIR         where results.json and chart.svg go (default: results/ beside Cargo.toml)
  --count CODEC WORKLOAD N
                    decode at least N frames, print how many, and stop: for counting instructions
  --compare BEFORE AFTER
                    prints the ratios of two folders of runs, as compare.sh makes them, and stops
  --deflate         permessage-deflate, with the codecs that have it
  --list            the codecs and the workloads
";

fn message(error: lexopt::Error) -> String {
    error.to_string()
}

pub struct Arguments {
    quick: bool,
    only: Vec<String>,
    out: PathBuf,
}

fn main() -> Result<(), String> {
    use lexopt::prelude::*;

    let mut arguments =
        Arguments { quick: false, only: Vec::new(), out: PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("results") };
    let mut deflate = false;
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next().map_err(message)? {
        match argument {
            Long("quick") => arguments.quick = true,
            Long("only") => arguments.only.push(parser.value().map_err(message)?.to_string_lossy().into_owned()),
            Long("out") => arguments.out = parser.value().map_err(message)?.into(),
            Long("count") => {
                let (codec, workload, frames) = (
                    parser.value().map_err(message)?,
                    parser.value().map_err(message)?,
                    parser.value().map_err(message)?,
                );
                let frames = frames.to_string_lossy().parse().map_err(|_| "N is a number")?;
                return rounds::count(&codec.to_string_lossy(), &workload.to_string_lossy(), frames);
            }
            Long("compare") => {
                let (before, after) = (parser.value().map_err(message)?, parser.value().map_err(message)?);
                return compare::print(before.as_ref(), after.as_ref());
            }
            Long("deflate") => deflate = true,
            Long("list") => {
                peers::CODECS.iter().for_each(|codec| println!("{}", codec.name));
                WORKLOADS.iter().for_each(|workload| println!("{}  {}", workload.name, workload.title));
                return Ok(());
            }
            Long("help") | Short('h') => {
                print!("{HELP}");
                return Ok(());
            }
            other => {
                let error = other.unexpected();
                return Err(format!("{error}\n\n{HELP}"));
            }
        }
    }
    if deflate {
        return deflate::run(&arguments);
    }
    let results = rounds::all(&arguments);
    report::write(&arguments.out, &results).map_err(|error| format!("{}: {error}", arguments.out.display()))
}

//! Echo servers on tokio, measured from outside: each is a process on one core, and one load client on the other.

mod load;
mod servers;

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;

use crate::load::Load;

const HELP: &str = "\
Measures echo servers from outside, in turns: messages a second, and CPU time of the server a message.

Usage: wsframe-servers [OPTIONS]

  --quick            one short round
  --only SUBSTRING   only servers whose name contains it; may be repeated
  --connections N    (default: 64)
  --count            reads and writes a message instead, counted by strace
  --memory           memory of 1,000 connections instead, after each has echoed
";

/// The example of wsframe over mio.
const MIO: &str = "mio loop";

/// The length of a message and the messages in flight on a connection.
const CELLS: [(usize, usize); 6] = [(16, 1), (1024, 1), (65_536, 1), (16, 16), (1024, 16), (65_536, 16)];

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> Result<()> {
    use lexopt::prelude::*;

    let (mut quick, mut only, mut connections, mut count, mut memory) = (false, Vec::new(), 64, false, false);
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Long("quick") => quick = true,
            Long("only") => only.push(parser.value()?.string()?),
            Long("connections") => connections = parser.value()?.parse()?,
            Long("count") => count = true,
            Long("memory") => memory = true,
            Long("serve") => return servers::serve(&parser.value()?.string()?),
            Long("help") | Short('h') => {
                print!("{HELP}");
                return Ok(());
            }
            other => return Err(other.unexpected().into()),
        }
    }
    let names: Vec<_> = servers::NAMES
        .into_iter()
        .chain([MIO])
        .filter(|name| only.is_empty() || only.iter().any(|only| name.contains(&**only)))
        .collect();
    pin(Pid::this(), 1)?;
    match (count, memory) {
        (true, _) => count_calls(&names, connections),
        (_, true) => measure_memory(&names),
        _ => measure(&names, connections, quick),
    }
}

fn pin(process: Pid, core: usize) -> Result<()> {
    let mut set = CpuSet::new();
    set.set(core)?;
    Ok(sched_setaffinity(process, &set)?)
}

/// A server in a process of its own.
struct Server {
    process: Child,
    address: std::net::SocketAddr,
}

impl Server {
    fn start(name: &str) -> Result<Server> {
        let mut command = match name {
            MIO => {
                let mut command = Command::new(mio_example()?);
                command.arg("127.0.0.1:0");
                command
            }
            name => {
                let mut command = Command::new(std::env::current_exe()?);
                command.args(["--serve", name]);
                command
            }
        };
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let mut line = String::new();
        BufReader::new(process.stdout.as_mut().ok_or("no output")?).read_line(&mut line)?;
        let address =
            line.trim_end().strip_prefix("listening on ws://").ok_or(format!("{name} did not start"))?.parse()?;
        let server = Server { process, address };
        for task in fs::read_dir(format!("/proc/{}/task", server.process.id()))? {
            pin(Pid::from_raw(task?.file_name().to_string_lossy().parse()?), 0)?;
        }
        Ok(server)
    }

    /// The CPU time of the process so far.
    fn cpu(&self) -> Result<Duration> {
        let mut nanos = 0;
        for task in fs::read_dir(format!("/proc/{}/task", self.process.id()))? {
            let stat = fs::read_to_string(task?.path().join("schedstat"))?;
            nanos += stat.split(' ').next().ok_or("schedstat is empty")?.parse::<u64>()?;
        }
        Ok(Duration::from_nanos(nanos))
    }

    /// The memory of its own that is in use, in KiB.
    fn memory(&self) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).ok_or("no RssAnon")?;
        Ok(line.trim().trim_end_matches(" kB").parse()?)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        _ = self.process.kill();
        _ = self.process.wait();
    }
}

/// Builds it with the same profile.
fn mio_example() -> Result<PathBuf> {
    let root = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    let cargo = std::env::var_os("CARGO").unwrap_or("cargo".into());
    let status = Command::new(cargo)
        .args(["build", "-q", "--release", "--example", "event_loop", "--features", "handshake"])
        .current_dir(&root)
        .status()?;
    if !status.success() {
        return Err("the example event_loop was not built".into());
    }
    Ok(root.join("target/release/examples/event_loop"))
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn title((len, pipeline): (usize, usize)) -> String {
    format!("{len} B, {pipeline} in flight")
}

/// In turns: in each round every server gets every cell.
fn measure(names: &[&str], connections: usize, quick: bool) -> Result<()> {
    let (rounds, time) = if quick { (1, Duration::from_millis(200)) } else { (5, Duration::from_millis(1500)) };
    let mut rates: BTreeMap<(usize, &str), Vec<f64>> = BTreeMap::new();
    let mut costs: BTreeMap<(usize, &str), Vec<f64>> = BTreeMap::new();
    for _ in 0..rounds {
        for (i, (len, pipeline)) in CELLS.into_iter().enumerate() {
            for name in names {
                let server = Server::start(name)?;
                let mut load = Load::connect(server.address, connections, len, pipeline)?;
                load.run(time / 5)?;
                let before = server.cpu()?;
                let messages = load.run(time)? as f64;
                let cpu = (server.cpu()? - before).as_secs_f64();
                rates.entry((i, name)).or_default().push(messages / time.as_secs_f64());
                costs.entry((i, name)).or_default().push(cpu / messages * 1e6);
            }
        }
    }
    println!("{connections} connections; the server on one core, the load on the other; medians of {rounds} rounds\n");
    let table = |title_: &str, values: &BTreeMap<(usize, &str), Vec<f64>>, best: fn(f64, f64) -> f64, digits: usize| {
        println!("{title_}\n");
        println!("| server | {} |", CELLS.map(title).join(" | "));
        println!("|---|{}", "---|".repeat(CELLS.len()));
        let of = |i: usize, name: &str| {
            values.iter().find(|((j, n), _)| *j == i && *n == name).map(|(_, v)| median(v.clone()))
        };
        for name in names {
            let cells = (0..CELLS.len()).map(|i| {
                // The loop over mio is no server on tokio: it is shown beside the best of them.
                let others = names.iter().filter(|name| **name != MIO).filter_map(|name| of(i, name));
                let best = others.reduce(best).unwrap_or(f64::NAN);
                let value = of(i, name).unwrap_or(f64::NAN);
                format!("{value:.digits$} ({:.2})", value / best)
            });
            println!("| {name} | {} |", cells.collect::<Vec<_>>().join(" | "));
        }
        println!();
    };
    table("CPU time of the server a message in µs (over the least)", &costs, f64::min, 2);
    table("Messages a second (over the most)", &rates, f64::max, 0);
    Ok(())
}

/// The system calls of the server a message.
fn count_calls(names: &[&str], connections: usize) -> Result<()> {
    println!("| server | cell | reads a message | writes a message | other calls a message |\n|---|---|---|---|---|");
    for cell in CELLS {
        for name in names {
            let server = Server::start(name)?;
            let mut load = Load::connect(server.address, connections, cell.0, cell.1)?;
            load.run(Duration::from_millis(100))?;
            let out = std::env::temp_dir().join(format!("wsframe-servers.{}", server.process.id()));
            let mut trace = Command::new("strace")
                .args(["-f", "-c", "-o"])
                .arg(&out)
                .args(["-p", &server.process.id().to_string()])
                .stderr(Stdio::piped())
                .spawn()
                .map_err(|error| format!("strace: {error}"))?;
            // Its first line says that it is attached.
            BufReader::new(trace.stderr.as_mut().ok_or("no output")?).read_line(&mut String::new())?;
            let messages = load.run(Duration::from_millis(700))? as f64;
            Command::new("kill").args(["-INT", &trace.id().to_string()]).status()?;
            trace.wait()?;
            let (mut reads, mut writes, mut others) = (0.0, 0.0, 0.0);
            for line in fs::read_to_string(&out)?.lines() {
                let columns: Vec<_> = line.split_whitespace().collect();
                let (Some(calls), Some(name)) =
                    (columns.get(3).and_then(|calls| calls.parse::<f64>().ok()), columns.last())
                else {
                    continue;
                };
                match *name {
                    "read" | "recvfrom" | "readv" | "recvmsg" => reads += calls,
                    "write" | "sendto" | "writev" | "sendmsg" => writes += calls,
                    "total" => {}
                    _ => others += calls,
                }
            }
            fs::remove_file(&out)?;
            println!(
                "| {name} | {} | {:.2} | {:.2} | {:.2} |",
                title(cell),
                reads / messages,
                writes / messages,
                others / messages
            );
        }
    }
    Ok(())
}

/// What 1,000 connections add to the memory of the server, after each has echoed messages of 1 KiB.
fn measure_memory(names: &[&str]) -> Result<()> {
    println!("| server | KiB a connection while busy | and after |\n|---|---|---|");
    for name in names {
        let server = Server::start(name)?;
        let before = server.memory()?;
        let mut load = Load::connect(server.address, 1000, 1024, 1)?;
        load.run(Duration::from_secs(1))?;
        let busy = server.memory()? - before;
        std::thread::sleep(Duration::from_millis(300));
        let after = server.memory()? - before;
        println!("| {name} | {:.1} | {:.1} |", busy as f64 / 1000.0, after as f64 / 1000.0);
    }
    Ok(())
}

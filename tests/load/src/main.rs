//! Faults and load on loopback: the server in one process, all clients in another, and what must hold is checked.

mod faults;
mod server;
mod soak;

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Duration;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use wsframe::Timing;
use wsframe::endpoint::Options;

const HELP: &str = "\
Faults and load for the endpoint of wsframe, on loopback. What must hold is checked: the exit code is 1 if it does not.

Usage: wsframe-load [OPTIONS] FAULT...

  FAULT         one of those below, or `all` (without the soak)
  --count N     instead of the number of the fault
  --hurry N     all times of the server divided by N, and all counts by N too (default: 1)
  --seconds N   how long the soak lasts (default: 600)

";

pub type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// How much of everything.
#[derive(Clone, Copy)]
pub struct Scale {
    count: Option<usize>,
    hurry: u32,
    seconds: u64,
}

impl Scale {
    /// So many connections or frames, unless the caller wants another number.
    pub fn count(&self, usual: usize) -> usize {
        self.count.unwrap_or(usual / self.hurry as usize).max(1)
    }

    /// A time of the server.
    pub fn time(&self, seconds: u64) -> Duration {
        Duration::from_secs(seconds) / self.hurry
    }
}

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<bool> {
    use lexopt::prelude::*;

    let mut scale = Scale { count: None, hurry: 1, seconds: 600 };
    let (mut names, mut is_server, mut holds) = (Vec::new(), false, None);
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Long("count") => scale.count = Some(parser.value()?.parse()?),
            Long("hurry") => scale.hurry = parser.value()?.parse::<u32>()?.max(1),
            Long("seconds") => scale.seconds = parser.value()?.parse()?,
            Long("serve") => is_server = true,
            // The process that is stopped: holds connections to this address.
            Long("hold") => holds = Some((parser.value()?.parse()?, parser.value()?.parse()?)),
            Long("help") | Short('h') => {
                print!("{HELP}");
                faults::ALL.iter().for_each(|fault| println!("  {:16} {}", fault.name, fault.what));
                println!("  {:16} mixed traffic with random faults", "soak");
                return Ok(true);
            }
            Value(name) => names.push(name.string()?),
            other => return Err(other.unexpected().into()),
        }
    }
    raise_limit()?;
    if is_server {
        let timing = Timing::new()
            .with_ping_after(scale.time(20))
            .with_pong_within(scale.time(20))
            .with_close_within(scale.time(10))
            .with_linger(scale.time(2));
        let options =
            Options::new().with_timing(timing).with_write_within(scale.time(40)).with_open_within(scale.time(10));
        server::serve(options)?;
        return Ok(true);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    if let Some((address, count)) = holds {
        runtime.block_on(faults::hold(address, count))?;
        return Ok(true);
    }
    if names.is_empty() {
        return Err("which fault? --help lists them".into());
    }
    let mut all_hold = true;
    println!("| fault | n | what was found | holds |\n|---|---|---|---|");
    for name in names {
        let chosen: Vec<_> = faults::ALL.iter().filter(|fault| name == "all" || fault.name == name).collect();
        if name == "soak" {
            all_hold &= runtime.block_on(soak::run(&scale))?;
        } else if chosen.is_empty() {
            return Err(format!("no fault is called {name}; --help lists them").into());
        }
        for fault in chosen {
            let found = runtime.block_on((fault.run)(scale)).map_err(|error| format!("{}: {error}", fault.name))?;
            all_hold &= found.holds;
            let holds = if found.holds { "yes" } else { "NO" };
            println!("| {}: {} | {} | {} | {holds} |", fault.name, fault.what, found.count, found.text);
        }
    }
    Ok(all_hold)
}

/// As many descriptors as the system lets the process have.
fn raise_limit() -> Result<u64> {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, most, most)?;
    Ok(most)
}

/// Fewer connections than were asked for would show less than they seem to.
pub fn check_limit(connections: usize) -> Result<()> {
    let most = raise_limit()?;
    let needed = connections as u64 + 50;
    if most < needed {
        return Err(format!("{needed} descriptors are needed, and the limit is {most}: raise it with ulimit -n").into());
    }
    Ok(())
}

/// The server's process.
pub struct Server {
    process: Child,
    pub address: SocketAddr,
}

impl Server {
    pub fn start(scale: &Scale) -> Result<Server> {
        let mut process = Command::new(std::env::current_exe()?)
            .args(["--serve", "--hurry", &scale.hurry.to_string()])
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        BufReader::new(process.stdout.as_mut().ok_or("no output")?).read_line(&mut line)?;
        Ok(Server { process, address: line.trim_end().parse()? })
    }

    pub async fn connect(&self) -> Result<TcpStream> {
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    /// A connection after its opening handshake.
    pub async fn open(&self, target: &str) -> Result<TcpStream> {
        open(self.address, target).await
    }

    /// What the server counts.
    pub async fn report(&self) -> Result<BTreeMap<String, u64>> {
        let mut stream = self.connect().await?;
        stream.write_all(b"GET /report HTTP/1.1\r\nHost: x\r\n\r\n").await?;
        let mut response = String::new();
        stream.read_to_string(&mut response).await?;
        let (_, lines) = response.split_once("\r\n\r\n").ok_or("no report")?;
        let counts = lines.lines().filter_map(|line| line.split_once(' '));
        counts.map(|(name, count)| Ok((name.to_owned(), count.parse()?))).collect()
    }

    /// Waits until so many connections have ended; returns what the server counts, or nothing after `most`.
    pub async fn ended(&self, count: usize, most: Duration) -> Result<Option<BTreeMap<String, u64>>> {
        let begun = tokio::time::Instant::now();
        loop {
            let report = self.report().await?;
            if report.get("ended").copied().unwrap_or(0) >= count as u64 {
                return Ok(Some(report));
            }
            if begun.elapsed() > most {
                return Ok(None);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The memory of its own, in bytes.
    pub fn memory(&self) -> Result<i64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).ok_or("no RssAnon")?;
        Ok(line.trim().trim_end_matches(" kB").parse::<i64>()? * 1024)
    }

    /// Its CPU time.
    pub fn cpu(&self) -> Result<Duration> {
        let stat = fs::read_to_string(format!("/proc/{}/schedstat", self.process.id()))?;
        Ok(Duration::from_nanos(stat.split(' ').next().ok_or("schedstat is empty")?.parse()?))
    }

    /// How many descriptors it has.
    pub fn descriptors(&self) -> Result<usize> {
        Ok(fs::read_dir(format!("/proc/{}/fd", self.process.id()))?.count())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        _ = self.process.kill();
        _ = self.process.wait();
    }
}

pub async fn open(address: SocketAddr, target: &str) -> Result<TcpStream> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let request = format!(
        "GET {target} HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    // As long as every answer to this key.
    let mut answer = [0; 129];
    stream.read_exact(&mut answer).await?;
    if !answer.starts_with(b"HTTP/1.1 101 ") || !answer.ends_with(b"\r\n\r\n") {
        return Err(String::from_utf8_lossy(&answer).into_owned().into());
    }
    Ok(stream)
}

//! `wsframe proxy`: forwards connections byte for byte, and decodes what it has forwarded.
//!
//! Two threads a connection pass bytes on, each before it puts a copy into a queue; the main thread decodes and prints from the
//! queue. When that is too slow, the queue gets no more, and the bytes that were not decoded are counted.

use core::net::SocketAddr;
use core::sync::atomic::{AtomicUsize, Ordering};
use core::time::Duration;
use std::collections::BTreeMap;
use std::io::{self, BufWriter, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::sync::mpsc::{self, Sender, TryRecvError};
use std::thread;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use serde::Serialize;
use wsframe::Role;
use wsframe_inspect::pair::Pair;
use wsframe_inspect::record::Record;
use wsframe_inspect::stream::Options;

use crate::args::ProxyArgs;
use crate::output::{At, Context, Format, name};
use crate::{Failure, Outcome, Process};

/// How much is forwarded at once, in bytes.
const READ: usize = 64 * 1024;

/// What a piece takes in the queue besides its bytes.
const OVERHEAD: usize = 128;

/// The most that waits to be decoded, in bytes.
const MAX_QUEUED: usize = 64 * 1024 * 1024;

/// How long the end of the output may take after an interrupt, and the exit code if it takes longer.
const FAREWELL: Duration = Duration::from_secs(2);
const INTERRUPTED: i32 = 130;

/// How long the connection to the target may take.
const CONNECT: Duration = Duration::from_secs(20);

pub(crate) fn run(args: &ProxyArgs, process: &mut Process<'_>) -> Result<Outcome, Failure> {
    let target = target(&args.target).map_err(Failure::Unusable)?;
    let listen = with_host(&args.listen);
    let listener = TcpListener::bind(&listen).map_err(|error| {
        Failure::Unusable(format!(
            "cannot listen on {listen}: {error}; give ADDRESS:PORT of this machine, or a free port"
        ))
    })?;
    let local =
        listener.local_addr().map_err(|error| Failure::Unusable(format!("cannot listen on {listen}: {error}")))?;
    let (queue, events) = mpsc::channel();
    let stop = queue.clone();
    // A second run in the same process has a handler already.
    let _ = ctrlc::set_handler(move || {
        let _ = stop.send(Event { number: 0, time: SystemTime::now(), what: What::Stop });
        // Output that nobody takes is no reason to stay.
        thread::spawn(|| {
            thread::sleep(FAREWELL);
            std::process::exit(INTERRUPTED);
        });
    });
    let queued = Arc::new(AtomicUsize::new(0));
    let accepting = Link { number: 0, queue, queued: Arc::clone(&queued) };
    let to = target.clone();
    thread::spawn(move || accept(&listener, &to, &accepting));
    let _ = writeln!(process.stderr, "wsframe: listening on {local}, forwarding to {target}");

    let mut printer = Printer::new(args, process);
    printer.print(|format, out| format.columns(out, true));
    loop {
        let event = match events.try_recv() {
            Ok(event) => event,
            Err(TryRecvError::Empty) => {
                // Nothing more to say for now: what was said is shown.
                printer.print(|_, out| out.flush());
                match events.recv() {
                    Ok(event) => event,
                    Err(_) => break,
                }
            }
            Err(TryRecvError::Disconnected) => break,
        };
        if let What::Bytes(_, bytes) = &event.what {
            queued.fetch_sub(bytes.len() + OVERHEAD, Ordering::Relaxed);
        }
        if matches!(event.what, What::Stop) {
            break;
        }
        printer.event(event);
        if printer.is_suspicious() && speaks_tls(&target) {
            printer.finish()?;
            return Err(Failure::Unusable(TLS.to_owned()));
        }
        if printer.is_done() && !args.keep {
            break;
        }
    }
    printer.finish()
}

/// An address as it is given: a port alone is one of this machine.
fn with_host(address: &str) -> String {
    let port = address.strip_prefix(':').unwrap_or(address);
    if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) {
        format!("127.0.0.1:{port}")
    } else {
        address.to_owned()
    }
}

/// What to do about a target that speaks TLS.
const TLS: &str = "the target speaks TLS, which hides the frames; let something in between end it, such as \
                   'socat TCP-LISTEN:8081,fork,reuseaddr OPENSSL:HOST:443', and give 127.0.0.1:8081 as the target";

/// Whether a server answers a record of TLS with another: an alert, because the record makes no sense.
fn speaks_tls(target: &str) -> bool {
    const RECORD: &[u8] = &[0x16, 3, 1, 0, 4, 0x0e, 0, 0, 0];
    let answer = || -> io::Result<[u8; 2]> {
        let mut stream = connect(target)?;
        stream.set_read_timeout(Some(FAREWELL))?;
        stream.write_all(RECORD)?;
        let mut answer = [0; 2];
        stream.read_exact(&mut answer)?;
        Ok(answer)
    };
    matches!(answer(), Ok([0x15 | 0x16, 3]))
}

/// HOST:PORT of the server, which must not speak TLS.
fn target(address: &str) -> Result<String, String> {
    let lower = address.to_ascii_lowercase();
    if lower.starts_with("wss:") || lower.starts_with("https:") {
        return Err(TLS.to_owned());
    }
    let plain = ["ws://", "http://"].into_iter().find(|scheme| lower.starts_with(scheme));
    let host = match plain {
        Some(scheme) => {
            let rest = &address[scheme.len()..];
            let host = rest.split('/').next().unwrap_or_default();
            let has_port = host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
            if has_port { host.to_owned() } else { format!("{host}:80") }
        }
        None => with_host(address),
    };
    match host.rsplit_once(':') {
        Some((_, "443")) if plain.is_none() => {
            Err(format!("{TLS}; if port 443 is without TLS there, write ws://{host}"))
        }
        Some((name, port)) if !name.is_empty() && port.parse::<u16>().is_ok() => Ok(host),
        _ => Err(format!("'{}' is no target; give HOST:PORT", address.escape_debug())),
    }
}

/// What happens on a connection.
struct Event {
    number: u64,
    time: SystemTime,
    what: What,
}

enum What {
    Open(SocketAddr),
    /// Bytes that were forwarded.
    Bytes(Role, Vec<u8>),
    /// So many bytes were forwarded and not queued.
    Missing(Role, u64),
    /// The end with this role sends nothing more; how, if not as it should.
    End(Role, Option<String>),
    /// There is no connection to the target.
    NoTarget(String),
    Stop,
}

/// A way to the queue.
struct Link {
    number: u64,
    queue: Sender<Event>,
    queued: Arc<AtomicUsize>,
}

impl Link {
    fn with_number(&self, number: u64) -> Link {
        Link { number, queue: self.queue.clone(), queued: Arc::clone(&self.queued) }
    }

    fn send(&self, what: What) {
        // The program ends when nobody takes events any more.
        let _ = self.queue.send(Event { number: self.number, time: SystemTime::now(), what });
    }
}

fn accept(listener: &TcpListener, target: &str, link: &Link) {
    let mut number = 0;
    loop {
        let (client, address) = match listener.accept() {
            Ok(accepted) => accepted,
            Err(_) => {
                // Too many open files, or a client that is gone: others may come.
                thread::sleep(Duration::from_millis(10));
                continue;
            }
        };
        let link = link.with_number(number);
        number += 1;
        let target = target.to_owned();
        thread::spawn(move || {
            link.send(What::Open(address));
            match connect(&target) {
                Ok(server) => join(client, server, &link),
                Err(error) => link.send(What::NoTarget(format!("cannot connect to {target}: {error}"))),
            }
        });
    }
}

fn connect(target: &str) -> io::Result<TcpStream> {
    let mut last = io::Error::from(ErrorKind::AddrNotAvailable);
    for address in target.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, CONNECT) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Forwards both directions until both are over.
fn join(client: TcpStream, server: TcpStream, link: &Link) {
    // Small pieces go on at once, as they came.
    let _ = client.set_nodelay(true);
    let _ = server.set_nodelay(true);
    thread::scope(|scope| {
        scope.spawn(|| forward(&client, &server, Role::Client, link));
        forward(&server, &client, Role::Server, link);
    });
}

/// Passes on what `sender` sends, until its end.
fn forward(mut from: &TcpStream, mut to: &TcpStream, sender: Role, link: &Link) {
    let mut buffer = vec![0; READ];
    let mut missing = 0;
    let how = loop {
        let len = match from.read(&mut buffer) {
            Ok(0) => {
                let _ = to.shutdown(Shutdown::Write);
                break None;
            }
            Ok(len) => len,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => {
                let _ = to.shutdown(Shutdown::Write);
                break Some(format!("the {} has lost its connection: {error}", name(sender)));
            }
        };
        let written = to.write_all(&buffer[..len]);
        // Decoding comes behind forwarding, and may be left out where it is too slow.
        if missing > 0 || link.queued.load(Ordering::Relaxed) > MAX_QUEUED {
            missing += len as u64;
        } else {
            link.queued.fetch_add(len + OVERHEAD, Ordering::Relaxed);
            link.send(What::Bytes(sender, buffer[..len].to_vec()));
        }
        if let Err(error) = written {
            // The other direction may still have bytes on their way.
            let _ = from.shutdown(Shutdown::Read);
            break Some(format!("the {} takes no more bytes: {error}", name(sender.peer())));
        }
    };
    if missing > 0 {
        link.send(What::Missing(sender, missing));
    }
    link.send(What::End(sender, how));
}

/// A connection that is decoded.
struct Live {
    pair: Pair,
    /// The target's first bytes are an alert of TLS.
    is_alert: bool,
    /// The target has ended as one may that speaks TLS.
    was_odd: bool,
    is_over: [bool; 2],
}

/// A connection begins.
#[derive(Serialize)]
struct Opened {
    event: &'static str,
    client: SocketAddr,
}

/// There is no connection to the target.
#[derive(Serialize)]
struct NoTarget<'e> {
    event: &'static str,
    error: &'e str,
}

/// Decodes and prints.
struct Printer<'p> {
    args: &'p ProxyArgs,
    format: Format,
    out: BufWriter<&'p mut dyn Write>,
    err: &'p mut dyn Write,
    /// Nobody reads the output any more: forwarding goes on.
    is_silent: bool,
    output_error: Option<io::Error>,
    live: BTreeMap<u64, Live>,
    started: Instant,
    started_at: SystemTime,
    /// Connections on which more than HTTP was spoken and that are over.
    done: u64,
    /// A connection is over on which the target said nothing, or an alert of TLS.
    is_suspicious: bool,
    is_violation: bool,
}

impl<'p> Printer<'p> {
    fn new(args: &'p ProxyArgs, process: &'p mut Process<'_>) -> Printer<'p> {
        Printer {
            args,
            format: args.show.format(),
            out: BufWriter::new(&mut *process.stdout),
            err: &mut *process.stderr,
            is_silent: false,
            output_error: None,
            live: BTreeMap::new(),
            started: Instant::now(),
            started_at: SystemTime::now(),
            done: 0,
            is_suspicious: false,
            is_violation: false,
        }
    }

    /// Whether a WebSocket has ended and none is open or may become one.
    fn is_done(&self) -> bool {
        let may_be_one = |live: &Live| {
            let [client, server] = [Role::Client, Role::Server].map(|sender| live.pair.sent_by(sender));
            let is_new = client.offset() == 0 && server.offset() == 0;
            is_new || live.pair.is_upgraded() || client.has_frames() || server.has_frames()
        };
        self.done > 0 && !self.live.values().any(may_be_one)
    }

    /// Whether the target behaves as one does that speaks TLS; once for each connection that shows it.
    fn is_suspicious(&mut self) -> bool {
        core::mem::take(&mut self.is_suspicious)
    }

    fn print(&mut self, write: impl FnOnce(&Format, &mut dyn Write) -> io::Result<()>) {
        if self.is_silent {
            return;
        }
        if let Err(error) = write(&self.format, &mut self.out) {
            self.is_silent = true;
            if error.kind() != ErrorKind::BrokenPipe {
                let _ = writeln!(self.err, "wsframe: cannot write the output: {error}; forwarding goes on");
                self.output_error = Some(error);
            }
        }
    }

    fn warn(&mut self, number: u64, warning: &str) {
        self.print(|_, out| out.flush());
        let _ = writeln!(self.err, "wsframe: warning: connection {number}: {warning}");
    }

    fn context(&self, number: u64, time: SystemTime) -> Context {
        let micros = |time: SystemTime, since| time.duration_since(since).map_or(0, |time| time.as_micros() as i64);
        let at = At { epoch: micros(time, UNIX_EPOCH), elapsed: micros(time, self.started_at) };
        Context { stream: Some(number), direction: None, at: Some(at) }
    }

    fn event(&mut self, event: Event) {
        let Event { number, time, what } = event;
        let context = self.context(number, time);
        self.take(number, context, what);
        // A target that says nothing to a request, or answers with an alert, may speak TLS.
        if let Some(live) = self.live.get_mut(&number) {
            let [client, server] = [Role::Client, Role::Server].map(|sender| live.pair.sent_by(sender).offset());
            let is_odd = client > 0 && live.is_over[1] && (server == 0 || live.is_alert);
            self.is_suspicious |= is_odd && !core::mem::replace(&mut live.was_odd, is_odd);
            if live.is_over == [true, true] {
                let [client, server] = [Role::Client, Role::Server].map(|sender| live.pair.sent_by(sender));
                self.done += u64::from(client.has_frames() || server.has_frames() || server.is_upgraded());
                self.live.remove(&number);
            }
        }
    }

    fn take(&mut self, number: u64, context: Context, what: What) {
        match what {
            What::Open(client) => {
                let show = &self.args.show;
                // What is said of a violation does not wait for bytes that may never come.
                let options = Options { waits: false, ..show.options() };
                let pair = Pair::new(show.config(Role::Server), show.config(Role::Client), &options);
                self.live.insert(number, Live { pair, is_alert: false, was_odd: false, is_over: [false; 2] });
                if self.format.is_json() {
                    self.print(|_, out| Format::json(out, context, &Opened { event: "open", client }));
                } else {
                    self.print(|_, out| writeln!(out, "Connection {number} from {client}"));
                }
            }
            What::Bytes(sender, mut bytes) => {
                if let Some(live) = self.live.get_mut(&number).filter(|_| sender == Role::Server) {
                    let is_first = live.pair.sent_by(sender).offset() == 0;
                    live.is_alert |= is_first && matches!(bytes[..], [0x15, 3, ..]);
                }
                self.decode(number, context, |pair, sink| pair.push(sender, &mut bytes, sink));
            }
            What::Missing(sender, bytes) => {
                self.warn(number, "decoding was too slow, and left bytes out that were forwarded");
                self.decode(number, context, |pair, sink| pair.gap(sender, bytes, "not decoded in time", sink));
            }
            What::End(sender, how) => {
                if let Some(how) = how {
                    self.warn(number, &how);
                }
                self.end(number, sender, context);
            }
            What::NoTarget(error) => {
                if self.format.is_json() {
                    self.print(|_, out| Format::json(out, context, &NoTarget { event: "no_target", error: &error }));
                }
                self.warn(number, &error);
                self.live.remove(&number);
            }
            What::Stop => {}
        }
    }

    /// Decodes on one connection, and prints what there is to say.
    fn decode<T>(
        &mut self,
        number: u64,
        context: Context,
        decode: impl FnOnce(
            &mut Pair,
            &mut dyn FnMut(Role, &Record<'_>) -> Result<(), core::convert::Infallible>,
        ) -> Result<T, core::convert::Infallible>,
    ) -> Option<T> {
        let mut live = self.live.remove(&number)?;
        let Ok(result) = decode(&mut live.pair, &mut |sender, record| {
            self.print(|format, out| format.write(out, context.sent_by(sender), record));
            Ok(())
        });
        self.live.insert(number, live);
        Some(result)
    }

    fn end(&mut self, number: u64, sender: Role, context: Context) {
        let Some(ending) = self.decode(number, context, |pair, sink| pair.finish(sender, sink)) else { return };
        self.is_violation |= ending.is_violation;
        if let Some(warning) = ending.warning.map(str::to_owned).or(ending.unusable) {
            self.warn(number, &format!("from the {}: {warning}", name(sender)));
        }
        if let Some(live) = self.live.get_mut(&number) {
            live.is_over[usize::from(sender == Role::Server)] = true;
        }
    }

    /// Says how the connections stand that are still open.
    fn finish(mut self) -> Result<Outcome, Failure> {
        let now = self.started_at + self.started.elapsed();
        for number in self.live.keys().copied().collect::<Vec<_>>() {
            for sender in [Role::Client, Role::Server] {
                let is_over =
                    self.live.get(&number).is_none_or(|live| live.is_over[usize::from(sender == Role::Server)]);
                if !is_over {
                    self.end(number, sender, self.context(number, now));
                }
            }
        }
        self.print(|_, out| out.flush());
        match self.output_error {
            Some(error) => Err(Failure::from(error)),
            None if self.is_violation => Ok(Outcome::Violation),
            None => Ok(Outcome::Good),
        }
    }
}

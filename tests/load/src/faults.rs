//! Each fault, and what must hold.

use std::future::Future;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::pin::Pin;
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use wsframe::endpoint::{Data, Options, WebSocket};
use wsframe::handshake::Client;
use wsframe::{CloseCode, CloseFrame, Encoder, Frame, OsKeys};
use wsframe_dev::{Rng, some_polls};

use crate::{Result, Scale, Server, check_limit, open};

/// What was found.
pub struct Found {
    pub count: usize,
    pub text: String,
    pub holds: bool,
}

type Running = Pin<Box<dyn Future<Output = Result<Found>>>>;

pub struct Fault {
    pub name: &'static str,
    pub what: &'static str,
    pub run: fn(Scale) -> Running,
}

macro_rules! faults {
    ($($name:literal, $what:literal, $function:expr;)*) => {
        pub const ALL: &[Fault] =
            &[$(Fault { name: $name, what: $what, run: |scale| Box::pin($function(scale)) }),*];
    };
}

faults! {
    "ping-flood", "Pings of 125 bytes, then silence; the peer does not read", |scale| ping_flood(scale, true);
    "endless-pings", "Pings without end; the peer does not read", |scale| ping_flood(scale, false);
    "answered-pings", "Pings of 125 bytes; the peer reads", answered_pings;
    "slow-readers", "peers that do not read what comes each millisecond", slow_readers;
    "slow-writers", "peers that send one byte a second", slow_writers;
    "half-open", "peers that were stopped (SIGSTOP)", half_open;
    "unanswered-close", "peers that do not answer a Close", unanswered_close;
    "endless-data", "peers that answer a Close and send on for ever", |scale| endless_data(scale, true);
    "deaf-data", "peers that do not answer a Close and send on for ever", |scale| endless_data(scale, false);
    "unread-mib", "a Close behind 1 MiB that the peer has not read, which has sent 1 MiB itself", unread_mib;
    "crossing-closes", "both ends close at once", crossing_closes;
    "idle", "connections that have echoed and wait", idle;
    "one-byte-heads", "heads of 16 KiB, one byte a write", one_byte_heads;
    "endless-heads", "heads that never end, one byte a write", endless_heads;
    "bad-heads", "heads with 10,000 fields, doubled fields, a body", bad_heads;
    "empty-fragments", "messages of empty fragments", empty_fragments;
    "cancelled", "futures of send and next dropped at a random poll", cancelled;
}

fn frame<'f>(frame: impl Into<Frame<'f>>) -> Vec<u8> {
    let mut out = Vec::new();
    Encoder::client(OsKeys::new()).append(&mut out, frame).expect("it can be sent");
    out
}

fn close_frame(code: CloseCode) -> Vec<u8> {
    frame(&CloseFrame::new(code, "").expect("it can be sent"))
}

/// A little more than a time of the server: for the timers, and for a machine that does something else as well.
fn soon_after(time: Duration) -> Duration {
    time + time / 10 + Duration::from_secs(2)
}

async fn many(server: &Server, target: &'static str, count: usize) -> Result<Vec<TcpStream>> {
    check_limit(count)?;
    let mut streams = Vec::new();
    for _ in 0..count {
        streams.push(server.open(target).await?);
    }
    Ok(streams)
}

async fn ping_flood(scale: Scale, ends: bool) -> Result<Found> {
    let server = Server::start(&scale)?;
    let mut stream = server.open("/echo").await?;
    let before = server.memory()?;
    let count = scale.count(1_000_000);
    let pings = frame(Frame::ping(&[7; 125])).repeat(1000);
    let begun = Instant::now();
    let (mut sent, mut most) = (0, 0);
    // Until the server drops the connection.
    let flooding = async {
        while !ends || sent < count {
            if stream.write_all(&pings).await.is_err() {
                return;
            }
            sent += 1000;
            most = most.max(server.memory().unwrap_or(0) - before);
        }
        sleep(scale.time(60)).await;
    };
    let limit = scale.time(40);
    let ended = tokio::select! {
        report = server.ended(1, soon_after(limit + limit / 2)) => report?,
        () = flooding => server.ended(1, Duration::ZERO).await?,
    };
    let took = begun.elapsed();
    let stalled = ended.is_some_and(|report| report.get("Stalled") == Some(&1));
    // The pong buffer of the connection, and buffers of the thread.
    let holds = stalled && took <= soon_after(limit) && most <= 512 * 1024;
    let text =
        format!("{sent} Pings; ended as stalled after {:.1} s; {} KiB more memory", took.as_secs_f64(), most / 1024);
    Ok(Found { count: sent, text: if stalled { text } else { format!("not ended as stalled: {text}") }, holds })
}

/// Sends frames, and reads as many bytes; returns the CPU time of the server.
async fn round_trip(server: &Server, frames: Vec<u8>, times: usize, echo_len: usize) -> Result<Duration> {
    let (mut from, mut to) = server.open("/echo").await?.into_split();
    let before = server.cpu()?;
    let writes = tokio::spawn(async move {
        for _ in 0..times {
            to.write_all(&frames).await?;
        }
        Ok::<_, std::io::Error>(to)
    });
    let (mut buffer, mut received) = (vec![0; 256 * 1024], 0);
    while received < echo_len * times {
        match from.read(&mut buffer).await? {
            0 => return Err("it ended early".into()),
            len => received += len,
        }
    }
    drop(writes.await??);
    if received > echo_len * times {
        return Err("more came back than was sent".into());
    }
    Ok(server.cpu()? - before)
}

async fn answered_pings(scale: Scale) -> Result<Found> {
    let server = Server::start(&scale)?;
    // 1 GB of them.
    let count = scale.count(7_600_000) / 1000 * 1000;
    let (mut pings, mut messages) = (Duration::ZERO, Duration::ZERO);
    for _ in 0..5 {
        let times = count / 1000 / 5;
        pings += round_trip(&server, frame(Frame::ping(&[7; 125])).repeat(1000), times, 127_000).await?;
        messages += round_trip(&server, frame(Frame::binary(&[7; 125])).repeat(1000), times, 127_000).await?;
    }
    let ratio = pings.as_secs_f64() / messages.as_secs_f64();
    let text = format!("all answered; {ratio:.2} of the CPU time of as many messages");
    Ok(Found { count, text, holds: ratio <= 3.0 })
}

async fn slow_readers(scale: Scale) -> Result<Found> {
    let server = Server::start(&scale)?;
    let count = scale.count(100);
    let mut other = server.open("/echo").await?;
    let before = server.memory()?;
    let streams = many(&server, "/firehose", count).await?;
    let (begun, mut worst, message) = (Instant::now(), Duration::ZERO, frame("now"));
    // Until their sockets are full, and for a while after that.
    while begun.elapsed() < scale.time(20) {
        let sent = Instant::now();
        other.write_all(&message).await?;
        other.read_exact(&mut [0; 5]).await?;
        worst = worst.max(sent.elapsed());
        sleep(Duration::from_millis(1)).await;
    }
    let each = (server.memory()? - before) / count as i64;
    drop(streams);
    let holds = each <= (66 + 64 + 4) * 1024 && worst <= Duration::from_secs(1);
    let text =
        format!("{} KiB each; the slowest echo of another took {:.1} ms", each / 1024, worst.as_secs_f64() * 1e3);
    Ok(Found { count, text, holds })
}

async fn slow_writers(scale: Scale) -> Result<Found> {
    let server = Server::start(&scale)?;
    let count = scale.count(1000);
    // What every connection of the thread needs.
    drop(many(&server, "/echo", 10).await?);
    let before = server.memory()?;
    let mut streams = many(&server, "/echo", count).await?;
    let message = frame(Frame::binary(&[7; 1000]));
    let seconds = 8;
    for byte in &message[..seconds] {
        for stream in &mut streams {
            stream.write_all(&[*byte]).await?;
        }
        sleep(Duration::from_secs(1) / scale.hurry).await;
    }
    let each = (server.memory()? - before) / count as i64;
    // And they are served all the same.
    for stream in &mut streams {
        stream.write_all(&message[seconds..]).await?;
        stream.read_exact(&mut [0; 1004]).await?;
    }
    let text = format!("{each} bytes each, with the task and the socket of tokio; all were echoed at last");
    Ok(Found { count, text, holds: each <= 3500 })
}

/// Holds connections until the process is killed.
pub async fn hold(address: SocketAddr, count: usize) -> Result<()> {
    check_limit(count)?;
    let mut streams = Vec::new();
    for _ in 0..count {
        streams.push(open(address, "/echo").await?);
    }
    println!("held");
    std::future::pending::<()>().await;
    Ok(())
}

async fn half_open(scale: Scale) -> Result<Found> {
    let server = Server::start(&scale)?;
    let count = scale.count(1000);
    let before = server.descriptors()?;
    let mut peers = Command::new(std::env::current_exe()?)
        .args(["--hold", &server.address.to_string(), &count.to_string()])
        .stdout(Stdio::piped())
        .spawn()?;
    std::io::BufRead::read_line(
        &mut std::io::BufReader::new(peers.stdout.as_mut().ok_or("no output")?),
        &mut String::new(),
    )?;
    kill(Pid::from_raw(peers.id() as i32), Signal::SIGSTOP)?;
    let begun = Instant::now();
    let limit = scale.time(40);
    let report = server.ended(count, soon_after(limit) * 2).await?;
    let took = begun.elapsed();
    sleep(Duration::from_millis(100)).await;
    let left = server.descriptors()? - before;
    peers.kill()?;
    peers.wait()?;
    let silent = report.as_ref().and_then(|report| report.get("NoPong")).copied().unwrap_or(0);
    let holds = silent == count as u64 && took <= soon_after(limit) && left == 0;
    let text = format!("{silent} ended without a Pong after {:.1} s; {left} descriptors left", took.as_secs_f64());
    Ok(Found { count, text, holds })
}

async fn unanswered_close(scale: Scale) -> Result<Found> {
    let server = Server::start(&scale)?;
    let count = scale.count(1000);
    let before = server.descriptors()?;
    let streams = many(&server, "/close", count).await?;
    let begun = Instant::now();
    let limit = scale.time(10);
    let report = server.ended(count, soon_after(limit) * 2).await?;
    let took = begun.elapsed();
    sleep(Duration::from_millis(100)).await;
    let left = server.descriptors()? - before;
    drop(streams);
    let silent = report.as_ref().and_then(|report| report.get("NoClose")).copied().unwrap_or(0);
    let holds = silent == count as u64 && took <= soon_after(limit) && left == 0;
    let text = format!("{silent} ended without a Close after {:.1} s; {left} descriptors left", took.as_secs_f64());
    Ok(Found { count, text, holds })
}

async fn endless_data(scale: Scale, answers: bool) -> Result<Found> {
    let server = Server::start(&scale)?;
    let count = scale.count(100);
    let message = frame(Frame::binary(&[7; 1000]));
    let mut peers = JoinSet::new();
    let begun = Instant::now();
    for mut stream in many(&server, "/close", count).await? {
        let message = message.clone();
        peers.spawn(async move {
            if answers {
                stream.read_exact(&mut [0; 4]).await?;
                stream.write_all(&close_frame(CloseCode::GOING_AWAY)).await?;
            }
            // Until the server drops the connection.
            while stream.write_all(&message).await.is_ok() {
                tokio::task::yield_now().await;
            }
            Ok::<_, std::io::Error>(())
        });
    }
    while let Some(peer) = peers.join_next().await {
        peer??;
    }
    let took = begun.elapsed();
    let limit = scale.time(if answers { 2 } else { 10 });
    let report = server.ended(count, Duration::from_secs(1)).await?.ok_or("not all have ended")?;
    let clean = report.get("clean").copied().unwrap_or(0);
    let holds = took <= soon_after(limit) && clean == if answers { count as u64 } else { 0 };
    let text = format!("all ended after {:.1} s, {clean} of them clean", took.as_secs_f64());
    Ok(Found { count, text, holds })
}

async fn unread_mib(scale: Scale) -> Result<Found> {
    let server = Server::start(&scale)?;
    let count = scale.count(1000);
    let (mut whole, mut resets) = (0, 0);
    let message = frame(Frame::binary(&vec![1; 65_536])).repeat(16);
    for _ in 0..count.div_ceil(50) {
        let mut peers = JoinSet::new();
        for stream in many(&server, "/mib", 50.min(count)).await? {
            let message = message.clone();
            peers.spawn(async move {
                let (mut from, mut to) = stream.into_split();
                let writes = tokio::spawn(async move {
                    let result = to.write_all(&message).await;
                    (to, result)
                });
                sleep(Duration::from_millis(300)).await;
                let mut received = vec![0; 16 * (65_536 + 10) + 4];
                from.read_exact(&mut received).await?;
                let (mut to, result) = writes.await.expect("it does not panic");
                result?;
                to.write_all(&close_frame(CloseCode::NORMAL)).await?;
                from.read_to_end(&mut received).await?;
                Ok::<_, std::io::Error>(received.ends_with(b"\x88\x02\x03\xe8"))
            });
        }
        while let Some(peer) = peers.join_next().await {
            match peer? {
                Ok(true) => whole += 1,
                Err(error) if error.kind() == ErrorKind::ConnectionReset => resets += 1,
                _ => {}
            }
        }
    }
    let count = count.div_ceil(50) * 50.min(count);
    let text = format!("{whole} got all of it and the Close; {resets} resets");
    Ok(Found { count, text, holds: whole == count })
}

async fn crossing_closes(scale: Scale) -> Result<Found> {
    let server = Server::start(&scale)?;
    let count = scale.count(10_000);
    let message = [frame("close"), close_frame(CloseCode::from_static(3001))].concat();
    let mut clean = 0;
    for i in 0..count {
        let mut stream = server.open("/close-when-told").await?;
        // The server's Close is on its way when ours is, or a moment later.
        if i % 2 == 0 {
            stream.write_all(&message).await?;
        } else {
            let (first, second) = message.split_at(message.len() - 8);
            stream.write_all(first).await?;
            stream.write_all(second).await?;
        }
        let mut received = Vec::new();
        stream.read_to_end(&mut received).await?;
        clean += usize::from(received == b"\x88\x02\x03\xe8" || received == b"\x88\x02\x0b\xb9");
    }
    let report = server.ended(count, Duration::from_secs(5)).await?.ok_or("not all have ended")?;
    let server_clean = report.get("clean").copied().unwrap_or(0);
    let lost = report.get("1006").copied().unwrap_or(0);
    let holds = clean == count && server_clean == count as u64 && lost == 0;
    Ok(Found { count, text: format!("{clean} clean here, {server_clean} there; {lost} of 1006"), holds })
}

async fn idle(scale: Scale) -> Result<Found> {
    let server = Server::start(&scale)?;
    let count = scale.count(10_000);
    drop(many(&server, "/echo", 10).await?);
    let before = server.memory()?;
    let mut streams = many(&server, "/echo", count).await?;
    let message = frame(Frame::binary(&[7; 1000]));
    for stream in &mut streams {
        stream.write_all(&message).await?;
        stream.read_exact(&mut [0; 1004]).await?;
    }
    let each = (server.memory()? - before) / count as i64;
    let opened = server.report().await?.get("opened").copied().unwrap_or(0);
    let text = format!("{each} bytes each, with the task and the socket of tokio");
    Ok(Found { count, text, holds: each <= 3500 && opened == count as u64 + 10 })
}

async fn one_byte_heads(scale: Scale) -> Result<Found> {
    let server = Server::start(&scale)?;
    let count = scale.count(100);
    // The work for a byte of a long head and of a short one.
    let mut costs = Vec::new();
    for len in [2000, 16_000] {
        let field = format!("X: {}\r\n", "y".repeat(len));
        let request = format!(
            "GET / HTTP/1.1\r\nHost: x\r\n{field}Upgrade: websocket\r\nConnection: Upgrade\r\n\
            Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        let before = server.cpu()?;
        for _ in 0..count {
            let mut stream = server.connect().await?;
            for byte in request.as_bytes() {
                stream.write_all(&[*byte]).await?;
            }
            stream.read_exact(&mut [0; 129]).await?;
        }
        costs.push((server.cpu()? - before).as_secs_f64() / (count * request.len()) as f64);
    }
    let ratio = costs[1] / costs[0];
    let text = format!("accepted; a byte of the long head costs {ratio:.2} of one of a short head");
    Ok(Found { count: 2 * count, text, holds: ratio < 3.0 })
}

async fn endless_heads(scale: Scale) -> Result<Found> {
    let server = Server::start(&scale)?;
    let count = scale.count(100);
    let mut peers = JoinSet::new();
    let begun = Instant::now();
    for _ in 0..count {
        let mut stream = server.connect().await?;
        peers.spawn(async move {
            for byte in b"GET / HTTP/1.1\r\nHost: x\r\nX: ".iter().chain(std::iter::repeat(&b'y')) {
                if stream.write_all(&[*byte]).await.is_err() {
                    return;
                }
                sleep(Duration::from_millis(20)).await;
            }
        });
    }
    while peers.join_next().await.is_some() {}
    let took = begun.elapsed();
    let report = server.report().await?;
    let late = report.get("HandshakeTimedOut").copied().unwrap_or(0);
    let text = format!("{late} ended by the time of the handshake, after {:.1} s", took.as_secs_f64());
    Ok(Found { count, text, holds: late == count as u64 && took <= soon_after(scale.time(10)) })
}

async fn bad_heads(scale: Scale) -> Result<Found> {
    let server = Server::start(&scale)?;
    let good = "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    let with = |fields: &str| good.replace("Host: x\r\n", &format!("Host: x\r\n{fields}"));
    let requests = [
        (with(&"A: b\r\n".repeat(10_000)), 431),
        (with(&"A: b\r\n".repeat(1000)), 431),
        (with("Host: y\r\n"), 400),
        (with("Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"), 400),
        (with("Sec-WebSocket-Version: 13\r\n"), 400),
        (with("Origin: a\r\nOrigin: b\r\n"), 400),
        (with("Content-Length: 5\r\n"), 400),
        (with(" folded\r\n"), 400),
        (good.replace("\r\n", "\n"), 400),
    ];
    let (mut right, mut count) = (0, 0);
    for (request, status) in requests {
        let mut stream = server.connect().await?;
        // The server may have refused it before all was sent.
        _ = stream.write_all(request.as_bytes()).await;
        let mut answer = String::new();
        timeout(Duration::from_secs(20), stream.read_to_string(&mut answer)).await??;
        count += 1;
        right += usize::from(answer.starts_with(&format!("HTTP/1.1 {status} ")));
    }
    Ok(Found { count, text: format!("{right} refused with the right status"), holds: right == count })
}

async fn empty_fragments(scale: Scale) -> Result<Found> {
    let server = Server::start(&scale)?;
    let mut stream = server.open("/echo").await?;
    let before = server.memory()?;
    // One more than a message may have.
    let count = (1 << 20) + 1;
    let first = frame(Frame::text_fragment("", false));
    let next = [0x00, 0x80, 0, 0, 0, 0].repeat(1024);
    let sends = async {
        stream.write_all(&first).await?;
        for _ in 0..1024 {
            stream.write_all(&next).await?;
        }
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        Ok::<_, std::io::Error>(answer)
    };
    let answer = timeout(Duration::from_secs(60), sends).await??;
    let more = server.memory()? - before;
    let refused = answer.get(..4) == Some(&[0x88, answer.len() as u8 - 2, 0x03, 0xf0]);
    let text = format!("refused with 1008; {} KiB more memory", more / 1024);
    Ok(Found { count, text, holds: refused && more <= 256 * 1024 })
}

async fn cancelled(scale: Scale) -> Result<Found> {
    let server = Server::start(&scale)?;
    let count = scale.count(100_000);
    let client = Client::random("localhost", "/echo")?;
    // A small buffer, so that writing has to wait.
    let socket = tokio::net::TcpSocket::new_v4()?;
    socket.set_send_buffer_size(4096)?;
    let stream = socket.connect(server.address).await?;
    let mut socket = WebSocket::connect(stream, &client, Options::new()).await?;
    let mut rng = Rng(9);
    let (mut sent, mut received, mut dropped) = (0_u64, 0_u64, 0);
    let payload = |i: u64| [&i.to_be_bytes()[..], &vec![7; (i * 7919 % 20_001) as usize]].concat();
    while dropped < count || received < sent {
        // Nothing comes that was not sent.
        let polls = if received < sent { rng.below(2) } else { 0 };
        // Two ends that both wait in `send` would wait for each other.
        if dropped < count && sent - received < 50 && rng.below(2) == 0 {
            // Sent whole or not at all; the counts tell which.
            let before = socket.counts().messages_sent;
            let result = some_polls(socket.send(payload(sent)), polls).await;
            dropped += usize::from(result.is_none());
            result.transpose()?;
            sent += socket.counts().messages_sent - before;
        } else if let Some(message) = some_polls(socket.next(), polls).await {
            if message.ok_or("it ended")?? != Data::from(payload(received)) {
                return Err(format!("message {received} is another one").into());
            }
            received += 1;
        } else {
            dropped += 1;
            // The runtime learns what the socket can do only when this task waits.
            tokio::task::yield_now().await;
        }
    }
    let clean = socket.close(CloseCode::NORMAL, "").await?.is_clean();
    let text = format!("{dropped} futures dropped; {sent} messages sent, {received} came back in order");
    Ok(Found { count, text, holds: clean && sent > 1000.min(count as u64 / 10) })
}

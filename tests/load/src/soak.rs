//! Mixed traffic with random faults, for long: nothing is lost or reordered, and nothing stays behind.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use wsframe::CloseCode;
use wsframe::endpoint::{Data, Options, WebSocket};
use wsframe::handshake::Client;
use wsframe_dev::Rng;

use crate::{Result, Scale, Server, check_limit};

/// How many connections there are at a time.
const CONNECTIONS: usize = 200;

pub async fn run(scale: &Scale) -> Result<bool> {
    check_limit(CONNECTIONS * 2)?;
    let server = Server::start(scale)?;
    let descriptors = server.descriptors()?;
    let end = Instant::now() + Duration::from_secs(scale.seconds);
    let mut peers = JoinSet::new();
    let (mut seed, mut connections, mut messages) = (0, 0_u64, 0_u64);
    let (mut memory, mut checked) = (Vec::new(), Instant::now());
    loop {
        while peers.len() < CONNECTIONS && Instant::now() < end {
            seed += 1;
            let address = server.address;
            peers.spawn(async move {
                let stream = TcpStream::connect(address).await?;
                peer(stream, Rng(seed)).await
            });
        }
        let Some(peer) = peers.join_next().await else { break };
        messages += peer??;
        connections += 1;
        // What the server holds while as many connections are open: at the beginning and at the end.
        if checked.elapsed() > Duration::from_secs(scale.seconds.div_ceil(20)) {
            memory.push(server.memory()?);
            checked = Instant::now();
        }
    }
    sleep(Duration::from_secs(3)).await;
    let report = server.report().await?;
    // The connection of the report goes, too.
    sleep(Duration::from_millis(500)).await;
    let count = |name: &str| report.get(name).copied().unwrap_or(0);
    let open = count("opened") - count("ended");
    let left = server.descriptors()? as i64 - descriptors as i64;
    let half = memory.len() / 2;
    let most = |part: &[i64]| part.iter().max().copied().unwrap_or(0);
    let (early, late) = (most(&memory[..half]), most(&memory[half..]));
    let holds = open == 0 && left == 0 && late <= early + early / 10 + (1 << 20);
    println!(
        "| soak: mixed traffic with random faults, {} s | {connections} | {messages} messages came back in order, none lost; \
        {open} connections and {left} descriptors left; memory at most {} KiB in the first half, {} KiB in the second | {} |",
        scale.seconds,
        early / 1024,
        late / 1024,
        if holds { "yes" } else { "NO" }
    );
    Ok(holds)
}

/// One connection: echoes, and then one of many ends. Returns how many messages came back.
async fn peer(stream: TcpStream, mut rng: Rng) -> Result<u64> {
    stream.set_nodelay(true)?;
    let client = Client::random("localhost", "/echo")?;
    let mut socket = WebSocket::connect(stream, &client, Options::new()).await?;
    let rounds = rng.below(50);
    let mut received = 0_u64;
    for round in 0..rounds {
        let flight = 1 + rng.below(20);
        let sizes: Vec<_> = (0..flight).map(|_| if rng.below(20) == 0 { 200_000 } else { 1000 }).collect();
        let message = |i: usize| {
            let len = sizes[i] * (round + 1) % 70_001;
            Data::from([&((round * 100 + i) as u64).to_be_bytes()[..], &vec![i as u8; len]].concat())
        };
        for i in 0..flight {
            socket.feed(message(i)).await?;
            if rng.below(4) == 0 {
                socket.flush().await?;
            }
        }
        for i in 0..flight {
            if socket.next().await.ok_or("the connection ended early")?? != message(i) {
                return Err(format!("message {i} of round {round} is another one").into());
            }
            received += 1;
        }
        if rng.below(10) == 0 {
            sleep(Duration::from_millis(rng.below(200) as u64)).await;
        }
    }
    let mut stream = match rng.below(8) {
        0..=2 => {
            let ended = socket.close(CloseCode::NORMAL, "").await?;
            return if ended.is_clean() { Ok(received) } else { Err(format!("not clean: {ended}").into()) };
        }
        // It is dropped, perhaps with unread or unwritten messages: a reset.
        3 => {
            for _ in 0..rng.below(30) {
                socket.feed(vec![0; 5000]).await?;
            }
            let _ = timeout(Duration::from_millis(5), socket.flush()).await;
            return Ok(received);
        }
        _ => socket.into_inner(),
    };
    let end: &[u8] = match rng.below(6) {
        0 => b"\x83\x80\0\0\0\0",
        1 => b"\x81\x82\0\0\0\0\xc0\x80",
        // A half of a frame, of a head, of a Close.
        2 => b"\x82\xff\0\0\0\0\0\x10\0\0\0\0\0\0half",
        3 => b"\x82",
        4 => b"\x88\x82\0\0\0\0\x03",
        _ => b"\x88\x82\0\0\0\0\x03\xe8",
    };
    stream.write_all(end).await?;
    if rng.below(2) == 0 {
        stream.shutdown().await?;
        let _ = timeout(Duration::from_secs(20), stream.read_to_end(&mut Vec::new())).await?;
    }
    Ok(received)
}

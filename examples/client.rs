//! A client that stays connected: it sends what is typed, prints what comes, and connects again as the close code advises.
//!
//! `cargo run --release --example client --features tokio [-- ADDRESS [TARGET]]`; ADDRESS is 127.0.0.1:9001 and TARGET `/` if none
//! is given.

use core::error::Error;
use core::time::Duration;
use std::process::ExitCode;
use std::{env, io, thread};

use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};
use wsframe::endpoint::{Data, Ended, OpenError, Options, WebSocket};
use wsframe::handshake::Client;
use wsframe::{CloseCode, OsKeys, Reconnect};

/// The shortest and the longest time between two attempts.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(30));

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let mut arguments = env::args().skip(1);
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:9001".to_owned());
    let target = arguments.next().unwrap_or_else(|| "/".to_owned());
    // Reading the terminal blocks, so it has a thread. The channel ends with the input.
    let (typed, mut lines) = mpsc::channel(16);
    thread::spawn(move || {
        io::stdin().lines().map_while(Result::ok).try_for_each(|line| typed.blocking_send(line)).ok();
    });
    let mut wait = BACKOFF.0;
    loop {
        let begun = Instant::now();
        let reconnects = match talk(&address, &target, &mut lines).await {
            Ok(ended) => {
                eprintln!("closed: {ended}");
                if ended.cause() == wsframe::Cause::ClosedByUs {
                    return ExitCode::SUCCESS;
                }
                eprintln!("{}", ended.code().client_remedy());
                // Before a server knows what it wants, it is asked again.
                ended.code().reconnect() == Reconnect::WithBackoff
            }
            Err(error) => {
                eprintln!("not connected: {error}");
                // A server that is restarting refuses connections, or answers 502 or 503.
                match error.downcast_ref::<OpenError>() {
                    Some(OpenError::Rejected(rejected)) => rejected.status() >= 500,
                    Some(OpenError::Failure(_) | OpenError::Write(_)) => false,
                    _ => true,
                }
            }
        };
        if !reconnects {
            return ExitCode::FAILURE;
        }
        // A connection that lasted begins the waiting anew. Not all clients of a server that restarts may come at once.
        wait = if begun.elapsed() > BACKOFF.1 { BACKOFF.0 } else { (wait * 2).min(BACKOFF.1) };
        let jitter = OsKeys::new().handshake_key().map_or(0, |random| u32::from(random[0]));
        let wait = wait / 2 + wait * jitter / 512;
        eprintln!("connecting again in {} ms", wait.as_millis());
        sleep(wait).await;
    }
}

/// One connection, from its opening handshake to its end.
async fn talk(address: &str, target: &str, lines: &mut mpsc::Receiver<String>) -> Result<Ended, Box<dyn Error>> {
    let stream = TcpStream::connect(address).await?;
    // What is typed must not wait for the acknowledgement of what was typed before.
    stream.set_nodelay(true)?;
    let mut socket = WebSocket::connect(stream, &Client::random(address, target)?, Options::new()).await?;
    eprintln!("connected");
    loop {
        tokio::select! {
            line = lines.recv() => match line {
                // If the connection has ended, the end is what comes next.
                Some(line) => _ = socket.send(line).await,
                None => return Ok(socket.close(CloseCode::NORMAL, "").await?),
            },
            message = socket.next() => match message {
                Some(Ok(Data::Text(text))) => println!("{text}"),
                Some(Ok(Data::Binary(payload))) => println!("{} bytes", payload.len()),
                // How it ended is known.
                Some(Err(_)) | None => return socket.ended().ok_or_else(|| "the connection did not end".into()),
            },
        }
    }
}

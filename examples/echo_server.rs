//! An echo server on tokio, with a page to try it in a browser.
//!
//! `cargo run --release --example echo_server --features tokio,zlib-rs -- [ADDRESS] [OPTIONS]`; ADDRESS is 127.0.0.1:9001 if none
//! is given. Then open `http://127.0.0.1:9001/`.
//!
//! A WebSocket for the target `/page` takes commands, as the page sends them: `/close CODE REASON` and `/violate RULE`. All other
//! targets echo every message.

use core::time::Duration;
use std::io;
use std::process::ExitCode;
use std::sync::Arc;

use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tracing::info;
use wsframe::deflate::{Compressor, Direction, Policy, WindowBits};
use wsframe::endpoint::{Data, Ended, Error, OpenError, Opening, Options, WebSocket};
use wsframe::{CloseCode, Reconnect, Violation};

const HELP: &str = "\
An echo server, with a page to try it in a browser.

Usage: echo_server [ADDRESS] [OPTIONS]

  ADDRESS            where to listen (default: 127.0.0.1:9001)
  --deflate          accept permessage-deflate, and compress every answer
  --workers N        threads (default: 1)
  --connections N    the most connections at a time (default: 10000)
  --message BYTES    the longest message that is accepted (default: 16777216)
";

/// How long connections may take to close when the server is stopped.
const GRACE: Duration = Duration::from_secs(5);

#[derive(Clone, Copy)]
struct Settings {
    options: Options,
    workers: usize,
    connections: usize,
}

fn main() -> ExitCode {
    let (address, settings) = match arguments() {
        Ok(Some(arguments)) => arguments,
        Ok(None) => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("{error}; --help shows the arguments");
            return ExitCode::from(2);
        }
    };
    tracing_subscriber::fmt().with_target(false).with_writer(io::stderr).init();
    let runtime = match settings.workers {
        1 => tokio::runtime::Builder::new_current_thread().enable_all().build(),
        workers => tokio::runtime::Builder::new_multi_thread().worker_threads(workers).enable_all().build(),
    };
    match runtime.and_then(|runtime| runtime.block_on(run(&address, settings))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cannot listen on {address}: {error}; give an address such as 127.0.0.1:9001");
            ExitCode::from(2)
        }
    }
}

/// The address and the settings; `None` if help is wanted.
fn arguments() -> Result<Option<(String, Settings)>, String> {
    use lexopt::prelude::*;

    let mut address = None;
    let mut settings = Settings { options: Options::new(), workers: 1, connections: 10_000 };
    let mut parser = lexopt::Parser::from_env();
    let message = |error: lexopt::Error| error.to_string();
    let count = |parser: &mut lexopt::Parser, name: &str| -> Result<usize, String> {
        let value = parser.value().map_err(message)?;
        let count = value.to_str().and_then(|value| value.parse().ok()).filter(|count| *count > 0);
        count.ok_or_else(|| format!("{name} takes a number above 0, not {}", value.display()))
    };
    while let Some(argument) = parser.next().map_err(message)? {
        match argument {
            Long("deflate") => {
                let largest = Direction::new(WindowBits::MAX, true);
                settings.options = settings
                    .options
                    .with_deflate(Policy::SMALL.with_server(largest).with_client(largest))
                    // Short messages too, which otherwise are sent plain: who tries it wants to see it.
                    .with_compressor(|agreed, role| Compressor::zlib(agreed, role).always());
            }
            Long("workers") => settings.workers = count(&mut parser, "--workers")?,
            Long("connections") => {
                settings.connections = count(&mut parser, "--connections")?.min(Semaphore::MAX_PERMITS);
            }
            Long("message") => {
                let most = count(&mut parser, "--message")? as u64;
                let config = wsframe::Config::SERVER.with_max_message_len(most).with_max_frame_len(most);
                settings.options = settings.options.with_config(config);
            }
            Long("help") | Short('h') => return Ok(None),
            Value(value) if address.is_none() => address = Some(value.string().map_err(message)?),
            other => return Err(other.unexpected().to_string()),
        }
    }
    Ok(Some((address.unwrap_or_else(|| "127.0.0.1:9001".to_owned()), settings)))
}

/// Accepts connections until a signal comes; then closes them all.
async fn run(address: &str, settings: Settings) -> io::Result<()> {
    let listener = TcpListener::bind(address).await?;
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let (stop, stopping) = watch::channel(false);
    let places = Arc::new(Semaphore::new(settings.connections));
    let mut connections = JoinSet::new();
    println!("listening on ws://{}", listener.local_addr()?);
    loop {
        tokio::select! {
            accepted = accept(&listener, &places) => {
                let (place, (socket, peer)) = accepted;
                let stopping = stopping.clone();
                connections.spawn(async move {
                    match serve(socket, settings.options, stopping).await {
                        Ok(Served::Connection(end, messages)) => info!(%peer, messages, "{end}"),
                        Ok(Served::Page(target)) => info!(%peer, "GET {target}"),
                        Err(error) => info!(%peer, "{error}"),
                    }
                    drop(place);
                });
            }
            // Those that have ended are forgotten.
            Some(_) = connections.join_next() => {}
            _ = interrupt.recv() => break,
            _ = terminate.recv() => break,
        }
    }
    drop(listener);
    info!("stopping {} connections", connections.len());
    _ = stop.send(true);
    tokio::select! {
        _ = timeout(GRACE, async { while connections.join_next().await.is_some() {} }) => {}
        // Who asks twice does not want to wait.
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    info!("stopped; {} connections were dropped", connections.len());
    Ok(())
}

/// The next connection, as soon as there is a place for it.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> (tokio::sync::OwnedSemaphorePermit, (TcpStream, core::net::SocketAddr)) {
    let place = Arc::clone(places).acquire_owned().await.expect("it is never closed");
    loop {
        match listener.accept().await {
            Ok(accepted) => return (place, accepted),
            // When there are no file descriptors left, others will close theirs.
            Err(_) => sleep(Duration::from_millis(10)).await,
        }
    }
}

/// What a connection was.
enum Served {
    Connection(Ended, u64),
    Page(String),
}

async fn serve(socket: TcpStream, options: Options, stopping: watch::Receiver<bool>) -> Result<Served, OpenError> {
    // A small answer must not wait for the acknowledgement of the one before it.
    socket.set_nodelay(true)?;
    let opening = Opening::read(socket, options).await?;
    let head = opening.head();
    let target = head.target().to_owned();
    if head.method() == "GET"
        && !head.is_upgrade()
        && let Some(page) = page(&target)
    {
        return opening.respond(&page).await.map(|()| Served::Page(target));
    }
    let socket = opening.accept().await?;
    let (ended, messages) = echo(socket, target == "/page", stopping).await;
    Ok(Served::Connection(ended, messages))
}

/// One connection, to its end.
async fn echo(
    mut socket: WebSocket<TcpStream>,
    takes_commands: bool,
    mut stopping: watch::Receiver<bool>,
) -> (Ended, u64) {
    let mut close = (CloseCode::GOING_AWAY, String::new());
    loop {
        let message = tokio::select! {
            message = socket.next() => message,
            _ = stopping.wait_for(|stopping| *stopping) => break,
        };
        let result = match message {
            Some(Ok(Data::Text(text))) if takes_commands && text.starts_with('/') => {
                match command(&mut socket, &text).await {
                    Ok(Some(chosen)) => {
                        close = chosen;
                        break;
                    }
                    result => result.map(|_| ()),
                }
            }
            // It is written when `next` waits: the answers to all that one read brought go out together.
            Some(Ok(message)) => socket.feed(message).await,
            // The end says why.
            Some(Err(_)) | None => break,
        };
        // A message that is refused is not echoed; a connection that is closed or lost has its end, which is next.
        if let Err(Error::Encode(error)) = result {
            info!("not echoed: {error}");
        }
    }
    let messages = socket.counts().messages_received;
    let ended = socket.close(close.0, &close.1).await.expect("only codes that can be sent come here");
    (ended, messages)
}

/// What the page asks for; the code and the reason, if that is to close the connection.
async fn command(socket: &mut WebSocket<TcpStream>, text: &str) -> Result<Option<(CloseCode, String)>, Error> {
    let mut words = text.splitn(3, ' ');
    let (name, argument) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    match name {
        "/close" => match argument.parse().ok().and_then(|code| CloseCode::new(code).ok()) {
            Some(code) if code.on_wire() => return Ok(Some((code, words.next().unwrap_or_default().to_owned()))),
            _ => socket.send(format!("{argument} cannot be sent in a Close")).await?,
        },
        "/violate" => match Violation::ALL.iter().find(|violation| violation.name() == argument) {
            Some(violation) => {
                socket.flush().await?;
                // Past the encoder, which would refuse it.
                socket.get_mut().write_all(&broken(*violation)).await.map_err(Error::Lost)?;
            }
            None => socket.send(format!("no rule is called {argument}")).await?,
        },
        _ => socket.send(format!("no command is called {name}")).await?,
    }
    Ok(None)
}

/// The example of a violation, as a server would send it: without the masks, whose keys are zero.
fn broken(violation: Violation) -> Vec<u8> {
    let mut tokens: Vec<Vec<u8>> = Vec::new();
    for token in violation.example().split(' ') {
        if token == "00000000" && violation != Violation::MaskUnexpected {
            // The mask bit is in the byte of the length, the last that stands alone.
            if let Some([byte]) = tokens.iter_mut().rev().map(Vec::as_mut_slice).find(|token| token.len() == 1) {
                *byte &= 0x7f;
            }
            continue;
        }
        let digits = |at| u8::from_str_radix(&token[at..at + 2], 16).expect("examples are hex");
        tokens.push((0..token.len()).step_by(2).map(digits).collect());
    }
    tokens.concat()
}

/// The response to a request that is not for a WebSocket.
fn page(target: &str) -> Option<Vec<u8>> {
    let (kind, body) = match target {
        "/" => ("text/html; charset=utf-8", include_str!("echo_server.html").to_owned()),
        "/tables.json" => ("application/json", tables().to_string()),
        _ => return None,
    };
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nCache-Control: no-store\r\n\
        Connection: close\r\n\r\n",
        body.len()
    );
    Some([head.as_bytes(), body.as_bytes()].concat())
}

/// What the crate knows about close codes and violations.
fn tables() -> serde_json::Value {
    let codes = CloseCode::NAMED.iter().map(|code| {
        json!({
            "code": code.get(), "name": code.name(), "meaning": code.meaning(), "cause": code.cause(),
            "remedy": code.client_remedy(), "reconnect": code.reconnect_advice(),
            "retry": matches!(code.reconnect(), Reconnect::WithBackoff), "sendable": code.on_wire(),
        })
    });
    // Those of libraries and applications have no names of their own.
    let ranges = [3001, 4000].map(|code| {
        let code = CloseCode::from_static(code);
        json!({
            "code": code.get(), "name": code.name(), "meaning": code.meaning(), "cause": code.cause(),
            "remedy": code.client_remedy(), "reconnect": code.reconnect_advice(), "retry": false, "sendable": true,
        })
    });
    let violations = Violation::ALL.iter().map(|violation| {
        json!({
            "name": violation.name(), "code": violation.close_code().get(), "section": violation.section(),
            "meaning": violation.meaning(), "remedy": violation.remedy(),
        })
    });
    json!({
        "codes": codes.chain(ranges).collect::<Vec<_>>(),
        "violations": violations.collect::<Vec<_>>(),
    })
}

//! The server under test, in a process of its own: an endpoint for each target.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::task::{LocalSet, spawn_local};
use tokio::time::{MissedTickBehavior, interval};
use wsframe::CloseCode;
use wsframe::endpoint::{Ended, OpenError, Opening, Options, WebSocket};

/// How many connections are open, how many ended how, and what they received.
#[derive(Default)]
struct Report(BTreeMap<String, u64>);

impl Report {
    fn add(&mut self, name: &str, count: u64) {
        *self.0.entry(name.to_owned()).or_default() += count;
    }
}

type Shared = Rc<RefCell<Report>>;

/// Serves until the process is killed.
pub fn serve(options: Options) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, async move {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        println!("{}", listener.local_addr()?);
        let report = Shared::default();
        loop {
            let (socket, _) = listener.accept().await?;
            let report = Rc::clone(&report);
            spawn_local(async move {
                match connection(socket, options, &report).await {
                    Ok(Some(ended)) => {
                        let mut report = report.borrow_mut();
                        report.add("ended", 1);
                        report.add(if ended.is_clean() { "clean" } else { "unclean" }, 1);
                        let cause = format!("{:?}", ended.cause());
                        report.add(cause.split('(').next().unwrap_or_default(), 1);
                        report.add(&ended.code().get().to_string(), 1);
                    }
                    Ok(None) => {}
                    Err(OpenError::Refused(refusal)) => report.borrow_mut().add(refusal.name(), 1),
                    Err(OpenError::TimedOut) => report.borrow_mut().add("HandshakeTimedOut", 1),
                    Err(_) => report.borrow_mut().add("NotOpened", 1),
                }
            });
        }
    })
}

async fn connection(socket: TcpStream, options: Options, report: &Shared) -> Result<Option<Ended>, OpenError> {
    socket.set_nodelay(true)?;
    let opening = Opening::read(socket, options).await?;
    let target = opening.head().target().to_owned();
    if target == "/report" {
        let lines: String = report.borrow().0.iter().map(|(name, count)| format!("{name} {count}\n")).collect();
        let response =
            format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{lines}", lines.len());
        opening.respond(response.as_bytes()).await?;
        return Ok(None);
    }
    let mut socket = opening.accept().await?;
    report.borrow_mut().add("opened", 1);
    let mut code = CloseCode::NORMAL;
    match &*target {
        "/firehose" => firehose(&mut socket).await,
        "/mib" => {
            for i in 0..16_u8 {
                // Whatever goes wrong, the end says it.
                _ = socket.send(vec![i; 65_536]).await;
            }
        }
        "/close" => code = CloseCode::GOING_AWAY,
        "/close-when-told" => _ = socket.next().await,
        _ => echo(&mut socket).await,
    }
    let ended = socket.close(code, "").await.expect("these codes can be sent");
    let counts = socket.counts();
    report.borrow_mut().add("messages", counts.messages_received);
    report.borrow_mut().add("pings", counts.pings_received);
    Ok(Some(ended))
}

async fn echo(socket: &mut WebSocket<TcpStream>) {
    while let Some(Ok(message)) = socket.next().await {
        _ = socket.feed(message).await;
    }
}

/// 1 KiB each millisecond.
async fn firehose(socket: &mut WebSocket<TcpStream>) {
    let mut ticks = interval(Duration::from_millis(1));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => if socket.feed(vec![7; 1024]).await.is_err() { return },
            message = socket.next() => if !matches!(message, Some(Ok(_))) { return },
        }
    }
}

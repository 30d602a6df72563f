//! The endpoint on tokio: against raw frames, with a clock that the tests move.

use core::pin::{Pin, pin};
use core::sync::atomic::{AtomicUsize, Ordering};
use core::task::{Context, Poll};
use core::time::Duration;
use std::io;
use std::sync::{Arc, Mutex};

use futures_util::{FutureExt, SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, duplex};
use tokio::time::{Instant, sleep, timeout};
use wsframe::codec::{BufMut, BytesMut, Message, MessageDecoder, PreparedFrame};
use wsframe::endpoint::{Data, Ended, Error, OpenError, Opening, Options, WebSocket};
use wsframe::handshake::{Client, Failure, Refusal};
use wsframe::{
    Cause, CloseCode, CloseFrame, EncodeError, Encoder, EncoderConfig, Frame, MaskKey, OsKeys, Role, Timing, Violation,
};
use wsframe_dev::some_polls;

/// The other end of a server's connection: it sends and receives frames, and does nothing by itself.
struct Peer {
    io: DuplexStream,
    decoder: MessageDecoder,
    encoder: Encoder<OsKeys>,
}

impl Peer {
    fn new(io: DuplexStream) -> Peer {
        Peer { io, decoder: MessageDecoder::new(Role::Client), encoder: Encoder::client(OsKeys::new()) }
    }

    async fn send<'f>(&mut self, frame: impl Into<Frame<'f>>) {
        let mut out = Vec::new();
        self.encoder.append(&mut out, frame).unwrap();
        self.io.write_all(&out).await.unwrap();
    }

    /// The next message or control frame; `None` at the end of the transport.
    async fn next(&mut self) -> Option<Message> {
        loop {
            if let Some(message) = self.decoder.decode().unwrap() {
                return Some(message);
            }
            if self.io.read_buf(&mut self.decoder).await.unwrap() == 0 {
                return None;
            }
        }
    }
}

/// A server's endpoint and its peer, over a pipe of so many bytes each way.
fn server_over(bytes: usize, options: Options) -> (WebSocket<DuplexStream>, Peer) {
    let (io, peer) = duplex(bytes);
    (WebSocket::server(io, options), Peer::new(peer))
}

fn server() -> (WebSocket<DuplexStream>, Peer) {
    server_over(1 << 20, Options::new())
}

fn close(code: u16) -> CloseFrame<'static> {
    CloseFrame::from_static(CloseCode::from_static(code), "")
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Whether two moments of the moved clock are the same, as far as its timers are exact.
fn about(found: Duration, expected: Duration) -> bool {
    found >= expected && found < expected + Duration::from_millis(5)
}

/// A transport that counts its writes, and what each of them took.
struct Counted<S> {
    io: S,
    writes: Arc<Mutex<Vec<usize>>>,
    vectored: bool,
}

impl<S> Counted<S> {
    fn new(io: S, vectored: bool) -> (Counted<S>, Arc<Mutex<Vec<usize>>>) {
        let writes = Arc::default();
        (Counted { io, writes: Arc::clone(&writes), vectored }, writes)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Counted<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Counted<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(cx, buf);
        if let Poll::Ready(Ok(len)) = written {
            self.writes.lock().unwrap().push(len);
        }
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let all = bufs.iter().flat_map(|slice| slice.iter().copied()).collect::<Vec<_>>();
        let written = Pin::new(&mut self.io).poll_write(cx, &all);
        if let Poll::Ready(Ok(len)) = written {
            self.writes.lock().unwrap().push(len);
        }
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.vectored
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

#[tokio::test(start_paused = true)]
async fn messages_come_and_go_and_control_frames_are_seen_to() {
    let (mut socket, mut peer) = server();
    peer.send(Frame::ping(b"are you there")).await;
    peer.send("one").await;
    peer.send(Frame::text_fragment("tw", false)).await;
    peer.send(Frame::pong(b"nobody asked")).await;
    peer.send(Frame::text_fragment("o", true)).await;
    peer.send(&[3_u8; 70_000]).await;
    assert_eq!(socket.next().await.unwrap().unwrap(), Data::from("one"));
    assert_eq!(socket.next().await.unwrap().unwrap(), Data::from("two"));
    assert_eq!(socket.next().await.unwrap().unwrap(), Data::from(vec![3; 70_000]));
    socket.send("four").await.unwrap();
    assert_eq!(peer.next().await, Some(Message::Pong("are you there".into())));
    assert_eq!(peer.next().await, Some(Message::from("four")));
    let counts = socket.counts();
    let found = (counts.messages_received, counts.messages_sent, counts.pings_received, counts.pongs_received);
    assert_eq!(found, (3, 1, 1, 1));
}

#[tokio::test(start_paused = true)]
async fn the_answers_to_what_one_read_brought_are_one_write() {
    let (io, peer) = duplex(1 << 20);
    let (io, writes) = Counted::new(io, true);
    let (mut socket, mut peer) = (WebSocket::server(io, Options::new()), Peer::new(peer));
    for i in 0..1000 {
        peer.send(&*i.to_string()).await;
        if i % 100 == 0 {
            peer.send(Frame::ping(&[7; 10])).await;
        }
    }
    let echo = async {
        while let Some(message) = socket.next().await {
            socket.feed(message.unwrap()).await.unwrap();
        }
    };
    assert!(timeout(seconds(1), echo).await.is_err());
    assert_eq!(writes.lock().unwrap().len(), 1);
    for i in 0..1000 {
        assert_eq!(peer.next().await, Some(Message::from(i.to_string())));
        if i % 100 == 0 {
            assert_eq!(peer.next().await, Some(Message::Pong(vec![7; 10].into())));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_header_and_its_payload_are_one_write() {
    for (vectored, len) in [(true, 100_000), (true, 16 * 1024), (true, 100), (false, 100_000), (false, 100)] {
        let (io, peer) = duplex(1 << 20);
        let (io, writes) = Counted::new(io, vectored);
        let options = Options::new().with_max_buffered(1 << 20);
        let (mut socket, mut peer) = (WebSocket::server(io, options), Peer::new(peer));
        socket.feed("before").await.unwrap();
        socket.feed(vec![1; len]).await.unwrap();
        socket.feed("after").await.unwrap();
        assert!(writes.lock().unwrap().is_empty());
        socket.flush().await.unwrap();
        assert_eq!(writes.lock().unwrap().len(), 1, "{vectored} {len}");
        assert_eq!(peer.next().await, Some(Message::from("before")));
        assert_eq!(peer.next().await, Some(Message::from(vec![1; len])));
        assert_eq!(peer.next().await, Some(Message::from("after")));
    }
}

#[tokio::test(start_paused = true)]
async fn feed_waits_above_the_mark_and_takes_the_message_then() {
    let (mut socket, mut peer) = server_over(1000, Options::new().with_max_buffered(10_000));
    // As much as the pipe takes goes out before the last of them.
    for _ in 0..11 {
        socket.feed(vec![0; 1000]).await.unwrap();
    }
    // The mark is passed by one message at most.
    assert!((10_000..11_100).contains(&socket.unwritten()));
    let mut feed = Box::pin(socket.feed(vec![1; 1000]));
    assert!(timeout(seconds(30), &mut feed).await.is_err());
    // As soon as there is room, it goes on.
    let (result, first) = tokio::join!(&mut feed, peer.next());
    result.unwrap();
    drop(feed);
    assert_eq!(first, Some(Message::from(vec![0; 1000])));
    let reader = async {
        for _ in 1..11 {
            assert_eq!(peer.next().await, Some(Message::from(vec![0; 1000])));
        }
        assert_eq!(peer.next().await, Some(Message::from(vec![1; 1000])));
    };
    let (result, ()) = tokio::join!(socket.flush(), reader);
    result.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_close_of_the_peer_ends_the_messages_after_it_was_answered() {
    let (mut socket, mut peer) = server();
    peer.send("last words").await;
    peer.send(CloseFrame::new(CloseCode::from_static(4321), "enough").unwrap()).await;
    assert_eq!(socket.next().await.unwrap().unwrap(), Data::from("last words"));
    let ends = async {
        // The server shuts down writing after its answer, and waits for the end.
        assert_eq!(peer.next().await, Some(Message::from(close(4321))));
        assert_eq!(peer.next().await, None);
        drop(peer);
    };
    let (end, ()) = tokio::join!(socket.next(), ends);
    assert!(end.is_none());
    assert!(socket.next().await.is_none());
    let ended = socket.ended().unwrap();
    assert!(ended.is_clean());
    assert_eq!((ended.cause(), ended.code().get(), ended.reason()), (Cause::ClosedByPeer, 4321, "enough"));
    assert_eq!(ended.to_string(), "4321 Private Code, \"enough\", closed by the peer");
    assert!(matches!(socket.send("too late").await, Err(Error::Closed)));
}

#[tokio::test(start_paused = true)]
async fn a_client_waits_for_the_server_to_close_the_transport() {
    let (io, mut server) = duplex(1 << 20);
    let mut socket = WebSocket::client(io, OsKeys::new(), Options::new());
    server.write_all(b"\x88\x02\x03\xe8").await.unwrap();
    let begun = Instant::now();
    let ends = async {
        let mut answer = [0; 8];
        server.read_exact(&mut answer).await.unwrap();
        sleep(seconds(1)).await;
        drop(server);
    };
    let (end, ()) = tokio::join!(socket.next(), ends);
    assert!(end.is_none() && socket.ended().unwrap().is_clean());
    assert!(about(begun.elapsed(), seconds(1)));
}

#[tokio::test(start_paused = true)]
async fn close_waits_for_the_answer_and_drops_what_still_comes() {
    let (mut socket, mut peer) = server();
    let ends = async {
        assert_eq!(peer.next().await, Some(Message::from(CloseFrame::new(CloseCode::NORMAL, "bye").unwrap())));
        peer.send("crossing").await;
        peer.send(close(1000)).await;
        assert_eq!(peer.next().await, None);
        drop(peer);
    };
    let (ended, ()) = tokio::join!(socket.close(CloseCode::NORMAL, "bye"), ends);
    let ended = ended.unwrap();
    assert_eq!((ended.cause(), ended.code(), ended.is_clean()), (Cause::ClosedByUs, CloseCode::NORMAL, true));
    assert_eq!(socket.counts().messages_received, 1);
    assert!(socket.next().await.is_none());
    // Again, and after the end: the same.
    assert_eq!(socket.close(CloseCode::GOING_AWAY, "").await.unwrap(), ended);
}

#[tokio::test(start_paused = true)]
async fn a_close_that_is_sent_by_itself_leaves_what_comes_to_next() {
    let (mut socket, mut peer) = server();
    socket.send_close(CloseCode::NORMAL, "").await.unwrap();
    assert!(matches!(socket.feed("too late").await, Err(Error::Closed)));
    peer.send("crossing").await;
    peer.send(close(1000)).await;
    drop(peer);
    assert_eq!(socket.next().await.unwrap().unwrap(), Data::from("crossing"));
    assert!(socket.next().await.is_none());
    assert!(socket.ended().unwrap().is_clean());
}

#[tokio::test(start_paused = true)]
async fn close_is_bounded_by_two_deadlines() {
    // The peer never answers.
    let (mut socket, peer) = server();
    let begun = Instant::now();
    let ended = socket.close(CloseCode::NORMAL, "").await.unwrap();
    assert!(about(begun.elapsed(), seconds(10)), "{:?}", begun.elapsed());
    assert_eq!((ended.cause(), ended.code()), (Cause::NoClose, CloseCode::ABNORMAL_CLOSURE));
    drop(peer);
    // It answers, and never closes the transport.
    let (mut socket, mut peer) = server();
    peer.send(close(1000)).await;
    let begun = Instant::now();
    assert!(socket.close(CloseCode::NORMAL, "").await.unwrap().is_clean());
    assert!(about(begun.elapsed(), seconds(2)));
    // It sends for ever, before and after its answer.
    for answers in [true, false] {
        let (mut socket, mut peer) = server_over(10_000, Options::new());
        let begun = Instant::now();
        let floods = async {
            if answers {
                peer.send(close(1000)).await;
                while peer.io.write_all(&[0; 1000]).await.is_ok() {
                    sleep(Duration::from_millis(1)).await;
                }
            } else {
                let mut message = Vec::new();
                peer.encoder.append(&mut message, "more").unwrap();
                while peer.io.write_all(&message).await.is_ok() {
                    sleep(Duration::from_millis(1)).await;
                }
            }
        };
        let closes = async {
            let ended = socket.close(CloseCode::NORMAL, "").await.unwrap();
            drop(socket);
            ended
        };
        let (ended, ()) = tokio::join!(closes, floods);
        assert_eq!(ended.is_clean(), answers);
        let expected = if answers { 2 } else { 10 };
        assert!(begun.elapsed() < seconds(expected) + Duration::from_millis(50), "{:?}", begun.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn a_code_that_cannot_be_sent_changes_nothing() {
    let (mut socket, mut peer) = server();
    for code in [1004, 1005, 1006, 1015] {
        let error = socket.close(CloseCode::from_static(code), "").await.unwrap_err();
        assert!(matches!(error, Error::Encode(EncodeError::CloseCode(_))));
    }
    socket.send("still open").await.unwrap();
    assert_eq!(peer.next().await, Some(Message::from("still open")));
}

#[tokio::test(start_paused = true)]
async fn an_end_without_a_close_is_one_error() {
    for len in [0, 3] {
        let (mut socket, mut peer) = server();
        peer.send("whole").await;
        peer.io.write_all(&b"\x81\x85\x01\x02"[..len]).await.unwrap();
        drop(peer);
        assert_eq!(socket.next().await.unwrap().unwrap(), Data::from("whole"));
        let Some(Err(Error::Lost(error))) = socket.next().await else { panic!() };
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        assert!(socket.next().await.is_none() && socket.next().await.is_none());
        let ended = socket.ended().unwrap();
        assert_eq!((ended.code(), ended.cause()), (CloseCode::ABNORMAL_CLOSURE, Cause::Lost));
        assert_eq!(ended.is_unfinished(), len != 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_violation_is_one_error_after_its_close_was_sent() {
    let (mut socket, mut peer) = server();
    peer.send("whole").await;
    peer.io.write_all(b"\x83\x80\0\0\0\0\x81\x80\0\0\0\0").await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap(), Data::from("whole"));
    let ends = async {
        let reason = Violation::ReservedOpcode.close_frame();
        assert_eq!(peer.next().await, Some(Message::from(reason)));
        assert_eq!(peer.next().await, None);
        drop(peer);
    };
    let (end, ()) = tokio::join!(socket.next(), ends);
    let Some(Err(error @ Error::Violation(violation))) = end else { panic!("{end:?}") };
    assert_eq!((violation.violation(), violation.offset()), (Violation::ReservedOpcode, 11));
    assert_eq!(error.close_code(), Some(CloseCode::PROTOCOL_ERROR));
    assert!(socket.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn silence_is_answered_by_a_ping_and_then_by_the_end() {
    let (mut socket, mut peer) = server();
    let begun = Instant::now();
    let watches = async {
        let Some(Message::Ping(payload)) = peer.next().await else { panic!() };
        assert!(about(begun.elapsed(), seconds(20)), "{:?}", begun.elapsed());
        sleep(seconds(1)).await;
        peer.send(Frame::pong(&payload)).await;
        let Some(Message::Ping(_)) = peer.next().await else { panic!() };
        assert!(about(begun.elapsed(), seconds(41)), "{:?}", begun.elapsed());
        assert_eq!(peer.next().await, None);
    };
    let receives = async {
        let end = socket.next().await;
        drop(core::mem::replace(&mut socket, server().0));
        end
    };
    let (end, ()) = tokio::join!(receives, watches);
    assert!(matches!(end, Some(Err(Error::TimedOut(Cause::NoPong)))), "{end:?}");
    assert!(about(begun.elapsed(), seconds(61)), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn the_round_trip_of_the_keepalive_is_known() {
    let (mut socket, mut peer) = server();
    assert_eq!(socket.latency(), None);
    let answers = async {
        let Some(Message::Ping(payload)) = peer.next().await else { panic!() };
        sleep(Duration::from_millis(250)).await;
        peer.send(Frame::pong(&payload)).await;
        peer.send("now").await;
    };
    let (message, ()) = tokio::join!(socket.next(), answers);
    assert_eq!(message.unwrap().unwrap(), Data::from("now"));
    // `next` has told the time by the time that it waits again.
    assert!(timeout(seconds(1), socket.next()).await.is_err());
    assert!(about(socket.latency().unwrap(), Duration::from_millis(250)), "{:?}", socket.latency());
}

#[tokio::test(start_paused = true)]
async fn an_application_that_was_busy_does_not_blame_the_peer() {
    // Its Pong, or any byte, lies there unread while the application does something else for long.
    for says in ["a Pong", "a message"] {
        let (mut socket, mut peer) = server();
        assert!(timeout(seconds(21), socket.next()).await.is_err());
        let Some(Message::Ping(payload)) = peer.next().await else { panic!() };
        match says {
            "a Pong" => peer.send(Frame::pong(&payload)).await,
            _ => peer.send("alive").await,
        }
        sleep(seconds(1000)).await;
        peer.send("last").await;
        let mut message = socket.next().await.unwrap().unwrap();
        if says == "a message" {
            assert_eq!(message, Data::from("alive"));
            message = socket.next().await.unwrap().unwrap();
        }
        assert_eq!(message, Data::from("last"));
        assert!(timeout(seconds(10), socket.next()).await.is_err(), "{says}");
    }
    // It sends for long, and does not receive.
    let (mut socket, mut peer) = server();
    let sends = async {
        for _ in 0..100 {
            socket.send("news").await.unwrap();
            sleep(seconds(1)).await;
        }
        timeout(seconds(5), socket.next()).await
    };
    let reads = async {
        let mut news = 0;
        while news < 100 {
            match peer.next().await.unwrap() {
                Message::Text(_) => news += 1,
                Message::Ping(payload) => peer.send(Frame::pong(&payload)).await,
                other => panic!("{other:?}"),
            }
        }
        peer
    };
    let (end, peer) = tokio::join!(sends, reads);
    assert!(end.is_err(), "{end:?}");
    drop(peer);
}

/// What the peer sends without end, and never reads.
async fn floods(io: &mut DuplexStream, frame: Vec<u8>) {
    let chunk = frame.repeat(50);
    while io.write_all(&chunk).await.is_ok() {
        sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_sends_pings_and_does_not_read_is_ended() {
    // By the deadline of the duties, or by that of writes; whichever is shorter.
    for write_within in [40, 1000] {
        let options = Options::new().with_write_within(seconds(write_within));
        let (mut socket, mut peer) = server_over(10_000, options);
        let begun = Instant::now();
        let mut ping = Vec::new();
        peer.encoder.append(&mut ping, Frame::ping(&[7; 125])).unwrap();
        let receives = async {
            let end = socket.next().await;
            // The answers did not pile up.
            assert!(socket.counts().pings_received > 10_000);
            drop(socket);
            end
        };
        let (end, ()) = tokio::join!(receives, floods(&mut peer.io, ping));
        assert!(matches!(end, Some(Err(Error::TimedOut(Cause::Stalled)))), "{end:?}");
        assert!(begun.elapsed() < seconds(42), "{:?}", begun.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn output_without_progress_ends_the_connection_whatever_arrives() {
    for sends in [true, false] {
        let (mut socket, mut peer) = server_over(10_000, Options::new().with_write_within(seconds(7)));
        let mut message = Vec::new();
        peer.encoder.append(&mut message, Frame::binary(&[1; 10])).unwrap();
        let begun = Instant::now();
        let works = async {
            let error = if sends {
                // The application waits for the writing...
                socket.send(vec![0; 50_000]).await.unwrap_err()
            } else {
                // ... or for messages, which come.
                socket.feed(vec![0; 50_000]).await.unwrap();
                loop {
                    if let Err(error) = socket.next().await.unwrap() {
                        break error;
                    }
                }
            };
            assert!(matches!(error, Error::TimedOut(Cause::Stalled)), "{error:?}");
            assert_eq!(socket.ended().unwrap().cause(), Cause::Stalled);
            assert!(matches!(socket.send("more").await, Err(Error::Closed)));
            drop(socket);
        };
        tokio::join!(works, floods(&mut peer.io, message));
        assert!(begun.elapsed() < seconds(7) + Duration::from_millis(20), "{:?}", begun.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_that_reads_is_not_ended() {
    let options = Options::new().with_write_within(seconds(3));
    let (mut socket, mut peer) = server_over(1000, options);
    let reads = async {
        let mut read = 0;
        while read < 60_000 {
            sleep(seconds(2)).await;
            read += peer.io.read(&mut [0; 1000]).await.unwrap();
        }
    };
    let (result, ()) = tokio::join!(socket.send(vec![0; 60_000]), reads);
    result.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_failed_write_ends_the_connection_but_what_came_before_is_read() {
    /// Writing fails from some moment on.
    struct Broken(DuplexStream, Arc<AtomicUsize>);
    impl AsyncRead for Broken {
        fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            Pin::new(&mut self.0).poll_read(cx, buf)
        }
    }
    impl AsyncWrite for Broken {
        fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
            match self.1.load(Ordering::Relaxed) {
                0 => Pin::new(&mut self.0).poll_write(cx, buf),
                _ => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
            }
        }
        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }
    for says_why in [true, false] {
        let (io, peer) = duplex(1 << 20);
        let broken = Arc::new(AtomicUsize::new(0));
        let (mut socket, mut peer) =
            (WebSocket::server(Broken(io, Arc::clone(&broken)), Options::new()), Peer::new(peer));
        peer.send("before").await;
        if says_why {
            peer.send(close(1001)).await;
        }
        broken.store(1, Ordering::Relaxed);
        let error = socket.send("news").await.unwrap_err();
        assert!(matches!(&error, Error::Lost(error) if error.kind() == io::ErrorKind::BrokenPipe), "{error:?}");
        assert!(matches!(socket.send("more").await, Err(Error::Lost(_))));
        assert_eq!(socket.next().await.unwrap().unwrap(), Data::from("before"));
        let Some(Err(Error::Lost(error))) = socket.next().await else { panic!() };
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
        assert!(socket.next().await.is_none());
        let ended = socket.ended().unwrap();
        assert_eq!(ended.code().get(), if says_why { 1001 } else { 1006 });
        assert!(!ended.is_clean());
        drop(peer);
    }
}

#[tokio::test(start_paused = true)]
async fn halves_work_in_two_tasks_and_answer_pings() {
    let (socket, mut peer) = server_over(100, Options::new());
    let (sender, mut receiver) = socket.split();
    let other = sender.clone();
    let receives = tokio::spawn(async move {
        let mut messages = 0;
        while let Some(message) = receiver.next().await {
            message.unwrap();
            messages += 1;
        }
        (messages, receiver.ended().unwrap())
    });
    let sends = [sender.clone(), other].map(|sender| {
        tokio::spawn(async move {
            for i in 0..200 {
                // Longer than the pipe, so that both wait for room at once.
                sender.send(format!("{i:0150}")).await.unwrap();
            }
        })
    });
    let (mut pongs, mut texts) = (0, 0);
    for i in 0..100 {
        peer.send(Frame::ping(&[i])).await;
        peer.send("message").await;
        while pongs == usize::from(i) {
            match peer.next().await.unwrap() {
                Message::Pong(payload) => {
                    assert_eq!(*payload, [i]);
                    pongs += 1;
                }
                Message::Text(_) => texts += 1,
                other => panic!("{other:?}"),
            }
        }
    }
    while texts < 400 {
        assert!(matches!(peer.next().await.unwrap(), Message::Text(_)));
        texts += 1;
    }
    for send in sends {
        send.await.unwrap();
    }
    // A half closes while the other one waits.
    let ends = async {
        assert_eq!(peer.next().await, Some(Message::from(close(1000))));
        peer.send(close(1000)).await;
        assert_eq!(peer.next().await, None);
        drop(peer);
    };
    let (ended, ()) = tokio::join!(sender.close(CloseCode::NORMAL, ""), ends);
    let (messages, same) = receives.await.unwrap();
    assert_eq!((messages, &same), (100, &ended.unwrap()));
    assert!(same.is_clean());
}

#[tokio::test(start_paused = true)]
async fn a_sending_half_is_woken_when_the_receiving_one_is_not_polled() {
    // Both have asked the transport to be woken; the one that asked last is dropped.
    let (socket, mut peer) = server_over(100, Options::new().with_max_buffered(1));
    let (sender, mut receiver) = socket.split();
    sender.feed(vec![0; 1000]).await.unwrap();
    let waits = tokio::spawn(async move { sender.send("more").await });
    tokio::task::yield_now().await;
    assert!(receiver.next().now_or_never().is_none());
    assert_eq!(peer.next().await, Some(Message::from(vec![0; 1000])));
    assert_eq!(peer.next().await, Some(Message::from("more")));
    waits.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_halves_of_futures_are_woken_too() {
    let (socket, mut peer) = server_over(100, Options::new());
    let (mut sink, mut stream) = StreamExt::split(socket);
    let sends = tokio::spawn(async move {
        for _ in 0..100 {
            sink.send(Data::from(vec![1; 1000])).await.unwrap();
        }
        sink
    });
    let receives = tokio::spawn(async move {
        let mut received = 0;
        while received < 100 {
            received += usize::from(stream.next().await.unwrap().unwrap() == Data::from("x"));
        }
    });
    for _ in 0..100 {
        peer.send("x").await;
        assert_eq!(peer.next().await, Some(Message::from(vec![1; 1000])));
    }
    drop(sends.await.unwrap());
    receives.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_receiving_half_that_waits_ends_with_the_close_of_the_other() {
    // The peer answers nothing: the shorter deadline reaches the receiver, whose own was later.
    let (socket, _peer) = server();
    let (sender, mut receiver) = socket.split();
    let receives = tokio::spawn(async move { receiver.next().await });
    tokio::task::yield_now().await;
    let begun = Instant::now();
    sender.send_close(CloseCode::NORMAL, "").await.unwrap();
    let end = receives.await.unwrap();
    assert!(matches!(end, Some(Err(Error::TimedOut(Cause::NoClose)))), "{end:?}");
    assert!(about(begun.elapsed(), seconds(10)), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn it_is_a_sink_of_messages_and_of_prepared_frames() {
    let (mut socket, mut peer) = server();
    let frame = PreparedFrame::new("prepared").unwrap();
    let large = PreparedFrame::new(&[9_u8; 20_000]).unwrap();
    SinkExt::<Data>::send(&mut socket, Data::from("message")).await.unwrap();
    SinkExt::<PreparedFrame>::send(&mut socket, frame.clone()).await.unwrap();
    socket.send_prepared(&large).await.unwrap();
    let (sender, receiver) = socket.split();
    let mut sink: &mut _ = &mut sender.clone();
    SinkExt::<PreparedFrame>::feed(&mut sink, frame.clone()).await.unwrap();
    SinkExt::<Data>::flush(&mut sink).await.unwrap();
    sender.send_prepared(&frame).await.unwrap();
    for expected in ["message", "prepared"] {
        assert_eq!(peer.next().await, Some(Message::from(expected)));
    }
    assert_eq!(peer.next().await, Some(Message::from(vec![9; 20_000])));
    for expected in ["prepared", "prepared"] {
        assert_eq!(peer.next().await, Some(Message::from(expected)));
    }
    peer.send("in").await;
    peer.send(close(1000)).await;
    let mut stream = receiver.map(|message| message.unwrap());
    assert_eq!(stream.next().await, Some(Data::from("in")));
    let (result, end) = tokio::join!(SinkExt::<Data>::close(&mut sink), async {
        assert_eq!(peer.next().await, Some(Message::from(close(1000))));
        drop(peer);
    });
    result.unwrap();
    let () = end;
    assert_eq!(stream.next().await, None);
}

#[tokio::test(start_paused = true)]
async fn what_is_over_a_limit_is_refused_and_the_connection_goes_on() {
    let options = Options::new().with_sending(EncoderConfig::new().with_max_message_len(10));
    let (mut socket, mut peer) = server_over(1000, options);
    let error = socket.send("longer than that").await.unwrap_err();
    assert!(matches!(error, Error::Encode(EncodeError::OverLimit(Violation::MessageTooLong))));
    assert_eq!(error.close_code(), None);
    socket.send("short").await.unwrap();
    assert_eq!(peer.next().await, Some(Message::from("short")));
    let config = wsframe::Config::SERVER.with_max_message_len(5);
    let (mut socket, mut peer) = server_over(1000, Options::new().with_config(config));
    peer.send("longer").await;
    drop(peer.next().now_or_never());
    let (end, ()) = tokio::join!(socket.next(), async { drop(peer) });
    let Some(Err(Error::Violation(error))) = end else { panic!() };
    assert_eq!(error.violation(), Violation::MessageTooLong);
}

#[tokio::test(start_paused = true)]
async fn futures_that_are_dropped_tear_and_lose_nothing() {
    let mut rng = wsframe_dev::Rng(15);
    for _ in 0..50 {
        let mut random = |below: usize| rng.below(below);
        let (mut socket, mut peer) = server_over(1 + random(300), Options::new().with_max_buffered(1 + random(500)));
        let plan: Vec<_> = (0..200).map(|_| (random(3), random(400), random(3))).collect();
        let works = async {
            let (mut sent, mut received) = (Vec::new(), 0_u32);
            for (i, (what, len, polls)) in plan.into_iter().enumerate() {
                let message = format!("{i} {}", "x".repeat(len));
                match what {
                    0 => {
                        let before = socket.counts().messages_sent;
                        let result = some_polls(socket.send(message.clone()), polls).await;
                        // Sent whole or not at all, and `counts` tells which.
                        if socket.counts().messages_sent > before {
                            sent.push(message);
                        } else {
                            assert!(result.is_none());
                        }
                    }
                    1 => _ = some_polls(socket.flush(), polls).await,
                    _ => {
                        if let Some(message) = some_polls(socket.next(), polls).await {
                            assert_eq!(message.unwrap().unwrap(), Data::from(received.to_string()));
                            received += 1;
                        }
                    }
                }
            }
            socket.send_close(CloseCode::NORMAL, "").await.unwrap();
            while let Some(message) = socket.next().await {
                assert_eq!(message.unwrap(), Data::from(received.to_string()));
                received += 1;
            }
            (sent, received)
        };
        let (mut from, mut to) = tokio::io::split(peer.io);
        let sends = async {
            let mut sent = 0_u32;
            loop {
                let mut frame = Vec::new();
                peer.encoder.append(&mut frame, &*sent.to_string()).unwrap();
                // Until the other direction has ended.
                if to.write_all(&frame).await.is_err() {
                    return (to, sent);
                }
                sent += 1;
                if sent == 300 {
                    return (to, sent);
                }
            }
        };
        let reads = async {
            let mut received = Vec::new();
            loop {
                match peer.decoder.decode().unwrap() {
                    Some(Message::Text(text)) => received.push(text.as_str().to_owned()),
                    Some(Message::Close(_)) => return (from, received),
                    Some(other) => panic!("{other:?}"),
                    None => _ = from.read_buf(&mut peer.decoder).await.unwrap(),
                }
            }
        };
        let peer = async {
            let ((mut to, sent), (from, received)) = tokio::join!(sends, reads);
            to.write_all(b"\x88\x82\0\0\0\0\x03\xe8").await.unwrap();
            drop((to, from));
            (sent, received)
        };
        let ((sent, received), (peer_sent, peer_received)) = tokio::join!(works, peer);
        assert_eq!(sent, peer_received);
        assert_eq!(received, peer_sent);
    }
}

/// The opening handshake of RFC 6455 §1.3.
const REQUEST: &[u8] =
    b"GET /chat?room=1 HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nOrigin: http://example.com\r\n\
    Sec-WebSocket-Protocol: chat, superchat\r\n\r\n";

#[tokio::test(start_paused = true)]
async fn a_request_is_accepted_with_what_follows_it() {
    let (io, mut peer) = duplex(1 << 16);
    peer.write_all(REQUEST).await.unwrap();
    peer.write_all(b"\x81\x82\0\0\0\0hi").await.unwrap();
    let mut opening = Opening::read(io, Options::new()).await.unwrap();
    assert_eq!((opening.head().target(), opening.head().method()), ("/chat?room=1", "GET"));
    assert_eq!(opening.request().unwrap().origin(), Some("http://example.com"));
    assert!(opening.choose_protocol(&["other"]).is_err());
    opening.choose_protocol(&["other", "superchat"]).unwrap();
    opening.add_field("Set-Cookie", "a=b");
    let mut socket = opening.accept().await.unwrap();
    assert_eq!(socket.protocol(), Some("superchat"));
    assert_eq!(socket.next().await.unwrap().unwrap(), Data::from("hi"));
    drop(socket);
    let mut answer = String::new();
    peer.read_to_string(&mut answer).await.unwrap();
    assert_eq!(
        answer,
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: superchat\r\nSet-Cookie: a=b\r\n\r\n"
    );
}

/// What a server says to this, and what it returns.
async fn answer_to(request: &[u8]) -> (String, Result<WebSocket<DuplexStream>, OpenError>) {
    let (io, mut peer) = duplex(1 << 16);
    peer.write_all(request).await.unwrap();
    let reads = async {
        let mut answer = vec![0; 4096];
        let len = peer.read(&mut answer).await.unwrap();
        drop(peer);
        String::from_utf8(answer[..len].to_vec()).unwrap()
    };
    tokio::join!(reads, WebSocket::accept(io, Options::new()))
}

#[tokio::test(start_paused = true)]
async fn a_request_that_breaks_the_rules_is_answered_with_its_status() {
    let request = String::from_utf8(REQUEST.to_vec()).unwrap();
    let long = format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "y".repeat(20_000));
    for (request, refusal) in [
        (request.replace("Version: 13", "Version: 12"), Refusal::WebSocketVersion),
        (request.replace("Upgrade: websocket\r\n", ""), Refusal::NotUpgrade),
        ("no HTTP\r\n\r\n".to_owned(), Refusal::Malformed),
        (long, Refusal::HeadTooLong),
    ] {
        let (answer, result) = answer_to(request.as_bytes()).await;
        assert!(matches!(result, Err(OpenError::Refused(found)) if found == refusal), "{result:?}");
        assert!(answer.starts_with(&format!("HTTP/1.1 {} ", refusal.status())), "{answer}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_opening_handshake_has_its_time() {
    let begun = Instant::now();
    // One byte of the head at a time, without end.
    let (io, mut peer) = duplex(1 << 16);
    let trickles = async {
        for byte in REQUEST.iter().cycle() {
            if peer.write_all(&[*byte]).await.is_err() {
                return;
            }
            sleep(Duration::from_millis(100)).await;
        }
    };
    let (result, ()) = tokio::join!(WebSocket::accept(io, Options::new()), trickles);
    assert!(matches!(result, Err(OpenError::TimedOut)), "{result:?}");
    assert!(about(begun.elapsed(), seconds(10)) || begun.elapsed() < seconds(11));
    // A server that does not answer.
    let (io, _peer) = duplex(1 << 16);
    let begun = Instant::now();
    let options = Options::new().with_open_within(seconds(3));
    let client = Client::random("example.com", "/").unwrap();
    assert!(matches!(WebSocket::connect(io, &client, options).await, Err(OpenError::TimedOut)));
    assert!(about(begun.elapsed(), seconds(3)));
    // A peer that has gone.
    let (io, peer) = duplex(1 << 16);
    drop(peer);
    let result = WebSocket::connect(io, &client, options).await;
    assert!(matches!(result, Err(OpenError::Io(_))));
}

/// A client and a server of ours, after their handshake.
async fn both(
    client: &Client<'_>,
    options: [Options; 2],
) -> (Result<WebSocket<DuplexStream, OsKeys>, OpenError>, Result<WebSocket<DuplexStream>, OpenError>) {
    let (a, b) = duplex(1 << 16);
    tokio::join!(WebSocket::connect(a, client, options[0]), WebSocket::accept(b, options[1]))
}

#[tokio::test(start_paused = true)]
async fn a_client_and_a_server_talk_compressed_if_both_want() {
    use wsframe::deflate::Policy;
    let (plain, deflated) = (Options::new(), Options::new().with_deflate(Policy::BALANCED));
    let client = Client::random("example.com", "/").unwrap();
    for (options, expected) in
        [([plain, plain], false), ([deflated, plain], false), ([plain, deflated], false), ([deflated, deflated], true)]
    {
        let (client, server) = both(&client, options).await;
        let (mut client, mut server) = (client.unwrap(), server.unwrap());
        assert_eq!((client.agreement().is_some(), server.agreement().is_some()), (expected, expected));
        let text = "over and ".repeat(1000);
        client.feed(&*text).await.unwrap();
        assert_eq!(client.unwritten() < 1000, expected);
        client.flush().await.unwrap();
        assert_eq!(server.next().await.unwrap().unwrap(), Data::from(&*text));
        let frame = PreparedFrame::new(&*text).unwrap();
        server.send_prepared(&frame).await.unwrap();
        server.send(&*text).await.unwrap();
        for _ in 0..2 {
            assert_eq!(client.next().await.unwrap().unwrap(), Data::from(&*text));
        }
        let (ended, end) = tokio::join!(client.close(CloseCode::NORMAL, ""), server.next());
        assert!(ended.unwrap().is_clean() && end.is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_server_answers_is_checked() {
    let answers = |answer: &'static str| async move {
        let (io, mut peer) = duplex(1 << 16);
        let client = Client::random("example.com", "/").unwrap();
        peer.write_all(answer.as_bytes()).await.unwrap();
        WebSocket::connect(io, &client, Options::new()).await
    };
    let refused = answers("HTTP/1.1 302 Found\r\nLocation: /there\r\nContent-Length: 4\r\n\r\nbody").await;
    let Err(OpenError::Rejected(rejected)) = &refused else { panic!("{refused:?}") };
    assert_eq!((rejected.status(), rejected.body()), (302, &b"body"[..]));
    assert!(rejected.field("location").eq([&b"/there"[..]]));
    assert_eq!(refused.unwrap_err().to_string(), "the server does not accept: status 302");
    let stale = "HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: stale\r\n\r\n";
    assert!(matches!(answers(stale).await, Err(OpenError::Failure(Failure::Accept))));
    assert!(matches!(answers("HTTP/2 what\r\n\r\n").await, Err(OpenError::Failure(Failure::Malformed))));
    let client = Client::random("ex ample", "/").unwrap();
    let (io, _peer) = duplex(100);
    assert!(matches!(WebSocket::connect(io, &client, Options::new()).await, Err(OpenError::Write(_))));
}

#[tokio::test(start_paused = true)]
async fn a_client_sees_the_answer_and_can_bring_its_keys() {
    let (a, b) = duplex(1 << 16);
    let client = Client::random("example.com", "/").unwrap().with_protocols(&["chat"]);
    let accepts = async {
        let mut opening = Opening::read(b, Options::new()).await.unwrap();
        opening.add_field("Server", "wsframe");
        opening.choose_protocol(&["chat"]).unwrap();
        opening.accept().await.unwrap()
    };
    let mut server_field = None;
    let keys = || MaskKey::from([1, 2, 3, 4]);
    let connects = WebSocket::connect_with(a, &client, Options::new(), keys, |accepted| {
        server_field = accepted.field("server").next().map(<[u8]>::to_vec);
    });
    let (client, mut server) = tokio::join!(connects, accepts);
    let mut client = client.unwrap();
    assert_eq!((client.protocol(), server.protocol()), (Some("chat"), Some("chat")));
    client.send("masked").await.unwrap();
    assert_eq!(server.next().await.unwrap().unwrap(), Data::from("masked"));
    drop(client);
    assert_eq!(server_field.as_deref(), Some(&b"wsframe"[..]));
}

#[tokio::test(start_paused = true)]
async fn bytes_behind_a_foreign_handshake_are_the_first_messages() {
    let (io, _peer) = duplex(100);
    let mut received = BytesMut::new();
    received.put_slice(b"\x81\x82\0\0\0\0hi\x81\x81\0\0");
    let mut socket = WebSocket::server(io, Options::new()).with_received(received);
    assert_eq!(socket.next().await.unwrap().unwrap(), Data::from("hi"));
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_can_race_with_receiving() {
    let (mut socket, mut peer) = server();
    let stop = sleep(seconds(5));
    let serves = async {
        let mut stop = pin!(stop);
        loop {
            tokio::select! {
                message = socket.next() => socket.feed(message.unwrap().unwrap()).await.unwrap(),
                () = &mut stop => return socket.close(CloseCode::GOING_AWAY, "").await.unwrap(),
            }
        }
    };
    let talks = async {
        peer.send("hello").await;
        assert_eq!(peer.next().await, Some(Message::from("hello")));
        assert_eq!(peer.next().await, Some(Message::from(close(1001))));
        peer.send(close(1001)).await;
        drop(peer);
    };
    let (ended, ()): (Ended, ()) = tokio::join!(serves, talks);
    assert_eq!((ended.cause(), ended.received()), (Cause::ClosedByUs, Some(CloseCode::GOING_AWAY)));
}

#[tokio::test(start_paused = true)]
async fn times_can_be_set() {
    let timing = Timing::new().with_ping_after(seconds(3)).with_pong_within(seconds(2));
    let (mut socket, _peer) = server_over(1000, Options::new().with_timing(timing));
    let begun = Instant::now();
    assert!(matches!(socket.next().await, Some(Err(Error::TimedOut(Cause::NoPong)))));
    assert!(about(begun.elapsed(), seconds(5)), "{:?}", begun.elapsed());
    let (mut socket, _peer) = server_over(1000, Options::new().with_timing(Timing::new().without_pings()));
    assert!(timeout(seconds(100_000), socket.next()).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_close_after_silence_has_its_whole_time() {
    for (silence, sends_only) in [(12, false), (19, false), (300, true)] {
        let (mut socket, mut peer) = server();
        if sends_only {
            sleep(seconds(silence)).await;
        } else {
            assert!(timeout(seconds(silence), socket.next()).await.is_err());
        }
        let answers = async {
            assert_eq!(peer.next().await, Some(Message::from(close(1001))));
            sleep(seconds(9)).await;
            peer.send(close(1001)).await;
            drop(peer);
        };
        let (ended, ()) = tokio::join!(socket.close(CloseCode::GOING_AWAY, ""), answers);
        assert!(ended.unwrap().is_clean());
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_was_there_in_time_counts() {
    // The application handles a message for longer than the peer may take to answer our Close.
    let (mut socket, mut peer) = server();
    socket.send_close(CloseCode::NORMAL, "").await.unwrap();
    peer.send("crossing").await;
    assert_eq!(socket.next().await.unwrap().unwrap(), Data::from("crossing"));
    peer.send(close(1000)).await;
    drop(peer);
    sleep(seconds(11)).await;
    assert!(socket.next().await.is_none());
    assert!(socket.ended().unwrap().is_clean());
}

#[tokio::test(start_paused = true)]
async fn a_slow_transfer_is_no_stall_and_what_comes_meanwhile_is_given() {
    for pings in [false, true] {
        let (mut socket, mut peer) = server_over(10_000, Options::new());
        let len = 1_000_000;
        socket.feed(vec![7; len]).await.unwrap();
        let reads = async {
            let mut received = 0;
            while received < len {
                // 100 s for all of it.
                sleep(seconds(1)).await;
                received += peer.io.read(&mut [0; 10_000]).await.unwrap();
                if pings && received % 200_000 < 10_000 {
                    peer.send(Frame::ping(b"alive?")).await;
                    peer.send("meanwhile").await;
                }
            }
            peer
        };
        let mut meanwhile = 0;
        let receives = async {
            while let Some(message) = socket.next().await {
                assert_eq!(message.unwrap(), Data::from("meanwhile"));
                meanwhile += 1;
            }
        };
        tokio::select! {
            () = receives => panic!("it ended"),
            peer = reads => drop(peer),
        }
        // The last may have come behind the rest.
        assert!(if pings { meanwhile >= 4 } else { meanwhile == 0 }, "{meanwhile}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_thrown_away_is_not_said_to_be_sent() {
    // In one task.
    let (mut socket, peer) = server_over(100, Options::new());
    socket.feed(vec![0; 1000]).await.unwrap();
    drop(peer);
    assert!(matches!(socket.next().await, Some(Err(Error::Lost(_)))));
    assert!(matches!(socket.flush().await, Err(Error::Lost(_))));
    // In two: the receiver sees the end first.
    let (socket, peer) = server_over(100, Options::new());
    let (sender, mut receiver) = socket.split();
    let sends = tokio::spawn(async move { sender.send(vec![0; 1000]).await });
    tokio::task::yield_now().await;
    let receives = tokio::spawn(async move { receiver.next().await });
    tokio::task::yield_now().await;
    drop(peer);
    assert!(sends.await.unwrap().is_err());
    assert!(receives.await.unwrap().unwrap().is_err());
}

#[tokio::test(start_paused = true)]
async fn a_close_that_was_not_written_is_not_clean() {
    // The peer closes, and then reads nothing; or reads slowly, which is waited for; or has only ended its own direction.
    for reads in [None, Some(seconds(1)), Some(Duration::ZERO)] {
        let (mut socket, mut peer) = server_over(1000, Options::new());
        socket.feed(vec![7; 5000]).await.unwrap();
        peer.send(close(1000)).await;
        if reads == Some(Duration::ZERO) {
            peer.io.shutdown().await.unwrap();
        }
        let begun = Instant::now();
        let works = async {
            let end = socket.next().await;
            drop(core::mem::replace(&mut socket, server().0));
            end
        };
        let peers = async {
            let Some(pause) = reads else {
                sleep(seconds(60)).await;
                return;
            };
            let mut all = Vec::new();
            while all.len() < 5004 + 4 {
                sleep(pause).await;
                if peer.io.read_buf(&mut all).await.unwrap() == 0 {
                    break;
                }
            }
            assert!(all.ends_with(b"\x88\x02\x03\xe8"), "{}", all.len());
            drop(peer);
        };
        let (end, ()) = tokio::join!(works, peers);
        match reads {
            None => {
                assert!(matches!(end, Some(Err(Error::Lost(_)))), "{end:?}");
                assert!(begun.elapsed() >= seconds(10));
            }
            Some(_) => assert!(end.is_none(), "{end:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_sending_half_feeds_wakes_the_receiving_one() {
    let (socket, mut peer) = server();
    let (sender, mut receiver) = socket.split();
    let receives = tokio::spawn(async move { receiver.next().await });
    tokio::task::yield_now().await;
    let begun = Instant::now();
    sender.feed("one").await.unwrap();
    sender.feed_prepared(&PreparedFrame::new("two").unwrap()).await.unwrap();
    assert_eq!(peer.next().await, Some(Message::from("one")));
    assert_eq!(peer.next().await, Some(Message::from("two")));
    assert_eq!(begun.elapsed(), Duration::ZERO);
    receives.abort();
}

#[tokio::test(start_paused = true)]
async fn a_sender_does_not_wait_for_what_others_send_later() {
    let (socket, mut peer) = server_over(1000, Options::new().with_max_buffered(1 << 20));
    let (sender, _receiver) = socket.split();
    let other = sender.clone();
    let busy = tokio::spawn(async move {
        loop {
            other.send(vec![0; 100_000]).await.unwrap();
        }
    });
    tokio::task::yield_now().await;
    let small = tokio::spawn(async move { sender.send("small").await });
    // Two of the large messages, and the small one between them or behind them.
    let mut larges = 0;
    while peer.next().await != Some(Message::from("small")) {
        larges += 1;
        assert!(larges < 4);
    }
    assert!(peer.next().await.is_some());
    small.await.unwrap().unwrap();
    busy.abort();
}

#[tokio::test(start_paused = true)]
async fn without_a_key_nothing_is_sent_and_nothing_spins() {
    struct NoKeys;
    impl wsframe::KeySource for NoKeys {
        fn next_key(&mut self) -> Result<MaskKey, wsframe::NoKey> {
            Err(wsframe::NoKey::new())
        }
    }
    let (io, mut server) = duplex(1000);
    let mut socket = WebSocket::client(io, NoKeys, Options::new());
    server.write_all(b"\x89\x00\x81\x02hi").await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap(), Data::from("hi"));
    assert!(matches!(socket.send("x").await, Err(Error::Encode(EncodeError::NoKey))));
    let ended = timeout(seconds(60), socket.close(CloseCode::NORMAL, "")).await.unwrap().unwrap();
    assert!(!ended.is_clean());
}

#[tokio::test(start_paused = true)]
async fn output_that_waits_is_noticed_while_reading_never_does() {
    /// A peer that sends without end, and takes nothing.
    struct Endless;
    impl AsyncRead for Endless {
        fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            while buf.remaining() >= 7 {
                buf.put_slice(b"\x82\x81\0\0\0\0x");
            }
            Poll::Ready(Ok(()))
        }
    }
    impl AsyncWrite for Endless {
        fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
            Poll::Pending
        }
        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Pending
        }
        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Pending
        }
    }
    let mut socket = WebSocket::server(Endless, Options::new());
    socket.feed("nobody reads this").await.unwrap();
    let begun = Instant::now();
    loop {
        match socket.next().await.unwrap() {
            Ok(_) if socket.counts().messages_received.is_multiple_of(10_000) => {
                tokio::time::advance(seconds(1)).await;
            }
            Ok(_) => {}
            Err(error) => {
                assert!(matches!(error, Error::TimedOut(Cause::Stalled)));
                break;
            }
        }
    }
    assert!((seconds(40)..seconds(44)).contains(&begun.elapsed()), "{:?}", begun.elapsed());
}

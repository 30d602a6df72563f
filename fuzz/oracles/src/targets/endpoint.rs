//! The endpoint on tokio over a transport that gives and takes as the input says: what is written is a legal stream of the
//! messages that were taken, in order, whatever is cut, delayed, dropped or broken; what is given are the messages that came.

use std::cell::RefCell;
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use arbitrary::Arbitrary;
use bytes::BufMut;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::runtime::{Builder, Runtime};
use wsframe::codec::{Message, MessageDecoder};
use wsframe::endpoint::{Data, Error, Options, WebSocket};
use wsframe::{Assembler, CloseCode, Config, MessageEvent, Role};

use crate::input;

#[derive(Arbitrary, Debug)]
struct Input {
    vectored: bool,
    max_buffered: u16,
    operations: Vec<Operation>,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Operation {
    /// So many bytes of the stream arrive.
    Arrive(u8),
    /// The transport takes so many bytes more.
    Take(u16),
    Next,
    Send(u16),
    Feed(u16),
    Flush,
    SendClose(u16),
    Close(u16),
    ReadingFails,
    WritingFails,
}

#[derive(Default)]
struct State {
    stream: Vec<u8>,
    read: usize,
    arrived: usize,
    room: usize,
    written: Vec<u8>,
    vectored: bool,
    reading_fails: bool,
    writing_fails: bool,
}

#[derive(Clone)]
struct Transport(Rc<RefCell<State>>);

impl AsyncRead for Transport {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let state = &mut *self.0.borrow_mut();
        let end = state.arrived.min(state.stream.len());
        let len = (end - state.read).min(buf.remaining());
        if len == 0 && state.reading_fails {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        if len == 0 && state.arrived <= state.stream.len() {
            return Poll::Pending;
        }
        buf.put_slice(&state.stream[state.read..state.read + len]);
        state.read += len;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Transport {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[io::IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let state = &mut *self.0.borrow_mut();
        if state.writing_fails {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let before = state.written.len();
        for buf in bufs {
            let len = buf.len().min(state.room);
            state.written.extend_from_slice(&buf[..len]);
            state.room -= len;
        }
        match state.written.len() - before {
            0 => Poll::Pending,
            len => Poll::Ready(Ok(len)),
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.0.borrow().vectored
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// One poll: the future is dropped if it has to wait.
fn once<F: Future>(future: F) -> Option<F::Output> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

thread_local! {
    /// For the timers, which do not fire: an input takes no time.
    static RUNTIME: Runtime = Builder::new_current_thread().enable_time().build().expect("it needs nothing");
}

pub(super) fn check(data: &[u8]) {
    let Some(input) = input::<(Input, &[u8])>(data) else { return };
    RUNTIME.with(|runtime| {
        let _guard = runtime.enter();
        run(&input.0, input.1);
    });
}

/// The messages of a stream that a server receives, up to its Close or its violation.
fn messages(stream: &[u8]) -> Vec<Data> {
    let mut decoder = MessageDecoder::with_config(Role::Server, Config::SERVER);
    decoder.put_slice(stream);
    let mut messages = Vec::new();
    while let Ok(Some(message)) = decoder.decode() {
        match message {
            Message::Text(text) => messages.push(Data::Text(text)),
            Message::Binary(payload) => messages.push(Data::Binary(payload)),
            _ => {}
        }
    }
    messages
}

fn code(code: u16) -> CloseCode {
    CloseCode::new(code).ok().filter(|code| code.on_wire()).unwrap_or(CloseCode::NORMAL)
}

fn run(input: &Input, stream: &[u8]) {
    let state = Rc::new(RefCell::new(State { stream: stream.to_vec(), vectored: input.vectored, ..State::default() }));
    let options = Options::new().with_max_buffered(input.max_buffered.into());
    let mut socket = WebSocket::server(Transport(Rc::clone(&state)), options);
    let (mut taken, mut given, mut errors, mut ended) = (Vec::new(), Vec::new(), 0, false);
    let mut next = |result: Option<Option<Result<Data, Error>>>| match result {
        Some(Some(Ok(data))) => {
            assert!(!ended, "a message after the end");
            given.push(data);
        }
        Some(Some(Err(_))) => {
            assert!(!ended && errors == 0, "an error after the end, or a second one");
            errors += 1;
        }
        Some(None) => ended = true,
        None => {}
    };
    for (i, operation) in input.operations.iter().take(200).enumerate() {
        let message = |len: u16| match len % 2 {
            0 => Data::from(vec![i as u8; len.into()]),
            _ => Data::from("é".repeat(len as usize / 2)),
        };
        let before = socket.counts().messages_sent;
        match *operation {
            Operation::Arrive(len) => {
                let mut state = state.borrow_mut();
                state.arrived = (state.arrived + usize::from(len)).min(state.stream.len());
            }
            Operation::Take(len) => state.borrow_mut().room += usize::from(len),
            Operation::Next => next(once(socket.next())),
            Operation::Send(len) => {
                _ = once(socket.send(message(len)));
                if socket.counts().messages_sent > before {
                    taken.push(message(len));
                }
            }
            Operation::Feed(len) => {
                if once(socket.feed(message(len))).is_some_and(|result| result.is_ok()) {
                    taken.push(message(len));
                }
            }
            Operation::Flush => _ = once(socket.flush()),
            Operation::SendClose(close) => _ = once(socket.send_close(code(close), "")),
            Operation::Close(close) => _ = once(socket.close(code(close), "reason")),
            Operation::ReadingFails => state.borrow_mut().reading_fails = true,
            Operation::WritingFails => state.borrow_mut().writing_fails = true,
        }
        assert_eq!(socket.counts().messages_sent, taken.len() as u64);
        assert!(socket.unwritten() <= usize::from(input.max_buffered).max(1) + 70_000 + 600);
    }
    // At last everything comes and goes, and the transport ends.
    {
        let state = &mut *state.borrow_mut();
        (state.room, state.arrived) = (usize::MAX / 2, state.stream.len() + 1);
    }
    for _ in 0..stream.len() + 10 {
        next(once(socket.next()));
    }
    assert!(ended, "it does not end");
    assert!(socket.ended().is_some());

    let came = messages(stream);
    assert!(came.starts_with(&given), "messages that did not come so");
    let state = state.borrow();
    let closes = input.operations.iter().any(|operation| matches!(operation, Operation::Close(_)));
    if !closes && !state.reading_fails && !state.writing_fails {
        assert_eq!(given.len(), came.len(), "a message was lost");
    }
    let mut written = state.written.clone();
    let mut rest = &mut written[..];
    let mut assembler = Assembler::new(Role::Client);
    let mut sent = Vec::new();
    while let Some(event) = assembler.decode(&mut rest).expect("a legal stream") {
        match event {
            MessageEvent::Message(message) => sent.push(match message.text() {
                Some(text) => Data::from(text),
                None => Data::from(message.payload()),
            }),
            MessageEvent::Close(_) => break,
            _ => {}
        }
    }
    assert!(rest.is_empty(), "something behind the Close");
    assert!(taken.starts_with(&sent), "messages that were not taken so");
    if !state.writing_fails && !state.reading_fails {
        assert_eq!(sent.len(), taken.len(), "a message that was taken was not sent");
    }
}

//! The socket: bytes in memory, handed out in reads of a bounded size, and a sink for what is written back.

use std::cell::{Cell, RefCell};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::slice::Chunks;
use std::task::{Context, Poll, Waker};

use bytes::{BufMut, BytesMut};
use tokio::io::ReadBuf;

/// The largest read, for every codec.
pub const READ: usize = 64 * 1024;

/// A read is copied in steps of so many bytes: from somewhat more on, `memcpy` uses `rep movsb`, which on some CPUs is ten times
/// slower where the destination happens to be a few bytes further in its page than the source.
const STEP: usize = 2048;

struct Shared {
    wire: Vec<u8>,
    read_len: usize,
    longest: usize,
    at: Cell<usize>,
    left: Cell<usize>,
    scratch: RefCell<Vec<u8>>,
    written: RefCell<Vec<u8>>,
}

impl Shared {
    /// The next bytes: at most one read and at most `most`, in the steps in which they are to be copied; and how many that are.
    #[inline]
    fn take(&self, most: usize) -> (Chunks<'_, u8>, usize) {
        let at = self.at.get();
        let len = self.read_len.min(most).min(self.left.get()).min(self.wire.len() - at);
        self.at.set(if at + len == self.wire.len() { 0 } else { at + len });
        self.left.set(self.left.get() - len);
        (self.wire[at..at + len].chunks(STEP), len)
    }
}

/// A connection's socket. Clones are the same socket.
///
/// It gives what was granted, then says that there is nothing to read *for now*: codecs that own their socket wait, and
/// the same connection goes on with the next grant.
#[derive(Clone)]
pub struct Feed(Rc<Shared>);

impl Feed {
    pub fn new(wire: Vec<u8>, read_len: usize, longest: usize) -> Feed {
        Feed(Rc::new(Shared {
            wire,
            read_len,
            longest,
            at: Cell::new(0),
            left: Cell::new(0),
            // Allocated here, so that it is not counted as a connection's: one serves all connections of a thread.
            scratch: RefCell::new(vec![0; READ]),
            written: RefCell::new(Vec::with_capacity(READ)),
        }))
    }

    /// Lets `passes` more rounds of the whole wire be read, from its beginning.
    pub fn grant(&self, passes: usize) {
        self.0.at.set(0);
        self.0.left.set(passes * self.0.wire.len());
    }

    /// Copies the next bytes into `into`: at most one read, and 0 if there is nothing for now.
    #[inline]
    pub fn read(&self, into: &mut [u8]) -> usize {
        let (steps, len) = self.0.take(into.len());
        into[..len].chunks_mut(STEP).zip(steps).for_each(|(to, from)| to.copy_from_slice(from));
        len
    }

    /// [`Feed::read`] at the end of `buffer`, which gets room for a whole read.
    #[inline]
    pub fn read_onto(&self, buffer: &mut BytesMut) -> usize {
        buffer.reserve(self.0.read_len);
        let (steps, len) = self.0.take(usize::MAX);
        steps.for_each(|bytes| buffer.put_slice(bytes));
        len
    }

    /// One read into the room that `buffer` has, as a socket does it.
    #[inline]
    pub fn read_buf(&self, buffer: &mut impl BufMut) -> usize {
        let room = buffer.chunk_mut();
        let (steps, len) = self.0.take(room.len());
        let mut at = 0;
        for bytes in steps {
            room[at..at + bytes.len()].copy_from_slice(bytes);
            at += bytes.len();
        }
        // SAFETY: so many bytes were written to the front of the room.
        unsafe { buffer.advance_mut(len) };
        len
    }

    /// The longest message that comes, for codecs whose buffers must be able to hold it.
    pub fn longest(&self) -> usize {
        self.0.longest
    }

    /// The thread's read buffer, for codecs that keep nothing in it between two reads.
    pub fn take_scratch(&self) -> Vec<u8> {
        self.0.scratch.take()
    }

    pub fn put_scratch(&self, scratch: Vec<u8>) {
        self.0.scratch.replace(scratch);
    }

    /// What the codec wrote into the socket.
    pub fn written(&self) -> &RefCell<Vec<u8>> {
        &self.0.written
    }

    fn write(&self, bytes: &[u8]) {
        self.0.written.borrow_mut().extend_from_slice(bytes);
    }
}

/// Polls once, with a waker that does nothing: `None` when there is nothing to read for now.
#[inline]
pub fn poll_once<F: Future>(future: Pin<&mut F>) -> Option<F::Output> {
    match future.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

/// The socket as the blocking codecs see it.
impl io::Read for Feed {
    #[inline]
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match Feed::read(self, into) {
            0 => Err(io::ErrorKind::WouldBlock.into()),
            len => Ok(len),
        }
    }
}

impl io::Write for Feed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Feed::write(self, bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl tokio::io::AsyncRead for Feed {
    #[inline]
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let (steps, len) = self.0.take(into.remaining());
        if len == 0 {
            return Poll::Pending;
        }
        steps.for_each(|bytes| into.put_slice(bytes));
        Poll::Ready(Ok(()))
    }
}

impl tokio::io::AsyncWrite for Feed {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Feed::write(&self, bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        pieces.iter().for_each(|piece| Feed::write(&self, piece));
        Poll::Ready(Ok(pieces.iter().map(|piece| piece.len()).sum()))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl futures_io::AsyncRead for Feed {
    #[inline]
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        // At the end of a grant, the end of the stream: what reads through this trait (soketto) loses its place when it is
        // dropped while it waits.
        Poll::Ready(Ok(Feed::read(&self, into)))
    }
}

impl futures_io::AsyncWrite for Feed {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Feed::write(&self, bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

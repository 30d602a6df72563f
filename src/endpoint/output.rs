//! What is to be written.

use alloc::collections::VecDeque;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use std::io::{self, IoSlice};

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::AsyncWrite;

use super::room;

/// From this length on, in bytes, a payload is written from where it lies instead of being copied behind the frames before it.
pub(super) const APART: usize = 16 * 1024;

/// How many pieces go into one write.
const PIECES: usize = 16;

/// Frames in their order: small ones one after the other in one buffer, long payloads as they are.
#[derive(Default)]
pub(super) struct Output {
    /// What comes before the buffer.
    pieces: VecDeque<Bytes>,
    pieces_len: usize,
    buffer: Option<BytesMut>,
    /// How many bytes were written, and how many of them the transport was told to flush.
    written: u64,
    flushed: u64,
}

impl Output {
    /// How many bytes have not been written.
    pub(super) fn len(&self) -> usize {
        self.pieces_len + self.buffer.as_ref().map_or(0, BytesMut::len)
    }

    /// Whether everything has left us.
    pub(super) fn is_flushed(&self) -> bool {
        self.len() == 0 && self.written == self.flushed
    }

    /// How many bytes will have been written when all that is here was.
    pub(super) fn end(&self) -> u64 {
        self.written + self.len() as u64
    }

    /// To append frames to.
    pub(super) fn buffer(&mut self) -> &mut BytesMut {
        self.buffer.get_or_insert_with(room::take)
    }

    /// Adds a payload behind its header, or a whole frame, without copying it.
    pub(super) fn push(&mut self, piece: Bytes) {
        if let Some(buffer) = self.buffer.as_mut().filter(|buffer| !buffer.is_empty()) {
            let before = buffer.split().freeze();
            self.pieces_len += before.len();
            self.pieces.push_back(before);
        }
        self.pieces_len += piece.len();
        self.pieces.push_back(piece);
    }

    /// Forgets everything: it cannot be written any more.
    pub(super) fn clear(&mut self) {
        *self = Output { written: self.written, flushed: self.written, ..Output::default() };
    }

    /// Ready when so many bytes were written and flushed, whatever comes after them.
    pub(super) fn poll_flush_to(
        &mut self,
        io: Pin<&mut impl AsyncWrite>,
        cx: &mut Context<'_>,
        end: u64,
    ) -> Poll<io::Result<()>> {
        if self.written < end {
            return Poll::Pending;
        }
        if self.flushed < end {
            ready!(io.poll_flush(cx))?;
            self.flushed = self.written;
        }
        Poll::Ready(Ok(()))
    }

    /// Writes as much as the transport takes; ready when that was everything. `progress` tells whether anything was written.
    pub(super) fn poll_write(
        &mut self,
        mut io: Pin<&mut impl AsyncWrite>,
        cx: &mut Context<'_>,
        progress: &mut bool,
    ) -> Poll<io::Result<()>> {
        while self.len() != 0 {
            let written = ready!(self.poll_write_once(io.as_mut(), cx))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            *progress = true;
            self.written += written as u64;
            self.advance(written);
        }
        if let Some(buffer) = self.buffer.take() {
            room::give(buffer);
        }
        self.poll_flush_to(io, cx, self.written)
    }

    fn poll_write_once(&self, io: Pin<&mut impl AsyncWrite>, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let last = self.buffer.as_deref().unwrap_or_default();
        match self.pieces.front() {
            None => io.poll_write(cx, last),
            Some(first) if !io.is_write_vectored() => io.poll_write(cx, first),
            Some(_) => {
                let mut slices = [IoSlice::new(&[]); PIECES];
                let pieces = self.pieces.iter().map(|piece| &piece[..]).chain([last]);
                slices.iter_mut().zip(pieces).for_each(|(slice, piece)| *slice = IoSlice::new(piece));
                let count = (self.pieces.len() + 1).min(PIECES);
                io.poll_write_vectored(cx, slices.get(..count).unwrap_or_default())
            }
        }
    }

    /// `written` bytes are through.
    fn advance(&mut self, mut written: usize) {
        while let Some(first) = self.pieces.front_mut() {
            let len = written.min(first.len());
            first.advance(len);
            (self.pieces_len, written) = (self.pieces_len - len, written - len);
            if !first.is_empty() {
                return;
            }
            self.pieces.pop_front();
        }
        if let Some(buffer) = &mut self.buffer {
            buffer.advance(written);
        }
    }
}

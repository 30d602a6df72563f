//! The engine that ships: zlib-rs, by the interface of zlib.

use alloc::boxed::Box;
use core::fmt;

use libz_rs_sys as zlib;

use super::compressor::{Compressor, Deflate};
use super::inflater::{Inflate, InflateError, Inflater, Step};
use super::negotiation::{Agreement, Direction, WindowBits};
use super::pool;
use crate::role::Role;

/// What the sender of a message leaves out (RFC 7692 §7.2.1).
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];

/// Raw deflated data, without the header of zlib.
const RAW: i32 = -1;

/// The table of the engine for a window of 9 bits is the smallest. It refers to at most 250 bytes back, so it keeps to 8 bits too.
const MIN_WINDOW: u8 = 9;

/// Of 1 to 9: how much memory the engine takes for symbols that are not written yet. The default of zlib, 8, takes 115 KB more, and
/// was neither quicker nor smaller for messages up to 64 KiB.
const MEM_LEVEL: i32 = 5;

/// Parts of `data_type` after a call: how many bits are left of the last byte, whether the block is a final one, and whether the
/// call ended right after a block.
const LEFT_BITS: i32 = 0x3f;
const FINAL_BLOCK: i32 = 0x40;
const AFTER_BLOCK: i32 = 0x80;

/// A stream of zlib, which lives at one address.
macro_rules! stream {
    ($(#[$attribute:meta])* $name:ident { $($field:ident: $type:ty),* }, $end:path) => {
        $(#[$attribute])*
        pub(super) struct $name {
            stream: zlib::z_stream,
            $($field: $type,)*
        }

        // SAFETY: the stream owns the memory that it points to, and leaves its pointers into lent slices unused between calls; it
        // has no shared state, and `&self` gives access to nothing.
        #[allow(unsafe_code, reason = "raw pointers")]
        unsafe impl Send for $name {}
        // SAFETY: as above.
        #[allow(unsafe_code, reason = "raw pointers")]
        unsafe impl Sync for $name {}

        impl Drop for $name {
            #[allow(unsafe_code, reason = "the interface of zlib")]
            fn drop(&mut self) {
                // SAFETY: the stream was initialized when it was made, or has no state, which the function notices.
                unsafe { $end(&mut self.stream) };
            }
        }

        impl $name {
            /// Passes the slices to the engine, which takes at most 4 GiB in one call, and returns its verdict.
            fn run(
                &mut self,
                input: &[u8],
                out: &mut [u8],
                run: unsafe extern "C" fn(*mut zlib::z_stream, i32) -> i32,
                flush: i32,
            ) -> (Step, i32) {
                let lens = [input.len(), out.len()].map(|len| u32::try_from(len).unwrap_or(u32::MAX));
                let stream = &mut self.stream;
                // They have 32 bits on some targets, where a stream that goes on for ever would overflow them.
                (stream.total_in, stream.total_out) = (0, 0);
                (stream.next_in, stream.avail_in) = (input.as_ptr(), lens[0]);
                (stream.next_out, stream.avail_out) = (out.as_mut_ptr(), lens[1]);
                #[allow(unsafe_code, reason = "the interface of zlib")]
                // SAFETY: the stream was initialized; `next_in` is valid for reads of `avail_in` bytes and `next_out`, which is
                // initialized, for writes of `avail_out`, for as long as the call takes.
                let verdict = unsafe { run(stream, flush) };
                let taken = lens[0].saturating_sub(stream.avail_in) as usize;
                let written = lens[1].saturating_sub(stream.avail_out) as usize;
                (stream.next_in, stream.avail_in) = (core::ptr::null(), 0);
                (stream.next_out, stream.avail_out) = (core::ptr::null_mut(), 0);
                (Step { taken, written }, verdict)
            }
        }
    };
}

stream!(
    /// About 47 KB.
    InflateStream {}, zlib::inflateEnd
);

stream!(
    /// 151 KB to 280 KB.
    DeflateStream { level: u8, window: u8 }, zlib::deflateEnd
);

impl InflateStream {
    /// Looks back up to 32 KiB; the memory is the same for every window. `None` if there is no memory.
    #[allow(unsafe_code, reason = "the interface of zlib")]
    fn new() -> Option<Box<InflateStream>> {
        let mut this = Box::new(InflateStream { stream: zlib::z_stream::default() });
        // SAFETY: a stream with an allocator, the version of the library, and the size of the stream.
        let verdict = unsafe {
            zlib::inflateInit2_(
                &mut this.stream,
                RAW * i32::from(WindowBits::MAX.get()),
                zlib::zlibVersion(),
                size_of::<zlib::z_stream>() as i32,
            )
        };
        (verdict == zlib::Z_OK).then_some(this)
    }

    /// A new stream of data begins; what was before may still be referred to if `keeps` is set.
    #[allow(unsafe_code, reason = "the interface of zlib")]
    fn reset(&mut self, keeps: bool) {
        // SAFETY: the stream was initialized.
        unsafe {
            if keeps {
                zlib::inflateResetKeep(&mut self.stream)
            } else {
                zlib::inflateReset(&mut self.stream)
            };
        }
    }
}

impl DeflateStream {
    /// `None` if there is no memory.
    #[allow(unsafe_code, reason = "the interface of zlib")]
    fn new(level: u8, window: u8) -> Option<Box<DeflateStream>> {
        let mut this = Box::new(DeflateStream { stream: zlib::z_stream::default(), level, window });
        // SAFETY: a stream with an allocator, the version of the library, and the size of the stream.
        let verdict = unsafe {
            zlib::deflateInit2_(
                &mut this.stream,
                level.into(),
                zlib::Z_DEFLATED,
                RAW * i32::from(window),
                MEM_LEVEL,
                zlib::Z_DEFAULT_STRATEGY,
                zlib::zlibVersion(),
                size_of::<zlib::z_stream>() as i32,
            )
        };
        (verdict == zlib::Z_OK).then_some(this)
    }

    /// Nothing that was before is referred to.
    #[allow(unsafe_code, reason = "the interface of zlib")]
    fn reset(&mut self) {
        // SAFETY: the stream was initialized.
        unsafe { zlib::deflateReset(&mut self.stream) };
    }
}

/// The inflater of zlib-rs (feature `zlib-rs`).
///
/// It is made when the first compressed message begins, and takes about 47 KB. Without context takeover, it then serves the
/// other connections of the thread as soon as a message has ended; a thread keeps four.
///
/// A message may refer to 32 KiB before it, whatever window was agreed: zlib-rs does not refuse more.
pub struct ZlibInflate {
    stream: Option<Box<InflateStream>>,
    /// Whether a final block ended last.
    is_final: bool,
    /// How much of what the sender left out was taken, and whether the message ended with it.
    tail_taken: usize,
    has_ended: bool,
}

impl ZlibInflate {
    /// An engine without memory yet.
    pub const fn new() -> ZlibInflate {
        ZlibInflate { stream: None, is_final: false, tail_taken: 0, has_ended: false }
    }
}

impl Default for ZlibInflate {
    fn default() -> ZlibInflate {
        ZlibInflate::new()
    }
}

impl Inflate for ZlibInflate {
    fn inflate(&mut self, input: &[u8], out: &mut [u8], at: usize) -> Result<Step, InflateError> {
        let stream = match &mut self.stream {
            Some(stream) => stream,
            None => {
                let stream = pool::take_inflate().or_else(InflateStream::new);
                self.stream.insert(stream.ok_or(InflateError::no_memory())?)
            }
        };
        if self.is_final {
            if input.is_empty() {
                return Ok(Step::default());
            }
            stream.reset(true);
            self.is_final = false;
        }
        let (step, verdict) = stream.run(input, out.get_mut(at..).unwrap_or_default(), zlib::inflate, zlib::Z_NO_FLUSH);
        match verdict {
            zlib::Z_OK | zlib::Z_BUF_ERROR => {}
            zlib::Z_STREAM_END => self.is_final = true,
            _ => return Err(InflateError::corrupt(step)),
        }
        Ok(step)
    }

    fn finish(&mut self, out: &mut [u8], at: usize) -> Result<usize, InflateError> {
        let mut written = 0;
        let Some(stream) = &mut self.stream else { return Err(InflateError::corrupt(Step::default())) };
        while !self.is_final && !self.has_ended {
            let room = out.get_mut(at + written..).unwrap_or_default();
            let tail = TAIL.get(self.tail_taken..).unwrap_or_default();
            // Ends after each block, and says so.
            let (step, verdict) = stream.run(tail, room, zlib::inflate, zlib::Z_BLOCK);
            self.tail_taken += step.taken;
            written += step.written;
            let (is_whole, is_full) = (self.tail_taken == TAIL.len(), at + written == out.len());
            let state = stream.stream.data_type;
            let is_after_block = verdict == zlib::Z_OK && state & AFTER_BLOCK != 0;
            if is_after_block && state & FINAL_BLOCK != 0 {
                stream.reset(true);
                self.has_ended = is_whole;
            } else if is_after_block && is_whole && state & LEFT_BITS == 0 {
                self.has_ended = true;
            } else if !is_full && (is_whole || verdict != zlib::Z_OK) {
                return Err(InflateError::corrupt(Step { taken: 0, written }));
            }
            if is_full {
                return Ok(written);
            }
        }
        if self.is_final {
            stream.reset(true);
        }
        (self.is_final, self.tail_taken, self.has_ended) = (false, 0, false);
        Ok(written)
    }

    fn forget(&mut self) {
        (self.is_final, self.tail_taken, self.has_ended) = (false, 0, false);
        if let Some(mut stream) = self.stream.take() {
            stream.reset(false);
            pool::give_inflate(stream);
        }
    }
}

impl Drop for ZlibInflate {
    fn drop(&mut self) {
        self.forget();
    }
}

impl fmt::Debug for ZlibInflate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ZlibInflate").field("is_made", &self.stream.is_some()).finish_non_exhaustive()
    }
}

impl Inflater<ZlibInflate> {
    /// With the engine of zlib-rs, for what the end with this role receives (feature `zlib-rs`).
    pub fn zlib(agreed: Agreement, role: Role) -> Inflater<ZlibInflate> {
        Inflater::new(ZlibInflate::new(), agreed, role)
    }
}

/// The deflater of zlib-rs (feature `zlib-rs`).
///
/// It is made when the first message is compressed, and takes 151 KB to 280 KB, by its window. Without context takeover, it then
/// serves the other connections of the thread.
pub struct ZlibDeflate {
    stream: Option<Box<DeflateStream>>,
    level: u8,
    window: u8,
    takeover: bool,
    /// Whether the stream still refers to messages that are to be forgotten.
    is_stale: bool,
}

impl ZlibDeflate {
    /// The level that is quickest, and gives most of what there is to gain.
    const LEVEL: u8 = 1;

    /// An engine without memory yet, for what is sent, with level 1.
    pub const fn new(sending: Direction) -> ZlibDeflate {
        let bits = sending.window().get();
        let window = if bits < MIN_WINDOW { MIN_WINDOW } else { bits };
        ZlibDeflate { stream: None, level: ZlibDeflate::LEVEL, window, takeover: sending.takeover(), is_stale: false }
    }

    /// Sets how hard to try: 1 is the quickest, 9 gives the smallest messages, and 0 does not compress. More than 9 counts as 9.
    #[must_use]
    pub fn with_level(mut self, level: u8) -> ZlibDeflate {
        self.level = level.min(9);
        self
    }

    /// Gives up the engine, which refers to nothing.
    fn give(mut stream: Box<DeflateStream>, is_fresh: bool) {
        if !is_fresh {
            stream.reset();
        }
        pool::give_deflate(stream);
    }
}

impl Deflate for ZlibDeflate {
    fn deflate(&mut self, message: &[u8], out: &mut [u8]) -> Option<usize> {
        let (level, window) = (self.level, self.window);
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => pool::take_deflate(|stream| stream.level == level && stream.window == window)
                .or_else(|| DeflateStream::new(level, window))?,
        };
        if core::mem::take(&mut self.is_stale) {
            stream.reset();
        }
        // A full flush forgets what was before, in less time than a reset.
        let flush = if self.takeover { zlib::Z_SYNC_FLUSH } else { zlib::Z_FULL_FLUSH };
        let (mut taken, mut written) = (0, 0);
        let is_complete = loop {
            let rest = message.get(taken..).unwrap_or_default();
            let room = out.get_mut(written..).unwrap_or_default();
            let is_last = u32::try_from(rest.len()).is_ok();
            let (step, verdict) = stream.run(rest, room, zlib::deflate, if is_last { flush } else { zlib::Z_NO_FLUSH });
            (taken, written) = (taken + step.taken, written + step.written);
            if verdict != zlib::Z_OK || written == out.len() {
                break false;
            }
            if is_last && taken == message.len() {
                break true;
            }
        };
        match (is_complete, self.takeover) {
            (true, true) => self.stream = Some(stream),
            (true, false) => ZlibDeflate::give(stream, true),
            (false, _) => ZlibDeflate::give(stream, false),
        }
        is_complete.then_some(written)
    }

    fn bound(&self, len: usize) -> usize {
        // Codes of nine bits are the longest of the quickest level; the headers of stored blocks are less. To which come the ends of
        // two blocks, and a byte that is left over, which shows that nothing is left inside the engine.
        len.saturating_add(len / 8).saturating_add(len / 64).saturating_add(32)
    }

    fn forget(&mut self) {
        self.is_stale = self.stream.is_some();
    }

    fn release(&mut self) {
        if let Some(stream) = self.stream.take() {
            ZlibDeflate::give(stream, false);
        }
        self.is_stale = false;
    }
}

impl Drop for ZlibDeflate {
    fn drop(&mut self) {
        self.release();
    }
}

impl fmt::Debug for ZlibDeflate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ZlibDeflate")
            .field("level", &self.level)
            .field("window", &self.window)
            .field("is_made", &self.stream.is_some())
            .finish_non_exhaustive()
    }
}

impl Compressor<ZlibDeflate> {
    /// With the engine of zlib-rs at level 1, for what the end with this role sends (feature `zlib-rs`).
    pub const fn zlib(agreed: Agreement, role: Role) -> Compressor<ZlibDeflate> {
        Compressor::new(ZlibDeflate::new(agreed.sending(role)), agreed, role)
    }
}

//! Whole messages, inflated in a buffer that grows with what comes of them.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::inflater::{Inflate, Inflater, Input};
use crate::error::DecodeError;
use crate::machine::{Machine, Taken};
use crate::payload::append_zeros;
use crate::violation::Violation;

/// The least room for what comes of a piece, in bytes.
const MIN_ROOM: usize = 256;

/// From this length on, in bytes, a message has its room to itself, because zeroing room for the next one costs no more than
/// copying it.
#[cfg(any(feature = "bytes", feature = "zlib-rs"))]
pub(super) const LARGE: usize = 256 * 1024;

/// How many times the length of a piece is expected to come of it.
const RATIO: usize = 4;

/// An [`Inflater`], and the message under way or the one that was completed last.
pub(crate) struct Inflating<I: ?Sized = dyn Inflate + Send + Sync> {
    /// All of it is initialized; the message is at its front.
    room: Vec<u8>,
    inflater: Inflater<I>,
}

impl Inflating {
    pub(crate) fn new(
        machine: &mut Machine,
        mut inflater: Inflater<impl Inflate + Send + Sync + 'static>,
    ) -> Box<Inflating> {
        machine.expect_compressed();
        inflater.start_over();
        inflater.default_max_message_len(machine.max_message_len());
        Box::new(Inflating { room: Vec::new(), inflater })
    }

    /// Inflates a piece of a message, which the machine has taken.
    pub(crate) fn inflate(&mut self, machine: &mut Machine, payload: &[u8], taken: &Taken) -> Result<(), DecodeError> {
        let mut input = Input { payload, taken: 0, has_tail: taken.ends_message, in_tail: false };
        self.try_inflate(&mut input, taken)
            .map_err(|violation| machine.fail(violation, taken.offset_after(payload.len(), input.taken)))
    }

    fn try_inflate(&mut self, input: &mut Input<'_>, taken: &Taken) -> Result<(), Violation> {
        self.inflater.begin(taken, input.payload.len())?;
        loop {
            self.make_room(input.payload.len() - input.taken)?;
            let at = self.inflater.len as usize;
            if self.inflater.step(input, &mut self.room, at)? {
                break;
            }
        }
        // What was validated was in the hands of the engine since then.
        let is_wrong = || core::str::from_utf8(self.message()).is_err();
        if taken.ends_message && self.inflater.is_text_to_check_again() && is_wrong() {
            return Err(Violation::TextNotUtf8);
        }
        Ok(())
    }

    /// Makes room for at least one more byte, and for what this much input is expected to give; but not for more than one byte
    /// above the limit.
    fn make_room(&mut self, input: usize) -> Result<(), Violation> {
        let most = usize::try_from(self.inflater.max_message_len()).unwrap_or(usize::MAX).saturating_add(1);
        #[cfg(feature = "zlib-rs")]
        if self.room.is_empty() {
            self.room = super::pool::take_room(most.max(super::pool::FAIR_ROOM));
        }
        let len = self.inflater.len as usize;
        let spare = self.room.len().saturating_sub(len);
        if spare > input {
            return Ok(());
        }
        let wanted = len.saturating_add(input.saturating_mul(RATIO).max(MIN_ROOM)).max(len.saturating_mul(2)).min(most);
        if wanted > self.room.len() {
            // Its end holds nothing yet, which needs no copy.
            self.room.truncate(len);
            append_zeros(&mut self.room, wanted - len).map_err(|_| Violation::InflatedTooLong)?;
        }
        Ok(())
    }

    /// The message that was completed.
    pub(crate) fn message(&self) -> &[u8] {
        self.room.get(..self.inflater.len as usize).unwrap_or_default()
    }

    /// Its length on the wire, in bytes.
    pub(crate) fn wire_len(&self) -> u64 {
        self.inflater.wire_len
    }

    /// The message that was completed, owned.
    #[cfg(feature = "bytes")]
    pub(crate) fn take_message(&mut self) -> bytes::Bytes {
        let len = self.message().len();
        if len < LARGE {
            return bytes::Bytes::copy_from_slice(self.message());
        }
        let mut message = core::mem::take(&mut self.room);
        message.truncate(len);
        message.shrink_to_fit();
        message.into()
    }

    /// No message that was inflated is looked at any more. If none is under way either, the room goes to the other connections of
    /// the thread, if they share; larger room is kept up to this many bytes.
    pub(crate) fn rest(&mut self, max_idle_buffer: usize) {
        if self.inflater.is_open() {
            return;
        }
        #[cfg(feature = "zlib-rs")]
        if self.room.capacity() <= super::pool::MAX_ROOM {
            super::pool::give_room(core::mem::take(&mut self.room));
        }
        if self.room.capacity() > max_idle_buffer {
            self.room = Vec::new();
        }
    }
}

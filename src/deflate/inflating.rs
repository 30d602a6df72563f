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
        machine.allow_rsv1();
        inflater.default_max_message_len(machine.max_message_len());
        Box::new(Inflating { room: Vec::new(), inflater })
    }

    /// Inflates a piece of a message, which the machine has taken.
    pub(crate) fn inflate(&mut self, machine: &mut Machine, payload: &[u8], taken: &Taken) -> Result<(), DecodeError> {
        self.inflater.begin(taken, payload.len());
        let mut input = Input { payload, taken: 0, has_tail: taken.ends_message, in_tail: false };
        loop {
            let result = match self.make_room(payload.len() - input.taken) {
                Ok(()) => {
                    let at = self.inflater.len as usize;
                    self.inflater.step(&mut input, &mut self.room, at)
                }
                Err(violation) => Err(violation),
            };
            match result {
                Ok(true) => return Ok(()),
                Ok(false) => {}
                Err(violation) => return Err(machine.fail(violation, taken.offset_after(payload.len(), input.taken))),
            }
        }
    }

    /// Makes room for at least one more byte, and for what this much input is expected to give; but not for more than one byte
    /// above the limit.
    fn make_room(&mut self, input: usize) -> Result<(), Violation> {
        #[cfg(feature = "zlib-rs")]
        if self.room.is_empty() {
            self.room = super::pool::take_room();
        }
        let len = self.inflater.len as usize;
        let spare = self.room.len() - len;
        if spare > input {
            return Ok(());
        }
        let most = usize::try_from(self.inflater.max_message_len()).unwrap_or(usize::MAX).saturating_add(1);
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

    /// No message is under way, and none is looked at any more. The room goes to the other connections of the thread, if they
    /// share; larger room is kept up to this many bytes.
    pub(crate) fn rest(&mut self, max_idle_buffer: usize) {
        #[cfg(feature = "zlib-rs")]
        if self.room.capacity() <= super::pool::MAX_ROOM {
            super::pool::give_room(core::mem::take(&mut self.room));
        }
        if self.room.capacity() > max_idle_buffer {
            self.room = Vec::new();
        }
    }
}

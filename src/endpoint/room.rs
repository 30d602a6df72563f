//! Buffers that the connections of a thread share: one holds a buffer only while it has something in it, so that a connection
//! that waits holds none.

use alloc::vec::Vec;
use core::cell::RefCell;

use bytes::BytesMut;

use crate::codec::decoder::MAX_IDLE_BUFFER;

/// The length of a buffer, in bytes.
pub(super) const LEN: usize = MAX_IDLE_BUFFER;

/// How many buffers a thread keeps.
const KEPT: usize = 8;

std::thread_local! {
    static ROOM: RefCell<Vec<BytesMut>> = const { RefCell::new(Vec::new()) };
}

/// An empty buffer. Messages that were read into a part of it may still be in use; then it has the rest as room, if that is
/// much.
pub(super) fn take() -> BytesMut {
    let kept = ROOM.try_with(|room| room.try_borrow_mut().ok().and_then(|mut room| room.pop()));
    let usable = |buffer: &mut BytesMut| buffer.try_reclaim(LEN) || buffer.capacity() >= LEN / 4;
    let kept = kept.ok().flatten().and_then(|mut buffer| usable(&mut buffer).then_some(buffer));
    kept.unwrap_or_else(|| BytesMut::with_capacity(LEN))
}

/// Gives a buffer back, whose content is not needed any more. One that has grown is freed.
pub(super) fn give(mut buffer: BytesMut) {
    buffer.clear();
    if buffer.try_reclaim(LEN + 1) {
        return;
    }
    // While the thread ends, there is nothing that keeps it.
    _ = ROOM.try_with(|room| {
        if let Ok(mut room) = room.try_borrow_mut()
            && room.len() < KEPT
        {
            room.push(buffer);
        }
    });
}

//! What the connections of a thread share: engines that remember nothing, and room for messages.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::cell::RefCell;

use super::zlib::{DeflateStream, InflateStream};

/// How many engines of each kind a thread keeps. More are in use at once only while as many compressed messages have begun and
/// not ended.
const MAX_ENGINES: usize = 4;

/// How much room a thread keeps, in bytes.
pub(super) const MAX_ROOM: usize = super::inflating::LARGE;

/// How much room a connection may take, whatever its limit, in bytes.
pub(super) const FAIR_ROOM: usize = 4 * 1024;

#[allow(clippy::vec_box, reason = "a stream of zlib is not moved")]
struct Pool {
    inflate: Vec<Box<InflateStream>>,
    deflate: Vec<Box<DeflateStream>>,
    room: Vec<u8>,
}

std::thread_local! {
    static POOL: RefCell<Pool> =
        const { RefCell::new(Pool { inflate: Vec::new(), deflate: Vec::new(), room: Vec::new() }) };
}

/// `None` while the thread ends.
fn with<T>(f: impl FnOnce(&mut Pool) -> T) -> Option<T> {
    POOL.try_with(|pool| pool.try_borrow_mut().ok().map(|mut pool| f(&mut pool))).ok().flatten()
}

/// An engine that remembers nothing, if there is one.
pub(super) fn take_inflate() -> Option<Box<InflateStream>> {
    with(|pool| pool.inflate.pop()).flatten()
}

/// Keeps an engine that remembers nothing.
pub(super) fn give_inflate(stream: Box<InflateStream>) {
    with(|pool| {
        if pool.inflate.len() < MAX_ENGINES {
            pool.inflate.push(stream);
        }
    });
}

/// An engine that remembers nothing and is set like this, if there is one.
pub(super) fn take_deflate(is_like: impl Fn(&DeflateStream) -> bool) -> Option<Box<DeflateStream>> {
    with(|pool| {
        let at = pool.deflate.iter().position(|stream| is_like(stream))?;
        Some(pool.deflate.swap_remove(at))
    })
    .flatten()
}

/// Keeps an engine that remembers nothing.
pub(super) fn give_deflate(stream: Box<DeflateStream>) {
    with(|pool| {
        if pool.deflate.len() == MAX_ENGINES {
            pool.deflate.remove(0);
        }
        pool.deflate.push(stream);
    });
}

/// Room for a message, initialized as far as its length, which is at most this many bytes.
pub(super) fn take_room(most: usize) -> Vec<u8> {
    with(|pool| if pool.room.len() <= most { core::mem::take(&mut pool.room) } else { Vec::new() }).unwrap_or_default()
}

/// Keeps room of at most [`MAX_ROOM`] bytes.
pub(super) fn give_room(room: Vec<u8>) {
    with(|pool| {
        if room.len() > pool.room.len() {
            pool.room = room;
        }
    });
}

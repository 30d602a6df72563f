//! An allocator that counts: what an idle connection holds, and how often a message allocates.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

pub struct Counting;

thread_local! {
    static HELD: Cell<i64> = const { Cell::new(0) };
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

/// Counting costs a little, which the codecs that allocate would pay while they are timed: it is off then.
static ON: AtomicBool = AtomicBool::new(false);

fn note(bytes: i64, allocations: u64) {
    if !ON.load(Relaxed) {
        return;
    }
    // After the thread-local is gone there is nothing to count any more.
    let _ = HELD.try_with(|held| held.set(held.get() + bytes));
    let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + allocations));
}

// SAFETY: All is done by the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(layout.size() as i64, 1);
        // SAFETY: As the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        note(layout.size() as i64, 1);
        // SAFETY: As the caller promises.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        note(-(layout.size() as i64), 0);
        // SAFETY: As the caller promises.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        note(new_size as i64 - layout.size() as i64, 1);
        // SAFETY: As the caller promises.
        unsafe { System.realloc(at, layout, new_size) }
    }
}

/// Counts what `f` does: the bytes that it leaves allocated, and its allocations.
pub fn counted<T>(f: impl FnOnce() -> T) -> (T, i64, u64) {
    let before = counts();
    ON.store(true, Relaxed);
    let output = f();
    ON.store(false, Relaxed);
    let after = counts();
    (output, after.0 - before.0, after.1 - before.1)
}

/// The bytes that this thread holds, and the allocations that it made, so far.
fn counts() -> (i64, u64) {
    (HELD.get(), ALLOCATIONS.get())
}

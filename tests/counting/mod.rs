//! An allocator that counts what each thread allocates.

use core::alloc::{GlobalAlloc, Layout};
use core::cell::Cell;
use std::alloc::System;

struct Counting;

thread_local! {
    static CALLS: Cell<usize> = const { Cell::new(0) };
    /// The bytes that were asked for.
    pub(crate) static BYTES: Cell<usize> = const { Cell::new(0) };
    /// The bytes that are held.
    pub(crate) static HELD: Cell<isize> = const { Cell::new(0) };
    /// The most bytes that were held at once.
    pub(crate) static PEAK: Cell<isize> = const { Cell::new(0) };
}

fn note(more: isize) {
    HELD.set(HELD.get() + more);
    PEAK.set(PEAK.get().max(HELD.get()));
}

#[allow(unsafe_code, reason = "an allocator is unsafe to write")]
// SAFETY: all is passed on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        CALLS.set(CALLS.get() + 1);
        BYTES.set(BYTES.get() + layout.size());
        note(layout.size() as isize);
        // SAFETY: as the caller's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        note(-(layout.size() as isize));
        // SAFETY: as the caller's.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        CALLS.set(CALLS.get() + 1);
        BYTES.set(BYTES.get() + size);
        note(size as isize - layout.size() as isize);
        // SAFETY: as the caller's.
        unsafe { System.realloc(at, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How often `work` allocates, and how many bytes it holds at most.
pub(crate) fn count(work: impl FnOnce()) -> (usize, isize) {
    CALLS.set(0);
    HELD.set(0);
    PEAK.set(0);
    work();
    (CALLS.get(), PEAK.get())
}

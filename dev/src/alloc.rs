//! An allocator that counts what each thread allocates while [`measure`] runs. A program that uses it declares
//! `#[global_allocator] static ALLOCATOR: Counting = Counting;`.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// The allocator.
#[derive(Debug)]
pub struct Counting;

/// What a piece of work allocated.
#[derive(Clone, Copy, Debug, Default)]
pub struct Allocated {
    /// How many times memory was asked for.
    pub calls: u64,
    /// How many bytes were asked for.
    pub bytes: u64,
    /// How many bytes more than before are held.
    pub held: i64,
    /// How many bytes more than before were held at once.
    pub peak: i64,
}

thread_local! {
    static NOW: Cell<Allocated> = const { Cell::new(Allocated { calls: 0, bytes: 0, held: 0, peak: 0 }) };
}

/// How many calls of [`measure`] are running. Counting costs a little, which code that is timed must not pay.
static RUNNING: AtomicUsize = AtomicUsize::new(0);

fn note(asked: Option<usize>, more: i64) {
    if RUNNING.load(Relaxed) == 0 {
        return;
    }
    // A thread that ends has nothing to count any more.
    let _ = NOW.try_with(|now| {
        let mut counts = now.get();
        counts.calls += u64::from(asked.is_some());
        counts.bytes += asked.unwrap_or(0) as u64;
        counts.held += more;
        counts.peak = counts.peak.max(counts.held);
        now.set(counts);
    });
}

#[allow(unsafe_code, reason = "an allocator is unsafe to implement")]
// SAFETY: the system's allocator does all the work.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(Some(layout.size()), layout.size() as i64);
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        note(Some(layout.size()), layout.size() as i64);
        // SAFETY: as the caller promises.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        note(None, -(layout.size() as i64));
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note(Some(size), size as i64 - layout.size() as i64);
        // SAFETY: as the caller promises.
        unsafe { System.realloc(at, layout, size) }
    }
}

/// What `work` returns, and what it allocated on this thread.
pub fn measure<T>(work: impl FnOnce() -> T) -> (T, Allocated) {
    let outer = NOW.replace(Allocated::default());
    RUNNING.fetch_add(1, Relaxed);
    let output = work();
    RUNNING.fetch_sub(1, Relaxed);
    (output, NOW.replace(outer))
}

/// What `work` allocates on this thread.
pub fn allocated(work: impl FnOnce()) -> Allocated {
    measure(work).1
}

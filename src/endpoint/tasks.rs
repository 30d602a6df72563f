//! The tasks that wait for a connection. A socket wakes only the task that asked last, so if there are several, what it wakes is
//! all of them.

use alloc::sync::Arc;
use alloc::task::Wake;
use alloc::vec::Vec;
use core::mem;
use core::task::Waker;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Which half of a connection a task has.
#[derive(Clone, Copy)]
pub(super) enum Half {
    Receiver,
    /// There may be several.
    Sender,
}

/// Who is to be woken.
pub(super) enum Tasks {
    /// The only task so far, which the socket wakes by itself.
    One(Option<Waker>),
    /// Several: the waker that the socket has wakes all that are in the list.
    Several(Arc<List>, Waker),
}

#[derive(Default)]
pub(super) struct List(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    receiver: Option<Waker>,
    senders: Vec<Waker>,
}

impl Tasks {
    pub(super) const fn new() -> Tasks {
        Tasks::One(None)
    }

    /// From now on, there may be several tasks.
    pub(super) fn expect_several(&mut self) {
        if let Tasks::One(task) = self {
            let list = Arc::new(List::default());
            if let Some(task) = task.take() {
                list.add(Half::Sender, &task);
            }
            let waker = Waker::from(Arc::clone(&list));
            *self = Tasks::Several(list, waker);
        }
    }

    /// This task waits. Returns the waker for the socket, if it is another one.
    pub(super) fn wait(&mut self, half: Half, task: &Waker) -> Option<Waker> {
        match self {
            Tasks::One(Some(before)) if before.will_wake(task) => return None,
            Tasks::One(before @ None) => {
                *before = Some(task.clone());
                return None;
            }
            Tasks::One(_) => self.expect_several(),
            Tasks::Several(..) => {}
        }
        let Tasks::Several(list, waker) = self else { return None };
        list.add(half, task);
        Some(waker.clone())
    }

    /// Wakes the receiving task, because there is something to write.
    pub(super) fn wake_receiver(&self) {
        if let Tasks::Several(list, _) = self
            && let Some(receiver) = list.lock().receiver.take()
        {
            receiver.wake();
        }
    }

    /// Wakes all that wait, because something has happened that the socket does not tell.
    pub(super) fn wake_all(&self) {
        if let Tasks::Several(_, waker) = self {
            waker.wake_by_ref();
        }
    }
}

impl List {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, half: Half, task: &Waker) {
        let mut waiting = self.lock();
        match half {
            Half::Receiver => match &mut waiting.receiver {
                Some(before) if before.will_wake(task) => {}
                receiver => *receiver = Some(task.clone()),
            },
            Half::Sender => {
                if !waiting.senders.iter().any(|before| before.will_wake(task)) {
                    waiting.senders.push(task.clone());
                }
            }
        }
    }
}

impl Wake for List {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let waiting = mem::take(&mut *self.lock());
        waiting.receiver.into_iter().chain(waiting.senders).for_each(Waker::wake);
    }
}

//! An engine that returns anything: no panic, no endless loop, never more than the limit.

use std::sync::{Arc, Mutex};

use arbitrary::Arbitrary;
use wsframe::deflate::{Compressor, Deflate, Inflate, InflateError, Inflater, Step};
use wsframe::{Assembler, Config, Encoder, Frame, MessageEvent, Role};
use wsframe_dev::{inflate, push_frame};

use crate::{agreed, input};

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    takeover: bool,
    look_back: u16,
    scratch_len: u16,
    max_message_len: u16,
    lies: Vec<Lie>,
    lens: Vec<u8>,
    payload: &'a [u8],
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Lie {
    Step { taken: u8, written: u8 },
    Huge,
    All,
    Corrupt { taken: u8, written: u8 },
    NoMemory,
}

#[derive(Clone)]
struct Liar {
    lies: Arc<Mutex<Vec<Lie>>>,
    look_back: usize,
}

impl Liar {
    fn next(&self, input: usize, room: usize) -> Result<Step, InflateError> {
        let step = |taken: u8, written: u8| Step { taken: taken.into(), written: written.into() };
        match self.lies.lock().expect("no panic").pop() {
            Some(Lie::Step { taken, written }) => Ok(step(taken, written)),
            Some(Lie::Huge) => Ok(Step { taken: usize::MAX, written: usize::MAX }),
            Some(Lie::Corrupt { taken, written }) => Err(InflateError::corrupt(step(taken, written))),
            Some(Lie::NoMemory) => Err(InflateError::no_memory()),
            Some(Lie::All) | None => Ok(Step { taken: input, written: room / 2 }),
        }
    }
}

impl Inflate for Liar {
    fn inflate(&mut self, input: &[u8], out: &mut [u8], at: usize) -> Result<Step, InflateError> {
        self.next(input.len(), out.len() - at)
    }

    fn finish(&mut self, out: &mut [u8], at: usize) -> Result<usize, InflateError> {
        self.next(0, out.len() - at).map(|step| step.written)
    }

    fn forget(&mut self) {}

    fn look_back(&self) -> usize {
        self.look_back
    }
}

impl Deflate for Liar {
    fn deflate(&mut self, message: &[u8], out: &mut [u8]) -> Option<usize> {
        let step = self.next(message.len(), out.len()).ok()?;
        if let Some(end) = step.written.checked_sub(4).and_then(|start| out.get_mut(start..step.written)) {
            end.copy_from_slice(&[0, 0, 0xff, 0xff]);
        }
        Some(step.written)
    }

    fn bound(&self, _: usize) -> usize {
        self.look_back
    }

    fn forget(&mut self) {}
}

pub(super) fn check(data: &[u8]) {
    let Some(input) = input::<Input<'_>>(data) else { return };
    let liar = || Liar { lies: Arc::new(Mutex::new(input.lies.clone())), look_back: input.look_back.into() };
    let max = u64::from(input.max_message_len);
    let mut stream = Vec::new();
    let mut rest = input.payload;
    for len in input.lens.iter().take(10) {
        let (payload, after) = rest.split_at(usize::from(*len).min(rest.len()));
        push_frame(&mut stream, 0xc1 + len % 2, None, payload);
        rest = after;
    }
    let agreed = agreed(input.takeover);
    let inflater = || Inflater::new(liar(), agreed, Role::Client).with_max_message_len(max);
    let mut assembler = Assembler::new(Role::Client).with_inflater(inflater());
    let _ = assembler.for_each(&mut stream.clone(), |event| {
        if let MessageEvent::Message(message) = event {
            assert!(message.payload().len() as u64 <= max);
            if let Some(text) = message.text() {
                assert!(str::from_utf8(text.as_bytes()).is_ok());
            }
        }
    });
    // It checks itself how pieces fit together.
    let _ = inflate(Role::Client, Config::CLIENT, inflater(), usize::from(input.scratch_len) + 1, [&stream[..]]);
    let mut compressor = Compressor::new(liar(), agreed, Role::Server).with_threshold(0);
    let mut out = Vec::new();
    for _ in 0..5 {
        let message = Frame::binary(input.payload);
        let len = Encoder::server().append_compressed(&mut out, &mut compressor, message).expect("it may be sent");
        assert!(len >= 2 && out.len() >= len);
    }
}

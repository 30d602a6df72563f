//! The decoder as a WebAssembly module: the host writes a stream into [`memory_at`], calls [`decode`], and is called for
//! each event.
#![no_std]

use core::panic::PanicInfo;
use core::ptr::{addr_of_mut, slice_from_raw_parts_mut};

use wsframe::{Config, Decoder, Event, Mask, MessageKind, Role, State, Utf8Validator};

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}

// What the host is told. Lengths and offsets are in bytes.
#[link(wasm_import_module = "host")]
unsafe extern "C" {
    fn chunk(text: u32, at: *const u8, len: usize, offset: u32, fragments: u32, starts: u32, ends: u32);
    // `opcode` is 9 or 10; or 8, with the code, or 0 for none.
    fn control(opcode: u32, at: *const u8, len: usize, offset: u32, code: u32);
    fn violation(close_code: u32, name: *const u8, name_len: usize, offset: u32);
}

const ROOM: usize = 1 << 20;
static mut MEMORY: [u8; ROOM] = [0; ROOM];

#[unsafe(no_mangle)]
extern "C" fn memory_at() -> *mut u8 {
    addr_of_mut!(MEMORY).cast()
}

/// The bytes `from..to` of the memory, which are nobody else's while a function runs.
fn bytes(from: usize, to: usize) -> &'static mut [u8] {
    // SAFETY: there is one thread, and each function below calls this once and keeps nothing of it.
    let memory = unsafe { &mut *slice_from_raw_parts_mut(memory_at(), ROOM) };
    &mut memory[from..to]
}

/// Decodes the bytes `from..to` in pieces of `step`, and returns the state: 0 idle, 1 in a message, 2 in a frame, 3 closed,
/// 4 failed. A limit of `u32::MAX` is the preset.
#[unsafe(no_mangle)]
extern "C" fn decode(
    server: u32,
    max_frame: u32,
    max_message: u32,
    max_fragments: u32,
    from: usize,
    to: usize,
    step: usize,
) -> u32 {
    let role = if server != 0 { Role::Server } else { Role::Client };
    let mut config = Config::preset(role);
    if max_frame != u32::MAX {
        config = config.with_max_frame_len(max_frame.into());
    }
    if max_message != u32::MAX {
        config = config.with_max_message_len(max_message.into());
    }
    if max_fragments != u32::MAX {
        config = config.with_max_fragments(max_fragments);
    }
    let mut decoder = Decoder::with_config(role, config);
    for mut piece in bytes(from, to).chunks_mut(step) {
        loop {
            let (opcode, at, len, code) = match decoder.decode(&mut piece) {
                Ok(None) => break,
                Ok(Some(Event::Chunk(data))) => {
                    let payload = data.payload();
                    let (starts, ends) = (data.starts_message(), data.ends_message());
                    // SAFETY: the host reads the payload before it returns.
                    unsafe {
                        chunk(
                            (data.kind() == MessageKind::Text).into(),
                            payload.as_ptr(),
                            payload.len(),
                            data.offset() as u32,
                            data.fragments(),
                            starts.into(),
                            ends.into(),
                        );
                    }
                    continue;
                }
                Ok(Some(Event::Ping(payload))) => (9, payload.as_ptr(), payload.len(), 0),
                Ok(Some(Event::Pong(payload))) => (10, payload.as_ptr(), payload.len(), 0),
                Ok(Some(Event::Close(close))) => {
                    let reason = close.reason();
                    (8, reason.as_ptr(), reason.len(), close.code().map_or(0, |code| code.get().into()))
                }
                Err(error) => {
                    let name = error.violation().name();
                    // SAFETY: as above.
                    unsafe {
                        violation(error.close_code().get().into(), name.as_ptr(), name.len(), error.offset() as u32);
                    }
                    return 4;
                }
            };
            // SAFETY: as above.
            unsafe { control(opcode, at, len, decoder.control_offset() as u32, code) };
        }
    }
    match decoder.state() {
        State::Idle => 0,
        State::InMessage => 1,
        State::InFrame => 2,
        State::Closed => 3,
        _ => 4,
    }
}

/// The index of the byte after which the bytes `from..to` cannot be UTF-8 any more; -1 if they are UTF-8, -2 if more must come.
#[unsafe(no_mangle)]
extern "C" fn validate(from: usize, to: usize) -> i32 {
    let mut text = Utf8Validator::new();
    match text.update(bytes(from, to)) {
        Err(error) => error.index() as i32,
        Ok(()) if text.is_complete() => -1,
        Ok(()) => -2,
    }
}

/// Unmasks the bytes `from..to`.
#[unsafe(no_mangle)]
extern "C" fn unmask(from: usize, to: usize, key: u32) {
    Mask::new(key.to_le_bytes()).apply(bytes(from, to));
}

/// The name of the kernels, with its length at `len`.
#[unsafe(no_mangle)]
extern "C" fn kernels(len: &mut usize) -> *const u8 {
    let name = wsframe::kernels();
    *len = name.len();
    name.as_ptr()
}

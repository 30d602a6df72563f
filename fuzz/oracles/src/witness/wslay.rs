//! wslay, the C library, through its event interface.

#![allow(unsafe_code, reason = "a C library")]

use std::ffi::{c_int, c_void};
use std::ptr;

use super::{Pipe, Seen, Verdict};

const WOULD_BLOCK: c_int = -401;

#[repr(C)]
struct Connection {
    _opaque: [u8; 0],
}

#[repr(C)]
struct Received {
    rsv: u8,
    opcode: u8,
    message: *const u8,
    len: usize,
    status: u16,
}

type OnReceive = unsafe extern "C" fn(*mut Connection, *mut u8, usize, c_int, *mut c_void) -> isize;
type OnSend = unsafe extern "C" fn(*mut Connection, *const u8, usize, c_int, *mut c_void) -> isize;
type OnMask = unsafe extern "C" fn(*mut Connection, *mut u8, usize, *mut c_void) -> c_int;
type OnMessage = unsafe extern "C" fn(*mut Connection, *const Received, *mut c_void);

#[repr(C)]
struct Callbacks {
    receive: Option<OnReceive>,
    send: Option<OnSend>,
    mask: Option<OnMask>,
    frame_start: *const c_void,
    frame_chunk: *const c_void,
    frame_end: *const c_void,
    message: Option<OnMessage>,
}

type Init = unsafe extern "C" fn(*mut *mut Connection, *const Callbacks, *mut c_void) -> c_int;

unsafe extern "C" {
    fn wslay_event_context_server_init(
        to: *mut *mut Connection,
        callbacks: *const Callbacks,
        user: *mut c_void,
    ) -> c_int;
    fn wslay_event_context_client_init(
        to: *mut *mut Connection,
        callbacks: *const Callbacks,
        user: *mut c_void,
    ) -> c_int;
    fn wslay_event_context_free(connection: *mut Connection);
    fn wslay_event_config_set_max_recv_msg_length(connection: *mut Connection, len: u64);
    fn wslay_event_set_error(connection: *mut Connection, error: c_int);
    fn wslay_event_recv(connection: *mut Connection) -> c_int;
    fn wslay_event_get_close_received(connection: *mut Connection) -> c_int;
    fn wslay_event_get_read_enabled(connection: *mut Connection) -> c_int;
}

struct User {
    pipe: Pipe,
    seen: Vec<Seen>,
}

pub(super) fn run(server: bool, stream: &[u8]) -> Verdict {
    let mut user = User { pipe: Pipe::new(stream), seen: Vec::new() };
    let callbacks = Callbacks {
        receive: Some(on_receive),
        send: Some(on_send),
        mask: Some(on_mask),
        frame_start: ptr::null(),
        frame_chunk: ptr::null(),
        frame_end: ptr::null(),
        message: Some(on_message),
    };
    let init: Init = if server { wslay_event_context_server_init } else { wslay_event_context_client_init };
    let mut connection = ptr::null_mut();
    // SAFETY: the callbacks are copied, and `user` outlives the connection, which is freed here.
    let refused = unsafe {
        assert_eq!(init(&mut connection, &callbacks, (&raw mut user).cast()), 0, "wslay has no memory");
        wslay_event_config_set_max_recv_msg_length(connection, 16 << 20);
        let failed = wslay_event_recv(connection) != 0;
        // On a violation it queues a Close, and reads no more.
        let stopped = wslay_event_get_read_enabled(connection) == 0 && wslay_event_get_close_received(connection) == 0;
        wslay_event_context_free(connection);
        failed || stopped
    };
    Verdict { seen: user.seen, refused }
}

unsafe extern "C" fn on_receive(
    connection: *mut Connection,
    to: *mut u8,
    len: usize,
    _: c_int,
    user: *mut c_void,
) -> isize {
    // SAFETY: `user` is the connection's, and `to` has room for `len` bytes, which the library initialized before.
    let (user, to) = unsafe { (&*user.cast::<User>(), std::slice::from_raw_parts_mut(to, len)) };
    match user.pipe.take(to) {
        0 => {
            // SAFETY: the connection is the one that calls.
            unsafe { wslay_event_set_error(connection, WOULD_BLOCK) };
            -1
        }
        len => len as isize,
    }
}

unsafe extern "C" fn on_send(_: *mut Connection, _: *const u8, len: usize, _: c_int, _: *mut c_void) -> isize {
    len as isize
}

/// What is said into the void need not be masked well.
unsafe extern "C" fn on_mask(_: *mut Connection, to: *mut u8, len: usize, _: *mut c_void) -> c_int {
    // SAFETY: `to` has room for `len` bytes.
    unsafe { to.write_bytes(0, len) };
    0
}

unsafe extern "C" fn on_message(_: *mut Connection, received: *const Received, user: *mut c_void) {
    // SAFETY: `user` is the connection's; the message has `len` bytes, and an empty one may be null.
    let (user, received, payload) = unsafe {
        let received = &*received;
        let payload = match received.len {
            0 => &[],
            len => std::slice::from_raw_parts(received.message, len),
        };
        (&mut *user.cast::<User>(), received, payload.to_vec())
    };
    user.seen.push(match received.opcode {
        1 => Seen::Message { text: true, payload },
        2 => Seen::Message { text: false, payload },
        9 => Seen::Ping(payload),
        10 => Seen::Pong(payload),
        _ => Seen::Close(payload.first_chunk().map(|code| u16::from_be_bytes(*code))),
    });
}

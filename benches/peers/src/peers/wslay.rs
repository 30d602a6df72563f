//! wslay: the C library, through its event interface.

use super::{Codec, Rank};

pub const CODEC: Codec = Codec {
    name: "wslay",
    package: "wslay",
    rank: Rank::Rival,
    owns: false,
    mode: "C library, event interface with buffering; it reads 4 KiB at a time; pongs go to a sink",
    unchecked: "nothing that was noticed",
    #[cfg(have_wslay)]
    decoder: Some(|feed, role| linked::reader(feed, role)),
    #[cfg(not(have_wslay))]
    decoder: None,
    encoder: None,
};

#[cfg(have_wslay)]
mod linked {
    use std::ffi::{c_int, c_void};
    use std::ptr;

    use crate::feed::Feed;
    use crate::peers::Peer;
    use crate::tally::{Kind, Tally};
    use crate::workloads::Role;

    const WOULD_BLOCK: c_int = -401;

    #[repr(C)]
    struct Context {
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

    type OnReceive = unsafe extern "C" fn(*mut Context, *mut u8, usize, c_int, *mut c_void) -> isize;
    type OnSend = unsafe extern "C" fn(*mut Context, *const u8, usize, c_int, *mut c_void) -> isize;
    type OnMask = unsafe extern "C" fn(*mut Context, *mut u8, usize, *mut c_void) -> c_int;
    type OnMessage = unsafe extern "C" fn(*mut Context, *const Received, *mut c_void);

    #[repr(C)]
    struct Callbacks {
        receive: Option<OnReceive>,
        send: Option<OnSend>,
        genmask: Option<OnMask>,
        frame_start: *const c_void,
        frame_chunk: *const c_void,
        frame_end: *const c_void,
        message: Option<OnMessage>,
    }

    unsafe extern "C" {
        fn wslay_event_context_server_init(
            to: *mut *mut Context,
            callbacks: *const Callbacks,
            user: *mut c_void,
        ) -> c_int;
        fn wslay_event_context_client_init(
            to: *mut *mut Context,
            callbacks: *const Callbacks,
            user: *mut c_void,
        ) -> c_int;
        fn wslay_event_context_free(context: *mut Context);
        fn wslay_event_config_set_max_recv_msg_length(context: *mut Context, len: u64);
        fn wslay_event_set_error(context: *mut Context, error: c_int);
        fn wslay_event_recv(context: *mut Context) -> c_int;
        fn wslay_event_send(context: *mut Context) -> c_int;
    }

    /// What the callbacks work on.
    struct User {
        feed: Feed,
        tally: *mut Tally,
    }

    pub struct Reading {
        context: *mut Context,
        user: Box<User>,
    }

    pub fn reader(feed: Feed, role: Role) -> Box<dyn Peer> {
        let mut user = Box::new(User { feed, tally: ptr::null_mut() });
        let callbacks = Callbacks {
            receive: Some(on_receive),
            send: Some(on_send),
            genmask: Some(on_mask),
            frame_start: ptr::null(),
            frame_chunk: ptr::null(),
            frame_end: ptr::null(),
            message: Some(on_message),
        };
        let mut context = ptr::null_mut();
        let user_at: *mut User = &mut *user;
        // SAFETY: The callbacks are copied; `user` lives as long as the context, in its box.
        let error = unsafe {
            match role {
                Role::Server => wslay_event_context_server_init(&mut context, &callbacks, user_at.cast()),
                Role::Client => wslay_event_context_client_init(&mut context, &callbacks, user_at.cast()),
            }
        };
        assert_eq!(error, 0, "wslay has no memory");
        // SAFETY: The context was just made.
        unsafe { wslay_event_config_set_max_recv_msg_length(context, 1 << 30) };
        Box::new(Reading { context, user })
    }

    impl Peer for Reading {
        fn run(&mut self, tally: &mut Tally) -> Result<(), String> {
            self.user.tally = tally;
            // SAFETY: The context is alive, and `tally` is until the callbacks have returned.
            let (received, sent) = unsafe { (wslay_event_recv(self.context), wslay_event_send(self.context)) };
            self.user.tally = ptr::null_mut();
            self.user.feed.written().borrow_mut().clear();
            if received == 0 && sent == 0 { Ok(()) } else { Err(format!("wslay error {received}, {sent}")) }
        }
    }

    impl Drop for Reading {
        fn drop(&mut self) {
            // SAFETY: The context is freed once.
            unsafe { wslay_event_context_free(self.context) };
        }
    }

    /// What a client says into the sink need not be masked well.
    unsafe extern "C" fn on_mask(_: *mut Context, to: *mut u8, len: usize, _: *mut c_void) -> c_int {
        // SAFETY: `to` has room for `len` bytes.
        unsafe { to.write_bytes(0, len) };
        0
    }

    unsafe extern "C" fn on_receive(
        context: *mut Context,
        to: *mut u8,
        len: usize,
        _: c_int,
        user: *mut c_void,
    ) -> isize {
        // SAFETY: `user` is the context's user, and `to` has room for `len` bytes, which wslay initialized before.
        let (user, to) = unsafe { (&*user.cast::<User>(), std::slice::from_raw_parts_mut(to, len)) };
        match user.feed.read(to) {
            0 => {
                // SAFETY: The context is the one that calls.
                unsafe { wslay_event_set_error(context, WOULD_BLOCK) };
                -1
            }
            len => len as isize,
        }
    }

    unsafe extern "C" fn on_send(_: *mut Context, from: *const u8, len: usize, _: c_int, user: *mut c_void) -> isize {
        // SAFETY: `user` is the context's user, and `from` has `len` bytes.
        let (user, from) = unsafe { (&*user.cast::<User>(), std::slice::from_raw_parts(from, len)) };
        user.feed.written().borrow_mut().extend_from_slice(from);
        len as isize
    }

    unsafe extern "C" fn on_message(_: *mut Context, received: *const Received, user: *mut c_void) {
        // SAFETY: `user` is the context's user, whose tally lives while `run` does; the message has `len` bytes, and an
        // empty one may be null.
        let (tally, received, payload) = unsafe {
            let received = &*received;
            let payload = match received.len {
                0 => &[],
                len => std::slice::from_raw_parts(received.message, len),
            };
            (&mut *(*user.cast::<User>()).tally, received, payload)
        };
        match received.opcode {
            1 => tally.message(Kind::Text, payload),
            2 => tally.message(Kind::Binary, payload),
            9 => tally.ping(payload),
            _ => {}
        }
    }
}

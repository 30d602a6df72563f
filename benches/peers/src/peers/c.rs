//! Codecs that are driven from C and C++, by the loops in `c/`: wsframe's interface for C, and Boost.Beast.

use std::ffi::{c_int, c_void};
use std::ptr;

use wsframe_dev::Rng;

use super::{Codec, Encode, Peer, Rank};
use crate::feed::Feed;
use crate::tally::{Kind, Message, Tally};
use crate::workloads::Role;

pub const DECODER: Codec = Codec {
    name: "wsframe decoder, C",
    package: "",
    rank: Rank::Own,
    owns: false,
    mode: "libwsframe from C, as a static library: wsframe_decode, pieces, in the buffer that was read into",
    unchecked: "nothing; a message that came in several pieces is not assembled",
    decoder: Some(|feed, role| Box::new(Driven { feed, driver: Library::new(role, wsframe_c_decode_any) })),
    encoder: None,
};

pub const CONNECTION: Codec = Codec {
    name: "wsframe connection, C",
    package: "",
    rank: Rank::Own,
    owns: false,
    mode: "the same: wsframe_connection_decode; Pongs go nowhere",
    unchecked: "nothing; a message that came in several pieces is not assembled",
    decoder: Some(|feed, role| Box::new(Driven { feed, driver: Library::new(role, wsframe_c_conduct_any) })),
    encoder: None,
};

pub const ENCODER: Codec = Codec {
    name: "wsframe encoder, C",
    package: "",
    rank: Rank::Own,
    owns: false,
    mode: "the same: wsframe_encode; keys from the harness' generator; text is validated, as C has no type for it",
    unchecked: "nothing",
    decoder: None,
    encoder: Some(|_, role, message| Box::new(Encoding::new(role, message))),
};

pub const BEAST: Codec = Codec {
    name: "Boost.Beast",
    package: "beast",
    rank: Rank::Rival,
    owns: false,
    mode: "C++, websocket::stream with its synchronous calls, read() into a flat_buffer; a connection for each round",
    unchecked: "nothing that was noticed",
    #[cfg(have_beast)]
    decoder: Some(|feed, role| Box::new(Driven { feed, driver: Beast { is_server: is_server(role) } })),
    #[cfg(not(have_beast))]
    decoder: None,
    #[cfg(have_beast)]
    encoder: Some(|_, role, message| Box::new(BeastEncoding::new(role, message))),
    #[cfg(not(have_beast))]
    encoder: None,
};

fn is_server(role: Role) -> c_int {
    c_int::from(role == Role::Server)
}

/// `struct harness` of `c/harness.h`.
#[repr(C)]
struct Harness {
    user: *mut c_void,
    read: unsafe extern "C" fn(*mut c_void, *mut u8, usize) -> usize,
    check: Option<unsafe extern "C" fn(*mut c_void, c_int, *const u8, usize, c_int)>,
    messages: u64,
    bytes: u64,
    pings: u64,
}

/// What `Harness::user` points to.
struct User<'a> {
    feed: &'a Feed,
    tally: &'a mut Tally,
}

unsafe extern "C" fn read(user: *mut c_void, to: *mut u8, len: usize) -> usize {
    // SAFETY: `user` is that of `Driven::run`, and `to` has room for `len` bytes, which the driver initialized before or does
    // not read before they are written.
    unsafe { (*user.cast::<User<'_>>()).feed.read(std::slice::from_raw_parts_mut(to, len)) }
}

unsafe extern "C" fn check(user: *mut c_void, kind: c_int, payload: *const u8, len: usize, ends_message: c_int) {
    // SAFETY: as above; the payload has `len` bytes, and an empty one may be null.
    let (user, payload) = unsafe {
        let payload = if len == 0 { &[] } else { std::slice::from_raw_parts(payload, len) };
        (&mut *user.cast::<User<'_>>(), payload)
    };
    user.tally.piece(if kind == 1 { Kind::Text } else { Kind::Binary }, payload, ends_message != 0);
}

/// A loop in C: takes all that the harness gives; 0 for success.
trait Driver {
    fn drive(&mut self, harness: &mut Harness, buffer: &mut [u8]) -> c_int;
}

struct Driven<D> {
    feed: Feed,
    driver: D,
}

impl<D: Driver> Peer for Driven<D> {
    fn run(&mut self, tally: &mut Tally) -> Result<(), String> {
        let mut scratch = self.feed.take_scratch();
        let check = tally.is_checking().then_some(check as unsafe extern "C" fn(_, _, _, _, _));
        let mut user = User { feed: &self.feed, tally };
        let user_at: *mut User<'_> = &mut user;
        let mut harness = Harness { user: user_at.cast(), read, check, messages: 0, bytes: 0, pings: 0 };
        let status = self.driver.drive(&mut harness, &mut scratch);
        if check.is_none() {
            (tally.messages, tally.bytes) = (harness.messages, harness.bytes);
        }
        tally.pings = harness.pings;
        self.feed.put_scratch(scratch);
        if status == 0 { Ok(()) } else { Err(format!("status {status}")) }
    }
}

type Keys = unsafe extern "C" fn(*mut c_void, *mut u8) -> c_int;

/// Keys from the harness' generator.
unsafe extern "C" fn next_key(context: *mut c_void, key: *mut u8) -> c_int {
    // SAFETY: the context is a generator that lives in a box, and the key has four bytes.
    unsafe { key.cast::<[u8; 4]>().write((*context.cast::<Rng>()).key()) };
    0
}

/// Handles of libwsframe, of the sizes that `c/wsframe.c` is compiled with.
#[repr(C, align(8))]
struct Decoder([u8; 256]);
#[repr(C, align(8))]
struct Connection([u8; 512]);
#[repr(C, align(8))]
struct Encoder([u8; 128]);

unsafe extern "C" {
    fn wsframe_c_init(_: *mut Decoder, _: *mut Connection, is_server: c_int, _: Keys, context: *mut c_void) -> c_int;
    fn wsframe_c_decode(_: *mut Decoder, _: *mut Harness, buffer: *mut u8, room: usize) -> c_int;
    fn wsframe_c_conduct(_: *mut Connection, _: *mut Harness, buffer: *mut u8, room: usize) -> c_int;
    fn wsframe_c_encoder_init(_: *mut Encoder, is_server: c_int, _: Keys, context: *mut c_void) -> c_int;
    fn wsframe_c_encode(
        _: *mut Encoder,
        kind: c_int,
        payload: *const u8,
        len: usize,
        count: usize,
        out: *mut u8,
        room: usize,
    ) -> usize;
}

/// libwsframe, by one of its loops.
struct Library {
    decoder: Decoder,
    connection: Connection,
    /// Where the keys of the connection come from.
    _keys: Box<Rng>,
    run: fn(&mut Library, &mut Harness, &mut [u8]) -> c_int,
}

fn wsframe_c_decode_any(library: &mut Library, harness: &mut Harness, buffer: &mut [u8]) -> c_int {
    // SAFETY: the decoder was initialized, and the harness and the buffer live.
    unsafe { wsframe_c_decode(&mut library.decoder, harness, buffer.as_mut_ptr(), buffer.len()) }
}

fn wsframe_c_conduct_any(library: &mut Library, harness: &mut Harness, buffer: &mut [u8]) -> c_int {
    // SAFETY: as above.
    unsafe { wsframe_c_conduct(&mut library.connection, harness, buffer.as_mut_ptr(), buffer.len()) }
}

impl Library {
    fn new(role: Role, run: fn(&mut Library, &mut Harness, &mut [u8]) -> c_int) -> Library {
        let mut keys = Box::new(Rng(3));
        let (mut decoder, mut connection) = (Decoder([0; 256]), Connection([0; 512]));
        // SAFETY: storage of the right sizes, and a context that stays where it is.
        let status = unsafe {
            wsframe_c_init(&mut decoder, &mut connection, is_server(role), next_key, ptr::from_mut(&mut *keys).cast())
        };
        assert_eq!(status, 0);
        Library { decoder, connection, _keys: keys, run }
    }
}

impl Driver for Library {
    fn drive(&mut self, harness: &mut Harness, buffer: &mut [u8]) -> c_int {
        (self.run)(self, harness, buffer)
    }
}

struct Encoding {
    encoder: Encoder,
    _keys: Box<Rng>,
    message: Message,
    out: Vec<u8>,
    len: usize,
}

impl Encoding {
    fn new(role: Role, message: Message) -> Encoding {
        let (mut encoder, mut keys) = (Encoder([0; 128]), Box::new(Rng(3)));
        // SAFETY: as in `Library::new`.
        let status = unsafe {
            wsframe_c_encoder_init(&mut encoder, is_server(role), next_key, ptr::from_mut(&mut *keys).cast())
        };
        assert_eq!(status, 0);
        Encoding { encoder, _keys: keys, message, out: Vec::new(), len: 0 }
    }
}

fn kind(kind: Kind) -> c_int {
    if kind == Kind::Text { 1 } else { 2 }
}

impl Encode for Encoding {
    fn batch(&mut self, count: usize) -> Result<(), String> {
        let Encoding { encoder, message: Message { kind: of, payload }, out, .. } = self;
        out.resize(count * (payload.len() + 14), 0);
        // SAFETY: the encoder was initialized; the payload and the output are apart.
        self.len = unsafe {
            wsframe_c_encode(encoder, kind(*of), payload.as_ptr(), payload.len(), count, out.as_mut_ptr(), out.len())
        };
        if self.len > 0 { Ok(()) } else { Err("a frame was refused".to_owned()) }
    }

    fn output(&mut self) -> Vec<u8> {
        self.out[..self.len].to_vec()
    }
}

#[cfg(have_beast)]
mod beast {
    use super::*;

    unsafe extern "C" {
        pub fn beast_decode(is_server: c_int, _: *mut Harness, buffer: *mut u8, room: usize) -> c_int;
        pub fn beast_sender(is_server: c_int) -> *mut c_void;
        pub fn beast_encode(
            _: *mut c_void,
            kind: c_int,
            payload: *const u8,
            len: usize,
            count: usize,
            written: *mut usize,
        ) -> *const u8;
        pub fn beast_free(_: *mut c_void);
    }
}

#[cfg(have_beast)]
struct Beast {
    is_server: c_int,
}

#[cfg(have_beast)]
impl Driver for Beast {
    fn drive(&mut self, harness: &mut Harness, buffer: &mut [u8]) -> c_int {
        // SAFETY: the harness and the buffer live.
        unsafe { beast::beast_decode(self.is_server, harness, buffer.as_mut_ptr(), buffer.len()) }
    }
}

#[cfg(have_beast)]
struct BeastEncoding {
    sender: *mut c_void,
    message: Message,
    out: *const u8,
    len: usize,
}

#[cfg(have_beast)]
impl BeastEncoding {
    fn new(role: Role, message: Message) -> BeastEncoding {
        // SAFETY: no conditions.
        let sender = unsafe { beast::beast_sender(is_server(role)) };
        assert!(!sender.is_null());
        BeastEncoding { sender, message, out: ptr::null(), len: 0 }
    }
}

#[cfg(have_beast)]
impl Encode for BeastEncoding {
    fn batch(&mut self, count: usize) -> Result<(), String> {
        let Message { kind: of, payload } = &self.message;
        // SAFETY: the sender lives, and the payload does.
        self.out = unsafe {
            beast::beast_encode(self.sender, kind(*of), payload.as_ptr(), payload.len(), count, &mut self.len)
        };
        if self.out.is_null() { Err("a message was refused".to_owned()) } else { Ok(()) }
    }

    fn output(&mut self) -> Vec<u8> {
        // SAFETY: the last batch's output, which the sender keeps.
        unsafe { std::slice::from_raw_parts(self.out, self.len) }.to_vec()
    }
}

#[cfg(have_beast)]
impl Drop for BeastEncoding {
    fn drop(&mut self) {
        // SAFETY: freed once.
        unsafe { beast::beast_free(self.sender) };
    }
}

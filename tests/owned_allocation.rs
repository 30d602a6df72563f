//! C7 for owned messages: memory follows what came, however it is cut, and no message has a buffer of its own.

mod counting;

use bytes::{BufMut, BytesMut};
use counting::{BYTES, HELD, PEAK, count};
use wsframe::codec::{Message, MessageDecoder, PreparedFrame};
use wsframe::{Config, Encoder, Role};

/// Binary messages of `len` bytes from a server.
fn frames(len: usize, times: usize) -> Vec<u8> {
    let mut frames = BytesMut::new();
    let mut encoder = Encoder::server();
    for _ in 0..times {
        encoder.put_binary(&mut frames, &vec![7; len]).unwrap();
    }
    frames.to_vec()
}

/// Reads `stream` into a buffer of `size` bytes; returns all messages if they are kept, and how often the buffer was filled.
fn read(decoder: &mut MessageDecoder, stream: &[u8], size: usize, keep: bool) -> (Vec<Message>, usize) {
    let mut kept = Vec::with_capacity(if keep { stream.len() / 4 } else { 0 });
    let mut buffer = BytesMut::new();
    let mut reads = 0;
    for piece in stream.chunks(size) {
        reads += 1;
        buffer.reserve(size);
        buffer.put_slice(piece);
        while let Some(message) = decoder.decode(&mut buffer).unwrap() {
            if keep {
                kept.push(message);
            }
        }
    }
    (kept, reads)
}

#[test]
fn small_messages_allocate_at_most_once_per_read_buffer() {
    for (len, size) in [(0, 4096), (2, 4096), (16, 65_536), (100, 65_536), (1000, 65_536), (1000, 8192)] {
        let stream = frames(len, 20_000);
        for keep in [false, true] {
            let mut decoder = MessageDecoder::new(Role::Client);
            let mut result = Default::default();
            let (calls, _) = count(|| result = read(&mut decoder, &stream, size, keep));
            let (messages, reads) = result;
            assert!(!keep || messages.len() == 20_000);
            // A buffer is its bytes, and what counts their owners.
            assert!(
                calls <= 2 * reads + 2,
                "{calls} allocations in {reads} reads of {size}, messages of {len}, kept: {keep}"
            );
        }
    }
}

#[test]
fn payloads_of_control_frames_share_their_room() {
    let stream = b"\x89\x02hi\x8a\x00\x89\x04ping".repeat(3000);
    let (calls, _) = count(|| {
        let mut buffer = BytesMut::from(&stream[..]);
        let mut decoder = MessageDecoder::new(Role::Client);
        while decoder.decode(&mut buffer).unwrap().is_some() {}
    });
    assert!(calls <= 6, "{calls} allocations");
}

#[test]
fn a_declared_length_reserves_nothing() {
    let config = Config::CLIENT.max_frame_len(1 << 40).max_message_len(1 << 40);
    for declared in [64_u64 << 20, 1 << 30, 1 << 40] {
        for (piece, capacity) in [(20, 4096), (20, 0), (1, 4096), (1, 0), (7, 100)] {
            let stream = [&b"\x82\x7f"[..], &declared.to_be_bytes(), &[0; 10]].concat();
            HELD.set(0);
            PEAK.set(0);
            let mut decoder = MessageDecoder::with_config(Role::Client, config);
            let mut buffer = BytesMut::with_capacity(capacity);
            for piece in stream.chunks(piece) {
                buffer.extend_from_slice(piece);
                assert_eq!(decoder.decode(&mut buffer).unwrap(), None);
            }
            assert!(PEAK.get() <= 10 * 1024, "{} bytes are held for 10 of {declared}", PEAK.get());
        }
    }
}

#[test]
fn memory_grows_with_what_came() {
    let len = 3_000_000;
    let stream = frames(len, 1);
    for size in [100, 1460, 65_536] {
        HELD.set(0);
        let mut decoder = MessageDecoder::new(Role::Client);
        let mut buffer = BytesMut::with_capacity(size);
        let mut came = 0;
        for piece in stream.chunks(size) {
            came += piece.len();
            PEAK.set(HELD.get());
            buffer.reserve(piece.len());
            buffer.put_slice(piece);
            let message = decoder.decode(&mut buffer).unwrap();
            assert_eq!(message.is_some(), came == stream.len());
            let held = HELD.get() as usize;
            let most = (2 * came).min(len) + 4 * size.max(4096) + 100;
            assert!(held <= most, "{held} bytes are held when {came} came in reads of {size}");
            // While it grows, what it was is there too.
            assert!(PEAK.get() as usize <= most + came, "{} bytes were held when {came} came", PEAK.get());
        }
    }
}

/// Whatever came before it in the same buffer.
#[test]
fn a_connection_holds_no_more_than_its_limit_and_a_few_reads() {
    let limit = 1_000_000;
    let stream = [frames(500_000, 1), frames(limit, 1), frames(900_000, 1), frames(limit, 2)].concat();
    let mut decoder = MessageDecoder::with_config(Role::Client, Config::CLIENT.max_message_len(limit as u64));
    for size in [1460, 8192, 65_536] {
        HELD.set(0);
        PEAK.set(0);
        let mut buffer = BytesMut::with_capacity(size);
        let mut rest = &stream[..];
        let mut steady = 0;
        while !rest.is_empty() {
            // As a socket does: into the room that there is.
            if buffer.capacity() == 0 {
                buffer.reserve(size);
            }
            let (now, later) = rest.split_at(rest.len().min(size).min(buffer.capacity()));
            buffer.put_slice(now);
            rest = later;
            while decoder.decode(&mut buffer).unwrap().is_some() {}
            steady = steady.max(HELD.get() as usize);
        }
        assert!(steady <= limit + 4 * size.max(4096) + 100, "{steady} bytes are held in reads of {size}");
    }
}

/// The peer chooses where a read ends.
#[test]
fn small_messages_that_are_cut_do_not_keep_a_buffer_each() {
    for (len, capacity) in [(1, 0), (10, 0), (10, 4096), (10, 8192), (100, 0), (1000, 0)] {
        let stream = frames(len, 1000);
        let mut kept = Vec::with_capacity(1000);
        HELD.set(0);
        let mut decoder = MessageDecoder::new(Role::Client);
        let mut buffer = BytesMut::with_capacity(capacity);
        let mut rest = &stream[..];
        while !rest.is_empty() {
            // Behind the header of the next message, or its first byte.
            let frame = stream.len() / 1000;
            let cut = if rest.len() == stream.len() { frame - len + usize::from(len > 1) } else { frame };
            let (now, later) = rest.split_at(cut.min(rest.len()));
            buffer.extend_from_slice(now);
            rest = later;
            while let Some(message) = decoder.decode(&mut buffer).unwrap() {
                kept.push(message);
            }
        }
        assert_eq!(kept.len(), 1000);
        let held = HELD.get() as usize;
        // What counts the owners of a buffer is 40 bytes.
        let most = 2 * stream.len() + 1000 * 40 + capacity + 8192;
        assert!(held <= most, "{held} bytes are held for 1000 messages of {len}");
    }
}

#[test]
fn what_comes_behind_a_large_message_does_not_keep_its_buffer() {
    let small = frames(2, 1);
    // A whole message, and the beginning of one that never ends.
    for behind in [&small[..], b"\x02\x01x"] {
        let stream = [&frames(1_000_000, 1), behind].concat();
        HELD.set(0);
        let mut decoder = MessageDecoder::new(Role::Client);
        let mut kept = None;
        let mut buffer = BytesMut::new();
        for piece in stream.chunks(65_536) {
            buffer.extend_from_slice(piece);
            while let Some(message) = decoder.decode(&mut buffer).unwrap() {
                kept = Some(message);
            }
        }
        assert!(kept.take_if(|message| message.payload().len() > 2).is_some() == (behind != small));
        assert!(HELD.get() <= 2 * 65_536, "{} bytes are held", HELD.get());
    }
}

/// The room behind a message is of no use to a caller that gives a new buffer each time and keeps the old ones for a while:
/// what is gathered must not be copied at each read.
#[test]
fn work_is_linear_when_emptied_buffers_live_on() {
    let stream = frames(200_000, 1);
    let mut used = std::collections::VecDeque::new();
    let mut decoder = MessageDecoder::new(Role::Client);
    BYTES.set(0);
    for piece in stream.chunks(100) {
        let mut buffer = BytesMut::from(piece);
        while decoder.decode(&mut buffer).unwrap().is_some() {}
        used.push_back(buffer);
        if used.len() > 3 {
            used.pop_front();
        }
    }
    assert!(BYTES.get() <= 8 * stream.len(), "{} bytes were allocated", BYTES.get());
}

#[test]
fn behind_a_close_nothing_is_held() {
    HELD.set(0);
    let mut decoder = MessageDecoder::new(Role::Client);
    let mut buffer =
        BytesMut::from(&[&b"\x02\x7f\0\0\0\0\0\x0f\x42\x40"[..], &[0; 1_000_000], b"\x88\x00rest"].concat()[..]);
    assert!(matches!(decoder.decode(&mut buffer), Ok(Some(Message::Close(_)))));
    assert_eq!(decoder.decode(&mut buffer), Ok(None));
    assert!(HELD.get() <= 1000, "{} bytes are held", HELD.get());

    let mut assembler = wsframe::Assembler::new(Role::Client);
    HELD.set(0);
    for piece in
        [&mut b"\x02\x7f\0\0\0\0\0\x0f\x42\x40"[..].to_vec(), &mut vec![0; 1_000_000], &mut b"\x88\x00".to_vec()]
    {
        assembler.for_each(piece, |_| {}).unwrap();
    }
    assert!(HELD.get() <= 1000, "{} bytes are held", HELD.get());
}

#[cfg(feature = "tokio-util")]
#[test]
fn the_write_buffer_is_given_back_too() {
    use tokio_util::codec::Encoder;

    let mut codec = wsframe::codec::MessageCodec::server();
    let mut out = BytesMut::with_capacity(8192);
    for (len, most) in [(1_000_000, 1_100_000), (900_000, 1_100_000), (1, 65_536)] {
        codec.encode(Message::from(vec![0; len]), &mut out).unwrap();
        assert!(out.len() > len);
        // It was sent.
        out.clear();
        assert!(out.capacity() <= most);
    }
    codec.encode(Message::from(vec![0; 1_000_000]), &mut out).unwrap();
    out.clear();
    codec.encode(PreparedFrame::new(&Message::from("small")).unwrap(), &mut out).unwrap();
    assert!(out.capacity() <= 65_536);
}

#[test]
fn the_buffer_is_handed_back_after_a_large_message() {
    for (kept, is_kept) in [(64 * 1024, false), (1 << 20, true)] {
        for size in [1460, 65_536, 1 << 20] {
            HELD.set(0);
            let mut decoder = MessageDecoder::new(Role::Client).keep(kept);
            let mut buffer = BytesMut::new();
            for _ in 0..3 {
                for piece in [frames(500_000, 1), frames(3, 2)].concat().chunks(size) {
                    buffer.extend_from_slice(piece);
                    while decoder.decode(&mut buffer).unwrap().is_some() {}
                }
            }
            let held = HELD.get();
            let as_told = if is_kept { held >= 500_000 } else { held <= 80 * 1024 };
            assert!(as_told, "{held} bytes are held by an idle connection that keeps {kept}, in reads of {size}");
        }
    }
}

/// Messages that come one a read, and are kept.
#[cfg(feature = "tokio-util")]
#[test]
fn small_messages_do_not_keep_a_read_buffer_each() {
    use tokio_util::codec::Decoder;

    for len in [10, 100, 500] {
        let mut kept = Vec::with_capacity(1000);
        let mut buffer = BytesMut::with_capacity(8192);
        let mut codec = wsframe::codec::MessageCodec::client(|| [0; 4]);
        HELD.set(0);
        for frame in frames(len, 1000).chunks(frames(len, 1).len()) {
            assert_eq!(codec.decode(&mut buffer).unwrap(), None);
            assert!(buffer.capacity() >= 1024);
            buffer.put_slice(frame);
            kept.extend(codec.decode(&mut buffer).unwrap());
        }
        let most = 2 * 1000 * (len + 4) + 16 * 1024;
        assert!(HELD.get() as usize <= most, "{} bytes are held for 1000 messages of {len}", HELD.get());
        // Of a buffer that is free again, all can be read into.
        kept.clear();
        assert_eq!(codec.decode(&mut buffer).unwrap(), None);
        assert!(buffer.capacity() >= 8192);
    }
}

/// As the documentation says, on 64-bit targets.
#[test]
fn a_connection_is_small() {
    assert_eq!((size_of::<MessageDecoder>(), size_of::<wsframe::Assembler>()), (304, 240));
}

#[test]
fn a_prepared_frame_is_not_copied_for_its_receivers() {
    let frame = PreparedFrame::new(&Message::from(vec![0; 10_000])).unwrap();
    let (calls, _) = count(|| {
        for _ in 0..1000 {
            assert_eq!(Encoder::server().prepared(&frame).unwrap().len(), 10_004);
        }
    });
    // What counts the owners, once.
    assert!(calls <= 1, "{calls} allocations");
}

#[test]
fn large_payloads_of_a_server_are_not_copied() {
    let message = Message::from(vec![0; 1_000_000]);
    let (_, peak) = count(|| drop(Encoder::server().parts(message.clone()).unwrap()));
    assert!(peak <= 200, "{peak} bytes");
}

//! C7: the decoder and the encoder never allocate, nobody reserves on a header's word, and memory is what the documents say.

use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;
use std::io;

use bytes::{BufMut, BytesMut};
use futures_util::FutureExt;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::codec::{Decoder as _, Encoder as _};
use wsframe::codec::{Message, MessageCodec, MessageDecoder, PreparedFrame};
use wsframe::deflate::{Agreement, Compressor, Direction, Inflater, WindowBits};
use wsframe::endpoint::{Options, WebSocket};
use wsframe::handshake::{self, HeadFinder, Refusal, RequestHead, ResponseFinder};
use wsframe::{Assembler, CloseFrame, Config, Connection, Decoder, Encoder, Event, Frame, MessageEvent, Role};
use wsframe_dev::alloc::{Counting, allocated, measure};
use wsframe_dev::frame;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn stream(len: usize) -> Vec<u8> {
    let mut encoder = Encoder::client(|| [1, 2, 3, 4]);
    let mut stream = Vec::new();
    let text = "a€".repeat(len / 4);
    for frame in [
        Frame::text(&text),
        Frame::ping(&[7; 125]),
        Frame::text_fragment(&text, false),
        Frame::pong(b"pong"),
        Frame::text_fragment(&text, true),
        Frame::close(CloseFrame::EMPTY),
    ] {
        encoder.append(&mut stream, frame).unwrap();
    }
    stream
}

/// Binary messages of `len` bytes from a server.
fn frames(len: usize, times: usize) -> Vec<u8> {
    frame(0x82, None, &vec![7; len]).repeat(times)
}

/// Reads `stream` into the decoder, at most `size` bytes a time and no more than it has room for; passes on its messages.
fn read(decoder: &mut MessageDecoder, stream: &[u8], size: usize, mut on: impl FnMut(Message)) -> usize {
    let (mut rest, mut reads) = (stream, 0);
    while !rest.is_empty() {
        let room = decoder.chunk_mut().len();
        let (now, later) = rest.split_at(rest.len().min(size).min(room));
        decoder.put_slice(now);
        (rest, reads) = (later, reads + 1);
        decoder.for_each(&mut on).unwrap();
    }
    reads
}

#[test]
fn a_connection_and_the_handshake_never_allocate() {
    let request = b"GET / HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n\
        Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: a, b\r\n\
        Sec-WebSocket-Extensions: x; y=\"z\"\r\n\r\n";
    let mut stream = stream(20_000);
    let mut out = [0; 1024];
    let mut written = 0;
    let counted = allocated(|| {
        let client = handshake::Client::new([7; 16], "example.com", "/").with_protocols(&["a"]);
        written += client.write(&mut out).unwrap();
        let head = HeadFinder::new().find(request).unwrap().unwrap();
        let checked = RequestHead::parse(&request[..head]).unwrap().check().unwrap();
        assert_eq!((checked.protocols().count(), checked.extensions().count()), (2, 1));
        let len = checked.answer().with_protocol("b").unwrap().write(&mut out, &[("X", "y")]).unwrap();
        // Another client's key and protocol.
        assert!(client.read(&mut ResponseFinder::new(), &out[..len]).is_err());
        for refusal in Refusal::ALL {
            written += refusal.write(&mut out, &[], refusal.remedy()).unwrap();
        }

        let mut connection = Connection::<Decoder, _>::server();
        for (i, mut input) in stream.chunks_mut(100).enumerate() {
            connection.at(Duration::from_secs(i as u64));
            while connection.decode(&mut input).unwrap().is_some() {
                written += connection.write_control(&mut out[..]);
            }
            _ = connection.deadline();
        }
        written += connection.write_control(&mut out[..]);
        assert!(connection.outcome().unwrap().is_clean());
    });
    assert_eq!((counted.calls, counted.peak), (0, 0));
    assert!(written > 0);
}

#[test]
fn the_decoder_never_allocates() {
    for size in [usize::MAX, 1000, 1] {
        let mut stream = stream(20_000);
        let size = size.min(stream.len());
        let mut events = 0;
        let counted = allocated(|| {
            let mut decoder = Decoder::new(Role::Server);
            for piece in stream.chunks_mut(size) {
                decoder.for_each(piece, |_| events += 1).unwrap();
            }
        });
        assert_eq!((counted.calls, counted.peak), (0, 0), "pieces of {size}");
        assert!(events >= 6);
    }
}

#[test]
fn the_encoder_never_allocates() {
    let text = "ä".repeat(1000);
    let mut out = [0; 3000];
    let counted = allocated(|| {
        for _ in 0..10 {
            let mut client = Encoder::client(|| [1, 2, 3, 4]);
            let mut server = Encoder::server();
            server.text(&mut out, &text).unwrap();
            client.text(&mut out, &text).unwrap();
            client.encode(&mut out, Frame::text_fragment(&text, false)).unwrap();
            client.ping(&mut out, b"ping").unwrap();
            client.close(&mut out, CloseFrame::EMPTY).unwrap();
        }
    });
    assert_eq!(counted.calls, 0);
}

#[test]
fn a_refusal_and_its_close_frame_do_not_allocate() {
    let mut frame = *b"\x81\x80\x01\x02\x03\x04\x83\x00";
    let counted = allocated(|| {
        let error = Decoder::new(Role::Server).for_each(&mut frame, |_| {}).unwrap_err();
        assert_eq!(error.violation().close_frame().encode(None).as_ref().len(), 2 + 2 + "reserved opcode".len());
    });
    assert_eq!(counted.calls, 0);
}

#[test]
fn whole_messages_are_borrowed_from_the_input() {
    let mut stream: Vec<u8> = b"\x81\x85\0\0\0\0hello\x82\x83\0\0\0\0abc".repeat(100);
    let range = stream.as_ptr_range();
    let mut messages = 0;
    let counted = allocated(|| {
        let mut assembler = Assembler::new(Role::Server);
        assembler
            .for_each(&mut stream, |event| {
                let MessageEvent::Message(message) = event else { panic!("{event:?}") };
                assert!(range.contains(&message.payload().as_ptr()));
                messages += 1;
            })
            .unwrap();
    });
    assert_eq!((counted.calls, messages), (0, 200));
}

#[test]
fn a_declared_length_reserves_nothing() {
    for (role, key) in [(Role::Server, Some([0; 4])), (Role::Client, None)] {
        let config = Config::preset(role).with_max_frame_len(1 << 40).with_max_message_len(1 << 40);
        for declared in [16_u64 << 20, 1 << 30, 1 << 40] {
            let mut stream = vec![0x82, if key.is_some() { 0xff } else { 0x7f }];
            stream.extend(declared.to_be_bytes());
            stream.extend(key.into_iter().flatten());
            stream.extend([0; 10]);
            for size in [stream.len(), 7, 1] {
                let at = format!("for 10 bytes of {declared}, in pieces of {size}");
                let mut pieces: Vec<Vec<u8>> = stream.chunks(size).map(<[u8]>::to_vec).collect();
                let mut assembler = Assembler::with_config(role, config);
                let counted =
                    allocated(|| pieces.iter_mut().for_each(|piece| assembler.for_each(piece, |_| {}).unwrap()));
                assert!(counted.peak <= 64, "{} bytes are held {at}", counted.peak);
                let counted = allocated(|| {
                    let mut decoder = MessageDecoder::with_config(role, config);
                    read(&mut decoder, &stream, size, |message| panic!("{message:?}"));
                    decoder.chunk_mut();
                });
                assert!(counted.peak <= 24 * 1024, "{} bytes are held {at}", counted.peak);
                // Each read in a buffer of its own, into which nothing can be read.
                if role == Role::Server {
                    let counted = allocated(|| {
                        let mut codec = MessageCodec::server_with_config(config, Default::default());
                        for piece in stream.chunks(size) {
                            assert!(codec.decode(&mut BytesMut::from(piece)).unwrap().is_none());
                        }
                    });
                    assert!(counted.peak <= 24 * 1024, "{} bytes are held {at}, in buffers of their own", counted.peak);
                }
            }
        }
    }
}

#[test]
fn the_buffer_grows_with_what_came_and_stays_below_the_limit() {
    let len = 3_000_000;
    let mut input = frame(0x82, Some([0; 4]), &vec![5; len]);
    let mut assembler = Assembler::new(Role::Server);
    let (mut came, mut held) = (0, 0);
    for piece in input.chunks_mut(1460) {
        came += piece.len() as i64;
        held += allocated(|| {
            assembler.for_each(piece, |event| assert!(matches!(event, MessageEvent::Message(_)))).unwrap();
        })
        .held;
        assert!(held <= (2 * came).min(len as i64) + 1460, "{held} bytes are held for {came}");
    }
    // The message was returned by the last call; the next one frees the buffer.
    held += allocated(|| assembler.for_each(&mut [], |_| {}).unwrap()).held;
    assert!(held <= 64 * 1024, "{held} bytes are kept");
}

#[test]
fn an_idle_assembler_keeps_as_large_a_buffer_as_it_was_told() {
    for (kept, least) in [(0, 0), (1 << 20, 300_000), (300_000, 300_000), (299_999, 0), (usize::MAX, 300_000)] {
        let mut assembler = Assembler::new(Role::Client).with_max_idle_buffer(kept);
        let mut header = b"\x82\x7f\0\0\0\0\0\x04\x93\xe0".to_vec();
        let mut payload = vec![5; 300_000];
        let counted = allocated(|| {
            for _ in 0..2 {
                assembler.for_each(&mut header.clone(), |_| {}).unwrap();
                // Not all at once: then it would not be gathered.
                let (first, second) = payload.split_at_mut(1000);
                assembler.for_each(first, |_| {}).unwrap();
                assembler.for_each(second, |_| {}).unwrap();
            }
            assembler.for_each(&mut [], |_| {}).unwrap();
        });
        assert_eq!(counted.held, least, "with {kept} bytes to keep");
        // Frees it, too, when a message comes that does not need it.
        let again = allocated(|| assembler.for_each(&mut header, |_| {}).unwrap());
        assert!(again.held <= 0);
    }
}

/// Across large messages, the buffer is used again as long as they need it, and freed when one does not.
#[test]
fn the_assembler_reuses_its_buffer_across_large_messages() {
    let message = |len: usize| frame(0x82, None, &vec![1; len]);
    let mut assembler = Assembler::new(Role::Client);
    let mut feed = |bytes: Vec<u8>| {
        let mut bytes = bytes;
        let (first, second) = bytes.split_at_mut(20);
        allocated(|| {
            assembler.for_each(first, |_| {}).unwrap();
            assembler.for_each(second, |_| {}).unwrap();
        })
    };
    // In one input, so that it does not run dry between them.
    let together = [message(200_000), message(200_000), message(100)].concat();
    let counted = feed(together);
    assert!(counted.peak <= 201_000, "{} bytes", counted.peak);
    assert!(counted.held <= 0, "{} bytes are kept", counted.held);
}

#[test]
fn the_buffer_is_used_again_for_later_messages() {
    let mut stream = b"\x02\x83\0\0\0\0abc\x80\x83\0\0\0\0def".repeat(1000);
    let mut assembler = Assembler::new(Role::Server);
    let mut messages = 0;
    let counted = allocated(|| assembler.for_each(&mut stream, |_| messages += 1).unwrap());
    assert_eq!(messages, 1000);
    assert!(counted.calls <= 2, "{} allocations", counted.calls);
}

#[test]
fn many_small_fragments_are_gathered_in_few_allocations() {
    let mut stream = b"\x02\x80\0\0\0\0".to_vec();
    stream.extend(b"\x00\x83\0\0\0\0abc".repeat(60_000));
    stream.extend(b"\x80\x80\0\0\0\0");
    let mut assembler = Assembler::new(Role::Server);
    let mut messages = 0;
    let counted = allocated(|| {
        for piece in stream.chunks_mut(1460) {
            assembler.for_each(piece, |_| messages += 1).unwrap();
        }
    });
    assert_eq!(messages, 1);
    assert!(counted.calls <= 20, "{} allocations", counted.calls);
    assert!(counted.peak <= 2 * 180_000, "{} bytes", counted.peak);
}

#[test]
fn a_clone_of_the_decoder_does_not_allocate() {
    fn is_send_and_sync<T: Clone + Send + Sync>(_: &T) {}
    let decoder = Decoder::new(Role::Client);
    assert_eq!(allocated(|| drop(decoder.clone())).calls, 0);
    is_send_and_sync(&decoder);
    assert!(size_of::<Decoder>() <= 192);
    assert!(size_of::<Option<Event<'_, '_>>>() <= 48);
}

/// As the documentation says, on 64-bit targets.
#[cfg(target_pointer_width = "64")]
#[test]
fn a_connection_is_small() {
    assert_eq!((size_of::<Decoder>(), size_of::<Assembler>(), size_of::<MessageDecoder>()), (192, 280, 352));
}

#[test]
fn after_a_close_or_a_violation_nothing_is_held() {
    let begun = [&b"\x02\x7f\0\0\0\0\0\x0f\x42\x40"[..], &[0; 1_000_000]].concat();
    for (end, is_close) in [(&b"\x88\x00rest"[..], true), (b"\x88\x00", true), (b"\x83", false), (b"\x01\x00", false)] {
        let mut buffers = [begun.clone(), end.to_vec()];
        let (assembler, counted) = measure(|| {
            let mut assembler = Assembler::new(Role::Client);
            for piece in &mut buffers {
                assert_eq!(assembler.for_each(piece, |_| {}).is_ok(), is_close || piece.len() > 1000);
            }
            assembler
        });
        assert!(counted.held <= 1000, "the assembler holds {} bytes after {end:?}", counted.held);
        drop(assembler);

        let (decoder, counted) = measure(|| {
            let mut decoder = MessageDecoder::new(Role::Client);
            read(&mut decoder, &begun, 65_536, |message| panic!("{message:?}"));
            decoder.put_slice(end);
            assert!(matches!(decoder.decode(), Ok(Some(Message::Close(_))) | Err(_)));
            assert!(matches!(decoder.decode(), Ok(None) | Err(_)));
            // A server that reads on until the peer closes the transport needs little for it.
            for _ in 0..10 {
                decoder.put_slice(&[0; 5000]);
            }
            decoder
        });
        assert!(counted.held <= 1100, "the decoder holds {} bytes after {end:?}", counted.held);
        drop(decoder);
    }
}

#[test]
fn small_messages_allocate_at_most_once_per_read_buffer() {
    for (len, size) in [(0, 4096), (2, 4096), (16, 65_536), (100, 65_536), (1000, 65_536), (1000, 8192)] {
        let stream = frames(len, 20_000);
        for keep in [false, true] {
            let mut decoder = MessageDecoder::new(Role::Client).with_read_size(size);
            let mut kept = Vec::with_capacity(20_000);
            let (reads, counted) = measure(|| {
                read(&mut decoder, &stream, size, |message| {
                    if keep {
                        kept.push(message);
                    }
                })
            });
            assert!(!keep || kept.len() == 20_000);
            // A buffer is its bytes, and what counts their owners.
            let most = 2 * reads as u64 + 2;
            assert!(
                counted.calls <= most,
                "{} allocations in {reads} reads of {size}, messages of {len}",
                counted.calls
            );
        }
    }
}

#[test]
fn a_new_read_buffer_has_the_room_that_was_asked_for() {
    for size in [1024, 8192, 65_536] {
        let mut decoder = MessageDecoder::new(Role::Client).with_read_size(size);
        assert_eq!(decoder.chunk_mut().len(), size);
    }
    assert_eq!(MessageDecoder::new(Role::Client).chunk_mut().len(), 8192);
    assert_eq!(MessageDecoder::new(Role::Client).with_read_size(0).chunk_mut().len(), 1024);
    let counted = allocated(|| {
        let mut decoder = MessageDecoder::new(Role::Client);
        for _ in 0..100 {
            decoder.chunk_mut();
            decoder.spare_mut();
        }
    });
    assert_eq!(counted.calls, 1);
}

#[test]
fn payloads_of_control_frames_share_their_room() {
    let stream = b"\x89\x02hi\x8a\x00\x89\x04ping".repeat(3000);
    let mut decoder = MessageDecoder::new(Role::Client);
    decoder.put_slice(&stream);
    let counted = allocated(|| decoder.for_each(drop).unwrap());
    assert!(counted.calls <= 6, "{} allocations", counted.calls);
    // Those that are kept share a buffer of 256 bytes, too.
    let mut decoder = MessageDecoder::new(Role::Client);
    decoder.put_slice(&b"\x89\x04ping".repeat(3200));
    let mut kept = Vec::with_capacity(3200);
    let counted = allocated(|| decoder.for_each(|message| kept.push(message)).unwrap());
    assert_eq!(kept.len(), 3200);
    assert!(counted.calls <= 2 * 3200 * 4 / 256 + 2, "{} allocations", counted.calls);
    assert!(counted.held <= 3200 * 4 + 60 * 50 + 256, "{} bytes", counted.held);
}

#[test]
fn memory_grows_with_what_came() {
    let len = 3_000_000;
    let stream = frames(len, 1);
    for size in [100, 1460, 65_536] {
        let mut decoder = MessageDecoder::new(Role::Client).with_read_size(size);
        let (mut came, mut held) = (0, 0);
        for piece in stream.chunks(size) {
            came += piece.len();
            let (message, counted) = measure(|| {
                decoder.put_slice(piece);
                decoder.decode().unwrap()
            });
            assert_eq!(message.is_some(), came == stream.len());
            let most = (2 * came).min(len) + 4 * size.max(4096) + 100;
            // While it grows, what it was is there too.
            let peak = (held + counted.peak) as usize;
            assert!(peak <= most + came, "{peak} bytes were held when {came} came");
            held += counted.held;
            assert!(held as usize <= most, "{held} bytes are held when {came} came in reads of {size}");
        }
    }
}

/// Whatever came before it in the same buffer.
#[test]
fn a_connection_holds_no_more_than_its_limit_and_a_few_reads() {
    let limit = 1_000_000;
    let stream = [frames(500_000, 1), frames(limit, 1), frames(900_000, 1), frames(limit, 2)].concat();
    for size in [1460, 8192, 65_536] {
        let config = Config::CLIENT.with_max_message_len(limit as u64);
        let mut decoder = MessageDecoder::with_config(Role::Client, config).with_read_size(size);
        let (mut held, mut steady) = (0, 0);
        for piece in stream.chunks(size) {
            held += allocated(|| _ = read(&mut decoder, piece, size, drop)).held;
            steady = steady.max(held as usize);
        }
        assert!(steady <= limit + 4 * size.max(4096) + 100, "{steady} bytes are held in reads of {size}");
    }
}

/// What follows a large message is not copied for each of the messages in it.
#[test]
fn many_messages_in_one_buffer_are_not_copied() {
    for idle in [0, 50, 65_536] {
        let stream = frames(100, 5000);
        let mut decoder =
            MessageDecoder::new(Role::Client).with_max_idle_buffer(idle).with_received(BytesMut::from(&stream[..]));
        let mut messages = 0;
        let counted = allocated(|| decoder.for_each(|_| messages += 1).unwrap());
        assert_eq!(messages, 5000);
        assert!(counted.bytes <= 2 * stream.len() as u64, "{} bytes, with {idle} to keep", counted.bytes);
    }
}

/// The peer chooses where a read ends.
#[test]
fn small_messages_that_are_cut_do_not_keep_a_buffer_each() {
    for len in [1, 10, 100, 1000] {
        let stream = frames(len, 1000);
        let mut kept = Vec::with_capacity(1000);
        let (decoder, counted) = measure(|| {
            let mut decoder = MessageDecoder::new(Role::Client);
            // After the header of the next message, or its first byte.
            let frame = stream.len() / 1000;
            let (first, rest) = stream.split_at(frame - len + usize::from(len > 1));
            decoder.put_slice(first);
            decoder.for_each(|message| kept.push(message)).unwrap();
            for piece in rest.chunks(frame) {
                decoder.put_slice(piece);
                decoder.for_each(|message| kept.push(message)).unwrap();
            }
            decoder
        });
        assert_eq!(kept.len(), 1000);
        // What counts the owners of a buffer is 40 bytes.
        let most = 2 * stream.len() + 1000 * 40 + 2 * 8192;
        assert!(counted.held as usize <= most, "{} bytes are held for 1000 messages of {len}", counted.held);
        drop(decoder);
    }
}

/// Messages that come one a read, and are kept.
#[test]
fn small_messages_do_not_keep_a_read_buffer_each() {
    for len in [10, 100, 500] {
        let mut kept = Vec::with_capacity(1000);
        let mut codec = MessageCodec::client(|| [0; 4]);
        let stream = frames(len, 1000);
        let (mut buffer, counted) = measure(|| {
            let mut buffer = BytesMut::with_capacity(8192);
            for frame in stream.chunks(stream.len() / 1000) {
                assert_eq!(codec.decode(&mut buffer).unwrap(), None);
                assert!(buffer.capacity() >= 1024);
                buffer.put_slice(frame);
                kept.extend(codec.decode(&mut buffer).unwrap());
            }
            buffer
        });
        let most = 2 * 1000 * (len + 4) + 24 * 1024;
        assert!(counted.held as usize <= most, "{} bytes are held for 1000 messages of {len}", counted.held);
        // All of a buffer that is free again can be read into.
        kept.clear();
        assert_eq!(codec.decode(&mut buffer).unwrap(), None);
        assert!(buffer.capacity() >= 8192);
    }
}

#[test]
fn a_message_can_be_copied_out_of_the_buffer_that_it_shares() {
    let stream = [frames(60_000, 1), frame(0x81, None, b"small")].concat();
    for detach in [false, true] {
        let mut kept = None;
        let counted = allocated(|| {
            let mut decoder = MessageDecoder::new(Role::Client);
            decoder.put_slice(&stream);
            decoder.for_each(|message| kept = Some(message)).unwrap();
            kept = kept.take().map(|message| if detach { message.detach() } else { message });
        });
        assert_eq!(kept, Some(Message::from("small")));
        assert_eq!(counted.held < 100, detach, "{} bytes are held", counted.held);
    }
}

#[test]
fn what_comes_after_a_large_message_does_not_keep_its_buffer() {
    let small = frames(2, 1);
    // A whole message, and the beginning of one that never ends.
    for after in [&small[..], b"\x02\x01x"] {
        let stream = [&frames(1_000_000, 1), after].concat();
        let mut kept = None;
        let (decoder, counted) = measure(|| {
            let mut decoder = MessageDecoder::new(Role::Client);
            read(&mut decoder, &stream, 65_536, |message| kept = Some(message));
            if after != small {
                assert!(kept.take().is_some_and(|message| message.payload().len() > 2));
            }
            decoder
        });
        assert!(counted.held <= 2 * 65_536, "{} bytes are held", counted.held);
        drop(decoder);
    }
}

#[test]
fn the_read_buffer_is_freed_after_a_large_message() {
    for (kept, is_kept) in [(64 * 1024, false), (1 << 20, true), (usize::MAX, true)] {
        for size in [1460, 65_536, 1 << 20] {
            let mut decoder = MessageDecoder::new(Role::Client).with_max_idle_buffer(kept);
            let stream = [frames(500_000, 1), frames(3, 2)].concat();
            let counted = allocated(|| {
                for _ in 0..3 {
                    read(&mut decoder, &stream, size, drop);
                }
            });
            let as_told = if is_kept { counted.held >= 500_000 } else { counted.held <= 80 * 1024 };
            assert!(
                as_told,
                "{} bytes are held by an idle connection that keeps {kept}, in reads of {size}",
                counted.held
            );
        }
    }
}

/// Exactly what was told is kept; one byte less is not.
#[test]
fn the_limit_on_an_idle_buffer_is_exact() {
    for (idle, kept) in [(100_000, true), (99_999, false)] {
        let mut decoder = MessageDecoder::new(Role::Client).with_max_idle_buffer(idle);
        let buffer = BytesMut::with_capacity(100_000);
        let counted = allocated(|| {
            let mut buffer = buffer;
            buffer.put_slice(b"\x82\x01x");
            decoder = core::mem::replace(&mut decoder, MessageDecoder::new(Role::Client)).with_received(buffer);
            decoder.for_each(drop).unwrap();
        });
        // The buffer was there before: what is freed of it is negative.
        assert_eq!(counted.held >= 0, kept, "{} bytes, with {idle}", counted.held);
    }
}

/// The same large message again and again needs nothing new.
#[test]
fn a_busy_connection_uses_its_memory_again() {
    let stream = frames(300_000, 1);
    let mut decoder = MessageDecoder::new(Role::Client).with_max_idle_buffer(1 << 20);
    for _ in 0..3 {
        read(&mut decoder, &stream, 65_536, drop);
    }
    let counted = allocated(|| {
        for _ in 0..10 {
            read(&mut decoder, &stream, 65_536, drop);
        }
    });
    // What counts the owners of a message, each time.
    assert!(counted.calls <= 10 && counted.bytes <= 1000, "{} allocations, {} bytes", counted.calls, counted.bytes);
}

/// Of messages of 64 KiB, one at a time, each needs one read, and no memory but what counts its owners.
#[test]
fn a_message_of_64_kib_is_read_at_once_into_the_same_buffer() {
    let stream = frames(65_536, 1);
    let mut decoder = MessageDecoder::new(Role::Client);
    let mut reads = 0;
    let mut read_all = |decoder: &mut MessageDecoder| {
        let mut rest = &stream[..];
        while !rest.is_empty() {
            let room = decoder.chunk_mut().len().min(rest.len());
            decoder.put_slice(&rest[..room]);
            rest = &rest[room..];
            reads += 1;
            while decoder.decode().unwrap().is_some() {}
        }
    };
    for _ in 0..2 {
        read_all(&mut decoder);
    }
    let counted = allocated(|| {
        for _ in 0..10 {
            read_all(&mut decoder);
        }
    });
    assert!(counted.calls <= 10 && counted.bytes <= 1000, "{} allocations, {} bytes", counted.calls, counted.bytes);
    // Three for the first, while the buffer grows.
    assert!(reads <= 11 + 4, "{reads} reads");
}

/// A long message that is read in large reads is not moved: what its frame lacks is read by itself.
#[test]
fn a_read_gets_no_more_room_than_a_long_message_lacks() {
    let stream = frames(65_536, 2);
    let mut decoder = MessageDecoder::new(Role::Client).with_read_size(65_536);
    decoder.put_slice(&stream[..60_000]);
    assert_eq!(decoder.decode(), Ok(None));
    assert_eq!(decoder.chunk_mut().len(), stream.len() / 2 - 60_000);
    decoder.put_slice(&stream[60_000..65_500]);
    assert_eq!(decoder.decode(), Ok(None));
    assert_eq!(decoder.chunk_mut().len(), 1024, "never less");
    assert!(decoder.spare_mut().len() >= 1024);
}

/// Bytes far beyond the message under way, before any of them is decoded: the buffer grows geometrically.
#[test]
fn work_is_linear_when_much_is_put_in_before_it_is_decoded() {
    let stream = frames(17_000, 1);
    let mut decoder = MessageDecoder::new(Role::Client);
    decoder.put_slice(&stream[..16_500]);
    assert_eq!(decoder.decode(), Ok(None));
    let counted = allocated(|| decoder.put_slice(&vec![0; 4 << 20]));
    assert!(counted.calls <= 60, "{} allocations", counted.calls);
}

/// A message that begins at the end of a full read is not read in little pieces.
#[test]
fn the_beginning_of_a_long_message_gets_room_for_a_read() {
    let stream = frames(60_000, 1);
    let mut decoder = MessageDecoder::new(Role::Client);
    let mut read = frames(8_060, 1);
    let len = 8_192 - read.len();
    read.extend_from_slice(&stream[..len]);
    decoder.put_slice(&read);
    while decoder.decode().unwrap().is_some() {}
    assert!(decoder.chunk_mut().len() >= 8_192, "{} bytes", decoder.chunk_mut().len());
}

/// The room after a message is of no use to a caller that passes a new buffer each time and keeps the old ones for a while:
/// what is gathered must not be copied at each read.
#[test]
fn work_is_linear_when_emptied_buffers_live_on() {
    let stream = frames(200_000, 1);
    let counted = allocated(|| {
        let mut used = std::collections::VecDeque::new();
        let mut codec = MessageCodec::client(|| [0; 4]);
        for piece in stream.chunks(100) {
            let mut buffer = BytesMut::from(piece);
            while codec.decode(&mut buffer).unwrap().is_some() {}
            used.push_back(buffer);
            if used.len() > 3 {
                used.pop_front();
            }
        }
    });
    assert!(counted.bytes <= 100 * stream.len() as u64, "{} bytes were allocated", counted.bytes);
}

#[test]
fn the_write_buffer_is_freed_by_the_next_send_and_never_with_unsent_bytes() {
    let mut codec = MessageCodec::server();
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
    codec.encode(PreparedFrame::new("small").unwrap(), &mut out).unwrap();
    assert!(out.capacity() <= 65_536);

    // What is in it has not been sent.
    codec.encode(Message::from(vec![0; 1_000_000]), &mut out).unwrap();
    out.clear();
    codec.encode(Message::from(vec![0; 100_000]), &mut out).unwrap();
    let before = out.len();
    codec.encode(Message::from("small"), &mut out).unwrap();
    assert_eq!(out.len(), before + 7);
    codec.encode(PreparedFrame::new("again").unwrap(), &mut out).unwrap();
    assert_eq!(&out[before..], b"\x81\x05small\x81\x05again");
}

/// `Framed` asks the codec only when something is sent; this is how its memory is freed at once.
#[tokio::test]
async fn the_buffers_of_a_framed_are_freed_after_a_flush() {
    use futures_util::SinkExt;
    use tokio_util::codec::Framed;

    let mut connections: Vec<_> = (0..50)
        .map(|_| Framed::new(tokio::io::join(tokio::io::empty(), tokio::io::sink()), MessageCodec::server()))
        .collect();
    let news = PreparedFrame::new(&[0; 1 << 20]).unwrap();
    for connection in &mut connections {
        connection.send(news.clone()).await.unwrap();
        MessageCodec::free_idle_buffers(connection);
        assert!(connection.write_buffer().capacity() <= 64 * 1024);
    }
    let connection = &mut connections[0];
    connection.send(Message::from(vec![0; 10 << 20])).await.unwrap();
    assert!(connection.write_buffer_mut().try_reclaim(1 << 20), "if this fails, the method is not needed any more");
    MessageCodec::free_idle_buffers(connection);
    assert!(!connection.write_buffer_mut().try_reclaim(1 << 20));
    // Not what is still to be sent.
    connection.feed(Message::from("unsent")).await.unwrap();
    MessageCodec::free_idle_buffers(connection);
    assert_eq!(connection.write_buffer(), &b"\x81\x06unsent"[..]);
}

#[test]
fn a_prepared_frame_is_not_copied_for_its_receivers() {
    let frame = PreparedFrame::new(&[0; 10_000]).unwrap();
    let counted = allocated(|| {
        for _ in 0..1000 {
            assert_eq!(Encoder::server().encode_prepared(&frame).unwrap().len(), 10_004);
        }
    });
    // What counts the owners, once.
    assert!(counted.calls <= 1, "{} allocations", counted.calls);
}

#[test]
fn large_payloads_of_a_server_are_not_copied() {
    let message = Message::from(vec![0; 1_000_000]);
    let counted = allocated(|| drop(Encoder::server().header_and_payload(message.clone()).unwrap()));
    assert!(counted.peak <= 200, "{} bytes", counted.peak);
}

/// The same large message, sent again and again.
#[test]
fn a_busy_write_buffer_is_used_again() {
    let mut codec = MessageCodec::server().with_max_idle_buffer(1 << 20);
    let message = Message::from(vec![0; 500_000]);
    let mut out = BytesMut::new();
    codec.encode(message.clone(), &mut out).unwrap();
    let counted = allocated(|| {
        for _ in 0..10 {
            out.clear();
            codec.encode(message.clone(), &mut out).unwrap();
        }
    });
    assert_eq!(counted.calls, 0);
}

/// Also if the messages in it were dropped after the last call of `decode`.
#[test]
fn an_idle_connection_keeps_little_when_its_messages_are_dropped_late() {
    let fragments: Vec<u8> = [(0x02, 4591), (0x00, 53_630), (0x00, 6137), (0x80, 1)]
        .iter()
        .flat_map(|(first, len)| frame(*first, None, &vec![1; *len]))
        .collect();
    let (decoder, counted) = measure(|| {
        let mut decoder = MessageDecoder::new(Role::Client);
        let mut kept = None;
        read(&mut decoder, &fragments, usize::MAX, |message| kept = Some(message));
        assert_eq!(decoder.decode(), Ok(None));
        drop(kept);
        decoder.chunk_mut();
        decoder
    });
    assert!(counted.held <= 65_536 + 100, "{} bytes are held", counted.held);
    drop(decoder);
}

/// Whatever their lengths, messages that are kept hold at most three times what arrived.
#[test]
fn messages_that_are_kept_hold_little_more_than_what_arrived() {
    for len in [9000, 17_000, 32_519, 40_000, 65_000, 66_000, 100_000, 300_000] {
        for fragments in [1, 2] {
            let message = match fragments {
                1 => frame(0x82, None, &vec![1; len]),
                _ => [frame(0x02, None, &vec![1; len]), frame(0x80, None, &[1])].concat(),
            };
            let stream = message.repeat(100);
            let mut kept = Vec::with_capacity(100);
            let (decoder, counted) = measure(|| {
                let mut decoder = MessageDecoder::new(Role::Client);
                read(&mut decoder, &stream, usize::MAX, |message| kept.push(message));
                decoder
            });
            let ratio = counted.held as f64 / stream.len() as f64;
            println!("{len} bytes in {fragments} fragments: {ratio:.2}");
            assert!(ratio <= 3.0, "{ratio} times what arrived, for {len} bytes in {fragments} fragments");
            drop((kept, decoder));
        }
    }
}

/// What was agreed, with the largest windows.
fn agreed(takeover: bool) -> Agreement {
    let direction = Direction::new(WindowBits::MAX, takeover);
    Agreement::new(direction, direction)
}

/// Compressed messages from a server.
fn compressed(messages: &[&str], takeover: bool) -> Vec<u8> {
    let mut compressor = Compressor::zlib(agreed(takeover), Role::Server).with_threshold(0);
    let mut out = Vec::new();
    for message in messages {
        Encoder::server().append_compressed(&mut out, &mut compressor, Frame::text(message)).unwrap();
    }
    out
}

/// On a thread that has no engine yet.
fn on_a_new_thread(test: impl FnOnce() + Send + 'static) {
    std::thread::spawn(test).join().unwrap();
}

/// Between messages, a connection without context takeover holds nothing of the engine, and no room.
#[test]
fn without_takeover_a_connection_holds_nothing_between_messages() {
    on_a_new_thread(|| {
        let text = "price ".repeat(3000);
        let mut stream = compressed(&[&text, "short", &text], false);
        let new = || Assembler::new(Role::Client).with_inflater(Inflater::zlib(agreed(false), Role::Client));
        let owned = || MessageDecoder::new(Role::Client).with_inflater(Inflater::zlib(agreed(false), Role::Client));
        // The engine and the room of the thread.
        new().for_each(&mut stream.clone(), |_| {}).unwrap();
        let mut pieces: Vec<_> = stream.chunks(100).map(<[u8]>::to_vec).collect();
        let (_assembler, counted) = measure(|| {
            let mut assembler = new();
            pieces.iter_mut().for_each(|piece| assembler.for_each(piece, |_| {}).unwrap());
            assembler
        });
        assert!(counted.held <= 256, "{} bytes", counted.held);
        let (_decoder, counted) = measure(|| {
            let mut decoder = owned();
            decoder.put_slice(&stream);
            decoder.for_each(drop).unwrap();
            decoder
        });
        assert!(counted.held <= 256 + 9 * 1024, "{} bytes and a read buffer", counted.held);
        // Sending.
        let mut out = Vec::with_capacity(100_000);
        let mut compressor = Compressor::zlib(agreed(false), Role::Server);
        let (_, counted) = measure(|| {
            for _ in 0..10 {
                let frame = Frame::text(&text);
                Encoder::server().append_compressed(&mut out, &mut compressor, frame).unwrap();
            }
        });
        assert_eq!((counted.held, counted.calls), (0, 0));
        // A message that has begun holds an engine, until it ends or fails.
        let begun = &mut stream[..30];
        let (assembler, counted) = measure(|| {
            let mut assembler = new();
            assembler.for_each(begun, |_| {}).unwrap();
            let mut other = new();
            other.for_each(&mut begun.to_vec(), |_| {}).unwrap();
            (assembler, other)
        });
        assert!((0..=52 * 1024).contains(&counted.held), "{} bytes", counted.held);
        drop(assembler);
    });
}

/// The engine's own size and at most 1 KiB; nothing after a Close, a violation, or, sending, after a release.
#[test]
fn with_takeover_a_connection_holds_its_engine() {
    /// Of zlib-rs 0.6.8 with the largest window.
    const INFLATE: i64 = 47_680;
    const DEFLATE: i64 = 280_000;
    for end in ["", "close", "violation"] {
        on_a_new_thread(move || {
            let text = "price ".repeat(3000);
            let mut stream = compressed(&[&text, "short", &text], true);
            match end {
                "close" => stream.extend_from_slice(b"\x88\x00"),
                "violation" => stream.extend_from_slice(b"\xc1\x01\x07"),
                _ => {}
            }
            let mut pieces: Vec<_> = stream.chunks(100).map(<[u8]>::to_vec).collect();
            let mut room = Vec::new();
            let (assembler, counted) = measure(|| {
                let inflater = Inflater::zlib(agreed(true), Role::Client);
                let mut assembler = Assembler::new(Role::Client).with_inflater(inflater);
                for piece in &mut pieces {
                    let result = assembler.for_each(piece, |event| {
                        if let MessageEvent::Message(message) = event {
                            room.push(message.payload().len());
                        }
                    });
                    assert!(result.is_ok() || end == "violation");
                }
                assembler
            });
            assert_eq!(room, [18_000, 5, 18_000]);
            // What the thread keeps is held too, but not by the connection.
            let (_, freed) = measure(|| drop(assembler));
            let shared = counted.held + freed.held;
            assert!(shared <= 256 * 1024 + INFLATE, "{shared} bytes for the thread");
            let connection = counted.held - shared;
            assert!(connection <= 1024, "{connection} bytes");
            let (second, counted) = measure(|| {
                let inflater = Inflater::zlib(agreed(true), Role::Client);
                let mut assembler = Assembler::new(Role::Client).with_inflater(inflater);
                let mut another =
                    Assembler::new(Role::Client).with_inflater(Inflater::zlib(agreed(true), Role::Client));
                assembler.for_each(&mut stream.clone(), |_| {}).ok();
                another.for_each(&mut stream.clone(), |_| {}).ok();
                (assembler, another)
            });
            // One of them has the engine that the thread had.
            let most = if end.is_empty() { INFLATE + 1024 } else { 1024 };
            assert!(counted.held <= most, "{} bytes after {end:?}", counted.held);
            drop(second);
        });
    }
    on_a_new_thread(|| {
        let text = "price ".repeat(1000);
        let mut out = Vec::with_capacity(100_000);
        let (mut compressor, counted) = measure(|| {
            let mut compressor = Compressor::zlib(agreed(true), Role::Server);
            for _ in 0..10 {
                Encoder::server().append_compressed(&mut out, &mut compressor, Frame::text(&text)).unwrap();
            }
            compressor
        });
        assert!(counted.held <= DEFLATE + 1024, "{} bytes", counted.held);
        // The thread keeps it for the next connection.
        compressor.release();
        let (_, counted) = measure(|| {
            let mut other = Compressor::zlib(agreed(true), Role::Server);
            Encoder::server().append_compressed(&mut out, &mut other, Frame::text(&text)).unwrap();
        });
        assert_eq!(counted.held, 0);
        assert!(counted.calls <= 1, "{} allocations", counted.calls);
    });
}

/// A megabyte of zeros in a kilobyte, with limits on either side: the memory stays within the limit and what came.
#[test]
fn what_is_inflated_stays_within_the_limit() {
    on_a_new_thread(|| {
        let bomb = compressed(&[&"\0".repeat(1 << 20)], false);
        assert!(bomb.len() < 20_000, "{}", bomb.len());
        for max in [0, 1000, 100_000, (1 << 20) - 1, 1 << 20, (1 << 20) + 1] {
            for size in [1, 100, bomb.len()] {
                let mut pieces: Vec<_> = bomb.chunks(size).map(<[u8]>::to_vec).collect();
                let (result, counted) = measure(|| {
                    let inflater = Inflater::zlib(agreed(false), Role::Client).with_max_message_len(max);
                    let mut assembler = Assembler::new(Role::Client).with_inflater(inflater);
                    pieces.iter_mut().try_for_each(|piece| assembler.for_each(piece, |_| {}))
                });
                assert_eq!(result.is_ok(), max >= 1 << 20, "{max}");
                let most = 2 * max as i64 + 60 * 1024 + 256 * 1024;
                assert!(counted.peak <= most, "{} bytes for {max}", counted.peak);
            }
        }
    });
}

/// Many messages in one buffer, which is not written out: it grows by doubling.
#[test]
fn compressed_messages_in_one_buffer_do_not_copy_it_each_time() {
    let text = "price ".repeat(100);
    let mut compressor = Compressor::zlib(agreed(true), Role::Server);
    let (mut vec, mut bytes) = (Vec::new(), BytesMut::new());
    let (_, counted) = measure(|| {
        for _ in 0..10_000 {
            Encoder::server().append_compressed(&mut vec, &mut compressor, Frame::text(&text)).unwrap();
            Encoder::server().append_compressed(&mut bytes, &mut compressor, Frame::text(&text)).unwrap();
        }
    });
    assert!(counted.calls < 100, "{} allocations", counted.calls);
}

/// A transport that gives these bytes in one read and then nothing, and takes everything.
struct Script<'s>(&'s [u8]);

impl AsyncRead for Script<'_> {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let (now, later) = self.0.split_at(self.0.len().min(buf.remaining()));
        self.0 = later;
        buf.put_slice(now);
        if now.is_empty() { Poll::Pending } else { Poll::Ready(Ok(())) }
    }
}

impl AsyncWrite for Script<'_> {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// An echo server's connection after it has received these bytes and waits for more.
fn echoed(received: &[u8], options: Options) -> WebSocket<Script<'_>> {
    let mut socket = WebSocket::server(Script(received), options);
    while let Some(message) = socket.next().now_or_never() {
        socket.feed(message.unwrap().unwrap()).now_or_never().unwrap().unwrap();
    }
    socket
}

#[test]
fn an_endpoint_that_waits_holds_two_kibibytes_and_what_it_has_to_keep() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let _guard = runtime.enter();
    let message = |len: usize| frame(0x82, Some([1, 2, 3, 4]), &vec![7; len]);
    let ping = frame(0x89, Some([0; 4]), &[1; 125]);
    for (name, received, kept) in [
        ("nothing", vec![], 0),
        ("a Ping", ping, 0),
        ("many messages", message(1000).repeat(1000), 0),
        ("a message of 64 KiB", message(65_536), 0),
        ("a long message", message(5_000_000), 0),
        ("a part of a header", message(1000)[..3].to_vec(), 0),
        ("the beginning of a message", message(100_000)[..3000].to_vec(), 3000),
        ("more of it", message(100_000)[..50_000].to_vec(), 2 * 50_000),
        ("a first fragment", frame(0x01, Some([0; 4]), b"abc"), 16),
    ] {
        // What the connections of a thread share is there.
        drop(echoed(&received, Options::new()));
        let ((), counted) = measure(|| {
            let socket = echoed(&received, Options::new());
            core::mem::forget(socket);
        });
        let held = counted.held + size_of::<WebSocket<Script<'_>>>() as i64;
        assert!(held <= 2048 + kept, "{name}: {held}");
        // What the documents say.
        assert!(name != "nothing" || (1000..=1100).contains(&held), "{held}");
    }
}

#[test]
fn an_endpoint_whose_application_is_busy_holds_no_buffer() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let _guard = runtime.enter();
    let received = frame(0x82, Some([1, 2, 3, 4]), &[7; 100]);
    drop(echoed(&received, Options::new()));
    let ((), counted) = measure(|| {
        let mut socket = WebSocket::server(Script(&received), Options::new());
        drop(socket.next().now_or_never().unwrap());
        core::mem::forget(socket);
    });
    assert_eq!(counted.held, 0);
}

#[test]
fn an_endpoint_echoes_small_messages_without_allocating() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let _guard = runtime.enter();
    let received = frame(0x81, Some([1, 2, 3, 4]), &[b'x'; 100]).repeat(100);
    drop(echoed(&received, Options::new()));
    let ((), counted) = measure(|| drop(echoed(&received, Options::new())));
    // The timer of the connection.
    assert!(counted.calls <= 2, "{counted:?}");
}

//! C7: the decoder and the encoder never allocate, and nobody reserves on a header's word.

mod counting;

use counting::{HELD, PEAK, count};
use wsframe::{Assembler, CloseFrame, Config, Decoder, Encoder, Event, Incoming, Role};

fn stream(len: usize) -> Vec<u8> {
    let mut encoder = Encoder::client(|| [1, 2, 3, 4]);
    let mut stream = vec![0; 4 * len + 2000];
    let mut at = 0;
    let text = "a€".repeat(len / 4);
    at += encoder.text(&mut stream[at..], &text).unwrap();
    at += encoder.ping(&mut stream[at..], &[7; 125]).unwrap();
    at += encoder.text_fragment(&mut stream[at..], &text, false).unwrap();
    at += encoder.pong(&mut stream[at..], b"pong").unwrap();
    at += encoder.text_fragment(&mut stream[at..], &text, true).unwrap();
    at += encoder.close(&mut stream[at..], &CloseFrame::EMPTY).unwrap();
    stream.truncate(at);
    stream
}

#[test]
fn the_decoder_never_allocates() {
    for size in [usize::MAX, 1000, 1] {
        let mut stream = stream(20_000);
        let size = size.min(stream.len());
        let mut events = 0;
        let counted = count(|| {
            let mut decoder = Decoder::new(Role::Server);
            for piece in stream.chunks_mut(size) {
                decoder.for_each(piece, |_| events += 1).unwrap();
            }
        });
        assert_eq!(counted, (0, 0), "pieces of {size}");
        assert!(events >= 6);
    }
}

#[test]
fn the_encoder_never_allocates() {
    let text = "ä".repeat(1000);
    let mut out = [0; 3000];
    let counted = count(|| {
        for _ in 0..10 {
            let mut client = Encoder::client(|| [1, 2, 3, 4]);
            let mut server = Encoder::server();
            server.text(&mut out, &text).unwrap();
            client.text(&mut out, &text).unwrap();
            client.text_fragment(&mut out, &text, false).unwrap();
            client.ping(&mut out, b"ping").unwrap();
            client.close(&mut out, &CloseFrame::EMPTY).unwrap();
        }
    });
    assert_eq!(counted, (0, 0));
}

#[test]
fn a_refusal_and_its_close_frame_do_not_allocate() {
    let mut frame = *b"\x81\x80\x01\x02\x03\x04\x83\x00";
    let counted = count(|| {
        let error = Decoder::new(Role::Server).for_each(&mut frame, |_| {}).unwrap_err();
        assert_eq!(error.violation().close_frame().encode(None).as_ref().len(), 2 + 2 + "reserved opcode".len());
    });
    assert_eq!(counted, (0, 0));
}

#[test]
fn whole_messages_are_borrowed_from_the_input() {
    let mut stream: Vec<u8> = b"\x81\x85\0\0\0\0hello\x82\x83\0\0\0\0abc".repeat(100);
    let range = stream.as_ptr_range();
    let mut messages = 0;
    let counted = count(|| {
        let mut assembler = Assembler::new(Role::Server);
        assembler
            .for_each(&mut stream, |incoming| {
                let Incoming::Message(message) = incoming else { panic!("{incoming:?}") };
                assert!(range.contains(&message.payload().as_ptr()));
                messages += 1;
            })
            .unwrap();
    });
    assert_eq!((counted, messages), ((0, 0), 200));
}

#[test]
fn a_declared_length_reserves_nothing() {
    let config = Config::SERVER.max_frame_len(1 << 40).max_message_len(1 << 40);
    for declared in [16 << 20, 1 << 30, 1 << 40] {
        let mut input = b"\x82\xff".to_vec();
        input.extend(u64::to_be_bytes(declared));
        input.extend([0; 4 + 10]);
        let mut assembler = Assembler::with_config(Role::Server, config);
        let (_, peak) = count(|| assembler.for_each(&mut input, |_| {}).unwrap());
        assert!(peak <= 64, "{peak} bytes are held for 10 bytes of {declared}");
    }
}

#[test]
fn the_buffer_grows_with_what_came_and_stays_below_the_limit() {
    let len = 3_000_000;
    let mut input = b"\x82\xff".to_vec();
    input.extend(u64::to_be_bytes(len as u64));
    input.extend([0; 4]);
    input.extend(vec![5; len]);
    let mut assembler = Assembler::new(Role::Server);
    let mut came = 0;
    HELD.set(0);
    for piece in input.chunks_mut(1460) {
        came += piece.len() as isize;
        let held = HELD.get();
        PEAK.set(held);
        assembler.for_each(piece, |incoming| assert!(matches!(incoming, Incoming::Message(_)))).unwrap();
        assert!(HELD.get() <= (2 * came).min(len as isize) + 1460, "{} bytes are held for {came}", HELD.get());
    }
    // The message was returned by the last call; the next one gives the buffer back.
    assert!(HELD.get() <= 64 * 1024, "{} bytes are kept", HELD.get());
}

#[test]
fn an_idle_connection_keeps_as_large_a_buffer_as_it_was_told() {
    for (kept, least) in [(0, 0), (1 << 20, 300_000), (300_000, 300_000), (299_999, 0)] {
        let mut assembler = Assembler::new(Role::Client).keep(kept);
        HELD.set(0);
        for _ in 0..2 {
            assembler.for_each(&mut b"\x82\x7f\0\0\0\0\0\x04\x93\xe0".to_vec(), |_| {}).unwrap();
            assembler.for_each(&mut vec![5; 300_000], |_| {}).unwrap();
        }
        assembler.for_each(&mut [], |_| {}).unwrap();
        assert_eq!(HELD.get(), least, "with {kept} bytes to keep");
    }
}

#[test]
fn the_buffer_is_used_again_for_later_messages() {
    let mut stream = Vec::new();
    for _ in 0..1000 {
        stream.extend(b"\x02\x83\0\0\0\0abc\x80\x83\0\0\0\0def");
    }
    let mut assembler = Assembler::new(Role::Server);
    let mut messages = 0;
    let (calls, _) = count(|| assembler.for_each(&mut stream, |_| messages += 1).unwrap());
    assert_eq!(messages, 1000);
    assert!(calls <= 2, "{calls} allocations");
}

#[test]
fn many_small_fragments_are_gathered_in_few_allocations() {
    let mut stream = b"\x02\x80\0\0\0\0".to_vec();
    for _ in 0..60_000 {
        stream.extend(b"\x00\x83\0\0\0\0abc");
    }
    stream.extend(b"\x80\x80\0\0\0\0");
    let mut assembler = Assembler::new(Role::Server);
    let mut messages = 0;
    let (calls, peak) = count(|| {
        for piece in stream.chunks_mut(1460) {
            assembler.for_each(piece, |_| messages += 1).unwrap();
        }
    });
    assert_eq!(messages, 1);
    assert!(calls <= 20, "{calls} allocations");
    assert!(peak <= 2 * 180_000, "{peak} bytes");
}

#[test]
fn a_clone_of_the_decoder_does_not_allocate() {
    let decoder = Decoder::new(Role::Client);
    assert_eq!(count(|| drop(decoder.clone())), (0, 0));
    fn is_send_and_sync<T: Clone + Send + Sync>(_: &T) {}
    is_send_and_sync(&decoder);
    assert!(size_of::<Decoder>() <= 192);
    assert!(size_of::<Option<Event<'_, '_>>>() <= 48);
}

//! Decoders and assemblers move between threads, and what they share (which kernels the machine has, asked once) may be asked
//! for by many threads at once. ThreadSanitizer runs this too: see SECURITY.md.

use std::sync::Barrier;
use std::thread;

#[cfg(feature = "bytes")]
use wsframe::Encoder;
use wsframe::{Assembler, Decoder, MessageEvent, Role};

const THREADS: usize = 8;

/// A text message longer than what is done without choosing a kernel.
fn frame() -> Vec<u8> {
    let mut bytes = b"\x81\x7e\x04\xb0".to_vec();
    bytes.extend("Grüße ".repeat(150).as_bytes());
    bytes
}

#[test]
fn the_first_use_is_made_by_many_threads_at_once() {
    let barrier = Barrier::new(THREADS);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                let mut bytes = frame();
                let mut messages = 0;
                barrier.wait();
                let mut decoder = Decoder::new(Role::Client);
                decoder
                    .for_each(&mut bytes, |event| {
                        messages += usize::from(matches!(event, wsframe::Event::Chunk(chunk) if chunk.text().is_some()))
                    })
                    .unwrap();
                assert_eq!(messages, 1);
            });
        }
    });
}

#[test]
fn a_connection_moves_to_another_thread_between_two_bytes() {
    let bytes = frame();
    let mut assembler = Assembler::new(Role::Client);
    let mut messages = Vec::new();
    for mut piece in bytes.iter().copied() {
        (assembler, messages) = thread::scope(|scope| {
            scope
                .spawn(move || {
                    assembler
                        .for_each(core::slice::from_mut(&mut piece), |event| {
                            let MessageEvent::Message(message) = event else { panic!("{event:?}") };
                            messages.push(message.text().unwrap().to_owned());
                        })
                        .unwrap();
                    (assembler, messages)
                })
                .join()
                .unwrap()
        });
    }
    assert_eq!(messages, ["Grüße ".repeat(150)]);
}

/// The buffer that they share is read into again while they are looked at and dropped elsewhere.
#[cfg(feature = "bytes")]
#[test]
fn owned_messages_are_dropped_on_other_threads_while_the_decoder_reads_on() {
    use wsframe::codec::{BufMut, Message, MessageDecoder};

    let mut stream = Vec::new();
    let mut encoder = Encoder::client(|| [1, 2, 3, 4]);
    let texts: Vec<String> = (0..500).map(|i| format!("{i} ").repeat(i % 60)).collect();
    for text in &texts {
        encoder.append(&mut stream, &**text).unwrap();
    }
    let (mut decoder, mut count) = (MessageDecoder::new(Role::Server), 0);
    let mut threads = Vec::new();
    for piece in stream.chunks(777) {
        decoder.put_slice(piece);
        let mut messages: Vec<(String, Message)> = Vec::new();
        while let Some(message) = decoder.decode().unwrap() {
            messages.push((texts[count].clone(), message));
            count += 1;
        }
        threads.push(thread::spawn(move || {
            for (text, message) in messages {
                assert_eq!(message.text(), Some(&*text));
            }
        }));
    }
    assert_eq!(count, texts.len());
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

//! Long text: validated in blocks, and located across them.

use wsframe::{Config, Role, State};
use wsframe_dev::{Event, assemble, decode};

const KEY: [u8; 4] = [0x9a, 0x00, 0xff, 0x31];

/// A text message in one frame, or in two cut at `cut`.
fn stream(role: Role, text: &[u8], cut: Option<usize>) -> Vec<u8> {
    let frame = |first: u8, payload: &[u8]| wsframe_dev::frame(first, (role == Role::Server).then_some(KEY), payload);
    match cut {
        None => frame(0x81, text),
        Some(cut) => [frame(0x01, &text[..cut]), frame(0x80, &text[cut..])].concat(),
    }
}

/// The offset of payload byte `i` in that stream.
fn offset(role: Role, i: usize, cut: Option<usize>) -> u64 {
    let header = if role == Role::Server { 14 } else { 10 };
    (i + header + if cut.is_some_and(|cut| i >= cut) { header } else { 0 }) as u64
}

fn texts() -> [Vec<u8>; 3] {
    let len = 200_000;
    let cut = |text: &str| {
        let mut end = len;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.as_bytes()[..end].to_vec()
    };
    [vec![b'a'; len], cut(&"€".repeat(70_000)), cut(&"plain letters, ещё текст, 文字, 𝄞; ".repeat(5000))]
}

#[test]
fn long_text_is_accepted_however_it_is_cut() {
    for role in [Role::Server, Role::Client] {
        for text in texts() {
            for cut in [None, Some(100_000), Some(100_001), Some(100_003)] {
                let stream = stream(role, &text, cut);
                for size in [stream.len(), 65_536, 16_385, 1460, 77] {
                    for (events, state) in [
                        decode(role, Config::preset(role), stream.chunks(size)),
                        assemble(role, Config::preset(role), stream.chunks(size)),
                    ] {
                        assert_eq!(state, State::Idle, "{role:?}, cut {cut:?}, pieces of {size}: {:?}", events.last());
                        let Some(Event::Message { payload, .. }) = events.first() else { panic!("no message") };
                        assert!(*payload == text);
                    }
                }
            }
        }
    }
}

#[test]
fn a_wrong_byte_in_long_text_is_located() {
    for role in [Role::Server, Role::Client] {
        for text in texts() {
            for near in [16_384, 32_768, 65_536, 100_000, 163_840, text.len() - 3] {
                for at in near - 3..near + 3 {
                    let mut text = text.clone();
                    text[at] = 0xff;
                    // What stood before may have needed the byte that is gone: any wrong byte decides at its own place.
                    for cut in [None, Some(100_000)] {
                        let stream = stream(role, &text, cut);
                        for size in [stream.len(), 65_536, 1460] {
                            let expected = (offset(role, at, cut), 1007);
                            for (events, _) in [
                                decode(role, Config::preset(role), stream.chunks(size)),
                                assemble(role, Config::preset(role), stream.chunks(size)),
                            ] {
                                let Some(Event::Violation { offset, close_code, .. }) = events.last() else {
                                    panic!("{role:?}: a wrong byte at {at} was accepted")
                                };
                                assert_eq!((*offset, *close_code), expected, "{role:?}, cut {cut:?}, pieces of {size}");
                            }
                        }
                    }
                }
            }
        }
    }
}

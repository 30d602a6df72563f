//! Owned messages are those of the assembler, in any cut and however the bytes get into the buffer; they do not change
//! afterwards, and can be sent again; and what is held is bounded by what arrived.

use arbitrary::Arbitrary;
use bytes::{BufMut, BytesMut};
use wsframe::codec::MessageDecoder;
use wsframe::{Config, Encoder, EncoderConfig, Role, Rsv};
use wsframe_dev::alloc::allocated;
use wsframe_dev::{Event, FEEDINGS, own};

use crate::{Setup, assemble, input, pieces};

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    setup: Setup,
    max_idle_buffer: u16,
    /// How the pieces get into the buffer, in turns: places in [`FEEDINGS`].
    feedings: Vec<u8>,
    cuts: Vec<u16>,
    stream: &'a [u8],
}

pub(super) fn check(data: &[u8]) {
    let Some(input) = input::<Input<'_>>(data) else { return };
    let (role, config) = (input.setup.role(), input.setup.config());
    let pieces = pieces(input.stream, &input.cuts);
    let turns = input.feedings.iter().copied().cycle().chain(core::iter::repeat(0));
    let fed = pieces.iter().copied().zip(turns.map(|turn| FEEDINGS[usize::from(turn) % FEEDINGS.len()]));
    let (expected, state) = assemble(&input.setup, pieces.iter().copied());
    let expected: Vec<_> = expected.into_iter().map(Event::without_place).collect();
    assert_eq!(own(role, config, input.max_idle_buffer.into(), fed), (expected, state));

    // Sent again, and received again.
    let mut decoder = MessageDecoder::with_config(role, config).with_received(BytesMut::from(input.stream));
    let mut messages = Vec::new();
    _ = decoder.for_each(|message| messages.push(message));
    let rsv = Rsv::from_first_byte(input.setup.limits().allowed_rsv);
    let mut encoder = Encoder::server_with_config(EncoderConfig::new().with_allowed_rsv(rsv));
    let (mut whole, mut in_parts) = (BytesMut::new(), BytesMut::new());
    for message in &messages {
        encoder.clone().append(&mut whole, message).expect("what was received can be sent");
        for part in encoder.header_and_payload(message.clone()).expect("what was received can be sent") {
            in_parts.extend_from_slice(&part);
        }
    }
    assert_eq!(whole, in_parts);
    let again = MessageDecoder::with_config(Role::Client, Config::CLIENT.with_allowed_rsv(rsv));
    let mut again = again.with_received(whole);
    for message in &messages {
        assert_eq!(again.decode().expect("it may be sent").as_ref(), Some(message));
    }

    // With no limit at all: what a header declares must not be believed.
    let config = Config::preset(role).with_max_frame_len(u64::MAX).with_max_message_len(u64::MAX);
    let mut decoder = MessageDecoder::with_config(role, config);
    let (mut came, mut held) = (0, 0);
    for piece in pieces {
        came += piece.len() as i64;
        let mut is_broken = false;
        let counted = allocated(|| {
            decoder.put_slice(piece);
            is_broken = decoder.for_each(drop).is_err();
            decoder.chunk_mut();
        });
        let peak = held + counted.peak;
        assert!(peak <= 8 * came + 24 * 1024, "{peak} bytes are held when {came} came");
        held += counted.held;
        if is_broken {
            break;
        }
    }
}

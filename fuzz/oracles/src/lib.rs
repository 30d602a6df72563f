//! What the fuzz targets check: a naive reference that is written apart from the crate, independent implementations as
//! witnesses, and an oracle for each target. `cargo test` runs each oracle over the seeds and the regressions.

pub mod reference;
pub mod targets;
pub mod witness;

use arbitrary::{Arbitrary, Unstructured};
use wsframe::deflate::{Agreement, Direction, Inflater, WindowBits};
use wsframe::{Assembler, Config, EncoderConfig, Role, Rsv, State};
use wsframe_dev::Event;

use crate::reference::Limits;

#[global_allocator]
static ALLOCATOR: wsframe_dev::alloc::Counting = wsframe_dev::alloc::Counting;

/// What an input of the fuzzer spells; `None` if it is too short for that.
fn input<'a, T: Arbitrary<'a>>(data: &'a [u8]) -> Option<T> {
    T::arbitrary_take_rest(Unstructured::new(data)).ok()
}

/// A decoder's configuration that an input chooses: small limits, so that they are met.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub struct Setup {
    /// Whether this end is the server.
    pub server: bool,
    max_frame_len: Option<u16>,
    max_message_len: Option<u16>,
    max_fragments: Option<u8>,
    allowed_rsv: u8,
}

impl Setup {
    /// The end that decodes.
    pub fn role(&self) -> Role {
        if self.server { Role::Server } else { Role::Client }
    }

    /// The configuration as the reference takes it.
    pub fn limits(&self) -> Limits {
        Limits {
            server: self.server,
            max_frame_len: self.max_frame_len.map_or(16 << 20, u64::from),
            max_message_len: self.max_message_len.map_or(16 << 20, u64::from),
            max_fragments: self.max_fragments.map_or(1 << 20, u32::from),
            allowed_rsv: self.allowed_rsv & 0x70,
        }
    }

    /// The limits of an encoder that sends to such an end.
    pub fn encoder_config(&self) -> EncoderConfig {
        let limits = self.limits();
        EncoderConfig::new()
            .with_max_frame_len(limits.max_frame_len)
            .with_max_message_len(limits.max_message_len)
            .with_max_fragments(limits.max_fragments)
            .with_allowed_rsv(Rsv::from_first_byte(limits.allowed_rsv))
    }

    /// The configuration as the crate takes it.
    pub fn config(&self) -> Config {
        let limits = self.limits();
        Config::preset(self.role())
            .with_max_frame_len(limits.max_frame_len)
            .with_max_message_len(limits.max_message_len)
            .with_max_fragments(limits.max_fragments)
            .with_allowed_rsv(Rsv::from_first_byte(limits.allowed_rsv))
    }
}

/// An agreement that is the same for both ends, with the largest window.
fn agreed(takeover: bool) -> Agreement {
    let direction = Direction::new(WindowBits::MAX, takeover);
    Agreement::new(direction, direction)
}

/// An assembler that inflates.
fn assembler(role: Role, config: Config, agreed: Agreement) -> Assembler {
    Assembler::with_config(role, config).with_inflater(Inflater::zlib(agreed, role))
}

/// What a decoder makes of these pieces, put together.
pub fn decode<'a>(setup: &Setup, pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Event>, State) {
    wsframe_dev::decode(setup.role(), setup.config(), pieces)
}

/// What an assembler makes of these pieces.
pub fn assemble<'a>(setup: &Setup, pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Event>, State) {
    wsframe_dev::assemble(setup.role(), setup.config(), pieces)
}

/// The pieces of `stream` between cuts that an input chooses.
pub fn pieces<'a>(stream: &'a [u8], cuts: &[u16]) -> Vec<&'a [u8]> {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| usize::from(*cut) % (stream.len() + 1)).collect();
    cuts.extend([0, stream.len()]);
    cuts.sort_unstable();
    cuts.windows(2).map(|cut| &stream[cut[0]..cut[1]]).collect()
}

//! The assembler is plain concatenation of what the decoder hands out, in any cut; and what it holds is bounded by what
//! arrived, whatever was declared.

use arbitrary::Arbitrary;
use wsframe::{Assembler, Config};

use wsframe_dev::alloc::allocated;

use crate::{Setup, assemble, decode, input, pieces};

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    setup: Setup,
    cuts: Vec<u16>,
    kept: u16,
    stream: &'a [u8],
}

pub(super) fn check(data: &[u8]) {
    let Some(input) = input::<Input<'_>>(data) else { return };
    let pieces = pieces(input.stream, &input.cuts);
    assert_eq!(assemble(&input.setup, pieces.iter().copied()), decode(&input.setup, pieces.iter().copied()));

    // With no limit at all: what a header declares must not be believed.
    let config = Config::preset(input.setup.role()).with_max_frame_len(u64::MAX).with_max_message_len(u64::MAX);
    let mut buffers: Vec<Vec<u8>> = pieces.iter().map(|piece| piece.to_vec()).collect();
    let mut assembler = Assembler::with_config(input.setup.role(), config).with_max_idle_buffer(input.kept.into());
    let mut came = 0;
    for buffer in &mut buffers {
        came += buffer.len();
        let mut result = Ok(());
        let counted = allocated(|| result = assembler.for_each(buffer, |_| {}));
        // Twice what is gathered, and what was gathered before, while it moves.
        assert!(counted.peak <= 3 * came as i64, "{} bytes are held when {came} came", counted.peak);
        if result.is_err() {
            break;
        }
    }
}

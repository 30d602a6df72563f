//! Just the reads.

use super::{Codec, Peer, Rank};
use crate::feed::Feed;
use crate::tally::Tally;

pub const MEMCPY: Codec = Codec {
    name: "memcpy only",
    package: "",
    rank: Rank::Yardstick,
    owns: false,
    mode: "the reads alone, into one buffer",
    unchecked: "anything",
    decoder: Some(|feed, _| Box::new(Memcpy(feed))),
    encoder: None,
};

struct Memcpy(Feed);

impl Peer for Memcpy {
    fn run(&mut self, _: &mut Tally) -> Result<(), String> {
        let mut scratch = self.0.take_scratch();
        loop {
            let len = self.0.read(&mut scratch);
            if len == 0 {
                break;
            }
            std::hint::black_box(&scratch[..len]);
        }
        self.0.put_scratch(scratch);
        Ok(())
    }
}

//! Runs the vectors of `tests/vectors/` against other codecs, and prints which rules they miss: an example of how to run
//! them against one more. What it takes is `Witness::run`: a whole stream in, what was delivered and whether it was refused
//! out. `cargo run -p wsframe-oracles --example conformance`

use std::collections::BTreeMap;

use wsframe::Role;
use wsframe_dev::Event;
use wsframe_dev::vectors::{self, Vector};
use wsframe_oracles::reference;
use wsframe_oracles::witness::{Seen, Verdict, WITNESSES};

/// What a codec does wrong with a vector, in few words.
fn judge(vector: &Vector, verdict: &Verdict) -> Option<String> {
    let expected: Vec<Seen> = vector.events.iter().filter_map(Seen::of).collect();
    if let Some(Event::Violation { rule, offset, .. }) = vector.events.last() {
        // It may see the violation only when the frame is whole, which in some vectors it is not.
        let goes_on = verdict.seen.len() > expected.len()
            || (!verdict.refused && reference::frame_is_whole(&vector.stream(), *offset));
        return goes_on.then(|| format!("accepts {rule}"));
    }
    if verdict.seen == expected && !verdict.refused {
        return None;
    }
    Some(if verdict.refused { "refuses what is allowed" } else { "delivers something else" }.to_owned())
}

fn main() {
    let verbose = std::env::args().any(|argument| argument == "--verbose");
    let vectors = vectors::all();
    // The rivals have no limits of their own that could be set to the vectors', and no extension is spoken.
    let vectors: Vec<&Vector> = vectors.iter().filter(|vector| vector.has_default_config()).collect();
    println!("{} vectors", vectors.len());
    for witness in WITNESSES {
        let mut wrong: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for vector in &vectors {
            if let Some(words) = judge(vector, &(witness.run)(vector.role() == Role::Server, &vector.stream())) {
                wrong.entry(words).or_default().push(&vector.name);
            }
        }
        let failed: usize = wrong.values().map(Vec::len).sum();
        println!("\n{} {}: {} right, {failed} wrong", witness.name, witness.version, vectors.len() - failed);
        for (words, names) in wrong {
            println!("  {words}: {} (such as: {})", names.len(), names[0]);
            if verbose {
                names.iter().for_each(|name| println!("    {name}"));
            }
        }
    }
}

//! The same bytes through independent implementations. Where one of them goes another way than the crate, the table of
//! divergences must say why: anything else is a finding.

use wsframe_dev::Event;

use crate::input;
use crate::reference::{self, Limits};
use crate::witness::{Seen, WITNESSES};

/// A known way in which a witness differs from the crate.
#[derive(Debug)]
struct Divergence {
    witness: &'static str,
    what: What,
    /// Shown where the witness goes another way than even this.
    why: &'static str,
}

#[derive(Debug, PartialEq, Eq)]
enum What {
    /// It goes on where the crate sees this rule broken: from there on, nothing can be compared.
    Tolerates(&'static str),
    /// It refuses a Close with one of these codes, or reports another one.
    CloseCodes(&'static [u16]),
}

use What::{CloseCodes, Tolerates};

#[rustfmt::skip]
const DIVERGENCES: &[Divergence] = &[
    Divergence { witness: "tungstenite", what: Tolerates("LengthNotMinimal"), why: "it takes any form of a length" },
    Divergence { witness: "tungstenite", what: Tolerates("ControlTooLong"), why: "it looks at the length, not at its form" },
    Divergence { witness: "tungstenite", what: Tolerates("CloseCodeForbidden"), why: "it delivers 1002 in its place" },
    Divergence { witness: "tungstenite", what: CloseCodes(&[1014]), why: "it knows no code above 1013" },
    Divergence { witness: "wslay", what: Tolerates("CloseBodyOneByte"), why: "it takes a body of one byte for none" },
    Divergence { witness: "wslay", what: CloseCodes(&[1012, 1013, 1014]), why: "it knows no registered code above 1011" },
];

pub(super) fn check(data: &[u8]) {
    let Some((server, stream)) = input::<(bool, &[u8])>(data) else { return };
    let limits =
        Limits { server, max_frame_len: 16 << 20, max_message_len: 16 << 20, max_fragments: 1 << 20, allowed_rsv: 0 };
    let (events, state) = reference::decode(&limits, stream);
    // What follows a Close is compared with nobody.
    let stream = match events.last() {
        Some(Event::Close { offset, .. }) => {
            let (_, end) = reference::extent(stream, *offset as usize).expect("the frame is there");
            &stream[..end]
        }
        _ => stream,
    };
    let rule = match events.last() {
        Some(Event::Violation { rule, .. }) => Some(rule.as_str()),
        _ => None,
    };
    let expected: Vec<Seen> = events.iter().filter_map(Seen::of).collect();
    // fastwebsockets has too many divergences to learn from one more: the conformance runner lists them.
    for witness in WITNESSES.iter().filter(|witness| witness.name != "fastwebsockets") {
        let verdict = (witness.run)(server, stream);
        // A witness may see a violation only when the frame is whole, and some say nothing of what came before it.
        if verdict.seen == expected && (rule.is_some() || !verdict.refused) {
            continue;
        }
        let known = DIVERGENCES.iter().filter(|known| known.witness == witness.name).find(|known| match &known.what {
            Tolerates(tolerated) => rule == Some(tolerated) && verdict.seen.starts_with(&expected),
            CloseCodes(codes) => match expected.split_last() {
                Some((Seen::Close(Some(code)), before)) => codes.contains(code) && verdict.seen.starts_with(before),
                _ => false,
            },
        });
        assert!(
            known.is_some(),
            "{} makes {verdict:?} of it, and not {expected:?}, {rule:?}, {state:?}; known: {:?}",
            witness.name,
            DIVERGENCES.iter().filter(|known| known.witness == witness.name).map(|known| known.why).collect::<Vec<_>>(),
        );
    }
}

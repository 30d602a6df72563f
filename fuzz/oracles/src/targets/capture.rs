//! Captures of packets: any file, and segments of TCP in any order, of which every byte is found.

use arbitrary::Arbitrary;
use serde_json::Value;

use super::cli::run;
use crate::input;

#[derive(Arbitrary, Debug)]
enum Input<'a> {
    /// A file whose first four bytes are those of some format.
    File { magic: u8, is_list: bool, bytes: &'a [u8] },
    /// What a client sent, in segments: where each begins, and how long it is.
    Segments { first: u32, link: u8, order: Vec<(u16, u8)>, sent: &'a [u8] },
}

const MAGICS: [&[u8]; 6] = [
    &[0x0a, 0x0d, 0x0d, 0x0a],
    // The headers of files: version 2.4, snap length, Ethernet and raw IP.
    b"\xd4\xc3\xb2\xa1\x02\0\x04\0\0\0\0\0\0\0\0\0\0\0\x04\0\x01\0\0\0",
    b"\xa1\xb2\x3c\x4d\0\x02\0\x04\0\0\0\0\0\0\0\0\0\x04\0\0\0\0\0\x65",
    // A section of pcapng with an interface: Linux cooked.
    b"\x0a\x0d\x0d\x0a\x1c\0\0\0\x4d\x3c\x2b\x1a\x01\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff\x1c\0\0\0\x01\0\0\0\x14\0\0\0\x71\0\0\0\0\0\0\0\x14\0\0\0",
    &[0x34, 0xcd, 0xb2, 0xa1],
    &[],
];

pub(super) fn check(data: &[u8]) {
    match input(data) {
        Some(Input::File { magic, is_list, bytes }) => {
            let file = [MAGICS[usize::from(magic) % MAGICS.len()], bytes].concat();
            let mut arguments = vec!["--input=pcap".to_owned(), "--json".to_owned()];
            arguments.push(if is_list { "--list" } else { "--port=80" }.to_owned());
            let run = run(&arguments, &file);
            assert!(run.code <= 2);
            for line in run.out.lines() {
                let _: Value = serde_json::from_str(line).expect("each line is JSON");
            }
        }
        Some(Input::Segments { first, link, order, sent }) => segments(first, link % 3, &order, sent),
        None => {}
    }
}

/// Every byte is in one segment of 50, and some are in several; they come in the order that the input chooses.
fn segments(first: u32, link: u8, order: &[(u16, u8)], sent: &[u8]) {
    const LEN: usize = 50;
    if sent.is_empty() || sent.len() > 4096 || order.len() > 200 {
        return;
    }
    let mut file = vec![0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0];
    file.extend(u32::to_le_bytes([101, 1, 276][usize::from(link)]));
    let mut packet = |sequence: u32, flags: u8, payload: &[u8]| {
        let head: &[u8] = match link {
            0 => &[],
            1 => &[2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 0x81, 0, 0, 7, 8, 0],
            _ => &[8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        };
        let len = (40 + payload.len()) as u16;
        let bytes = [
            head,
            &[0x45, 0],
            &len.to_be_bytes(),
            &[0, 0, 0, 0, 64, 6, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1, 0x20, 0, 0, 80],
            &sequence.to_be_bytes(),
            &[0; 4],
            &[0x50, flags, 0xff, 0xff, 0, 0, 0, 0],
            payload,
        ]
        .concat();
        file.extend([0; 8]);
        file.extend(u32::to_le_bytes(bytes.len() as u32));
        file.extend(u32::to_le_bytes(bytes.len() as u32));
        file.extend(bytes);
    };
    packet(first.wrapping_sub(1), 2, &[]);
    let mut segments: Vec<(usize, usize)> = (0..sent.len()).step_by(LEN).map(|at| (at, LEN)).collect();
    for (at, len) in order {
        let place = usize::from(*len) % (segments.len() + 1);
        segments.insert(place, (usize::from(*at) % sent.len(), usize::from(*len)));
    }
    for (i, (at, _)) in order.iter().enumerate() {
        let (one, other) = (i % segments.len(), usize::from(*at) % segments.len());
        segments.swap(one, other);
    }
    for (at, len) in segments {
        packet(first.wrapping_add(at as u32), 16, &sent[at..sent.len().min(at + len)]);
    }
    let run = run(&["--json".to_owned(), "--list".to_owned(), "--port=80".to_owned()], &file);
    let record: Value = serde_json::from_str(run.out.lines().next().expect("a connection")).expect("JSON");
    assert_eq!(record["client_bytes"].as_u64(), Some(sent.len() as u64), "{}", run.out);
    assert_ne!(record["client_ended"], "gap in the capture");
}

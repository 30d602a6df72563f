//! Captures of packets: the same bytes in every kind of link and file, and with tshark as a witness.

mod program;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::program::{records, run};

fn capture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/captures").join(name)
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// A packet of a capture that tcpdump wrote with the byte order of this machine: its time in microseconds, and its bytes.
type Packet = (u64, Vec<u8>);

/// The packets of a capture of raw IP.
fn packets(name: &str) -> Vec<Packet> {
    let bytes = std::fs::read(capture(name)).unwrap();
    let number = |at: usize| u32::from_le_bytes(*bytes[at..].first_chunk().unwrap());
    assert_eq!((number(0), number(20)), (0xa1b2_c3d4, 101), "microseconds, raw IP");
    let mut packets = Vec::new();
    let mut at = 24;
    while at < bytes.len() {
        let len = number(at + 8) as usize;
        let time = u64::from(number(at)) * 1_000_000 + u64::from(number(at + 4));
        packets.push((time, bytes[at + 16..at + 16 + len].to_vec()));
        at += 16 + len;
    }
    packets
}

/// A pcap file of these packets.
fn pcap(link: u32, packets: &[Packet], big_endian: bool, nanoseconds: bool) -> Vec<u8> {
    let number = |number: u32| if big_endian { number.to_be_bytes() } else { number.to_le_bytes() };
    let magic = if nanoseconds { 0xa1b2_3c4d } else { 0xa1b2_c3d4 };
    let version = if big_endian { [0, 2, 0, 4] } else { [2, 0, 4, 0] };
    let mut file = [number(magic), version, [0; 4], [0; 4], number(262_144), number(link)].concat();
    for (time, bytes) in packets {
        let fraction = (time % 1_000_000) as u32 * if nanoseconds { 1000 } else { 1 };
        let len = number(bytes.len() as u32);
        file.extend([number((time / 1_000_000) as u32), number(fraction), len, len].concat());
        file.extend(bytes);
    }
    file
}

/// A pcapng file with an interface a link, whose packets take turns.
fn pcapng(links: &[(u16, Vec<Packet>)], big_endian: bool) -> Vec<u8> {
    let number = |number: u32| if big_endian { number.to_be_bytes() } else { number.to_le_bytes() };
    let short = |number: u16| if big_endian { number.to_be_bytes() } else { number.to_le_bytes() };
    let block = |kind: u32, body: &[u8]| {
        let padded = body.len().next_multiple_of(4);
        let len = number(padded as u32 + 12);
        [&number(kind)[..], &len, body, &vec![0; padded - body.len()], &len].concat()
    };
    let version = [short(1), short(0)].concat();
    let mut file = block(0x0a0d_0d0a, &[&number(0x1a2b_3c4d)[..], &version, &[0xff; 8]].concat());
    for (i, (link, _)) in links.iter().enumerate() {
        // The second one counts in milliseconds, and from another second on.
        let options = match i {
            0 => vec![],
            _ => [&short(9)[..], &short(1), &[3, 0, 0, 0], &short(14), &short(8), &offset(100, big_endian), &[0; 4]]
                .concat(),
        };
        file.extend(block(1, &[&short(*link)[..], &[0; 2], &number(0), &options].concat()));
    }
    for i in 0..links[0].1.len() {
        let which = i % links.len();
        let (time, bytes) = &links[which].1[i];
        let time = if which == 0 { *time } else { time / 1000 - 100_000 };
        let len = number(bytes.len() as u32);
        let head = [number(which as u32), number((time >> 32) as u32), number(time as u32), len, len].concat();
        file.extend(block(6, &[&head[..], bytes].concat()));
    }
    file
}

fn offset(seconds: i64, big_endian: bool) -> [u8; 8] {
    if big_endian { seconds.to_be_bytes() } else { seconds.to_le_bytes() }
}

fn wrapped(packets: &[Packet], wrap: impl Fn(&[u8]) -> Vec<u8>) -> Vec<Packet> {
    packets.iter().map(|(time, bytes)| (*time, wrap(bytes))).collect()
}

/// The type of a packet for Ethernet.
fn ether_type(packet: &[u8]) -> &'static [u8] {
    if packet[0] >> 4 == 4 { &[0x08, 0x00] } else { &[0x86, 0xdd] }
}

#[test]
fn every_link_and_every_file_format_gives_the_same() {
    for name in ["lossy.pcap", "lossy-ipv6.pcap"] {
        let packets = packets(name);
        let expected = run(&["decode", capture(name).to_str().unwrap()], b"");
        assert_eq!(expected.status.code(), Some(0));
        assert!(stdout(&expected).lines().count() > 40);
        let ethernet = |bytes: &[u8]| [&[2; 12][..], ether_type(bytes), bytes].concat();
        let links: Vec<(&str, u32, Vec<Packet>)> = vec![
            ("raw", 12, packets.clone()),
            ("ethernet", 1, wrapped(&packets, ethernet)),
            // Short frames are filled up.
            ("ethernet with a trailer", 1, wrapped(&packets, |bytes| [&ethernet(bytes)[..], &[0; 7]].concat())),
            ("vlan", 1, wrapped(&packets, |bytes| [&[2; 12][..], &[0x81, 0, 0, 5], ether_type(bytes), bytes].concat())),
            (
                "two vlans",
                1,
                wrapped(&packets, |bytes| {
                    [&[2; 12][..], &[0x88, 0xa8, 0, 5, 0x81, 0, 0, 6], ether_type(bytes), bytes].concat()
                }),
            ),
            ("loopback", 0, wrapped(&packets, |bytes| [&[2, 0, 0, 0], bytes].concat())),
            ("loopback of OpenBSD", 108, wrapped(&packets, |bytes| [&[0, 0, 0, 2], bytes].concat())),
            ("cooked", 113, wrapped(&packets, |bytes| [&[0; 14][..], ether_type(bytes), bytes].concat())),
            ("cooked, version 2", 276, wrapped(&packets, |bytes| [ether_type(bytes), &[0; 18][..], bytes].concat())),
        ];
        for (link, number, packets) in &links {
            for (big_endian, nanoseconds) in [(false, false), (true, false), (false, true)] {
                let output = run(&["decode"], &pcap(*number, packets, big_endian, nanoseconds));
                assert_eq!(stdout(&output), stdout(&expected), "{name}, {link}");
            }
        }
        // Two interfaces of different kinds in one file; the second has times of milliseconds.
        for big_endian in [false, true] {
            let both = [(1, links[1].2.clone()), (276, links[8].2.clone())];
            let output = run(&["decode", "--json"], &pcapng(&both, big_endian));
            let expected = run(&["decode", "--json", capture(name).to_str().unwrap()], b"");
            let (found, expected) = (records(&output), records(&expected));
            assert_eq!(found.len(), expected.len());
            for (found, expected) in found.iter().zip(&expected) {
                let (mut found, mut expected) = (found.clone(), expected.clone());
                let [at, right] = [&mut found, &mut expected]
                    .map(|record| record.as_object_mut().unwrap().remove("time").unwrap().as_f64().unwrap());
                assert_eq!(found, expected);
                assert!((at - right).abs() < 0.0011, "{at} {right}");
            }
        }
    }
}

#[test]
fn extension_headers_of_ipv6_are_passed_over() {
    let packets = wrapped(&packets("lossy-ipv6.pcap"), |bytes| {
        // Hop-by-hop options and destination options before TCP.
        let mut packet = bytes.to_vec();
        let len = u16::from_be_bytes([bytes[4], bytes[5]]) + 16;
        packet[4..6].copy_from_slice(&len.to_be_bytes());
        packet[6] = 0;
        packet.splice(40..40, [60, 0, 1, 4, 0, 0, 0, 0, 6, 0, 1, 4, 0, 0, 0, 0]);
        packet
    });
    let output = run(&["decode"], &pcap(101, &packets, false, false));
    assert_eq!(stdout(&output), stdout(&run(&["decode", capture("lossy-ipv6.pcap").to_str().unwrap()], b"")));
}

#[test]
fn a_capture_that_is_cut_or_broken_keeps_what_came_before() {
    let packets = packets("lossy.pcap");
    let file = pcap(101, &packets, false, false);
    let whole = stdout(&run(&["decode"], &file));
    // In the middle of a packet of the last connection.
    let output = run(&["decode"], &file[..file.len() - 2000]);
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(errors.contains("ends within a packet"), "{errors}");
    let found = String::from_utf8(output.stdout).unwrap();
    let same = whole.lines().zip(found.lines()).take_while(|(whole, found)| whole == found).count();
    assert!(same > 30, "{found}");
    // A block that is none.
    let mut blocks = pcapng(&[(101, packets)], false);
    let len = blocks.len();
    blocks.truncate(len / 2 / 4 * 4);
    blocks.extend([0xee; 4000]);
    let output = run(&["decode"], &blocks);
    assert_eq!(output.status.code(), Some(2));
    assert!(stdout(&output).lines().count() > 10);
    for nothing in
        [&b"\xd4\xc3\xb2\xa1"[..], b"\x0a\x0d\x0d\x0a\x1c\0\0\0", b"\x0a\x0d\x0d\x0a\xff\xff\xff\xff\x4d\x3c\x2b\x1a"]
    {
        let output = run(&["decode"], nothing);
        assert_eq!(output.status.code(), Some(2));
        assert_eq!(output.stderr.split(|byte| *byte == b'\n').count(), 2, "one line");
    }
}

/// A segment of TCP over IPv4 between two ports of one machine.
fn segment(from: u16, to: u16, sequence: u32, acknowledged: u32, flags: u8, payload: &[u8]) -> Vec<u8> {
    let len = (40 + payload.len()) as u16;
    let [from, to] = [from, to].map(u16::to_be_bytes);
    [
        &[0x45, 0][..],
        &len.to_be_bytes(),
        &[0, 0, 0, 0, 64, 6, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1],
        &from,
        &to,
        &sequence.to_be_bytes(),
        &acknowledged.to_be_bytes(),
        &[0x50, flags, 0xff, 0xff, 0, 0, 0, 0],
        payload,
    ]
    .concat()
}

const SYN: u8 = 2;
const RST: u8 = 4;
const ACK: u8 = 16;
const FIN: u8 = 1;

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
const HELLO: &[u8] = b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";

fn in_time(packets: impl IntoIterator<Item = Vec<u8>>) -> Vec<Packet> {
    packets.into_iter().enumerate().map(|(i, packet)| (i as u64 * 1000, packet)).collect()
}

#[test]
fn ends_that_connect_again_are_another_connection() {
    let after = 1 + REQUEST.len() as u32;
    let connection = |first: u32| {
        [
            segment(5000, 80, first, 0, SYN, b""),
            segment(80, 5000, 900, first + 1, SYN | ACK, b""),
            segment(5000, 80, first + 1, 901, ACK, REQUEST),
            // Both again, and a segment that begins before what is known.
            segment(5000, 80, first + 1, 901, ACK, REQUEST),
            segment(5000, 80, first + after - 4, 901, ACK, &[b"\r\n\r\n", HELLO].concat()),
            segment(5000, 80, first + after + 11, 901, RST, b""),
        ]
    };
    let file = pcap(101, &in_time(connection(100).into_iter().chain(connection(70_000))), false, false);
    let output = run(&["decode", "--json", "--list"], &file);
    let found = records(&output);
    assert_eq!(found.len(), 2);
    for (i, record) in found.iter().enumerate() {
        assert_eq!((record["stream"].as_u64(), record["client_messages"].as_u64()), (Some(i as u64), Some(1)));
        assert_eq!(record["client_bytes"].as_u64(), Some(REQUEST.len() as u64 + 11));
        assert_eq!(record["tcp"], "reset by the client");
    }
}

#[test]
fn a_connection_without_its_beginning_is_decoded_if_its_port_is_named() {
    let packets = in_time([
        segment(5000, 80, 77, 901, ACK, HELLO),
        segment(80, 5000, 901, 88, ACK, b"\x81\x02ok"),
        segment(5000, 80, 88, 905, ACK | FIN, b""),
        segment(80, 5000, 905, 89, ACK | FIN, b""),
    ]);
    let file = pcap(101, &packets, false, false);
    let output = run(&["decode", "--json"], &file);
    assert_eq!(output.status.code(), Some(2));
    for named in [["--port", "80"], ["--stream", "0"]] {
        let output = run(&["decode", "--json", named[0], named[1]], &file);
        assert_eq!(output.status.code(), Some(0));
        let found = records(&output);
        let messages: Vec<_> = found.iter().filter(|record| record["event"] == "message").collect();
        assert_eq!((&messages[0]["direction"], &messages[0]["payload_hex"]), (&"client".into(), &"48656c6c6f".into()));
        assert_eq!((&messages[1]["direction"], &messages[1]["payload_hex"]), (&"server".into(), &"6f6b".into()));
    }
}

/// A connection of two ends, each packet with the right numbers.
struct Talk {
    packets: Vec<Vec<u8>>,
    /// The next numbers of the client and of the server.
    next: [u32; 2],
}

impl Talk {
    fn new(first: u32) -> Talk {
        let packets =
            vec![segment(5000, 80, first, 0, SYN, b""), segment(80, 5000, first + 500, first + 1, SYN | ACK, b"")];
        Talk { packets, next: [first + 1, first + 501] }
    }

    fn say(mut self, is_client: bool, flags: u8, payload: &[u8]) -> Talk {
        let [client, server] = self.next;
        let packet = match is_client {
            true => segment(5000, 80, client, server, ACK | flags, payload),
            false => segment(80, 5000, server, client, ACK | flags, payload),
        };
        self.packets.push(packet);
        self.next[usize::from(!is_client)] += payload.len() as u32 + u32::from(flags & FIN);
        self
    }

    fn handshake(self) -> Talk {
        self.say(true, 0, REQUEST).say(false, 0, ANSWER)
    }

    fn end(self) -> Talk {
        self.say(true, FIN, b"").say(false, FIN, b"").say(true, 0, b"")
    }
}

const ANSWER: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";

/// The payloads of the messages, as they come.
fn messages(packets: impl IntoIterator<Item = Vec<u8>>) -> Vec<String> {
    let output = run(&["decode", "--json"], &pcap(101, &in_time(packets), false, false));
    let found = records(&output);
    assert!(found.iter().all(|record| record["event"] != "gap"), "{found:?}");
    found.iter().filter_map(|record| record["payload_hex"].as_str().map(str::to_owned)).collect()
}

#[test]
fn a_connection_of_the_same_ends_is_found_without_its_first_packets() {
    let first = Talk::new(100).handshake().say(true, 0, HELLO).end().packets;
    for left_out in [1, 2] {
        let second = Talk::new(90_000).handshake().say(true, 0, HELLO).end().packets;
        let packets = first.iter().cloned().chain(second.into_iter().skip(left_out));
        assert_eq!(messages(packets).len(), 2, "without {left_out} packets");
    }
}

#[test]
fn a_reset_from_elsewhere_ends_nothing() {
    let mut talk = Talk::new(5000).handshake();
    talk.packets.push(segment(5000, 80, 77, 0, RST, b""));
    talk.packets.push(segment(80, 5000, 3_000_000_000, 0, RST, b""));
    assert_eq!(messages(talk.say(true, 0, HELLO).end().packets).len(), 1);
}

#[test]
fn an_end_that_waits_for_the_other_is_no_gap() {
    let talk = Talk::new(5000).handshake().say(true, 0, HELLO).say(true, FIN, b"");
    let talk = talk.say(false, 0, b"\x81\x02ok").say(true, 0, b"").say(false, FIN, b"").say(true, 0, b"");
    assert_eq!(messages(talk.packets), ["48656c6c6f", "6f6b"]);
}

#[test]
fn an_acknowledgement_may_be_captured_before_what_it_acknowledges() {
    let mut packets = Talk::new(5000).handshake().say(true, 0, HELLO).end().packets;
    packets.drain(..2);
    // The server's first packet with data comes first.
    packets.swap(0, 1);
    assert_eq!(messages(packets), ["48656c6c6f"]);
}

#[test]
fn the_answer_to_a_head_request_has_no_body() {
    let talk = Talk::new(5000).say(true, 0, b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n");
    let talk = talk.say(false, 0, b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n");
    let talk = talk.handshake().say(false, 0, b"\x81\x02ok").end();
    assert_eq!(messages(talk.packets), ["6f6b"]);
}

#[test]
fn what_a_client_sends_before_any_answer_is_decoded_at_the_end() {
    assert_eq!(messages(Talk::new(5000).say(true, 0, REQUEST).say(true, 0, HELLO).end().packets), ["48656c6c6f"]);
    // The first letters of another request, which never comes.
    let talk = Talk::new(5000).say(true, 0, REQUEST).say(true, 0, b"GE").end();
    let output = run(&["decode", "--json"], &pcap(101, &in_time(talk.packets), false, false));
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn tls_behind_a_tunnel_is_named_as_such() {
    let talk = Talk::new(5000).say(true, 0, b"CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n");
    let talk = talk.say(false, 0, b"HTTP/1.1 200 Connection established\r\n\r\n");
    let talk =
        talk.say(true, 0, b"\x16\x03\x01\0\x20\x01\0\0\x1c").say(false, 0, b"\x16\x03\x03\0\x20\x02\0\0\x1c").end();
    let output = run(&["decode"], &pcap(101, &in_time(talk.packets), false, false));
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(errors.contains("TLS encrypts 1 of the connections") && errors.contains("SSLKEYLOGFILE"), "{errors}");
}

#[test]
fn a_snap_length_that_leaves_no_payload_is_named_as_the_cause() {
    let packets = Talk::new(5000).handshake().say(true, 0, HELLO).end().packets;
    let mut file = pcap(101, &[], false, false);
    for (i, packet) in packets.iter().enumerate() {
        let (len, kept) = (packet.len() as u32, packet.len().min(40));
        file.extend(
            [&[0; 4][..], &(i as u32).to_le_bytes(), &(kept as u32).to_le_bytes(), &len.to_le_bytes()].concat(),
        );
        file.extend(&packet[..kept]);
    }
    let output = run(&["decode"], &file);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().contains("snap length cuts packets of 2 directions"));
}

#[test]
fn pppoe_and_mpls_are_looked_through() {
    let packets = Talk::new(5000).handshake().say(true, 0, HELLO).end().packets;
    for before in [&[0x88, 0x64, 0x11, 0, 0, 1, 0, 99, 0, 0x21][..], &[0x88, 0x47, 0, 0, 0x10, 64, 0, 0, 0x21, 64]] {
        let wrapped: Vec<_> = packets.iter().map(|packet| [&[2; 12][..], before, packet].concat()).collect();
        let output = run(&["decode", "--json"], &pcap(1, &in_time(wrapped), false, false));
        assert!(records(&output).iter().any(|record| record["payload_hex"] == "48656c6c6f"));
    }
}

/// A WebSocket that is silent while tens of thousands of other connections come and go.
#[test]
fn a_silent_websocket_is_followed_through_a_busy_capture() {
    let talk = Talk::new(5000).handshake();
    let mut packets = talk.packets.clone();
    for i in 0..20_000_u32 {
        let port = 6000 + (i % 50_000) as u16;
        packets.push(segment(port, 81, 5, 0, SYN, b""));
        packets.push(segment(port, 81, 6, 0, ACK | FIN, b""));
        packets.push(segment(81, port, 9, 7, ACK | FIN, b""));
        // And one that is never answered.
        packets.push(segment(port, 82, 5, 0, SYN, b""));
    }
    let len = talk.packets.len();
    packets.extend(talk.say(true, 0, HELLO).end().packets.into_iter().skip(len));
    assert_eq!(messages(packets), ["48656c6c6f"]);
}

/// What each connection has behind a hole counts together.
#[cfg(target_os = "linux")]
#[test]
fn memory_does_not_follow_what_waits_behind_holes() {
    let peak = peak_memory(&["decode", "--json"], |write| {
        for port in 1000..1040_u16 {
            let mut packets = vec![segment(port, 80, 0, 0, SYN, b""), segment(port, 80, 1, 0, ACK, REQUEST)];
            let hole = 1 + REQUEST.len() as u32 + 100;
            packets.extend((0..200).map(|i| segment(port, 80, hole + i * 40_000, 0, ACK, &[7; 40_000])));
            write(packets);
        }
    });
    assert!(peak < 128 * 1024, "{peak} KiB of 320 MB");
}

/// Holes that are given up make room for others.
#[test]
fn what_was_lost_waits_no_longer() {
    let mut packets = Vec::new();
    for port in 1000..1030_u16 {
        let after = 1 + REQUEST.len() as u32;
        packets.extend([segment(port, 80, 0, 0, SYN, b""), segment(port, 80, 1, 0, ACK, REQUEST)]);
        packets.extend((0..100).map(|i| segment(port, 80, after + 100 + i * 40_000, 0, ACK, &[7; 40_000])));
        // The receiver has it all: the hole is in the capture.
        let all = after + 100 + 4_000_000;
        packets.extend((0..200).map(|_| segment(80, port, 1, all, ACK, b"")));
    }
    // 120 MB have waited by now, one after another.
    let hello = Talk::new(5000).handshake();
    let len = hello.packets.len();
    let mut talk =
        hello.say(true, 0, &[0x82, 0xfe, 0x9c, 0x40, 0, 0, 0, 0]).say(true, 0, &[7; 20_000]).say(true, 0, &[8; 20_000]);
    talk.packets.swap(len + 1, len + 2);
    packets.extend(talk.end().packets);
    let output = run(&["decode", "--json"], &pcap(101, &in_time(packets), false, false));
    let found = records(&output);
    assert!(found.iter().any(|record| record["event"] == "message" && record["length"] == 40_000));
}

/// As `xxd` writes it, with an offset of four digits.
fn dump(bytes: &[u8]) -> String {
    let row = |(i, row): (usize, &[u8])| {
        let digits: Vec<_> = row.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{:04x}  {}\n", 16 * i, digits.join(" "))
    };
    bytes.chunks(16).enumerate().map(row).collect()
}

#[test]
fn a_packet_that_is_pasted_is_decoded_without_its_handshake() {
    for before in [&[][..], &[2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 8, 0]] {
        let client = [before, &segment(5000, 80, 7, 8, ACK, HELLO)].concat();
        let server = [before, &segment(80, 5000, 8, 18, ACK, b"\x81\x02ok")].concat();
        let output = run(&["decode", "--json"], format!("{}\n{}", dump(&client), dump(&server)).as_bytes());
        let found = records(&output);
        let messages: Vec<_> = found.iter().filter(|record| record["event"] == "message").collect();
        assert_eq!(messages.len(), 2, "{found:?}");
        assert_eq!((&messages[0]["direction"], &messages[1]["direction"]), (&"client".into(), &"server".into()));
    }
}

#[test]
fn tcpdump_and_tshark_write_dumps_that_are_read_again() {
    let tool = |name: &str, arguments: &[&str]| match Command::new(name).args(arguments).output() {
        Ok(output) => Some(output.stdout),
        Err(error) => {
            assert!(std::env::var_os("CI").is_none(), "{name} is needed here: {error}");
            eprintln!("{name} is not installed: its dumps are not read");
            None
        }
    };
    for file in ["lossy.pcap", "lossy-ipv6.pcap", "any.pcap", "any-v1.pcap"] {
        let path = capture(file);
        let path = path.to_str().unwrap();
        let expected = stdout(&run(&["decode", "--list", path], b""));
        let dumps = [
            ("tcpdump", vec!["-r", path, "-X"]),
            ("tcpdump", vec!["-r", path, "-XX"]),
            ("tcpdump", vec!["-vv", "-nr", path, "-x"]),
            ("tshark", vec!["-r", path, "-x"]),
        ];
        for (name, arguments) in dumps {
            let Some(dump) = tool(name, &arguments) else { continue };
            assert_eq!(stdout(&run(&["decode", "--list"], &dump)), expected, "{name} {arguments:?}");
        }
    }
}

#[test]
fn a_violation_in_a_capture_is_exit_code_1() {
    let packets = in_time([
        segment(5000, 80, 100, 0, SYN, b""),
        segment(80, 5000, 900, 101, SYN | ACK, b""),
        segment(5000, 80, 101, 901, ACK, &[REQUEST, b"\x81\x02hi"].concat()),
    ]);
    let output = run(&["decode", "--json"], &pcap(101, &packets, false, false));
    let found = records(&output);
    assert!(found.iter().any(|record| record["rule"] == "MaskMissing" && record["direction"] == "client"));
    assert_eq!(output.status.code(), Some(1));
}

/// The most memory that the program takes over what is written to it, in KiB.
#[cfg(target_os = "linux")]
fn peak_memory(arguments: &[&str], write: impl FnOnce(&mut dyn FnMut(Vec<Vec<u8>>))) -> u64 {
    let mut child = Command::new(env!("CARGO_BIN_EXE_wsframe"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(&pcap(101, &[], false, false)).unwrap();
    write(&mut |packets| stdin.write_all(&pcap(101, &in_time(packets), false, false)[24..]).unwrap());
    let peak = program::peak_memory(&child);
    drop(stdin);
    assert_eq!(child.wait().unwrap().code(), Some(0));
    peak
}

/// Tens of thousands of connections, and one with much traffic, through a pipe.
#[cfg(target_os = "linux")]
#[test]
fn memory_does_not_follow_the_length_of_a_capture() {
    for arguments in [&["decode", "--json"][..], &["decode", "--json", "--list"]] {
        let peak = peak_memory(arguments, |write| {
            // Connections that never end.
            for port in 1024..61_024_u16 {
                write(vec![segment(port, 80, 5, 0, SYN, b""), segment(port, 80, 6, 0, ACK, REQUEST)]);
            }
            // One with holes that are filled late.
            let message = [&b"\x82\xfe\x10\x00\0\0\0\0"[..], &[7; 4096]].concat();
            write(vec![segment(1000, 80, 0, 0, SYN, b""), segment(1000, 80, 1, 0, ACK, REQUEST)]);
            let mut sequence = 1 + REQUEST.len() as u32;
            for _ in 0..40_000 {
                let second = segment(1000, 80, sequence.wrapping_add(2000), 0, ACK, &message[2000..]);
                write(vec![second, segment(1000, 80, sequence, 0, ACK, &message[..2000])]);
                sequence = sequence.wrapping_add(message.len() as u32);
            }
        });
        assert!(peak < 128 * 1024, "{peak} KiB");
    }
}

/// The frames of each direction of each connection, as tshark sees them: opcode and length of the payload.
fn by_tshark(path: &Path) -> Option<Vec<(String, String, String)>> {
    let fields = ["tcp.stream", "tcp.dstport", "websocket.opcode"].into_iter().flat_map(|field| ["-e", field]);
    let output = Command::new("tshark")
        .arg("-r")
        .arg(path)
        .args(["-o", "tcp.reassemble_out_of_order:TRUE", "-Y", "websocket", "-T", "fields"])
        .args(fields)
        .output();
    let output = match output {
        Ok(output) => output,
        Err(error) => {
            assert!(std::env::var_os("CI").is_none(), "tshark is needed here: {error}");
            eprintln!("tshark is not installed: there is no second opinion");
            return None;
        }
    };
    let text = String::from_utf8(output.stdout).unwrap();
    let mut frames = Vec::new();
    for line in text.lines() {
        let columns: Vec<&str> = line.split('\t').collect();
        let is_to_server = ["9001", "9002"].contains(&columns[1]);
        let sender = if is_to_server { "client" } else { "server" };
        for opcode in columns[2].split(',') {
            frames.push((columns[0].to_owned(), sender.to_owned(), opcode.to_owned()));
        }
    }
    Some(frames)
}

#[test]
fn tshark_sees_the_same_frames() {
    for name in ["lossy.pcap", "lossy-ipv6.pcap", "any.pcap", "any-v1.pcap"] {
        let Some(mut expected) = by_tshark(&capture(name)) else { return };
        let output = run(&["decode", "--json", "--frames", capture(name).to_str().unwrap()], b"");
        let mut found: Vec<_> = records(&output)
            .iter()
            .filter(|record| record["event"] == "frame")
            .map(|record| {
                let text = |field: &str| record[field].to_string().trim_matches('"').to_owned();
                (text("stream"), text("direction"), text("opcode"))
            })
            .collect();
        // In the order of each direction.
        expected.sort_by_key(|(stream, sender, _)| (stream.clone(), sender.clone()));
        found.sort_by_key(|(stream, sender, _)| (stream.clone(), sender.clone()));
        assert!(expected.len() > 15, "{name}");
        assert_eq!(found, expected, "{name}");
    }
}

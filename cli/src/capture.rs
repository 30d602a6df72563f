//! Captures of packets: their TCP connections, and the WebSockets on them.

use core::net::{IpAddr, SocketAddr};
use std::collections::{BTreeMap, HashMap};
use std::io::{self, Cursor, Read, Write};

use etherparse::{EtherType, LaxNetSlice, LaxSlicedPacket, TransportSlice};
use pcap_parser::traits::PcapNGPacketBlock;
use pcap_parser::{Block, Linktype, PcapBlockOwned, PcapError};
use serde::Serialize;
use wsframe::Role;
use wsframe_inspect::hint::is_tls;
use wsframe_inspect::pair::Pair;
use wsframe_inspect::record::Record;
use wsframe_inspect::stream::is_frame_for;
use wsframe_inspect::text::{self, Reader};

use crate::args::DecodeArgs;
use crate::input::{Input, Opened, READ};
use crate::output::{At, Context, Format, name};
use crate::progress::Progress;
use crate::tcp::{Direction, Piece, Reason, Segment};
use crate::{Failure, Outcome};

/// The longest block of a capture, in bytes.
const MAX_BLOCK: usize = 16 * 1024 * 1024;

/// The block that held packets before the present one; nothing has written it for many years.
const OLD_PACKET: u32 = 2;

/// The most connections that are followed at once; those that were silent for longest make room.
const MAX_CONNECTIONS: usize = 16_384;

/// The most connections whose ends are kept for the list; above that it is printed in parts.
const MAX_LISTED: usize = 65_536;

/// How much of all connections together may wait for what comes before it, in bytes; above that, what is missing counts as lost.
const MAX_WAITING: usize = 64 * 1024 * 1024;

/// How much may be said of a connection before it is clear whether it is a WebSocket, in bytes.
const MAX_HELD: usize = 64 * 1024;

pub(crate) fn run(
    args: &DecodeArgs,
    opened: Opened,
    out: &mut impl Write,
    err: &mut dyn Write,
) -> Result<Outcome, Failure> {
    let mut tracker = Tracker::new(args, out, err);
    if args.list {
        tracker.list_columns()?;
    }
    let (name, failure) = match opened {
        Opened::Capture(mut input) => {
            let failure = read_file(&mut input, &mut tracker)?;
            (input.name().to_owned(), failure)
        }
        Opened::Packets(mut input, mut reader, link) => {
            tracker.is_dump = true;
            let failure = read_text(&mut input, &mut reader, link, &mut tracker)?;
            (input.name().to_owned(), failure)
        }
        Opened::Stream(input) => (input.name().to_owned(), Some("is no capture of packets".to_owned())),
    };
    let outcome = tracker.finish(&name);
    match failure {
        Some(failure) => Err(Failure::Unusable(format!("{name} {failure}"))),
        None => outcome,
    }
}

/// A packet as it was captured.
struct Packet<'p> {
    /// Since the beginning of 1970, in microseconds.
    time: i64,
    link: Link,
    bytes: &'p [u8],
}

/// What a packet begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Link {
    Ethernet,
    Ip,
    /// Four bytes of the address family.
    Loopback,
    /// Linux "any" device, version 1 and 2.
    Cooked,
    Cooked2,
    Unknown(i32),
}

impl Link {
    fn of(linktype: Linktype) -> Link {
        match linktype {
            Linktype::ETHERNET => Link::Ethernet,
            // 12 and 14 are what some systems write for raw IP.
            Linktype::RAW | Linktype::IPV4 | Linktype::IPV6 | Linktype(12 | 14) => Link::Ip,
            Linktype::NULL | Linktype::LOOP => Link::Loopback,
            Linktype::LINUX_SLL => Link::Cooked,
            Linktype::LINUX_SLL2 => Link::Cooked2,
            Linktype(other) => Link::Unknown(other),
        }
    }

    /// The headers of a packet.
    fn slice(self, bytes: &[u8]) -> Option<LaxSlicedPacket<'_>> {
        let by_type = |at: usize, payload: usize| {
            let ether_type = EtherType(u16::from_be_bytes(*bytes.get(at..)?.first_chunk()?));
            Some(LaxSlicedPacket::from_ether_type(ether_type, bytes.get(payload..)?))
        };
        match self {
            Link::Ethernet => LaxSlicedPacket::from_ethernet(bytes).ok(),
            Link::Ip => LaxSlicedPacket::from_ip(bytes).ok(),
            Link::Loopback => LaxSlicedPacket::from_ip(bytes.get(4..)?).ok(),
            Link::Cooked => by_type(14, 16),
            Link::Cooked2 => by_type(0, 20),
            Link::Unknown(_) => None,
        }
    }
}

/// Reads a pcap or pcapng file. Returns what is wrong with it, if that is so.
fn read_file<W: Write>(input: &mut Input, tracker: &mut Tracker<'_, W>) -> Result<Option<String>, Failure> {
    struct Interface {
        link: Link,
        resolution: u64,
        offset: i64,
    }
    let mut progress = Progress::new(input.len());
    // The parser wants the first block whole.
    let mut beginning = vec![0; 24];
    let len = input.read_full(&mut beginning).map_err(Failure::Unusable)?;
    beginning.truncate(len);
    if beginning.starts_with(&[0x0a, 0x0d, 0x0d, 0x0a]) && len >= 12 {
        let block_len = if beginning[8] == 0x1a { u32::from_be_bytes } else { u32::from_le_bytes };
        let block_len = block_len([beginning[4], beginning[5], beginning[6], beginning[7]]) as usize;
        if block_len <= READ / 2 {
            beginning.resize(block_len.max(len), 0);
            let more = input.read_full(&mut beginning[len..]).map_err(Failure::Unusable)?;
            beginning.truncate(len + more);
        }
    }
    let source = Cursor::new(beginning).chain(input);
    let mut reader = match pcap_parser::create_reader(READ, source) {
        Ok(reader) => reader,
        Err(_) => return Ok(Some("is no capture of packets that can be read (pcap or pcapng)".to_owned())),
    };
    let mut interfaces: Vec<Interface> = Vec::new();
    let mut unit = 1;
    let (mut is_ng, mut is_big_endian) = (false, false);
    loop {
        if let [0x0a, 0x0d, 0x0d, 0x0a, _, _, _, _, magic, ..] = reader.data() {
            (is_ng, is_big_endian) = (true, *magic == 0x1a);
        }
        let (len, block) = match reader.next() {
            Ok(found) => found,
            Err(PcapError::Eof) => break,
            Err(PcapError::Incomplete(_)) => {
                // What was said so far is shown before a read that may wait.
                tracker.out.flush()?;
                if let Err(error) = reader.refill() {
                    return Ok(Some(format!("cannot be read further: {error:?}")));
                }
                continue;
            }
            Err(PcapError::BufferTooSmall) => {
                let size = reader.data().len().max(READ) * 2;
                if size > MAX_BLOCK || !reader.grow(size) {
                    let at = reader.consumed();
                    return Ok(Some(format!("is broken at byte {at}: a block of more than 16 MiB")));
                }
                if reader.refill().is_err() {
                    return Ok(Some("cannot be read further".to_owned()));
                }
                continue;
            }
            Err(PcapError::UnexpectedEof) => {
                let data = reader.data();
                let len = data.get(4..8).and_then(<[u8]>::first_chunk).map_or(u32::MAX, |len| {
                    if is_big_endian { u32::from_be_bytes(*len) } else { u32::from_le_bytes(*len) }
                });
                // A block that is all there, or longer than any, is no block that was cut.
                if is_ng && data.len() >= 8 && (len as usize <= data.len() || len as usize > MAX_BLOCK) {
                    let at = reader.consumed();
                    return Ok(Some(format!("is broken at byte {at}: no block of a capture begins there")));
                }
                tracker.warn("the capture ends within a packet")?;
                break;
            }
            Err(_) => {
                let at = reader.consumed();
                return Ok(Some(format!("is broken at byte {at}: no block of a capture begins there")));
            }
        };
        match block {
            PcapBlockOwned::LegacyHeader(header) => {
                unit = if header.is_nanosecond_precision() { 1000 } else { 1 };
                interfaces = vec![Interface { link: Link::of(header.network), resolution: 1_000_000, offset: 0 }];
            }
            PcapBlockOwned::Legacy(packet) => {
                let time = i64::from(packet.ts_sec) * 1_000_000 + i64::from(packet.ts_usec) / unit;
                let link = interfaces.first().map_or(Link::Unknown(-1), |interface| interface.link);
                tracker.packet(Packet { time, link, bytes: packet.data })?;
            }
            PcapBlockOwned::NG(Block::SectionHeader(_)) => interfaces.clear(),
            PcapBlockOwned::NG(Block::InterfaceDescription(about)) => {
                const MOST: usize = 4096;
                if interfaces.len() < MOST {
                    // The parser reads the offset with the lower byte first, whatever the section's order is.
                    let offset = if is_big_endian { about.ts_offset().swap_bytes() } else { about.ts_offset() };
                    let resolution = about.ts_resolution().unwrap_or(1_000_000);
                    interfaces.push(Interface { link: Link::of(about.linktype), resolution, offset });
                }
            }
            PcapBlockOwned::NG(Block::EnhancedPacket(packet)) => {
                if interfaces.len() <= packet.if_id as usize {
                    tracker.skipped.interfaces += 1;
                }
                if let Some(interface) = interfaces.get(packet.if_id as usize) {
                    let ticks = u128::from(packet.ts_high) << 32 | u128::from(packet.ts_low);
                    let micros = (ticks * 1_000_000 / u128::from(interface.resolution.max(1))) as i64;
                    let time = micros.saturating_add(interface.offset.saturating_mul(1_000_000));
                    tracker.packet(Packet { time, link: interface.link, bytes: packet.packet_data() })?;
                }
            }
            PcapBlockOwned::NG(Block::SimplePacket(packet)) => {
                if let Some(interface) = interfaces.first() {
                    tracker.packet(Packet { time: tracker.now, link: interface.link, bytes: packet.packet_data() })?;
                }
            }
            PcapBlockOwned::NG(Block::Unknown(block)) if block.block_type == OLD_PACKET => tracker.skipped.old += 1,
            PcapBlockOwned::NG(_) => {}
        }
        reader.consume(len);
        progress.update(reader.consumed() as u64);
    }
    progress.finish();
    Ok(None)
}

/// Reads packets from a dump. Returns what is wrong with it, if that is so.
fn read_text<W: Write>(
    input: &mut Input,
    reader: &mut Reader,
    link: text::Link,
    tracker: &mut Tracker<'_, W>,
) -> Result<Option<String>, Failure> {
    let link = match link {
        text::Link::Ethernet => Link::Ethernet,
        text::Link::Ip => Link::Ip,
        text::Link::Loopback => Link::Loopback,
        text::Link::Cooked => Link::Cooked,
        text::Link::Cooked2 => Link::Cooked2,
    };
    let mut text = vec![0; READ];
    // Bytes from this position on, and where in them packets begin.
    let (mut bytes, mut start) = (Vec::new(), 0);
    let mut blocks: Vec<text::Block> = Vec::new();
    loop {
        let len = input.read(&mut text).map_err(Failure::Unusable)?;
        let read = match len {
            0 => reader.finish(&mut bytes),
            len => reader.push(&text[..len], &mut bytes),
        };
        blocks.extend(reader.blocks());
        let is_end = len == 0 || read.is_err();
        while let Some(block) = blocks.first() {
            let end = match blocks.get(1) {
                Some(next) => (next.start - start) as usize,
                None if is_end => bytes.len(),
                None => break,
            };
            let time = block.time.map_or(tracker.now, |micros| micros as i64);
            tracker.packet(Packet { time, link, bytes: &bytes[..end] })?;
            start += end as u64;
            bytes.drain(..end);
            blocks.remove(0);
        }
        match read {
            Err(error) => return Ok(Some(format!("is not {}: {error}", reader.name()))),
            Ok(()) if is_end => return Ok(None),
            Ok(()) if bytes.len() > MAX_BLOCK => return Ok(Some("has a packet of more than 16 MiB".to_owned())),
            Ok(()) => {}
        }
    }
}

/// One end of a connection, and the other.
type Ends = [SocketAddr; 2];

/// The connections of a capture.
struct Tracker<'t, W> {
    args: &'t DecodeArgs,
    format: Format,
    out: &'t mut W,
    err: &'t mut dyn Write,
    /// By their ends, the lower one first.
    connections: HashMap<Ends, Connection>,
    /// The number of the next connection.
    next: u64,
    first_time: Option<i64>,
    now: i64,
    /// The ends of connections that are over, for the list.
    listed: BTreeMap<u64, Summary>,
    /// How many connections there were of each kind.
    kinds: BTreeMap<&'static str, u64>,
    tls: Vec<String>,
    shown: u64,
    /// The packets are written as text: somebody has chosen them, perhaps without an opening handshake.
    is_dump: bool,
    has_columns: bool,
    /// How much waits for what comes before it, of all connections.
    waiting: usize,
    skipped: Skipped,
    is_violation: bool,
}

/// Packets that were not looked into.
#[derive(Default)]
struct Skipped {
    fragments: u64,
    headers_cut: u64,
    /// Directions whose bytes the snap length cuts.
    cut: u64,
    /// Packets of an interface that is not described, and in blocks of an old kind.
    interfaces: u64,
    old: u64,
    /// Packets of Ethernet that hold something else than IP, by their type.
    types: BTreeMap<u16, u64>,
    links: BTreeMap<i32, u64>,
}

/// A TCP connection.
struct Connection {
    number: u64,
    ends: Ends,
    /// Which of the ends sent each direction.
    directions: [Direction; 2],
    bytes: [u64; 2],
    /// Which of the ends is the client, once it is known.
    client: Option<usize>,
    last_time: i64,
    kind: &'static str,
    follow: Follow,
    /// The end that reset the connection.
    reset_by: Option<usize>,
    messages: [u64; 2],
    ended: [String; 2],
    is_over: bool,
}

/// What is done with the bytes of a connection.
enum Follow {
    /// Nothing has been seen of them.
    New,
    /// They are decoded; what is said is held until it is a WebSocket.
    Decode {
        pair: Box<Pair>,
        held: Option<Vec<u8>>,
        left_out: u64,
        finished: [bool; 2],
    },
    Ignore,
}

/// A line of the list.
#[derive(Serialize)]
struct Summary {
    event: &'static str,
    stream: u64,
    client: SocketAddr,
    server: SocketAddr,
    kind: &'static str,
    client_bytes: u64,
    server_bytes: u64,
    client_messages: u64,
    server_messages: u64,
    client_ended: String,
    server_ended: String,
    tcp: String,
}

impl<'t, W: Write> Tracker<'t, W> {
    fn new(args: &'t DecodeArgs, out: &'t mut W, err: &'t mut dyn Write) -> Tracker<'t, W> {
        Tracker {
            args,
            format: args.show.format(),
            out,
            err,
            connections: HashMap::new(),
            next: 0,
            first_time: None,
            now: 0,
            listed: BTreeMap::new(),
            kinds: BTreeMap::new(),
            tls: Vec::new(),
            shown: 0,
            is_dump: false,
            has_columns: false,
            waiting: 0,
            skipped: Skipped::default(),
            is_violation: false,
        }
    }

    fn warn(&mut self, warning: &str) -> Result<(), Failure> {
        // What was said before comes first.
        self.out.flush()?;
        let _ = writeln!(self.err, "wsframe: warning: {warning}");
        Ok(())
    }

    fn packet(&mut self, packet: Packet<'_>) -> Result<(), Failure> {
        self.now = packet.time;
        self.first_time.get_or_insert(packet.time);
        if let Link::Unknown(link) = packet.link {
            *self.skipped.links.entry(link).or_default() += 1;
            return Ok(());
        }
        let Some(sliced) = packet.link.slice(packet.bytes) else { return Ok(()) };
        let (from, to, wire_len, ip) = match &sliced.net {
            Some(LaxNetSlice::Ipv4(ip)) => {
                let header = ip.header();
                let wire_len = usize::from(header.total_len()).saturating_sub(header.slice().len());
                (IpAddr::V4(header.source_addr()), IpAddr::V4(header.destination_addr()), wire_len, ip.payload())
            }
            Some(LaxNetSlice::Ipv6(ip)) => {
                let header = ip.header();
                let extensions = ip.extensions().slice().len();
                let wire_len = usize::from(header.payload_length()).saturating_sub(extensions);
                (IpAddr::V6(header.source_addr()), IpAddr::V6(header.destination_addr()), wire_len, ip.payload())
            }
            _ => {
                if let Some(payload) = sliced.ether_payload() {
                    return self.within(payload.ether_type.0, payload.payload, packet.time);
                }
                return Ok(());
            }
        };
        if ip.ip_number != etherparse::ip_number::TCP {
            return Ok(());
        }
        if ip.fragmented {
            self.skipped.fragments += 1;
            return Ok(());
        }
        let Some(TransportSlice::Tcp(tcp)) = &sliced.transport else {
            self.skipped.headers_cut += 1;
            return Ok(());
        };
        let payload = tcp.payload();
        // A length of 0 is that of a packet that the network card cuts later.
        let wire_payload = wire_len.saturating_sub(tcp.header_slice().len());
        let missing = if wire_len == 0 { 0 } else { wire_payload.saturating_sub(payload.len()) as u64 };
        let sender = SocketAddr::new(from, tcp.source_port());
        let receiver = SocketAddr::new(to, tcp.destination_port());
        let segment = Segment { sequence: tcp.sequence_number(), syn: tcp.syn(), fin: tcp.fin(), payload, missing };
        let acknowledged = tcp.ack().then(|| tcp.acknowledgment_number());
        self.segment(sender, receiver, segment, acknowledged, tcp.rst())
    }

    /// A packet in something else than IP: PPPoE (RFC 2516) and MPLS (RFC 3032) are looked through.
    fn within(&mut self, ether_type: u16, payload: &[u8], time: i64) -> Result<(), Failure> {
        const ARP: u16 = 0x0806;
        let inner = match ether_type {
            0x8864 => match payload.get(6..8) {
                Some([0, 0x21 | 0x57]) => payload.get(8..),
                _ => None,
            },
            0x8847 | 0x8848 => {
                let labels = payload.chunks_exact(4).position(|label| label[2] & 1 == 1);
                labels.and_then(|last| payload.get(4 * (last + 1)..))
            }
            _ => None,
        };
        match inner {
            Some(bytes) if matches!(bytes.first(), Some(0x40..0x70)) => {
                self.packet(Packet { time, link: Link::Ip, bytes })
            }
            _ => {
                const MOST: usize = 64;
                if ether_type != ARP && self.skipped.types.len() < MOST {
                    *self.skipped.types.entry(ether_type).or_default() += 1;
                }
                Ok(())
            }
        }
    }

    fn segment(
        &mut self,
        sender: SocketAddr,
        receiver: SocketAddr,
        segment: Segment<'_>,
        acknowledged: Option<u32>,
        is_reset: bool,
    ) -> Result<(), Failure> {
        let (ends, from) = if sender <= receiver { ([sender, receiver], 0) } else { ([receiver, sender], 1) };
        let mut connection = self.connections.remove(&ends);
        // The same ends may connect again, and the beginning of that may not be captured.
        if let Some(before) = &mut connection
            && before.is_followed_by(from, &segment, acknowledged)
        {
            self.end(before)?;
            connection = None;
        }
        let mut connection = match connection {
            Some(connection) => connection,
            None => {
                self.make_room()?;
                let number = self.next;
                self.next += 1;
                Connection::new(number, ends, self.now)
            }
        };
        connection.last_time = self.now;
        if segment.syn && connection.client.is_none() {
            connection.client = Some(if acknowledged.is_some() { 1 - from } else { from });
        }
        let result = self.follow(&mut connection, from, segment, acknowledged, is_reset);
        self.connections.insert(ends, connection);
        result
    }

    fn follow(
        &mut self,
        connection: &mut Connection,
        from: usize,
        segment: Segment<'_>,
        acknowledged: Option<u32>,
        is_reset: bool,
    ) -> Result<(), Failure> {
        if connection.is_over {
            return Ok(());
        }
        let mut pieces = Vec::new();
        let waiting = connection.waiting();
        if let Some(number) = acknowledged.filter(|_| !is_reset) {
            connection.directions[1 - from].acknowledge(number, self.now, &mut |piece| pieces.push((1 - from, piece)));
        }
        // A reset with a number from elsewhere is not one of this connection.
        let is_reset = is_reset && connection.directions[from].may_reset(segment.sequence);
        if is_reset {
            connection.reset_by = Some(from);
        } else {
            connection.directions[from].take(segment, self.now, &mut |piece| pieces.push((from, piece)));
            if self.waiting - waiting + connection.waiting() > MAX_WAITING {
                connection.directions[from].lose(&mut |piece| pieces.push((from, piece)));
            }
        }
        self.waiting = self.waiting - waiting + connection.waiting();
        for (from, piece) in pieces {
            self.piece(connection, from, piece)?;
        }
        let finished = [0, 1].map(|end| connection.directions[end].is_finished());
        for end in [0, 1].into_iter().filter(|end| finished[*end]) {
            self.finish_direction(connection, end)?;
        }
        if is_reset || finished == [true, true] {
            self.end(connection)?;
        }
        Ok(())
    }

    /// The next bytes of a direction, or that they are missing.
    fn piece(&mut self, connection: &mut Connection, from: usize, piece: Piece) -> Result<(), Failure> {
        let is_tls = matches!(&piece, Piece::Bytes(bytes) if is_tls(bytes));
        if let Piece::Gap { reason: Reason::SnapLength, .. } = piece {
            self.skipped.cut += 1;
        }
        if let Piece::Bytes(bytes) = &piece {
            connection.bytes[from] += bytes.len() as u64;
            if let Follow::New = connection.follow {
                self.begin(connection, from, bytes)?;
            }
        }
        let context = self.context(connection);
        let sender = connection.sender(from);
        let Follow::Decode { pair, held, left_out, .. } = &mut connection.follow else { return Ok(()) };
        let (format, out) = (self.format, &mut *self.out);
        let mut sink = |sender: Role, record: &Record<'_>| match &mut *held {
            Some(held) => format.write(held, context.sent_by(sender), record),
            None if self.args.list => Ok(()),
            None => format.write(out, context.sent_by(sender), record),
        };
        match piece {
            Piece::Bytes(mut bytes) => pair.push(sender, &mut bytes, &mut sink)?,
            Piece::Gap { length, reason } => pair.gap(sender, length, reason.name(), &mut sink)?,
        }
        let has_frames = pair.sent_by(Role::Client).has_frames() || pair.sent_by(Role::Server).has_frames();
        if held.is_none() {
            return Ok(());
        }
        if pair.is_upgraded() {
            connection.kind = "websocket";
            let (said, left_out) = (held.take().unwrap_or_default(), *left_out);
            self.show()?;
            if !self.args.list {
                self.out.write_all(&said)?;
                if left_out > 0 {
                    let number = connection.number;
                    self.warn(&format!(
                        "connection {number}: {left_out} bytes of output about its HTTP messages before are left out"
                    ))?;
                }
            }
        } else if has_frames {
            // Something else is spoken here, perhaps behind a CONNECT.
            if is_tls {
                connection.kind = "tls";
            }
            connection.follow = Follow::Ignore;
        } else if let Some(held) = held.as_mut().filter(|held| held.len() > MAX_HELD) {
            *left_out += held.len() as u64;
            held.clear();
        }
        Ok(())
    }

    /// The first bytes of a connection: who is the client, what is spoken, and whether to decode it.
    fn begin(&mut self, connection: &mut Connection, from: usize, bytes: &[u8]) -> io::Result<()> {
        let is_wanted = |end: usize| self.args.port == Some(connection.ends[end].port());
        let client = *connection.client.get_or_insert_with(|| {
            if let Some(server) = [0, 1].into_iter().find(|end| is_wanted(*end)) {
                1 - server
            } else if bytes.starts_with(b"HTTP/") {
                1 - from
            } else if bytes.starts_with(b"GET ") || bytes.get(1).is_some_and(|second| second & 0x80 != 0) {
                from
            } else {
                usize::from(connection.ends[0].port() < connection.ends[1].port())
            }
        });
        connection.kind = match bytes {
            _ if is_tls(bytes) => "tls",
            [b'P', b'R', b'I', b' ', b'*', ..] => "http/2",
            _ if bytes.starts_with(b"HTTP/") || bytes.windows(6).take(4096).any(|word| word == b"HTTP/1") => "http",
            _ => "other",
        };
        let args = self.args;
        let may_be_frames = || [Role::Server, Role::Client].into_iter().any(|role| is_frame_for(role, bytes));
        let is_named = args.stream == Some(connection.number)
            || args.port == Some(connection.ends[1 - client].port())
            || (self.is_dump && connection.kind == "other" && may_be_frames());
        let is_left_out = args.stream.is_some_and(|number| number != connection.number)
            || args.port.is_some_and(|port| port != connection.ends[1 - client].port());
        if is_left_out || matches!(connection.kind, "tls" | "http/2") {
            connection.follow = Follow::Ignore;
            return Ok(());
        }
        let pair = Pair::new(args.show.config(Role::Server), args.show.config(Role::Client), &args.show.options());
        let held = (!is_named).then(Vec::new);
        if is_named {
            self.show()?;
        }
        connection.follow = Follow::Decode { pair: Box::new(pair), held, left_out: 0, finished: [false; 2] };
        Ok(())
    }

    /// One more connection is shown.
    fn show(&mut self) -> io::Result<()> {
        self.shown += 1;
        if !self.args.list && !core::mem::replace(&mut self.has_columns, true) {
            self.format.columns(self.out, true)?;
        }
        Ok(())
    }

    fn context(&self, connection: &Connection) -> Context {
        let elapsed = self.now - self.first_time.unwrap_or(self.now);
        Context { stream: Some(connection.number), direction: None, at: Some(At { epoch: self.now, elapsed }) }
    }

    /// A direction is over.
    fn finish_direction(&mut self, connection: &mut Connection, from: usize) -> Result<(), Failure> {
        let context = self.context(connection);
        let sender = connection.sender(from);
        let Follow::Decode { pair, held, finished, .. } = &mut connection.follow else { return Ok(()) };
        if core::mem::replace(&mut finished[from], true) {
            return Ok(());
        }
        let is_shown = held.is_none();
        let is_silent = !is_shown || self.args.list;
        let (format, out) = (self.format, &mut *self.out);
        let ending = pair.finish(sender, &mut |sender, record: &Record<'_>| {
            if is_silent { Ok(()) } else { format.write(out, context.sent_by(sender), record) }
        })?;
        connection.messages[from] = pair.sent_by(sender).messages();
        connection.ended[from] = if is_shown { pair.sent_by(sender).ended() } else { String::new() };
        self.is_violation |= is_shown && ending.is_violation;
        if let Some(warning) = ending.warning.map(str::to_owned).or(ending.unusable).filter(|_| !is_silent) {
            let number = connection.number;
            self.warn(&format!("connection {number}, from the {}: {warning}", name(sender)))?;
        }
        Ok(())
    }

    /// A connection is over.
    fn end(&mut self, connection: &mut Connection) -> Result<(), Failure> {
        if core::mem::replace(&mut connection.is_over, true) {
            return Ok(());
        }
        self.waiting -= connection.waiting();
        for from in [0, 1] {
            let mut pieces = Vec::new();
            connection.directions[from].finish(&mut |piece| pieces.push(piece));
            for piece in pieces {
                self.piece(connection, from, piece)?;
            }
        }
        for from in [0, 1] {
            self.finish_direction(connection, from)?;
        }
        *self.kinds.entry(connection.kind).or_default() += 1;
        let client = connection.client.unwrap_or(0);
        if connection.kind == "tls" {
            const MOST: usize = 5;
            if self.tls.len() < MOST {
                self.tls.push(format!("{} ({})", connection.number, connection.ends[1 - client]));
            }
        }
        let is_listed = self.args.port.is_none_or(|port| port == connection.ends[1 - client].port());
        if self.args.list && is_listed {
            let tcp = match connection.reset_by {
                Some(end) => format!("reset by the {}", if end == client { "client" } else { "server" }),
                None if connection.directions.iter().all(Direction::is_finished) => "closed".to_owned(),
                None => "open at the end of the capture".to_owned(),
            };
            let [client_ended, server_ended] =
                [client, 1 - client].map(|end| core::mem::take(&mut connection.ended[end]));
            self.listed.insert(
                connection.number,
                Summary {
                    event: "connection",
                    stream: connection.number,
                    client: connection.ends[client],
                    server: connection.ends[1 - client],
                    kind: connection.kind,
                    client_bytes: connection.bytes[client],
                    server_bytes: connection.bytes[1 - client],
                    client_messages: connection.messages[client],
                    server_messages: connection.messages[1 - client],
                    client_ended,
                    server_ended,
                    tcp,
                },
            );
            if self.listed.len() > MAX_LISTED {
                self.print_list()?;
            }
        }
        connection.follow = Follow::Ignore;
        Ok(())
    }

    /// Makes room for another connection.
    fn make_room(&mut self) -> Result<(), Failure> {
        if self.connections.len() < MAX_CONNECTIONS {
            return Ok(());
        }
        // First those that are over; then those that are no WebSockets, the silent ones first; then WebSockets.
        let kinds: [fn(&Connection) -> bool; 3] =
            [|connection| connection.is_over, |connection| !connection.is_shown(), |_| true];
        for is_meant in kinds {
            let mut times: Vec<i64> =
                self.connections.values().filter(|found| is_meant(found)).map(|found| found.last_time).collect();
            if times.len() < MAX_CONNECTIONS / 16 {
                continue;
            }
            let half = times.len() / 2;
            let (_, silent_since, _) = times.select_nth_unstable(half);
            let silent_since = *silent_since;
            let silent: Vec<Ends> = self
                .connections
                .iter()
                .filter(|(_, found)| is_meant(found) && (found.is_over || found.last_time <= silent_since))
                .map(|(ends, _)| *ends)
                .collect();
            for ends in silent {
                if let Some(mut connection) = self.connections.remove(&ends) {
                    if connection.is_shown() && !connection.is_over {
                        let number = connection.number;
                        self.warn(&format!(
                            "connection {number} is not followed further: it was silent for longest, and there are too many"
                        ))?;
                    }
                    self.end(&mut connection)?;
                }
            }
            return Ok(());
        }
        Ok(())
    }

    fn list_columns(&mut self) -> io::Result<()> {
        if self.format.is_json() {
            return Ok(());
        }
        writeln!(
            self.out,
            "{:>6}  {:<21}  {:<21}  {:<9}  {:>19}  {:>15}  ended",
            "number", "client", "server", "kind", "bytes sent", "messages"
        )
    }

    fn print_list(&mut self) -> io::Result<()> {
        for line in core::mem::take(&mut self.listed).into_values() {
            if self.format.is_json() {
                Format::json(self.out, Context::default(), &line)?;
                continue;
            }
            let mut ended: Vec<String> = Vec::new();
            if !line.client_ended.is_empty() {
                ended.push(format!("client: {}", line.client_ended));
            }
            if !line.server_ended.is_empty() {
                ended.push(format!("server: {}", line.server_ended));
            }
            ended.push(format!("TCP {}", line.tcp));
            let bytes = format!("{} / {}", line.client_bytes, line.server_bytes);
            let messages = format!("{} / {}", line.client_messages, line.server_messages);
            writeln!(
                self.out,
                "{:>6}  {:<21}  {:<21}  {:<9}  {bytes:>19}  {messages:>15}  {}",
                line.stream,
                line.client.to_string(),
                line.server.to_string(),
                line.kind,
                ended.join(", ")
            )?;
        }
        Ok(())
    }

    /// The capture is over.
    fn finish(mut self, file: &str) -> Result<Outcome, Failure> {
        let mut open: Vec<Connection> = core::mem::take(&mut self.connections).into_values().collect();
        open.sort_by_key(|connection| connection.number);
        for mut connection in open {
            self.end(&mut connection)?;
        }
        self.print_list()?;
        let Skipped { fragments, headers_cut, cut, links, interfaces, old, types } = core::mem::take(&mut self.skipped);
        if fragments > 0 {
            self.warn(&format!("{fragments} packets are fragments of IP, which are not put together"))?;
        }
        if headers_cut > 0 {
            self.warn(&format!(
                "{headers_cut} packets are cut within their headers; capture with a larger snap length"
            ))?;
        }
        if cut > 0 {
            self.warn(&format!(
                "the snap length cuts packets of {cut} directions, and nothing behind a cut is decoded; capture whole packets \
                 (tcpdump -s 0)"
            ))?;
        }
        if interfaces > 0 {
            self.warn(&format!("{interfaces} packets belong to an interface that the capture does not describe"))?;
        }
        if old > 0 {
            self.warn(&format!(
                "{old} packets are in blocks of an old kind, which are not read; convert the capture with editcap"
            ))?;
        }
        for (ether_type, packets) in types {
            self.warn(&format!("{packets} packets have type {ether_type:#06x} of Ethernet, which is not looked into"))?;
        }
        for (link, packets) in links {
            self.warn(&format!(
                "{packets} packets have link type {link}, which is not known; those that are: Ethernet, Linux cooked, loopback, raw IP"
            ))?;
        }
        let [tls, http2, http] = ["tls", "http/2", "http"].map(|kind| self.kinds.get(kind).copied().unwrap_or(0));
        if self.args.list {
            return Ok(Outcome::Good);
        }
        if tls > 0 {
            let numbers = self.tls.join(", ");
            let more = if tls > self.tls.len() as u64 { ", ..." } else { "" };
            self.warn(&format!(
                "TLS encrypts {tls} of the connections: {numbers}{more}; capture behind what ends TLS, or decrypt with the session's \
                 keys (SSLKEYLOGFILE) in Wireshark and export the stream"
            ))?;
        }
        if self.shown == 0 {
            let total = self.next;
            let what = match (self.args.stream, self.args.port) {
                (Some(number), _) if number >= total => format!("has no connection {number}"),
                (Some(number), _) => format!("has nothing to decode on connection {number}"),
                (_, Some(port)) => format!("has nothing to decode on connections to port {port}"),
                _ => "has no connection that carries an opening handshake".to_owned(),
            };
            return Err(Failure::Unusable(format!(
                "{file} {what}, of {total} ({tls} TLS, {http2} HTTP/2, {http} HTTP); see them with --list, and name one with --stream or \
                 --port"
            )));
        }
        Ok(if self.is_violation { Outcome::Violation } else { Outcome::Good })
    }
}

impl Connection {
    /// The role of an end; until it is known which is the client, the lower one counts as such.
    fn sender(&self, end: usize) -> Role {
        if end == self.client.unwrap_or(0) { Role::Client } else { Role::Server }
    }

    /// Whether something is shown of it.
    fn is_shown(&self) -> bool {
        matches!(self.follow, Follow::Decode { held: None, .. })
    }

    /// How much of both directions waits for what comes before it, in bytes.
    fn waiting(&self) -> usize {
        self.directions.iter().map(Direction::waiting).sum()
    }

    /// Whether a segment belongs to another connection of the same ends.
    fn is_followed_by(&self, from: usize, segment: &Segment<'_>, acknowledged: Option<u32>) -> bool {
        let direction = &self.directions[from];
        if segment.syn {
            let is_retry = self.is_over && acknowledged.is_none();
            return is_retry || !direction.is_same_start(segment.sequence);
        }
        self.is_over && !segment.payload.is_empty() && direction.is_foreign(segment.sequence)
    }

    fn new(number: u64, ends: Ends, now: i64) -> Connection {
        Connection {
            number,
            ends,
            directions: [Direction::default(), Direction::default()],
            bytes: [0; 2],
            client: None,
            last_time: now,
            kind: "no data",
            follow: Follow::New,
            reset_by: None,
            messages: [0; 2],
            ended: [String::new(), String::new()],
            is_over: false,
        }
    }
}

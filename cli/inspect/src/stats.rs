//! `--stats`: what a stream consisted of.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use alloc::{format, vec};
use core::time::Duration;

use serde::Serialize;

/// The longest bar of the histogram, in columns.
const BAR: u64 = 32;

#[derive(Debug, Default, Serialize)]
/// What was decoded of a stream.
pub struct Stats {
    text_messages: u64,
    binary_messages: u64,
    pings: u64,
    pongs: u64,
    closes: u64,
    /// Frames whose header was complete.
    frames: u64,
    max_fragments: u32,
    mean_fragments: f64,
    /// Payload of whole messages.
    payload_bytes: u64,
    /// The same as it came, if messages were compressed.
    #[serde(skip_serializing_if = "Option::is_none")]
    compressed_bytes: Option<u64>,
    /// Everything else that was decoded behind the HTTP head: headers, control frames, and what belongs to no whole message.
    overhead_bytes: u64,
    /// Messages by size.
    sizes: Vec<Bucket>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes_per_second: Option<f64>,
    #[serde(skip)]
    fragments: u64,
    /// Payload of whole messages as it came.
    #[serde(skip)]
    wire_bytes: u64,
}

/// Messages of these sizes, in bytes.
#[derive(Debug, Serialize)]
struct Bucket {
    from: u64,
    to: u64,
    messages: u64,
}

impl Stats {
    pub(crate) fn frame(&mut self) {
        self.frames += 1;
    }

    /// A whole message of `len` bytes, which came as `wire_len`.
    pub(crate) fn message(&mut self, is_text: bool, len: u64, wire_len: u64, fragments: u32) {
        if is_text {
            self.text_messages += 1;
        } else {
            self.binary_messages += 1;
        }
        self.payload_bytes += len;
        self.wire_bytes += wire_len;
        self.fragments += u64::from(fragments);
        self.max_fragments = self.max_fragments.max(fragments);
        // 0, 1, 2-3, 4-7, ...
        let bucket = (u64::BITS - len.leading_zeros()) as usize;
        for i in self.sizes.len()..=bucket {
            let from = if i == 0 { 0 } else { 1 << (i - 1) };
            self.sizes.push(Bucket { from, to: (from * 2).saturating_sub(1), messages: 0 });
        }
        self.sizes[bucket].messages += 1;
    }

    pub(crate) fn ping(&mut self) {
        self.pings += 1;
    }

    pub(crate) fn pong(&mut self) {
        self.pongs += 1;
    }

    pub(crate) fn close(&mut self) {
        self.closes += 1;
    }

    /// How many messages were whole.
    pub(crate) fn messages(&self) -> u64 {
        self.text_messages + self.binary_messages
    }

    /// The stream is over: so many bytes behind the heads were decoded, in that time if it is known.
    pub(crate) fn finish(&mut self, bytes: u64, time: Option<Duration>) {
        let messages = self.messages();
        self.mean_fragments = if messages == 0 { 0.0 } else { self.fragments as f64 / messages as f64 };
        self.compressed_bytes = (self.wire_bytes != self.payload_bytes).then_some(self.wire_bytes);
        self.overhead_bytes = bytes - self.wire_bytes;
        self.seconds = time.map(|time| time.as_secs_f64());
        self.bytes_per_second = self.seconds.map(|seconds| if seconds == 0.0 { 0.0 } else { bytes as f64 / seconds });
        self.sizes.retain(|bucket| bucket.messages != 0);
    }

    /// Lines for people.
    pub fn lines(&self) -> Vec<String> {
        let total = self.wire_bytes + self.overhead_bytes;
        let percent = if total == 0 { 0.0 } else { 100.0 * self.overhead_bytes as f64 / total as f64 };
        let mut lines = vec![
            format!("messages    {} text, {} binary", self.text_messages, self.binary_messages),
            format!("control     {} pings, {} pongs, {} closes", self.pings, self.pongs, self.closes),
            format!(
                "frames      {}; {:.2} a message, at most {}",
                self.frames, self.mean_fragments, self.max_fragments
            ),
            format!(
                "bytes       {} of payload, {} of overhead ({percent:.1} %)",
                self.payload_bytes, self.overhead_bytes
            ),
        ];
        if let Some(bytes) = self.compressed_bytes {
            lines.push(format!("compressed  {bytes} bytes of payload on the wire"));
        }
        if let Some((rate, seconds)) = self.bytes_per_second.zip(self.seconds) {
            lines.push(format!("throughput  {:.1} MiB/s ({seconds:.3} s)", rate / (1 << 20) as f64));
        }
        let most = self.sizes.iter().map(|bucket| bucket.messages).max().unwrap_or(0);
        for (i, bucket) in self.sizes.iter().enumerate() {
            let label = if i == 0 { "sizes" } else { "" };
            let range = if bucket.from == bucket.to {
                bucket.from.to_string()
            } else {
                format!("{}-{}", bucket.from, bucket.to)
            };
            let bar = "#".repeat((bucket.messages * BAR).div_ceil(most) as usize);
            lines.push(format!("{label:<11} {range:>17} {:>8} {bar}", bucket.messages));
        }
        lines
    }
}

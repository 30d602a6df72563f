//! Tables for people, JSON for programs, a chart for the README.

use std::io;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::chart;
use crate::peers::{CODECS, Codec, LEFT_OUT, Rank};

pub struct Measured {
    /// Nanoseconds a frame.
    pub median: f64,
    pub minimum: f64,
    pub gib_per_second: f64,
    /// The median, compared with the quickest rival's: of all, or of those whose messages own their payload, if this one's do.
    pub ratio: f64,
}

pub struct Outcome {
    pub codec: &'static str,
    pub rank: Rank,
    /// Whether it is compared with those alone whose messages own their payload.
    pub owns: bool,
    pub result: Result<Measured, String>,
}

/// One workload's results.
pub struct Table {
    pub name: &'static str,
    pub title: &'static str,
    pub frames: u64,
    pub payload: u64,
    pub outcomes: Vec<Outcome>,
}

/// What a connection costs in memory.
pub struct Cost {
    pub codec: &'static str,
    pub created: i64,
    pub after_traffic: i64,
    pub per_message: f64,
}

pub struct Results {
    pub tables: Vec<Table>,
    pub costs: Vec<Cost>,
}

pub fn print_table(table: &Table) {
    println!("{}  {}", table.name, table.title);
    println!("  {:<20} {:>13} {:>13} {:>9} {:>8}", "codec", "median ns/fr", "min ns/fr", "GiB/s", "ratio");
    let mut rows: Vec<_> = table.outcomes.iter().collect();
    rows.sort_by(|a, b| {
        let key = |outcome: &Outcome| outcome.result.as_ref().map_or(f64::INFINITY, |measured| measured.median);
        key(a).total_cmp(&key(b))
    });
    for outcome in rows {
        match &outcome.result {
            Ok(measured) => println!(
                "  {:<20} {:>13.1} {:>13.1} {:>9.2} {:>8.2}{}",
                outcome.codec,
                measured.median,
                measured.minimum,
                measured.gib_per_second,
                measured.ratio,
                if outcome.owns { " *" } else { "" }
            ),
            Err(reason) => println!("  {:<20} fails: {}", outcome.codec, reason.chars().take(90).collect::<String>()),
        }
    }
    println!();
}

pub fn print_costs(costs: &[Cost]) {
    println!("Memory, on W2");
    println!("  {:<20} {:>14} {:>14} {:>18}", "codec", "bytes, new", "after traffic", "allocations/msg");
    for cost in costs {
        println!("  {:<20} {:>14} {:>14} {:>18.4}", cost.codec, cost.created, cost.after_traffic, cost.per_message);
    }
    println!();
}

pub fn print_notes() {
    println!("Notes");
    for codec in CODECS {
        println!("  {} {}: {}. Does not check: {}.", codec.name, version(codec), codec.mode, codec.unchecked);
    }
    println!(
        "  ratio: the median, compared with that of the quickest rival that passes; where messages own their payload (*),"
    );
    println!("         with the quickest whose messages do.");
    if !cfg!(have_wslay) {
        println!("  wslay was left out: libwslay was not found when this was built (Debian: libwslay-dev).");
    }
    for (name, reason) in LEFT_OUT {
        println!("  {name} was left out: {reason}.");
    }
}

/// A codec's version, from the lock file that this was built with.
fn version(codec: &Codec) -> &'static str {
    match codec.package {
        "" => "",
        "wslay" => env!("WSLAY_VERSION"),
        "beast" => env!("BOOST_VERSION"),
        package => include_str!("../Cargo.lock")
            .split("[[package]]")
            .find_map(|entry| {
                entry.trim_start().strip_prefix(&format!("name = \"{package}\"\nversion = \""))?.split('"').next()
            })
            .unwrap_or("?"),
    }
}

fn cpu() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find(|line| line.starts_with("model name"));
    model.and_then(|line| line.split_once(": ")).map_or("unknown", |(_, model)| model).to_owned()
}

fn json(results: &Results) -> Value {
    let date = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let workloads: Vec<Value> = results
        .tables
        .iter()
        .map(|table| {
            let outcomes: Vec<Value> = table
                .outcomes
                .iter()
                .map(|outcome| match &outcome.result {
                    Ok(measured) => json!({
                        "codec": outcome.codec,
                        "median_ns_per_frame": measured.median,
                        "min_ns_per_frame": measured.minimum,
                        "gib_per_second": measured.gib_per_second,
                        // NaN, without a rival, becomes null.
                        "ratio_to_quickest_rival": measured.ratio,
                    }),
                    Err(reason) => json!({ "codec": outcome.codec, "fails": reason }),
                })
                .collect();
            json!({
                "workload": table.name, "title": table.title, "frames_per_pass": table.frames,
                "payload_bytes_per_pass": table.payload, "results": outcomes,
            })
        })
        .collect();
    let codecs: Vec<Value> = CODECS
        .iter()
        .map(|codec| {
            json!({
                "codec": codec.name, "messages": if codec.owns { "owned" } else { "borrowed" }, "version": version(codec), "mode": codec.mode, "does_not_check": codec.unchecked,
            })
        })
        .collect();
    let costs: Vec<Value> = results
        .costs
        .iter()
        .map(|cost| {
            json!({
                "codec": cost.codec, "bytes_when_new": cost.created, "bytes_after_traffic": cost.after_traffic,
                "allocations_per_message": cost.per_message,
            })
        })
        .collect();
    let left_out: Vec<Value> =
        LEFT_OUT.iter().map(|(name, reason)| json!({ "codec": name, "reason": reason })).collect();
    json!({
        "date": date, "cpu": cpu(), "rustc": env!("RUSTC_VERSION"), "codecs": codecs, "left_out": left_out,
        "workloads": workloads, "memory_on_w2": costs,
    })
}

pub fn write(dir: &Path, results: &Results) -> io::Result<()> {
    std::fs::create_dir_all(dir)?;
    let text = serde_json::to_string_pretty(&json(results)).map_err(io::Error::other)?;
    std::fs::write(dir.join("results.json"), text + "\n")?;
    chart::draw(&dir.join("chart.svg"), results).map_err(io::Error::other)
}

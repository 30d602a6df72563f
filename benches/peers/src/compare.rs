//! Two folders of runs that were done in turns: the time of the one over that of the other.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::Value;

/// The medians of each run, in ns a frame, by workload and codec.
type Times = BTreeMap<(String, String), Vec<f64>>;

pub fn print(before: &Path, after: &Path) -> Result<(), String> {
    let (before, after) = (times(before)?, times(after)?);
    println!("{:<8} {:<20} {:>12} {:>12} {:>7}  least", "", "ns a frame", "before", "after", "ratio");
    for ((workload, codec), mut after) in after {
        let Some(mut before) = before.get(&(workload.clone(), codec.clone())).cloned() else { continue };
        let (before, least_before) = median(&mut before);
        let (after, least_after) = median(&mut after);
        println!(
            "{workload:<8} {codec:<20} {before:>12.1} {after:>12.1} {:>7.2}  {:.2}",
            after / before,
            least_after / least_before
        );
    }
    Ok(())
}

fn times(folder: &Path) -> Result<Times, String> {
    let mut times = Times::new();
    for run in fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))? {
        let path = run.map_err(|error| error.to_string())?.path().join("results.json");
        let text = fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let results: Value = serde_json::from_slice(&text).map_err(|error| format!("{}: {error}", path.display()))?;
        for table in list(&results["workloads"]) {
            for result in list(&table["results"]) {
                let (Some(workload), Some(codec)) = (table["workload"].as_str(), result["codec"].as_str()) else {
                    continue;
                };
                let Some(time) = result["median_ns_per_frame"].as_f64() else { continue };
                times.entry((workload.to_owned(), codec.to_owned())).or_default().push(time);
            }
        }
    }
    Ok(times)
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// The median and the least of at least one.
fn median(times: &mut [f64]) -> (f64, f64) {
    times.sort_by(f64::total_cmp);
    (times[times.len() / 2], times[0])
}

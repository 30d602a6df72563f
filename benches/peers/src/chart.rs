//! How each codec's time compares with the quickest rival's, workload by workload.

use std::error::Error;
use std::path::Path;

use plotters::prelude::*;

use crate::peers::Rank;
use crate::report::{Outcome, Results, Table};

/// The codecs that get a colour of their own; the others are small and grey.
const SHOWN: &[(&str, RGBColor)] = &[
    ("wsframe assembler", RGBColor(0xd6, 0x27, 0x28)),
    ("tungstenite", RGBColor(0x1f, 0x77, 0xb4)),
    ("fastwebsockets", RGBColor(0x2c, 0xa0, 0x2c)),
    ("tokio-websockets", RGBColor(0xff, 0x7f, 0x0e)),
    ("sockudo-ws", RGBColor(0x94, 0x67, 0xbd)),
    ("nexus-web", RGBColor(0x17, 0xbe, 0xcf)),
    ("yawc", RGBColor(0x8c, 0x56, 0x4b)),
];
const OTHER: RGBColor = RGBColor(0xb5, 0xb5, 0xb5);
const ROW: i32 = 38;
const TOP: i32 = 84;
const LEFT: i32 = 330;
const RIGHT: i32 = 40;
const BOTTOM: i32 = 60;
const WIDTH: i32 = 1100;
const FONT: &str = "sans-serif";

/// Draws W1 to W11, a row each: a dot a codec, on a logarithmic axis, where 1 is the quickest rival.
pub fn draw(path: &Path, results: &Results) -> Result<(), String> {
    try_draw(path, results).map_err(|error| error.to_string())
}

fn try_draw(path: &Path, results: &Results) -> Result<(), Box<dyn Error>> {
    let charted = |table: &&Table| table.name.starts_with('W') && table.name != "W12" && table.name != "W13";
    let tables: Vec<&Table> = results.tables.iter().filter(charted).collect();
    let all = tables.iter().flat_map(|table| ratios(table)).map(|(_, _, ratio)| ratio);
    let (low, high) = all.fold((0.5f64, 2.0f64), |(low, high), ratio| (low.min(ratio), high.max(ratio)));
    // A little room at both ends; far outliers stay at the edge.
    let (low, high) = ((low * 0.9).max(0.05), (high * 1.1).min(64.0));
    let bottom = TOP + ROW * tables.len() as i32;
    let area = SVGBackend::new(path, (WIDTH as u32, (bottom + BOTTOM) as u32)).into_drawing_area();
    area.fill(&WHITE)?;
    let x = |ratio: f64| {
        let share = (ratio.clamp(low, high) / low).ln() / (high / low).ln();
        LEFT + (share * f64::from(WIDTH - LEFT - RIGHT)) as i32
    };
    let text = |size: i32, color: &RGBColor| (FONT, size).into_font().color(color);

    area.draw(&Text::new(
        "Time a frame, compared with the quickest rival (less is better)",
        (16, 14),
        text(19, &BLACK),
    ))?;
    for (index, (name, color)) in SHOWN.iter().chain(&[("others", OTHER)]).enumerate() {
        let at = 24 + 132 * index as i32;
        area.draw(&Circle::new((at, 58), 6, color.filled()))?;
        area.draw(&Text::new(*name, (at + 11, 51), text(13, &BLACK)))?;
    }
    for tick in
        [0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0].into_iter().filter(|tick| (low..=high).contains(tick))
    {
        let line = if tick == 1.0 { BLACK.stroke_width(2) } else { RGBColor(0xdd, 0xdd, 0xdd).stroke_width(1) };
        area.draw(&PathElement::new([(x(tick), TOP), (x(tick), bottom)], line))?;
        area.draw(&Text::new(format!("{tick}×"), (x(tick) - 10, bottom + 8), text(14, &BLACK)))?;
    }
    let below = "1× is the quickest rival that decodes the workload correctly";
    area.draw(&Text::new(below, (LEFT, bottom + 32), text(13, &BLACK)))?;

    for (row, table) in tables.iter().enumerate() {
        let y = TOP + ROW * row as i32 + ROW / 2;
        area.draw(&Text::new(format!("{}  {}", table.name, table.title), (16, y - 7), text(13, &BLACK)))?;
        area.draw(&PathElement::new([(LEFT, y), (WIDTH - RIGHT, y)], RGBColor(0xee, 0xee, 0xee).stroke_width(1)))?;
        // Greys first, so that they do not hide the others; wsframe last.
        for (codec, _, ratio) in ratios(table) {
            if !SHOWN.iter().any(|(name, _)| *name == codec) {
                area.draw(&Circle::new((x(ratio), y), 4, OTHER.filled()))?;
            }
        }
        for (name, color) in SHOWN.iter().rev() {
            if let Some((_, _, ratio)) = ratios(table).find(|(codec, _, _)| codec == name) {
                let size = if *name == SHOWN[0].0 { 8 } else { 6 };
                area.draw(&Circle::new((x(ratio), y), size, color.filled()))?;
            }
        }
    }
    area.present()?;
    Ok(())
}

/// The codecs, each compared with the quickest rival of all: not the yardsticks, and of wsframe only the assembler, which does
/// what the rivals do.
fn ratios(table: &Table) -> impl Iterator<Item = (&'static str, Rank, f64)> + '_ {
    let median = |outcome: &Outcome| Some(outcome.result.as_ref().ok()?.median);
    let rivals = table.outcomes.iter().filter(|outcome| outcome.rank == Rank::Rival);
    let quickest = rivals.filter_map(median).min_by(f64::total_cmp);
    table.outcomes.iter().filter_map(move |outcome| {
        let shown = outcome.rank == Rank::Rival || outcome.codec == SHOWN[0].0;
        let ratio = median(outcome)? / quickest?;
        shown.then_some((outcome.codec, outcome.rank, ratio))
    })
}

//! Prints figures as rows of a Markdown table.

use crate::load::Figures;

/// The head of a table of [`figures`].
pub(crate) fn head(of: &str) {
    println!("| {of} | per second | server's CPU, µs each | median, ms | 99th percentile, ms |");
    println!("| --- | ---: | ---: | ---: | ---: |");
}

/// One row.
pub(crate) fn figures(name: &str, figures: Figures) {
    let Figures { per_second, cpu_micros, median_millis, slow_millis } = figures;
    println!("| {name} | {per_second:.0} | {cpu_micros:.1} | {median_millis:.2} | {slow_millis:.2} |");
}

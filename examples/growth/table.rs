//! What was measured, point by point.

use std::fmt::Write;

/// A row for each point, a column for each quantity.
pub(crate) struct Table {
    name: &'static str,
    columns: &'static [&'static str],
    rows: Vec<(u64, Vec<f64>)>,
}

impl Table {
    /// The first of `columns` is what grows; the unit ends a column's name.
    pub(crate) fn new(name: &'static str, columns: &'static [&'static str]) -> Self {
        println!("{name}: {}", columns.join(","));
        Self { name, columns, rows: Vec::new() }
    }

    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// Adds what was measured at a point: a value for each column but the first.
    pub(crate) fn push(&mut self, at: u64, values: Vec<f64>) {
        println!("{}: {}", self.name, line(at, &values));
        self.rows.push((at, values));
    }

    pub(crate) fn csv(&self) -> String {
        let rows = self.rows.iter().map(|(at, values)| line(*at, values) + "\n");
        format!("{}\n{}", self.columns.join(","), rows.collect::<String>())
    }

    /// The points of a column.
    pub(crate) fn points(&self, column: &str) -> Vec<(f64, f64)> {
        let Some(column) = self.columns.iter().skip(1).position(|name| *name == column) else { return Vec::new() };
        self.rows.iter().filter_map(|(at, values)| Some((*at as f64, *values.get(column)?))).collect()
    }
}

fn line(at: u64, values: &[f64]) -> String {
    let mut line = at.to_string();
    for value in values {
        // Four digits that count: more of them would be noise. Writing into a text does not fail.
        let _ = match value.abs() {
            size if size >= 1000.0 => write!(line, ",{value:.0}"),
            size if size >= 10.0 => write!(line, ",{value:.1}"),
            _ => write!(line, ",{value:.3}"),
        };
    }
    line
}

//! Tables: columns that line up, cut to the terminal.

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr};

/// Between two columns.
const GAP: &str = "  ";
/// What a column keeps when the table is cut to the terminal.
const COLUMN_MIN: usize = 8;

/// Rows under headings.
pub(crate) struct Table<const N: usize> {
    headings: [&'static str; N],
    rows: Vec<[String; N]>,
}

/// Where a table is shown.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Look {
    /// Columns that there are; without a limit nothing is cut.
    pub(crate) width: Option<usize>,
    pub(crate) bold: bool,
}

impl<const N: usize> Table<N> {
    pub(crate) fn new(headings: [&'static str; N]) -> Self {
        Self { headings, rows: Vec::new() }
    }

    /// Adds a row; an empty cell shows as `-`, so that each row has as many words as the others.
    pub(crate) fn add(&mut self, row: [String; N]) {
        self.rows.push(row.map(|cell| if cell.is_empty() { "-".to_owned() } else { plain(&cell) }));
    }

    pub(crate) fn text(&self, look: Look) -> String {
        let widths = self.widths(look.width);
        let (on, off) = if look.bold { ("\x1b[1m", "\x1b[0m") } else { ("", "") };
        let mut text = format!("{on}{}{off}\n", line(&self.headings, &widths));
        for row in &self.rows {
            text += &line(row, &widths);
            text.push('\n');
        }
        text
    }

    fn widths(&self, most: Option<usize>) -> [usize; N] {
        let mut widths = self.headings.map(UnicodeWidthStr::width);
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = cell.width().max(*width);
            }
        }
        let Some(most) = most else { return widths };
        // The widest gives way first.
        while widths.iter().sum::<usize>() + GAP.len() * N.saturating_sub(1) > most {
            match widths.iter_mut().max() {
                Some(width) if *width > COLUMN_MIN => *width -= 1,
                _ => break,
            }
        }
        widths
    }
}

fn line<const N: usize>(cells: &[impl AsRef<str>; N], widths: &[usize; N]) -> String {
    let mut text = String::new();
    for (at, (cell, width)) in cells.iter().zip(widths).enumerate() {
        if at > 0 {
            text += GAP;
        }
        let cell = cut(cell.as_ref(), *width);
        text += &cell;
        text.extend(std::iter::repeat_n(' ', width.saturating_sub(cell.width())));
    }
    text.truncate(text.trim_end().len());
    text
}

/// The cell, no wider than that.
fn cut(cell: &str, width: usize) -> String {
    if cell.width() <= width {
        return cell.to_owned();
    }
    let mut left = width.saturating_sub(1);
    let kept = cell.chars().take_while(|c| {
        let fits = c.width().unwrap_or(0) <= left;
        left = left.saturating_sub(c.width().unwrap_or(0));
        fits
    });
    kept.chain(['…']).collect()
}

/// The text without what could move a terminal's cursor: names come from other machines.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table<3> {
        let mut table = Table::new(["NAME", "LOAD", "WHERE"]);
        table.add(["a".into(), String::new(), "here".into()]);
        table.add(["längerer Name".into(), "3 running".into(), "unix:somewhere-far-away".into()]);
        table
    }

    #[test]
    fn columns_line_up_and_nothing_trails() {
        let lines = "\
NAME           LOAD       WHERE
a              -          here
längerer Name  3 running  unix:somewhere-far-away
";
        assert_eq!(table().text(Look::default()), lines);
    }

    #[test]
    fn a_narrow_terminal_cuts_the_widest_column() {
        let lines = "\
NAME           LOAD       WHERE
a              -          here
längerer Name  3 running  unix:somewher…
";
        assert_eq!(table().text(Look { width: Some(40), bold: false }), lines);
        let narrow = table().text(Look { width: Some(1), bold: false });
        assert!(narrow.contains("längere…  3 runni…  unix:so…"), "{narrow}");
    }

    #[test]
    fn only_the_heading_is_bold() {
        let text = table().text(Look { width: None, bold: true });
        assert!(text.starts_with("\x1b[1mNAME           LOAD       WHERE\x1b[0m\n"), "{text}");
        assert_eq!(text.matches('\x1b').count(), 2);
    }

    #[test]
    fn names_of_others_cannot_steer_the_terminal_and_wide_letters_count_twice() {
        let mut table = Table::new(["A", "B"]);
        table.add(["\x1b[2J".into(), "節点".into()]);
        assert_eq!(table.text(Look::default()), "A     B\n\u{fffd}[2J  節点\n");
        assert_eq!(cut("節点節点", 5), "節点…");
    }
}

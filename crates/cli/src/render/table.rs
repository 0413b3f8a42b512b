//! Tables: columns as wide as their widest cell, and one column that gives way where the terminal is narrow.

use console::{Alignment, measure_text_width, pad_str};

use super::{Lines, fitted};
use crate::shell::{Paint, plain};

/// Columns between two cells.
const GAP: usize = 2;
/// Fewest columns that are left to the column that gives way.
const FLEXIBLE_MIN: usize = 16;

/// A table under construction.
#[derive(Debug)]
pub(crate) struct Table {
    paint: Paint,
    headings: Vec<&'static str>,
    flexible: usize,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these columns, of which the one with the index `flexible` gives way.
    pub(crate) fn new(paint: Paint, headings: &[&'static str], flexible: usize) -> Self {
        Self { paint, headings: headings.to_vec(), flexible, rows: Vec::new() }
    }

    /// Adds a row with a cell for each column. Cells of others' text become one clean line.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// Lays the table out.
    pub(crate) fn into_text(self) -> String {
        let mut widths: Vec<usize> =
            self.headings.iter().map(|heading| measure_text_width(heading)).collect();
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(measure_text_width(cell));
            }
        }
        let others: usize = widths
            .iter()
            .enumerate()
            .filter(|(at, _)| *at != self.flexible)
            .map(|(_, width)| width + GAP)
            .sum();
        if let Some(width) = widths.get_mut(self.flexible) {
            *width = (*width).min(self.paint.width.saturating_sub(others).max(FLEXIBLE_MIN));
        }
        let mut lines = Lines::default();
        let heading: Vec<_> = self.headings.iter().map(|heading| self.paint.dim(heading)).collect();
        lines.line(self.laid_out(&heading, &widths));
        for row in &self.rows {
            lines.line(self.laid_out(row, &widths));
        }
        lines.into_text()
    }

    fn laid_out(&self, cells: &[String], widths: &[usize]) -> String {
        let cells = cells.iter().zip(widths).map(|(cell, width)| {
            pad_str(&fitted(cell, *width, self.paint), *width, Alignment::Left, None).into_owned()
        });
        cells.collect::<Vec<_>>().join(&" ".repeat(GAP))
    }
}

/// A text of somebody else as a cell.
pub(crate) fn cell(text: &str) -> String {
    plain(text).replace(['\n', '\t'], " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(width: usize, expected: &[&str]) {
        let mut table = Table::new(Paint::of_width(width), &["ID", "TITLE", "BY"], 1);
        table.row(["1".to_owned(), "a title of twenty-six col.".to_owned(), "ann".to_owned()]);
        table.row(["22".to_owned(), "変更".to_owned(), "bo".to_owned()]);
        let text = table.into_text();
        assert_eq!(text.lines().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn one_column_gives_way_and_every_other_keeps_its_words() {
        check(
            200,
            &[
                "ID  TITLE                       BY",
                "1   a title of twenty-six col.  ann",
                "22  変更                        bo",
            ],
        );
        check(
            30,
            &[
                "ID  TITLE                  BY",
                "1   a title of twenty-si…  ann",
                "22  変更                   bo",
            ],
        );
        check(10, &["ID  TITLE             BY", "1   a title of twen…  ann", "22  変更              bo"]);
    }
}

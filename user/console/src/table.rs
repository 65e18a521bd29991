//! Tables with aligned columns.

use alloc::string::String;
use alloc::vec::Vec;

use crate::line::width;

/// Which side of a column its values stand on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// A table that is being filled.
#[derive(Debug)]
pub struct Table {
    columns: Vec<Side>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with a row of headings.
    #[must_use]
    pub fn new(columns: &[(&str, Side)]) -> Self {
        let headings = columns
            .iter()
            .map(|(name, _)| String::from(*name))
            .collect();
        Self {
            columns: columns.iter().map(|(_, side)| *side).collect(),
            rows: alloc::vec![headings],
        }
    }

    /// A table without headings.
    #[must_use]
    pub fn bare(columns: &[Side]) -> Self {
        Self {
            columns: columns.into(),
            rows: Vec::new(),
        }
    }

    /// Adds a row.
    pub fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.into());
    }

    /// The table as lines, two spaces between columns, none at the end.
    #[must_use]
    pub fn render(&self) -> String {
        let widths: Vec<usize> = (0..self.columns.len())
            .map(|column| {
                let cells = self.rows.iter().filter_map(|row| row.get(column));
                cells.map(|cell| width(cell)).max().unwrap_or(0)
            })
            .collect();
        let mut text = String::new();
        for row in &self.rows {
            let mut line = String::new();
            for ((cell, side), room) in row.iter().zip(&self.columns).zip(&widths) {
                let padding = " ".repeat(room - width(cell));
                line.push_str("  ");
                match side {
                    Side::Left => line.extend([cell, padding.as_str()]),
                    Side::Right => line.extend([padding.as_str(), cell]),
                }
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_by_what_is_seen() {
        let mut table = Table::new(&[
            ("pid", Side::Right),
            ("name", Side::Left),
            ("cpu", Side::Right),
        ]);
        table.row(["4".into(), "漢字".into(), "7%".into()]);
        table.row(["1234".into(), "hog".into(), "100%".into()]);
        assert_eq!(
            table.render(),
            "   pid  name   cpu\n     4  漢字    7%\n  1234  hog   100%\n"
        );
    }

    #[test]
    fn an_empty_table_is_empty() {
        assert_eq!(Table::bare(&[Side::Left]).render(), "");
    }
}

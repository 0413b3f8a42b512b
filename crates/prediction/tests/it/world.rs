//! Made-up histories of which it is known why changes fail.

use prediction::{Cell, Column, ColumnKind, Row, Surroundings, Table};

/// Time stands still and nobody listens.
pub(crate) struct Quiet;

impl Surroundings for Quiet {
    fn seconds(&self) -> f64 {
        0.0
    }

    fn say(&self, _doing: &str) {}
}

/// Numbers that look random: a linear congruential generator, which is not the one under test.
pub(crate) struct Chance(pub(crate) u64);

impl Chance {
    pub(crate) fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }
}

pub(crate) fn number(name: &str) -> Column {
    Column { name: name.to_owned(), kind: ColumnKind::Number { at_least: None } }
}

/// Changes that fail more often the larger they are, on Fridays, and when the team is `red`. `noise` says nothing.
pub(crate) fn history(rows: usize, seed: u64) -> Table {
    history_without(rows, seed, &[])
}

/// The same, with columns of which nothing is known.
pub(crate) fn history_without(rows: usize, seed: u64, unknown_columns: &[&str]) -> Table {
    let word = Column { name: "team".to_owned(), kind: ColumnKind::Word };
    let mut columns = vec![number("size"), number("friday"), number("noise"), word];
    columns.extend(unknown_columns.iter().map(|name| number(name)));
    let mut table = Table::new(columns, &[]).unwrap();
    let mut chance = Chance(seed);
    for row in 0..rows {
        let size = (chance.next() * 8.0).exp();
        let friday = chance.next() < 0.2;
        let red = chance.next() < 0.3;
        let noise = chance.next();
        let log_odds = -3.5 + 0.4 * size.ln() + if friday { 1.0 } else { 0.0 } + if red { 0.8 } else { 0.0 };
        let failed = chance.next() < 1.0 / (1.0 + (-log_odds).exp());
        let unknown = chance.next() < 0.1;
        let mut cells = vec![
            if unknown { Cell::Missing } else { Cell::Number(size) },
            Cell::Number(if friday { 1.0 } else { 0.0 }),
            Cell::Number(noise),
            Cell::Word(if red { "red" } else { "blue" }.to_owned()),
        ];
        cells.extend(unknown_columns.iter().map(|_| Cell::Missing));
        let at = row as i64;
        let row = Row { at, known_at: at, failed, group: String::new(), keys: vec![], cells };
        table.push(u64::try_from(at).unwrap() + 2, row).unwrap();
    }
    table
}

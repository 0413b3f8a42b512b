//! Columns that follow from what happened before each row: nothing of its own future goes in.
//!
//! To add one: its function over the table, and its line in [`derive`].

use std::collections::BTreeMap;

use crate::history::{DAY_SECONDS, RateSettings, Rates};
use crate::table::{Table, TableError};

/// Half-lives of the failure rates, in days.
const HALF_LIVES_DAYS: [i64; 3] = [30, 180, 720];
/// How many changes of base risk a rate starts from.
const PRIOR_CHANGES: f64 = 20.0;
/// What a row with nothing before it counts as, in days.
const NEVER_DAYS: f64 = 10_000.0;
/// Ranks are taken among this many rows of the same group before a row.
const RANKED_AMONG: usize = 500;
/// Fewest rows to rank among.
const RANKED_AMONG_MIN: usize = 20;

/// Which columns are derived.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Recipe {
    /// Failure rates per key. Only where it is stated when outcomes become known.
    pub failure_rates: bool,
    /// Days since a row of the same key, per key.
    pub idle_days: bool,
    /// Pairs of keys that are one more key: what an author did to one item says more than either alone.
    pub pairs: Vec<(String, String)>,
    /// Columns whose rank among earlier rows of the same group is added.
    pub ranks: Vec<String>,
    /// Quotients of two columns.
    pub ratios: Vec<(String, String)>,
}

/// Adds the columns of a recipe. Columns that the recipe names and the table lacks are passed over.
///
/// # Errors
/// When a name is taken or the table is full.
pub fn derive(table: &mut Table, recipe: &Recipe) -> Result<(), TableError> {
    let order = in_order(table);
    let keys = keys(table, &recipe.pairs);
    let mut derived: Vec<(String, Vec<f64>)> = Vec::new();
    if recipe.failure_rates {
        derived.extend(failure_rates(table, &keys, &order));
    }
    if recipe.idle_days {
        derived.extend(idle_days(table, &keys, &order));
    }
    for name in &recipe.ranks {
        if let Some(place) = table.place(name) {
            derived.push((format!("{name}_rank"), ranks(table, &order, table.values(place))));
        }
    }
    for (above, below) in &recipe.ratios {
        if let (Some(one), Some(other)) = (table.place(above), table.place(below)) {
            let pairs = table.values(one).iter().zip(table.values(other));
            let ratio = pairs.map(|(above, below)| above / (below.abs() + 1.0)).collect();
            derived.push((format!("{above}_per_{below}"), ratio));
        }
    }
    derived.into_iter().try_for_each(|(name, values)| table.add_derived(&name, values))
}

/// A key, and for each row the number of what it has there.
type Key = (String, Vec<Option<usize>>);

/// The keys of the table, and pairs of them.
fn keys(table: &Table, pairs: &[(String, String)]) -> Vec<Key> {
    let of = |name: &str| table.keys().find(|(key, _)| *key == name).map(|(_, of)| of);
    let pair = |(one, other): &(String, String)| {
        let mut numbers = BTreeMap::new();
        let rows = of(one)?.iter().zip(of(other)?);
        let number = |(one, other): (&Option<usize>, &Option<usize>)| {
            let next = numbers.len();
            Some(*numbers.entry(((*one)?, (*other)?)).or_insert(next))
        };
        Some((format!("{one}_{other}"), rows.map(number).collect()))
    };
    let plain = table.keys().map(|(name, of)| (name.to_owned(), of.to_vec()));
    plain.chain(pairs.iter().filter_map(pair)).collect()
}

fn failure_rates(table: &Table, keys: &[Key], order: &[usize]) -> Vec<(String, Vec<f64>)> {
    let mut columns = Vec::new();
    for (name, of) in keys {
        for days in HALF_LIVES_DAYS {
            let half_life_seconds = (days * DAY_SECONDS) as f64;
            let mut rates = Rates::new(RateSettings {
                half_life_seconds,
                prior_changes: PRIOR_CHANGES,
                ..RateSettings::default()
            });
            let (mut rate, mut weight) = (vec![f64::NAN; of.len()], vec![f64::NAN; of.len()]);
            for &row in order {
                let facts = (table.at().get(row), table.known_at().get(row), table.failed().get(row));
                let (Some(&at), Some(&known_at), Some(&failed)) = facts else { continue };
                let name = of.get(row).copied().flatten();
                let known = rates.of(name, at);
                put(&mut rate, row, known.rate);
                put(&mut weight, row, known.changes);
                if let Some(name) = name {
                    rates.add(name, known_at, failed);
                }
            }
            columns.push((format!("{name}_rate_{days}d"), rate));
            columns.push((format!("{name}_changes_{days}d"), weight));
        }
    }
    columns
}

fn idle_days(table: &Table, keys: &[Key], order: &[usize]) -> Vec<(String, Vec<f64>)> {
    let idle = |(name, of): &Key| {
        let mut last: BTreeMap<usize, i64> = BTreeMap::new();
        let mut days = vec![f64::NAN; of.len()];
        for &row in order {
            if let (Some(name), Some(&at)) = (of.get(row).copied().flatten(), table.at().get(row)) {
                let before = last.insert(name, at);
                let idle = before.map_or(NEVER_DAYS, |before| (at - before) as f64 / DAY_SECONDS as f64);
                put(&mut days, row, idle);
            }
        }
        (format!("{name}_idle"), days)
    };
    keys.iter().map(idle).collect()
}

/// The share of the group's last rows that have a smaller value; half of equal ones count.
fn ranks(table: &Table, order: &[usize], values: &[f64]) -> Vec<f64> {
    let mut recent: Vec<Vec<f64>> = vec![Vec::new(); table.groups()];
    let mut next: Vec<usize> = vec![0; table.groups()];
    let mut ranks = vec![f64::NAN; values.len()];
    for &row in order {
        let (Some(&value), Some(&group)) = (values.get(row), table.group().get(row)) else { continue };
        let (Some(recent), Some(next)) = (recent.get_mut(group), next.get_mut(group)) else { continue };
        if value.is_nan() {
            continue;
        }
        if recent.len() >= RANKED_AMONG_MIN {
            let below = recent.iter().filter(|other| **other < value).count() as f64;
            let equal = recent.iter().filter(|other| **other == value).count() as f64;
            put(&mut ranks, row, (below + equal / 2.0) / recent.len() as f64);
        }
        match recent.get_mut(*next % RANKED_AMONG) {
            Some(oldest) => *oldest = value,
            None => recent.push(value),
        }
        *next += 1;
    }
    ranks
}

fn put(values: &mut [f64], row: usize, value: f64) {
    if let Some(slot) = values.get_mut(row) {
        *slot = value;
    }
}

fn in_order(table: &Table) -> Vec<usize> {
    let mut rows: Vec<usize> = (0..table.len()).collect();
    rows.sort_by_key(|&row| (table.at().get(row).copied(), row));
    rows
}

//! The streams on which methods are measured.

use domain::canary::streams::{Family, Latencies, Wander};
use serde::Serialize;

/// Seeds of one family, more than streams are ever made of it.
const SEEDS: u64 = 1_000_000;

/// Whether anything is wrong in a family, and in what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    Equal,
    Regression,
    EqualLatency,
    RegressionLatency,
}

/// What is judged.
#[derive(Debug)]
pub(super) struct Subject {
    pub(super) kind: Kind,
    pub(super) source: Source,
    /// That of its first stream; the others follow.
    pub(super) seed: u64,
    name: String,
}

#[derive(Debug)]
pub(super) enum Source {
    Counts(Family),
    Latencies(Latencies),
}

impl Subject {
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn onset(&self) -> u32 {
        match &self.source {
            Source::Counts(family) => family.onset,
            Source::Latencies(_) => 0,
        }
    }

    pub(super) fn methods(&self) -> Vec<&'static str> {
        match self.source {
            Source::Counts(_) => super::METHODS.iter().map(|method| method.name).collect(),
            Source::Latencies(_) => super::methods::LATENCY_METHODS.to_vec(),
        }
    }
}

pub(super) fn all() -> Vec<Subject> {
    let counts = |kind, family: Family| Subject {
        kind,
        name: family.name.clone(),
        source: Source::Counts(family),
        seed: 0,
    };
    let latency = |(name, latencies): (&str, Latencies)| {
        let is_equal = latencies.shift == 0.0 && latencies.tail == 0.0;
        let kind = if is_equal { Kind::EqualLatency } else { Kind::RegressionLatency };
        Subject { kind, name: name.to_owned(), source: Source::Latencies(latencies), seed: 0 }
    };
    let mut subjects: Vec<Subject> = equal().into_iter().map(|family| counts(Kind::Equal, family)).collect();
    subjects.extend(wandering().into_iter().map(|family| counts(Kind::Equal, family)));
    subjects.extend(worse().into_iter().map(|family| counts(Kind::Regression, family)));
    subjects.extend(latencies().into_iter().map(latency));
    for (subject, number) in subjects.iter_mut().zip(1_u64..) {
        subject.seed = number * SEEDS;
    }
    subjects
}

/// Equal arms that differ by chance alone, or do everything together.
fn equal() -> Vec<Family> {
    let named = Family::equal;
    vec![
        named("steady, 0.5 % errors"),
        Family { error_share: 0.000_5, ..named("steady, 0.05 % errors") },
        Family { error_share: 0.02, ..named("steady, 2 % errors") },
        Family { baseline_rate: 5.0, canary_rate: 5.0, ..named("5 rps each") },
        Family { baseline_rate: 450.0, ..named("450 rps beside 50") },
        Family { shared_incident: 0.05, ..named("both +5 pp for 5 min") },
        Family { drift: 0.6, ..named("both swing by 60 %") },
        Family { wander: Wander::Shared { variance: 1.0 }, ..named("both wander together, gamma(1)") },
    ]
}

/// Equal arms of which each wanders by itself.
fn wandering() -> Vec<Family> {
    let own = |name: &str, deviation, block_seconds, correlation| Family {
        wander: Wander::Own { deviation, block_seconds, correlation },
        ..Family::equal(name)
    };
    vec![
        own("each wanders, sd 0.35", 0.35, 60, 0.0),
        own("each wanders, sd 0.2", 0.2, 60, 0.0),
        own("each wanders, sd 0.5", 0.5, 60, 0.0),
        Family { error_share: 0.02, ..own("each wanders, sd 0.35, 2 % errors", 0.35, 60, 0.0) },
        Family { baseline_rate: 450.0, ..own("each wanders, sd 0.35, 450 rps beside 50", 0.35, 60, 0.0) },
        own("each wanders, sd 0.35, blocks of 20 s", 0.35, 20, 0.0),
        own("each wanders, sd 0.35, blocks of 300 s", 0.35, 300, 0.0),
        own("each wanders, sd 0.35, blocks of 10 s with correlation 0.86", 0.35, 10, 0.86),
    ]
}

fn worse() -> Vec<Family> {
    let added = |name: &str, added| Family { added, ..Family::equal(name) };
    let late = |name: &str, share| Family { onset: 1_800, ..added(name, share) };
    let small = |name: &str, share| Family { baseline_rate: 5.0, canary_rate: 5.0, ..added(name, share) };
    let uneven = |name: &str, share| Family { baseline_rate: 450.0, ..added(name, share) };
    vec![
        added("+20 pp at 50 rps", 0.2),
        added("+5 pp at 50 rps", 0.05),
        added("+2 pp at 50 rps", 0.02),
        added("+1 pp at 50 rps", 0.01),
        added("+0.5 pp at 50 rps", 0.005),
        late("+2 pp after 30 min", 0.02),
        late("+1 pp after 30 min", 0.01),
        small("+20 pp at 5 rps", 0.2),
        small("+5 pp at 5 rps", 0.05),
        small("+2 pp at 5 rps", 0.02),
        uneven("+2 pp, 450 rps beside 50", 0.02),
        uneven("+1 pp, 450 rps beside 50", 0.01),
    ]
}

fn latencies() -> Vec<(&'static str, Latencies)> {
    let of = |shift, tail, wander, correlation| Latencies { shift, tail, wander, correlation };
    vec![
        ("equal latencies", of(0.0, 0.0, 0.0, 0.0)),
        ("each wanders by 3 % in blocks of 10 s with correlation 0.86", of(0.0, 0.0, 0.03, 0.86)),
        ("all 10 % slower", of(0.1, 0.0, 0.0, 0.0)),
        ("all 20 % slower", of(0.2, 0.0, 0.0, 0.0)),
        ("all 50 % slower", of(0.5, 0.0, 0.0, 0.0)),
        ("all twice as slow", of(1.0, 0.0, 0.0, 0.0)),
        ("2 % more are 8 times slower", of(0.0, 0.02, 0.0, 0.0)),
        ("5 % more are 8 times slower", of(0.0, 0.05, 0.0, 0.0)),
    ]
}

//! An example past: changes that nobody carried out, marked as such in their ids, with outcomes that differ by kind.
//!
//! The past of a week is always the same, down to the days of the week: so is what is learned from it. Failures are drawn, not spaced, so that there is something to learn but
//! no pattern besides the kinds.

use std::fmt::Write as _;

use api::history::ImportedChange;
use jiff::{SignedDuration, Timestamp};

use crate::failure::Failure;

/// The name of the system that the past is imported from.
pub(super) const SOURCE: &str = "example-past";
/// How many changes there are: as many as it takes to compare a model with guessing on the last 15 % of them.
pub(super) const CHANGES: u32 = 3_000;
/// Time between two of them.
const EVERY: SignedDuration = SignedDuration::from_hours(6);
/// The past ends where such a span of time since 1970 has ended.
const WEEK_SECONDS: i64 = 7 * 24 * 60 * 60;
/// How long each took.
const TOOK: SignedDuration = SignedDuration::from_mins(30);
/// How every id begins. Titles are like real ones: their words are learned from.
const MARK: &str = "EXAMPLE-";
/// Where the draws start from.
const SEED: u64 = 7;
/// Shares are drawn in per cent.
const HUNDRED: u64 = 100;

/// A kind of change.
struct Kind {
    /// How many of a hundred changes are of this kind.
    share_percent: u64,
    /// How many of a hundred of them failed.
    failed_percent: u64,
    category: &'static str,
    service: &'static str,
    what: &'static str,
    requester: &'static str,
    by: &'static str,
}

const KINDS: [Kind; 6] = [
    Kind {
        share_percent: 40,
        failed_percent: 1,
        category: "deployment",
        service: "greeter",
        what: "Deploy greeter",
        requester: "release-agent",
        by: "agent",
    },
    Kind {
        share_percent: 25,
        failed_percent: 2,
        category: "deployment",
        service: "storefront",
        what: "Deploy storefront",
        requester: "release-agent",
        by: "agent",
    },
    Kind {
        share_percent: 14,
        failed_percent: 2,
        category: "infrastructure",
        service: "storefront",
        what: "Renew certificate of storefront",
        requester: "dora",
        by: "human",
    },
    Kind {
        share_percent: 2,
        failed_percent: 45,
        category: "configuration",
        service: "greeter",
        what: "Raise connection limit of greeter",
        requester: "release-agent",
        by: "agent",
    },
    Kind {
        share_percent: 12,
        failed_percent: 45,
        category: "configuration",
        service: "storefront",
        what: "Raise connection limit of storefront",
        requester: "release-agent",
        by: "agent",
    },
    Kind {
        share_percent: 7,
        failed_percent: 35,
        category: "data",
        service: "storefront",
        what: "Move orders of storefront",
        requester: "dora",
        by: "human",
    },
];

/// Draws: a linear congruential generator with Knuth's constants, of which the high bits are taken.
struct Draws(u64);

impl Draws {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }

    fn kind(&mut self) -> &'static Kind {
        let [first, ..] = &KINDS;
        let drawn = self.below(HUNDRED);
        let mut until = 0;
        let mut kinds = KINDS.iter().map(|kind| {
            until += kind.share_percent;
            (until, kind)
        });
        kinds.find(|(until, _)| drawn < *until).map_or(first, |(_, kind)| kind)
    }

    fn outcome(&mut self, kind: &Kind) -> &'static str {
        match (self.below(HUNDRED) < kind.failed_percent, self.below(2)) {
            (false, _) => "successful",
            (true, 0) => "failed",
            (true, _) => "rolled_back",
        }
    }
}

/// The past as of a moment, the earliest change first, as JSON lines.
pub(super) fn json_lines(now: Timestamp) -> Result<String, Failure> {
    let mut text = String::new();
    for change in changes(now) {
        let line = serde_json::to_string(&change)
            .map_err(|error| Failure::new("the example past cannot be written").caused_by(&error))?;
        let _infallible = writeln!(text, "{line}");
    }
    Ok(text)
}

fn changes(now: Timestamp) -> Vec<ImportedChange> {
    let mut draws = Draws(SEED);
    let end = now - SignedDuration::new(now.as_second().rem_euclid(WEEK_SECONDS), now.subsec_nanosecond());
    let change = |number: u32| {
        let kind = draws.kind();
        let later = i32::try_from(CHANGES - number).unwrap_or(i32::MAX);
        let closed_at = end - EVERY * later;
        ImportedChange {
            id: format!("{MARK}{number:04}"),
            title: Some(format!("{} {}.{}", kind.what, number / 100, number % 100)),
            change_type: Some("normal".to_owned()),
            category: Some(kind.category.to_owned()),
            services: vec![kind.service.to_owned()],
            requester: Some(kind.requester.to_owned()),
            by: Some(kind.by.to_owned()),
            submitted_at: Some((closed_at - TOOK).to_string()),
            closed_at: closed_at.to_string(),
            outcome: draws.outcome(kind).to_owned(),
            ..ImportedChange::default()
        }
    };
    (1..=CHANGES).map(change).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::constant(1_790_000_000, 0);

    #[test]
    fn a_week_has_one_past() {
        let into_the_week = SignedDuration::from_secs(NOW.as_second().rem_euclid(WEEK_SECONDS));
        let (begin, end) =
            (NOW - into_the_week, NOW - into_the_week + SignedDuration::from_secs(WEEK_SECONDS - 1));
        assert_eq!(json_lines(begin).unwrap(), json_lines(end).unwrap());
        assert_eq!(changes(begin).last().unwrap().closed_at, begin.to_string());
        assert_eq!(KINDS.iter().map(|kind| kind.share_percent).sum::<u64>(), HUNDRED);
    }

    #[test]
    fn every_change_is_marked_as_an_example_and_has_ended() {
        let changes = changes(NOW);
        assert_eq!(changes.len(), usize::try_from(CHANGES).unwrap());
        for change in &changes {
            assert!(change.id.starts_with("EXAMPLE-"), "{change:?}");
            assert!(change.closed_at.parse::<Timestamp>().unwrap() <= NOW, "{change:?}");
        }
    }

    #[test]
    fn some_kinds_fail_more_often() {
        let changes = changes(NOW);
        let failed_percent = |category: &str| {
            let of: Vec<_> =
                changes.iter().filter(|change| change.category.as_deref() == Some(category)).collect();
            of.iter().filter(|change| change.outcome != "successful").count() * 100 / of.len()
        };
        assert!(failed_percent("deployment") < 4, "{}", failed_percent("deployment"));
        assert!(failed_percent("configuration") > 35, "{}", failed_percent("configuration"));
    }
}

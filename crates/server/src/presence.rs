//! Runners that are there, as this server knows them: what they announced here, and every few seconds what they announced to other
//! servers on the same database. What is known here is told, and decides nothing.

use std::collections::{BTreeMap, BTreeSet};

use api::runner::ONLINE_SECONDS;
use domain::Timestamp;
use domain::id::{ActorId, RunnerLabel};
use jiff::SignedDuration;
use store::{HolderName, RunnerSeen};

/// How long a runner is remembered that is not seen any more.
pub(crate) const REMEMBERED_HOURS: i64 = 24;

/// How a runner stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Seen just now, and looking for work.
    Online,
    /// Seen just now; it takes nothing on any more.
    Draining,
    /// Not seen for a while.
    Offline,
}

impl Standing {
    /// How a runner stands at `now`.
    pub(crate) fn of(runner: &RunnerSeen, now: Timestamp) -> Self {
        let unseen = now.duration_since(runner.seen_at);
        if unseen > SignedDuration::from_secs(i64::try_from(ONLINE_SECONDS).unwrap_or(i64::MAX)) {
            Self::Offline
        } else if runner.draining {
            Self::Draining
        } else {
            Self::Online
        }
    }

    /// The word on the wire.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Online => "online",
            Self::Draining => "draining",
            Self::Offline => "offline",
        }
    }
}

/// The runners that were seen in the last day.
#[derive(Debug, Clone, Default)]
pub(crate) struct Presence(BTreeMap<(ActorId, HolderName), RunnerSeen>);

impl Presence {
    /// Takes note of a runner that has just announced itself, and tells since when it is known.
    pub(crate) fn put(&mut self, seen: RunnerSeen) -> Timestamp {
        let key = (seen.actor.clone(), seen.name.clone());
        let since = self.0.get(&key).map_or(seen.first_seen_at, |known| known.first_seen_at);
        self.0.insert(key, RunnerSeen { first_seen_at: since, ..seen });
        since
    }

    /// Forgets one that has ended.
    pub(crate) fn remove(&mut self, actor: &ActorId, name: &HolderName) {
        self.0.remove(&(actor.clone(), name.clone()));
    }

    /// Takes over what is kept, but for what was announced here since it was read.
    pub(crate) fn replace(&mut self, kept: Vec<RunnerSeen>) {
        let before = std::mem::take(&mut self.0);
        self.0 = kept.into_iter().map(|seen| ((seen.actor.clone(), seen.name.clone()), seen)).collect();
        for (key, known) in before {
            if let Some(read) = self.0.get_mut(&key)
                && read.seen_at < known.seen_at
            {
                *read = known;
            }
        }
    }

    /// How many stand how at `now`, each standing once.
    pub(crate) fn count(&self, now: Timestamp) -> [(Standing, u64); 3] {
        [Standing::Online, Standing::Draining, Standing::Offline].map(|standing| {
            let remembered = self.0.values().filter(|runner| runner.seen_at >= forgotten_before(now));
            let so = remembered.filter(|runner| Standing::of(runner, now) == standing);
            (standing, so.map(|_| 1).sum())
        })
    }

    /// Those that have all of these labels, by who they are.
    pub(crate) fn fit<'a>(
        &'a self,
        labels: &'a BTreeSet<RunnerLabel>,
    ) -> impl Iterator<Item = &'a RunnerSeen> {
        self.0.values().filter(move |runner| labels.is_subset(&runner.labels))
    }
}

/// Before when a runner must have been seen last to be forgotten.
pub(crate) fn forgotten_before(now: Timestamp) -> Timestamp {
    now.saturating_sub(SignedDuration::from_hours(REMEMBERED_HOURS)).unwrap_or(Timestamp::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_780_000_000 + seconds).unwrap()
    }

    fn runner(name: &str, seen_at: i64) -> RunnerSeen {
        RunnerSeen {
            actor: ActorId::new("act_runner").unwrap(),
            name: name.parse().unwrap(),
            host: "host7".to_owned(),
            version: "0.1.0".to_owned(),
            labels: ["eu", "docker"].map(|label| label.parse().unwrap()).into(),
            concurrency: 1,
            working_on: BTreeSet::new(),
            waiting: 0,
            draining: false,
            first_seen_at: at(0),
            seen_at: at(seen_at),
        }
    }

    #[test]
    fn a_runner_is_online_for_half_a_minute() {
        let draining = RunnerSeen { draining: true, ..runner("one", 0) };
        for (runner, now, standing) in [
            (&runner("one", 0), 0, "online"),
            (&runner("one", 0), 30, "online"),
            (&runner("one", 0), 31, "offline"),
            (&draining, 30, "draining"),
            (&draining, 31, "offline"),
            // Of a server whose clock is ahead.
            (&runner("one", 5), 0, "online"),
        ] {
            assert_eq!(Standing::of(runner, at(now)).as_str(), standing, "{now}");
        }
    }

    #[test]
    fn what_is_read_does_not_take_back_what_was_announced_meanwhile() {
        let mut presence = Presence::default();
        for name in ["one", "gone"] {
            presence.put(runner(name, 10));
        }
        presence.replace(vec![runner("one", 5), runner("elsewhere", 7)]);
        let known: Vec<_> = presence.0.values().map(|seen| (seen.name.as_str(), seen.seen_at)).collect();
        assert_eq!(known, [("elsewhere", at(7)), ("one", at(10))]);
        let later = RunnerSeen { first_seen_at: at(20), ..runner("one", 20) };
        assert_eq!(presence.put(later), at(0));
    }

    #[test]
    fn a_runner_is_fit_when_it_has_every_label() {
        let mut presence = Presence::default();
        presence.put(runner("one", 0));
        for (labels, count) in
            [(vec![], 1), (vec!["eu"], 1), (vec!["eu", "docker"], 1), (vec!["eu", "us"], 0)]
        {
            let labels = labels.into_iter().map(|label| label.parse().unwrap()).collect();
            assert_eq!(presence.fit(&labels).count(), count, "{labels:?}");
        }
    }
}

//! What counters have counted since they were read last: every increment once, whatever the pace of the questions, and
//! across restarts of what counts.

use std::collections::{BTreeMap, BTreeSet};

use super::{PrometheusError, Series, number};

/// Most counters that are remembered; then the ones that were seen longest ago are forgotten.
const REMEMBERED_MAX: usize = 20_000;
/// Gaps between two points after which the newest is too old to say anything.
const MISSED_GAPS: f64 = 3.0;
/// Age that is never too old, in seconds: clocks differ, and a scrape takes time.
const AGE_SECONDS_MIN: f64 = 5.0;

/// A series by its labels.
pub(super) type Key = BTreeMap<String, String>;

/// Counters and how far they have been read.
#[derive(Debug, Default)]
pub(super) struct Counters {
    /// Instant and value of each counter's newest point.
    read: BTreeMap<Key, (f64, f64)>,
    /// Whether they have been read before: what appears from then on has begun at zero.
    is_known: bool,
    /// Time from one point to the next, in seconds.
    gap: Option<f64>,
}

/// What was counted, by counter.
#[derive(Debug, Default)]
pub(super) struct Counted {
    /// Since they were read last; nothing the first time.
    pub(super) since: Option<Vec<(Key, f64)>>,
    /// Instant of each increment within the points, for the first time only.
    pub(super) before: Vec<(Key, f64)>,
    /// Instant of the newest point, and the gap that points usually have, where there are points.
    pub(super) newest: Option<f64>,
    pub(super) gap: Option<f64>,
}

impl Counters {
    /// Whether any of these appears only now, after the counters were read before.
    pub(super) fn have_new(&self, series: &[Series]) -> bool {
        self.is_known && series.iter().any(|series| !self.read.contains_key(&series.metric))
    }

    /// Takes in the points of a window. What was there before the counters were first read and is `back` has not begun at
    /// zero: it counts from its first point.
    pub(super) fn take(
        &mut self,
        series: Vec<Series>,
        back: &BTreeSet<Key>,
    ) -> Result<Counted, PrometheusError> {
        let (mut since, mut before, mut gaps, mut newest) = (Vec::new(), Vec::new(), Vec::new(), None);
        for Series { metric, values } in series {
            let points = values.iter().map(|point| Ok((point.0, number(&point.1)?)));
            let points: Vec<(f64, f64)> = points.collect::<Result<_, PrometheusError>>()?;
            let Some((at, value)) = points.last().copied() else { continue };
            newest = Some(newest.map_or(at, |newest: f64| newest.max(at)));
            gaps.extend(points.windows(2).filter_map(|pair| match pair {
                [(one, _), (next, _)] => Some(next - one),
                _ => None,
            }));
            let last = self.read.get(&metric).copied();
            let begins_with =
                if back.contains(&metric) { points.first().copied() } else { Some((f64::MIN, 0.0)) };
            let begun = last.or(begins_with.filter(|_| self.is_known));
            if let Some((read_until, from)) = begun {
                since
                    .push((metric.clone(), increase(from, points.iter().filter(|(at, _)| *at > read_until))));
            } else if let Some(((_, first), rest)) = points.split_first() {
                before.push((metric.clone(), increase(*first, rest.iter())));
            }
            self.read.insert(metric, (at, value));
        }
        self.forget();
        let since = self.is_known.then_some(since);
        self.is_known = true;
        self.gap = median(gaps).or(self.gap);
        Ok(Counted { since, before, newest, gap: self.gap })
    }

    fn forget(&mut self) {
        while self.read.len() > REMEMBERED_MAX {
            let oldest = self.read.iter().min_by(|(_, (one, _)), (_, (other, _))| one.total_cmp(other));
            let Some(oldest) = oldest.map(|(key, _)| key.clone()) else { return };
            self.read.remove(&oldest);
        }
    }
}

impl Counted {
    /// Why the points are too few or too old to say anything at `now`.
    pub(super) fn is_silent(&self, now: f64, window_seconds: u64) -> Option<String> {
        let Some(newest) = self.newest else {
            return Some(format!("no data in the last {window_seconds} s"));
        };
        let Some(gap) = self.gap else {
            return Some(format!("only one point in the last {window_seconds} s: make `window` longer"));
        };
        let age = now - newest;
        (age > (gap * MISSED_GAPS).max(AGE_SECONDS_MIN))
            .then(|| format!("the newest data are {age:.0} s old, and come every {gap:.0} s"))
    }
}

/// The sum of increments from a value on. A counter that falls has begun anew.
fn increase<'a>(from: f64, points: impl Iterator<Item = &'a (f64, f64)>) -> f64 {
    let step = |(sum, last): (f64, f64), (_, value): &(f64, f64)| {
        let more = if *value >= last { value - last } else { *value };
        (sum + more.max(0.0), *value)
    };
    points.fold((0.0, from), step).0
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

/// A count as a whole number.
pub(super) fn whole(count: f64) -> u64 {
    // As text, because no conversion of numbers says what does not fit. A count is finite and not negative, but the sum of
    // none of them is -0.
    format!("{:.0}", count.abs()).parse().unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::Point;
    use super::*;

    fn series(pod: &str, points: &[(f64, f64)]) -> Series {
        Series {
            metric: BTreeMap::from([("pod".to_owned(), pod.to_owned())]),
            values: points.iter().map(|(at, value)| Point(*at, value.to_string())).collect(),
        }
    }

    fn take(counters: &mut Counters, series: Vec<Series>) -> Counted {
        counters.take(series, &BTreeSet::new()).unwrap()
    }

    fn sum(counted: &Counted) -> Option<f64> {
        counted.since.as_ref().map(|all| all.iter().map(|(_, count)| count).sum())
    }

    #[test]
    fn every_increment_is_counted_once_however_windows_overlap() {
        let mut counters = Counters::default();
        let first = take(&mut counters, vec![series("a", &[(0.0, 100.0), (5.0, 130.0)])]);
        assert_eq!(
            (sum(&first), first.before[0].1, first.newest, first.gap),
            (None, 30.0, Some(5.0), Some(5.0))
        );
        let same = take(&mut counters, vec![series("a", &[(0.0, 100.0), (5.0, 130.0)])]);
        assert_eq!(sum(&same), Some(0.0));
        let more = take(&mut counters, vec![series("a", &[(0.0, 100.0), (5.0, 130.0), (10.0, 137.0)])]);
        assert_eq!(sum(&more), Some(7.0));
        let later = take(&mut counters, vec![series("a", &[(20.0, 140.0), (25.0, 141.0)])]);
        assert_eq!(sum(&later), Some(4.0));
    }

    #[test]
    fn a_restart_begins_at_zero_and_so_does_what_is_new() {
        let mut counters = Counters::default();
        take(&mut counters, vec![series("a", &[(0.0, 100.0), (5.0, 100.0)])]);
        let restarted = take(&mut counters, vec![series("a", &[(5.0, 100.0), (10.0, 3.0), (15.0, 5.0)])]);
        assert_eq!(sum(&restarted), Some(5.0));
        // The first failed request makes a new series in most libraries.
        let new = vec![series("a", &[(15.0, 5.0), (20.0, 5.0)]), series("b", &[(20.0, 12.0)])];
        assert_eq!(sum(&take(&mut counters, new)), Some(12.0));
    }

    #[test]
    fn old_missing_and_single_points_say_nothing() {
        let mut counters = Counters::default();
        let silent = |counted: &Counted, now| counted.is_silent(now, 60);
        let counted = take(&mut counters, vec![series("a", &[(0.0, 1.0), (15.0, 2.0), (30.0, 3.0)])]);
        assert_eq!(silent(&counted, 31.0), None);
        assert_eq!(silent(&counted, 75.0), None);
        assert_eq!(silent(&counted, 76.0).unwrap(), "the newest data are 46 s old, and come every 15 s");
        let none = take(&mut counters, vec![]);
        assert_eq!(silent(&none, 76.0).unwrap(), "no data in the last 60 s");
        let single = take(&mut Counters::default(), vec![series("b", &[(70.0, 1.0)])]);
        assert!(silent(&single, 76.0).unwrap().contains("only one point"));
    }

    #[test]
    fn what_begins_after_the_first_look_counts_from_its_beginning() {
        let mut counters = Counters::default();
        assert_eq!(sum(&take(&mut counters, vec![])), None);
        assert_eq!(sum(&take(&mut counters, vec![series("canary", &[(9.0, 4.0)])])), Some(4.0));
    }

    #[test]
    fn what_comes_back_after_the_first_look_counts_from_there() {
        let mut counters = Counters::default();
        take(&mut counters, vec![]);
        let back = vec![series("old", &[(9.0, 4_000.0), (10.0, 4_003.0)]), series("new", &[(10.0, 2.0)])];
        assert!(counters.have_new(&back));
        let old = BTreeSet::from([back[0].metric.clone()]);
        assert_eq!(sum(&counters.take(back.clone(), &old).unwrap()), Some(5.0));
        assert!(!counters.have_new(&back));
        assert_eq!(sum(&counters.take(back, &old).unwrap()), Some(0.0));
    }

    #[test]
    fn what_is_no_number_is_an_error() {
        for value in ["NaN", "+Inf", "x"] {
            let broken = Series { metric: BTreeMap::new(), values: vec![Point(0.0, value.to_owned())] };
            assert!(Counters::default().take(vec![broken], &BTreeSet::new()).is_err(), "{value}");
        }
    }

    #[test]
    fn counts_are_whole() {
        assert_eq!(
            (whole(-0.0), whole(12.0), whole(12.6), whole(1e18)),
            (0, 12, 13, 1_000_000_000_000_000_000)
        );
    }
}

//! How far a strategy has come: its stages, how long a bake still takes, and what its judge says so far.

use api::change::{BakeProgress, Implementation, StageProgress};
use domain::Timestamp;

use super::{cell, span, words};

/// Every stage and where it is, in order; nothing where there are none.
pub(crate) fn stages(stages: &[StageProgress]) -> Option<String> {
    let told: Vec<_> =
        stages.iter().map(|stage| format!("{} {}", cell(&stage.name), words(&stage.status))).collect();
    (!told.is_empty()).then(|| told.join(" → "))
}

/// How long a bake still takes.
pub(crate) fn time_left(bake: &BakeProgress, now: Timestamp) -> String {
    let left = |until: &str| -> Option<u64> {
        let until: Timestamp = until.parse().ok()?;
        u64::try_from(until.duration_since(now).as_secs()).ok().filter(|seconds| *seconds > 0)
    };
    let step = cell(&bake.step);
    match (left(&bake.until), left(&bake.at_latest)) {
        (Some(seconds), _) => format!("{step}: {} left", span(seconds)),
        (None, Some(seconds)) => format!("{step}: extended, at most {} left", span(seconds)),
        (None, None) => format!("{step}: its time is over"),
    }
}

/// What would come of a bake that ended now; nothing before its runner has said so.
pub(crate) fn verdict(bake: &BakeProgress) -> Option<String> {
    let verdict = match bake.verdict.as_deref()? {
        "pass" => "well so far",
        "fail" => "not well",
        _ => "cannot be said yet",
    };
    let detail = bake.detail.as_deref().and_then(|detail| detail.lines().next()).unwrap_or_default();
    Some(if detail.is_empty() { verdict.to_owned() } else { format!("{verdict}: {}", cell(detail)) })
}

/// Where the run is, for somebody who watches: what changes without an event of the change.
pub(crate) fn in_a_line(progress: &Implementation, now: Timestamp) -> String {
    let current = progress.current.as_deref().map(cell).unwrap_or_default();
    let bake = progress.bake.as_ref();
    let current = bake.map_or(current, |bake| time_left(bake, now));
    let verdict = bake.and_then(verdict).map(|verdict| format!("; {verdict}"));
    format!("{} {current}{}", words(&progress.phase), verdict.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bake(verdict: Option<&str>) -> BakeProgress {
        BakeProgress {
            step: "bake at 5%".to_owned(),
            since: "2026-03-02T09:00:00Z".to_owned(),
            until: "2026-03-02T09:10:00Z".to_owned(),
            at_latest: "2026-03-02T09:30:00Z".to_owned(),
            verdict: verdict.map(str::to_owned),
            detail: Some("monitor `errors`: not shown yet\nmore".to_owned()),
        }
    }

    #[test]
    fn what_is_left_of_a_bake_is_told_up_to_its_end() {
        let told = |now: &str| time_left(&bake(None), now.parse().unwrap());
        assert_eq!(told("2026-03-02T09:06:00Z"), "bake at 5%: 4 min left");
        assert_eq!(told("2026-03-02T09:10:00Z"), "bake at 5%: extended, at most 20 min left");
        assert_eq!(told("2026-03-02T09:31:00Z"), "bake at 5%: its time is over");
    }

    #[test]
    fn the_judge_is_told_in_words_once_it_has_said_something() {
        assert_eq!(verdict(&bake(None)), None);
        let told = |word| verdict(&bake(Some(word))).unwrap();
        assert_eq!(told("inconclusive"), "cannot be said yet: monitor `errors`: not shown yet");
        assert!(told("pass").starts_with("well so far") && told("fail").starts_with("not well"));
    }

    #[test]
    fn stages_are_told_in_their_order() {
        let stage = |name: &str, status: &str| StageProgress {
            name: name.to_owned(),
            weight: None,
            status: status.to_owned(),
        };
        assert_eq!(stages(&[]), None);
        let all = [stage("5%", "passed"), stage("100%", "under_way")];
        assert_eq!(stages(&all).as_deref(), Some("5% passed → 100% under way"));
    }
}

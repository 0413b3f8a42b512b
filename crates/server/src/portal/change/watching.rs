//! How far a strategy has come: its stages, how long a bake still takes, and what its judge says so far.

use domain::Timestamp;
use domain::change::{Change, ChangeEvent};
use domain::plan::StageStatus;
use domain::rollback::{Percent, Verdict};
use maud::{Markup, html};

use crate::portal::format;
use crate::portal::icon::Icon;
use crate::portal::mark::Told;
use crate::record::Recorded;
use crate::use_cases::implementation::Standing;
use crate::view::{self, Baking};

/// The stages of a plan under way, or of one that has been.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Watching {
    stages: Vec<(String, Option<Percent>, StageStatus)>,
    bake: Option<Baking>,
    standing: Option<Standing>,
    quarantine: Option<&'static str>,
}

impl Watching {
    /// Nothing before the start, and where there is nothing to watch.
    pub(super) fn of(
        change: &Change,
        trail: &[Recorded<ChangeEvent>],
        standing: Option<Standing>,
    ) -> Option<Self> {
        let (plan, run) = (change.content.plan.as_ref()?, &change.execution()?.run);
        let stages = run.stage_statuses(plan).into_iter();
        let stages =
            stages.map(|(stage, status)| (stage.name.to_string(), stage.weight.map(Percent), status));
        let watching = Self {
            stages: stages.collect(),
            bake: view::baking(change, trail),
            standing,
            quarantine: run.quarantine(),
        };
        let is_empty = watching.stages.is_empty() && watching.bake.is_none() && watching.quarantine.is_none();
        (!is_empty).then_some(watching)
    }
}

/// The card.
pub(super) fn card(watching: &Watching, now: Timestamp) -> Markup {
    html! {
        section.card aria-labelledby="watching" {
            h2 #watching { "Stages" }
            @if !watching.stages.is_empty() {
                table.triggers {
                    caption.sr { "Stages of the plan" }
                    thead.sr { tr { th scope="col" { "Stage" } th scope="col" { "Traffic" } th scope="col" { "State" } } }
                    tbody {
                        @for (name, weight, status) in &watching.stages {
                            tr aria-current=[is_current(*status).then_some("step")] {
                                th scope="row" { (name) }
                                td { @if let Some(weight) = weight { (weight) " of the traffic" } }
                                td { (told(*status).mark()) }
                            }
                        }
                    }
                }
            }
            @if let Some(bake) = &watching.bake {
                p { b { (bake.step) } ", " (time_left(bake, now)) "." }
                @match &watching.standing {
                    Some(standing) => {
                        p { (judged(standing.verdict).mark()) }
                        @for line in standing.detail.lines() { p.quiet { (format::marked(&format::sentence(line))) } }
                    },
                    None => p.quiet { "Its judge has not said anything yet." },
                }
            }
            @if let Some(quarantine) = watching.quarantine { p { (format::sentence(quarantine)) } }
        }
    }
}

/// How long a bake still takes.
fn time_left(bake: &Baking, now: Timestamp) -> String {
    if now < bake.until {
        return format!("{} left", format::span(bake.until.duration_since(now)));
    }
    if now < bake.at_latest {
        let left = format::span(bake.at_latest.duration_since(now));
        return format!(
            "extended for at most {left} more, because it cannot be said yet whether all is well"
        );
    }
    "its time is over".to_owned()
}

fn is_current(status: StageStatus) -> bool {
    match status {
        StageStatus::UnderWay | StageStatus::Holding | StageStatus::Baking | StageStatus::Stuck => true,
        StageStatus::Pending | StageStatus::Passed | StageStatus::TakenBack => false,
    }
}

fn told(status: StageStatus) -> Told {
    match status {
        StageStatus::Pending => Told::step(Icon::Blank, "state", "Not reached"),
        StageStatus::UnderWay => Told::step(Icon::Run, "state state-live", "Under way"),
        StageStatus::Holding => Told::step(Icon::Await, "state state-wait", "Waits for a person"),
        StageStatus::Baking => Told::step(Icon::Assess, "state state-live", "Bakes"),
        StageStatus::Passed => Told::step(Icon::Done, "state state-good", "Done and found well"),
        StageStatus::Stuck => Told::step(Icon::Broken, "state state-bad", "Cannot go on"),
        StageStatus::TakenBack => Told::step(Icon::Back, "state state-bad", "Taken back"),
    }
}

/// What would come of a bake that ended now.
fn judged(verdict: Verdict) -> Told {
    match verdict {
        Verdict::Pass => Told::step(Icon::Done, "state state-good", "Well so far"),
        Verdict::Fail => Told::step(Icon::Broken, "state state-bad", "Not well"),
        Verdict::Inconclusive | Verdict::Error => {
            Told::step(Icon::Await, "state state-wait", "Cannot be said yet")
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::id::StepName;
    use domain::number::Share;
    use domain::plan::{Bake, Observation, Part, Stage, Step, StepKind, Strategy, Task, Undecided};

    use super::*;
    use crate::portal::fixture::{Story, at};

    fn name(text: &str) -> StepName {
        text.parse().unwrap()
    }

    /// A canary of which the first bake began at 500.
    fn baking() -> Story {
        let story = Story::started_with(|content| {
            let plan = content.plan.as_mut().unwrap();
            let bake = Bake {
                duration_millis: 600_000,
                extension_millis: 300_000,
                undecided: Undecided::RollBack,
                analysis: None,
            };
            let kind = StepKind::Bake(bake);
            let bake = Step { name: name("bake at 5%"), kind, undo: None, ..plan.steps[0].clone() };
            plan.steps = vec![bake, plan.steps[0].clone()];
            plan.strategy = Strategy::Canary;
            let stage = |weight: i64, step: &str| Stage {
                name: name(&format!("{weight}%")),
                weight: Share::new(weight * 100).ok(),
                steps: vec![name(step)],
            };
            plan.stages = vec![stage(5, "bake at 5%"), stage(100, "deploy")];
        });
        story.observed(
            500,
            Observation::Started { task: Task::new(Part::Step, name("bake at 5%")), attempt: 1 },
        )
    }

    fn shown(story: &Story, standing: Option<Standing>, now: i64) -> String {
        let watching = Watching::of(&story.change(), &story.trail, standing);
        watching.map_or_else(String::new, |watching| card(&watching, at(now)).into_string())
    }

    fn check(html: &str, parts: &[&str]) {
        for part in parts {
            assert!(html.contains(part), "{part}\n{html}");
        }
    }

    #[test]
    fn stages_the_rest_of_a_bake_and_the_judge_are_told() {
        let story = baking();
        let standing = Standing {
            step: name("bake at 5%"),
            verdict: Verdict::Inconclusive,
            detail: "monitor `errors`: <not> shown yet".to_owned(),
        };
        check(
            &shown(&story, Some(standing), 800),
            &[
                "<th scope=\"row\">5%</th>",
                "5% of the traffic",
                "Bakes",
                "Not reached",
                "aria-current=\"step\"",
                "<b>bake at 5%</b>, 5 min left.",
                "Cannot be said yet",
                "Monitor <code>errors</code>: &lt;not&gt; shown yet",
            ],
        );
        check(&shown(&story, None, 1_200), &["extended for at most 3 min", "has not said anything yet"]);
        check(&shown(&story, None, 9_000), &["its time is over"]);
    }

    #[test]
    fn where_there_are_no_stages_there_is_no_card() {
        assert_eq!(shown(&Story::started(), None, 600), "");
    }
}

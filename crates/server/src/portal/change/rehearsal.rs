//! The rehearsal: what came of carrying the plan and its way back out somewhere else, for those who decide.

use api::rehearsal::RehearsalView;
use domain::Timestamp;
use domain::change::Change;
use maud::{Markup, html};

use crate::known::Known;
use crate::portal::format;
use crate::portal::icon::Icon;
use crate::portal::mark::Told;
use crate::view;

/// The newest rehearsal.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Rehearsal {
    at: Timestamp,
    told: RehearsalView,
}

impl Rehearsal {
    /// Nothing where there was none.
    pub(super) fn of(known: &Known, change: &Change) -> Option<Self> {
        let at = change.rehearsed.as_ref()?.at;
        Some(Self { at, told: view::rehearsal(known, change)? })
    }
}

/// The card.
pub(super) fn card(rehearsal: &Rehearsal, now: Timestamp) -> Markup {
    let Rehearsal { at, told } = rehearsal;
    let result = match (told.is_current, told.passed) {
        (false, _) => Told::step(Icon::Warning, "state state-wait", "Out of date"),
        (true, true) => Told::step(Icon::Done, "state state-good", "Went well, forward and back"),
        (true, false) => Told::step(Icon::Broken, "state state-bad", "Did not go well"),
    };
    let failed: Vec<_> = told.tasks.iter().filter(|task| !task.succeeded).collect();
    html! {
        section.card aria-labelledby="rehearsal" {
            h2 #rehearsal { "Rehearsal" }
            p { (result.mark()) }
            @if !told.is_current {
                p { "The change asks for something else since, so this is evidence of nothing." }
            }
            p {
                "On " b { (told.target) } " from " (told.host) " by " (told.by) ", "
                (format::instant(*at, &format::short(*at, now))) ", in " (format::took(told.duration_ms)) "."
            }
            p.quiet {
                (told.tasks.len() - failed.len()) " of " (told.tasks.len()) " steps and undos succeeded, "
                (format::count(u64::from(told.captures), "saved thing", "saved things")) " compared."
            }
            @if !failed.is_empty() {
                ul.findings {
                    @for task in failed {
                        li {
                            (Icon::Broken.mark())
                            div {
                                b { (format::marked(&format::sentence(&task.task))) }
                                @if let Some(failure) = &task.failure { p { (failure) } }
                            }
                        }
                    }
                }
            }
            @if !told.differing.is_empty() {
                p.bad { "Not as before, what was saved by: " (told.differing.join(", ")) "." }
            }
            @if !told.left_out.is_empty() {
                p.quiet { "Left out: " (format::marked(&told.left_out.join(", "))) "." }
            }
            @if !told.left_in_place.is_empty() {
                p { "Nothing takes back: " (told.left_in_place.join(", ")) "." }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::change::ChangeEvent;
    use domain::plan::{self, Failure, Outcome, Part, RehearsedTask, Task};
    use domain::risk::Level;

    use super::*;
    use crate::portal::fixture::{self, Story, at, deployer, text};

    fn rehearsed(story: Story, outcome: Outcome, digest: domain::canonical::Digest) -> String {
        let task = |part, outcome| RehearsedTask {
            task: Task::new(part, "deploy".parse().unwrap()),
            outcome,
            duration_millis: 1_200,
        };
        let rehearsal = plan::Rehearsal {
            digest,
            target: "staging".parse().unwrap(),
            target_digest: digest,
            host: "build-7".parse().unwrap(),
            duration_millis: 61_000,
            tasks: vec![task(Part::Step, outcome), task(Part::Undo, Outcome::Succeeded)],
            left_out: vec![Task::new(Part::Step, "switch the cable".parse().unwrap())],
            captures: 0,
            differing: Vec::new(),
            left_in_place: Vec::new(),
        };
        let event = ChangeEvent::Rehearsed { rehearsal: Box::new(rehearsal) };
        let change = story.then(&deployer(), 100, event).change();
        card(&Rehearsal::of(&fixture::known(), &change).unwrap(), at(600)).into_string()
    }

    fn check(html: &str, parts: &[&str]) {
        for part in parts {
            assert!(html.contains(part), "{part}\n{html}");
        }
    }

    #[test]
    fn evidence_is_told_with_what_it_leaves_out_and_goes_out_of_date() {
        let story = || Story::awaiting(Level::Medium, |_| {});
        assert_eq!(Rehearsal::of(&fixture::known(), &story().change()), None);
        let digest = story().change().digest;
        check(
            &rehearsed(story(), Outcome::Succeeded, digest),
            &[
                "Went well, forward and back",
                "On <b>staging</b> from build-7 by cortex-deployer",
                "2 of 2 steps and undos succeeded, 0 saved things compared.",
                "Left out: step <code>switch the cable</code>.",
            ],
        );
        let failure = Failure::Other { reason: text("<script>") };
        let failed = rehearsed(story(), Outcome::Failed { failure }, digest);
        check(&failed, &["Did not go well", "Step <code>deploy</code>", "failed: &lt;script&gt;"]);
        let other = domain::canonical::Digest::of("test", &"another content").unwrap();
        check(&rehearsed(story(), Outcome::Succeeded, other), &["Out of date", "evidence of nothing"]);
    }
}

//! What is brought up to date when the change is closed as successful: what was approved, and what became of it.

use domain::approval::Proof;
use domain::change::{Change, ChangeEvent, Outcome, State};
use domain::id::ActorId;
use maud::{Markup, html};

use crate::portal::format;
use crate::record::Recorded;

/// What is brought up to date at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ending {
    /// Each item with what becomes of it.
    items: Vec<(String, String)>,
    /// What is to be documented.
    documents: Option<String>,
    end: End,
}

/// What became of that.
#[derive(Debug, Clone, PartialEq, Eq)]
enum End {
    /// The change is not closed yet.
    Ahead,
    /// It was closed as something else.
    Otherwise(Outcome),
    /// It was closed as successful: what the trail says of the items, and where it is documented.
    Done { told: Option<String>, documented: Option<Proof> },
}

impl Ending {
    /// Nothing where nothing is brought up to date.
    pub(super) fn of(change: &Change, trail: &[Recorded<ChangeEvent>]) -> Option<Self> {
        let on_close = &change.content.on_close;
        if on_close.is_empty() {
            return None;
        }
        let items = on_close.cmdb.iter().map(|(name, update)| (name.to_string(), update.in_words()));
        let end = match (&change.state, change.outcome()) {
            (State::Closed(_), Some(Outcome::Successful)) => done(trail),
            (_, Some(outcome)) => End::Otherwise(outcome),
            (State::Rejected(_), None) => return None,
            (_, None) => End::Ahead,
        };
        let documents = on_close.documentation.as_ref().map(ToString::to_string);
        Some(Self { items: items.collect(), documents, end })
    }
}

/// What the trail says of the end. What became of the items the system says right behind it, in the same append.
fn done(trail: &[Recorded<ChangeEvent>]) -> End {
    let mut documented = None;
    let mut told = None;
    for pair in trail.windows(2) {
        let [closed, next] = pair else { continue };
        if let (ChangeEvent::Closed { .. }, ChangeEvent::Commented { text }) = (&closed.event, &next.event)
            && next.envelope.actor == ActorId::system()
        {
            told = Some(text.to_string());
        }
    }
    for recorded in trail {
        if let ChangeEvent::Closed { documentation, .. } = &recorded.event {
            documented.clone_from(documentation);
        }
    }
    End::Done { told, documented }
}

pub(super) fn card(ending: &Ending) -> Markup {
    let Ending { items, documents, end } = ending;
    html! {
        section.card aria-labelledby="ending" {
            h2 #ending { "At the end" }
            p.quiet {
                @match end {
                    End::Ahead => "Brought up to date when the change is closed as successful. It is part of what is approved.",
                    End::Otherwise(outcome) => {
                        "Nothing was brought up to date: the change ended as " (format::words(outcome.as_str()).to_lowercase()) "."
                    },
                    End::Done { .. } => "Brought up to date with the end of the change.",
                }
            }
            dl.pairs {
                @for (item, becomes) in items {
                    dt { (item) }
                    dd { (becomes) }
                }
                @if let Some(documents) = documents {
                    dt { "Documents" }
                    dd.prose { (documents) }
                }
                @if let End::Done { documented: Some(proof), .. } = end {
                    dt { "Documented" }
                    dd {
                        @match proof {
                            Proof::Link { url } => a href=(url) rel="noreferrer" { (url) },
                            Proof::File { sha256 } => { "File with SHA-256 " code.digest { (sha256) } },
                        }
                    }
                }
            }
            @if let End::Done { told: Some(told), .. } = end { p { (format::marked(told)) } }
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::change::{Validation, ValidationCheck};
    use domain::plan::{Outcome as TaskOutcome, Part};

    use super::*;
    use crate::portal::fixture::{Story, at, lead, text};

    /// A change that brings one item up to date and has to be documented, with both steps done.
    fn story() -> Story {
        let story = Story::started_with(|content| {
            let update = serde_json::from_value(serde_json::json!({ "attributes": { "version": "2.3" } }));
            content.on_close.cmdb = [("development-master".parse().unwrap(), update.unwrap())].into();
            content.on_close.documentation = Some(text("the runbook names <the> new limit"));
        });
        let done =
            |story: Story, (seconds, step)| story.executed(seconds, Part::Step, step, TaskOutcome::Succeeded);
        [(500, "deploy"), (510, "smoke test")].into_iter().fold(story, done)
    }

    fn closed(outcome: Outcome, documentation: Option<Proof>) -> ChangeEvent {
        ChangeEvent::Closed { outcome, follow_up: None, comment: None, documentation, by_deadline: false }
    }

    fn shown(story: &Story) -> Option<String> {
        Ending::of(&story.change(), &story.trail).map(|ending| card(&ending).into_string())
    }

    fn check(html: &str, parts: &[&str]) {
        for part in parts {
            assert!(html.contains(part), "{part}\n{html}");
        }
    }

    #[test]
    fn what_is_to_come_stands_as_it_was_approved() {
        let html = shown(&story()).unwrap();
        check(
            &html,
            &[
                "Brought up to date when the change is closed as successful",
                "<dt>development-master</dt>",
                "2.3",
                "the runbook names &lt;the&gt; new limit",
            ],
        );
        assert_eq!(shown(&Story::started()), None);
    }

    #[test]
    fn a_success_tells_what_became_of_it_and_where_it_is_documented() {
        let checks =
            vec![ValidationCheck { name: "front".parse().unwrap(), passed: true, detail: text("healthy") }];
        let documentation = Some(Proof::Link { url: text("https://wiki.example/runbook") });
        let told = "CMDB: `development-master` is left as it is: it was changed meanwhile";
        let story = story()
            .then(&lead(), 520, ChangeEvent::Implemented { deadline: at(9_000) })
            .then(
                &lead(),
                530,
                ChangeEvent::Validated { validation: Validation { checks }, deadline: at(9_000) },
            )
            .then(&lead(), 540, closed(Outcome::Successful, documentation))
            .then(&ActorId::system(), 540, ChangeEvent::Commented { text: text(told) })
            .then(&lead(), 550, ChangeEvent::Commented { text: text("well done") });
        let html = shown(&story).unwrap();
        check(
            &html,
            &[
                "Brought up to date with the end of the change.",
                "<a href=\"https://wiki.example/runbook\" rel=\"noreferrer\">",
                "CMDB: <code>development-master</code> is left as it is: it was changed meanwhile",
            ],
        );
        assert!(!html.contains("well done"), "{html}");
    }
}

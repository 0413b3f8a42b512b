//! The life of a change, told as stories: `given(events).when(command).by(actor).then("events -> state")`.
//!
//! A story folds what has happened before every step, so each of them is a replay as well.
#![expect(clippy::panic, reason = "helpers of tests stop the test that calls them")]

mod fixture;
mod honest;
mod people;
mod world;

mod acceptance;
mod approval;
mod audit_trail;
mod authority;
mod closing;
mod digest;
mod emergency;
mod events;
mod implementation;
mod interrupted;
mod page;
mod properties;
mod rehearsing;
mod rollback;
mod table;

use std::collections::BTreeSet;

use domain::Timestamp;
use domain::authorization::Answer;
use domain::change::evolve::Recorded;
use domain::change::{
    ActingActor, Action, Change, ChangeEvent, Command, Content, Decision, Facts, Refusal, StateName, create,
    decide, evolve, trail,
};
use domain::id::{ActorId, ChangeId};
use domain::incident::Severity;
use jiff::SignedDuration;

use fixture::start_of_story;
use people::parties;

/// One recorded event.
#[derive(Debug, Clone)]
struct Entry {
    at: Timestamp,
    by: ActorId,
    on_behalf_of: Option<ActorId>,
    event: ChangeEvent,
}

fn change_id() -> ChangeId {
    "CHG-2026-000123".parse().unwrap()
}

fn allowed() -> Answer {
    Answer::Allowed { by: Vec::new() }
}

fn facts<'a>(
    now: Timestamp,
    actor: &'a ActingActor,
    parties: &'a BTreeSet<ActorId>,
    answer: &'a Answer,
) -> Facts<'a> {
    let delegator = actor.on_behalf_of().and_then(people::record_of);
    Facts { now, actor, parties, delegator, people: people::one_person(actor), answer }
}

/// Folds recorded events.
fn replay(log: &[Entry]) -> Change {
    let folded = log.iter().fold(None, |change, Entry { at, by, on_behalf_of, event }| {
        let recorded = Recorded { at: *at, by, on_behalf_of: on_behalf_of.as_ref() };
        Some(evolve(change, change_id(), recorded, event).unwrap())
    });
    folded.unwrap()
}

/// A change and what has happened to it so far.
#[derive(Debug, Clone)]
struct Story {
    log: Vec<Entry>,
    change: Change,
    now: Timestamp,
    effects: Vec<Action>,
}

/// What is asked of the change next.
#[derive(Debug)]
struct Step {
    story: Story,
    command: Command,
    actor: ActingActor,
}

/// A story that begins with recorded events.
fn given(log: Vec<Entry>) -> Story {
    let change = replay(&log);
    Story { now: change.updated_at, change, log, effects: Vec::new() }
}

/// What asking for a change records.
fn requested(content: Content, by: &ActingActor, draft: bool) -> Result<Vec<Entry>, Refusal> {
    let (at, parties, answer) = (start_of_story(), parties(), allowed());
    let Decision { events, .. } = create(content, draft, &facts(at, by, &parties, &answer))?;
    let entry = |event| Entry { at, by: by.id(), on_behalf_of: by.on_behalf_of().cloned(), event };
    Ok(events.into_iter().map(entry).collect())
}

impl Story {
    /// Asks for something, by the product itself unless [`Step::by`] says otherwise, a minute after what was before.
    fn when(mut self, command: Command) -> Step {
        self.now += SignedDuration::from_mins(1);
        self.when_at_once(command)
    }

    /// Asks for something at the very instant the story has come to.
    fn when_at_once(self, command: Command) -> Step {
        Step { story: self, command, actor: ActingActor::System }
    }

    /// Lets time pass.
    fn at(mut self, now: Timestamp) -> Self {
        self.now = now;
        self
    }

    /// Lets time pass.
    fn wait(self, duration: SignedDuration) -> Self {
        let now = self.now + duration;
        self.at(now)
    }

    /// How bad an incident the last step opened, if it did.
    fn opened(&self) -> Option<Severity> {
        self.effects.iter().find_map(|effect| match effect {
            Action::OpenIncident { severity, .. } => Some(*severity),
            Action::SetTimer { .. } | Action::CancelTimer { .. } | Action::Notify { .. } => None,
        })
    }

    fn state(&self) -> StateName {
        self.change.state_name()
    }

    /// The audit trail's last sentence.
    fn last_words(&self) -> String {
        trail::entry(&self.log.last().unwrap().event).details
    }
}

impl Step {
    fn by(mut self, actor: ActingActor) -> Self {
        self.actor = actor;
        self
    }

    fn decided(&self) -> Result<Decision, Refusal> {
        let (parties, answer) = (parties(), allowed());
        let facts = facts(self.story.now, &self.actor, &parties, &answer);
        decide(&self.story.change, &self.command, &facts)
    }

    /// The step is accepted: the actions it adds to the audit trail, and the state it leads to.
    #[track_caller]
    fn then(self, expected: &str) -> Story {
        let before = self.story.log.len();
        let story = self.accepted();
        let words: Vec<_> = story.log[before..].iter().map(|entry| trail::action(&entry.event)).collect();
        let words = if words.is_empty() { "nothing".to_owned() } else { words.join(", ") };
        assert_eq!(format!("{words} -> {}", story.state()), expected);
        story
    }

    /// The step is accepted, whatever it leads to.
    #[track_caller]
    fn accepted(self) -> Story {
        let decision = self.decided();
        let Decision { events, actions } = decision.unwrap_or_else(|refusal| {
            panic!("`{}` is refused by `{}`: {refusal}", self.command.name(), refusal.rule())
        });
        let Self { mut story, actor, .. } = self;
        let entry = |event| Entry {
            at: story.now,
            by: actor.id(),
            on_behalf_of: actor.on_behalf_of().cloned(),
            event,
        };
        story.log.extend(events.into_iter().map(entry));
        story.change = replay(&story.log);
        story.effects = actions;
        story
    }

    /// The step is refused by this rule, and the story goes on as if nothing had been asked.
    #[track_caller]
    fn refused_by(self, rule: &str) -> Story {
        match self.decided() {
            Err(refusal) => assert_eq!(refusal.rule(), rule, "{refusal}"),
            Ok(decision) => panic!("`{}` is accepted: {decision:?}", self.command.name()),
        }
        self.story
    }

    /// The step is refused.
    #[track_caller]
    fn refusal(&self) -> Refusal {
        self.decided().unwrap_err()
    }

    /// The step is refused with these words: rule, sentence, next step.
    #[track_caller]
    fn refused_saying(self, expected: &str) -> Story {
        let refusal = self.refusal();
        let words = format!("{}: {refusal}; {}", refusal.rule(), refusal.next_step());
        assert_eq!(words, expected);
        self.story
    }
}

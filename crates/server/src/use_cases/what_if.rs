//! What would be if facts of a change were different. Everything is assessed as if it were handed in; nothing is
//! written.

use domain::Timestamp;
use domain::approval::{Case, Requirements, requirements};
use domain::authorization::Answer;
use domain::change::{Assessing, Change, State, Window};
use domain::id::{ActorId, ChangeId};
use domain::risk::what_if::{Alteration, Found, OtherTimes, Standing, Supposed, lower, suppose};
use domain::risk::{Assessment, FindingRule};
use jiff::SignedDuration;
use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use policy::{Action, Context, Resource};
use std::collections::BTreeSet;

use api::FieldError;

use crate::app::{App, SharedApp};
use crate::ask::{self, Particulars, Subject};
use crate::assessing::assess_change;
use crate::caller::Caller;
use crate::experience::Advice;
use crate::failure::Failure;
use crate::gates::Gates;
use crate::use_cases::{budget, slots};
use crate::work::ChangeWork;

/// How far ahead a change can be supposed to be handed in.
const AHEAD_MAX: SignedDuration = SignedDuration::from_hours(366 * 24);
/// How many later moments are tried, one on each of the next working days.
const LATER_MAX: usize = 3;
/// The hour of those days, in UTC.
const LATER_HOUR: i8 = 10;

/// An assessment and what it requires.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Outlook {
    /// The assessment.
    pub assessment: Assessment,
    /// What it requires.
    pub requirements: Requirements,
}

impl Outlook {
    fn standing(&self) -> Standing {
        Standing {
            level: self.assessment.level,
            needs_people: !self.requirements.automated,
            score: self.assessment.score,
        }
    }
}

/// What would be.
#[derive(Debug)]
pub(crate) struct WhatIf {
    /// The change as it is recorded.
    pub change: Change,
    /// The moment for which everything was assessed.
    pub now: Timestamp,
    /// The change as it is.
    pub before: Outlook,
    /// The change as it is supposed to be; nothing when nothing was supposed.
    pub after: Option<(Supposed, Outlook)>,
    /// Each supposed fact, with the change as it would be with it alone.
    pub alone: Vec<(Alteration, Outlook)>,
    /// What would demand less than the change as it is supposed to be.
    pub lower: Found,
}

/// Assesses a change as it is and as it is supposed to be, and searches for what would demand less.
///
/// # Errors
/// When policy refuses, there is no such change, a supposed fact makes no sense, or the store fails.
pub(crate) async fn what_if(
    app: &SharedApp,
    caller: &Caller,
    id: ChangeId,
    alterations: Vec<Alteration>,
) -> Result<WhatIf, Failure> {
    ask::about(app, caller, Action::Read, &Resource::System)?;
    app.experience.ready().await;
    let ChangeWork { change, now, .. } = ChangeWork::load(app, id).await?;
    alterations.iter().try_for_each(|alteration| check(app, alteration, now))?;
    let shared = app.clone();
    let looking = tokio::task::spawn_blocking(move || {
        let view =
            View { parties: ask::parties(&shared.known(), &change), app: &shared, change: &change, now };
        let looked = view.look(&alterations)?;
        let Looked { before, after, alone, lower } = looked;
        Ok(WhatIf { change, now, before, after, alone, lower })
    });
    looking.await.map_err(|error| Failure::Internal(error.to_string()))?
}

/// A fact can be supposed only of what there is, and of what is still to come.
fn check(app: &App, alteration: &Alteration, now: Timestamp) -> Result<(), Failure> {
    match alteration {
        Alteration::Services(names) => {
            names.iter().try_for_each(|name| require_known(app, "affected_services", name.as_str()))
        }
        Alteration::Items(names) => {
            names.iter().try_for_each(|name| require_known(app, "affected_cis", name.as_str()))
        }
        Alteration::Window(window) if window.end <= now => {
            let message = format!("the window ended at {}: expected one that ends after {now}", window.end);
            Err(FieldError::new("window", message).into())
        }
        Alteration::HandedIn(at) if *at < now || at.duration_since(now) > AHEAD_MAX => {
            let message = format!("{at} is not ahead: expected an instant from {now} on, within a year");
            Err(FieldError::new("handed_in_at", message).into())
        }
        Alteration::Files(_)
        | Alteration::Coverage(_)
        | Alteration::Tests { .. }
        | Alteration::Lines(_)
        | Alteration::Settings(_)
        | Alteration::Schema(_)
        | Alteration::WithoutService(_)
        | Alteration::OneItemEach
        | Alteration::Parts(_)
        | Alteration::Environment(_)
        | Alteration::Window(_)
        | Alteration::HandedIn(_)
        | Alteration::Rollback(_)
        | Alteration::PlanAutomated
        | Alteration::Monitored
        | Alteration::FindingsResolved => Ok(()),
    }
}

/// What nobody describes has no facts to be recomputed from.
fn require_known(app: &App, field: &str, name: &str) -> Result<(), Failure> {
    let known = app.known();
    if known.cmdb.described(name).is_some() {
        return Ok(());
    }
    let near: Vec<_> =
        known.cmdb.suggest(name).into_iter().take(1).map(|near| format!("did you mean `{near}`? ")).collect();
    let listed = "`cortex-change cmdb list` names what there is";
    let message = format!("`{name}` is described nowhere: {}{listed}", near.concat());
    Err(FieldError::new(field, message).into())
}

/// A change, seen by somebody who supposes.
struct View<'a> {
    app: &'a App,
    change: &'a Change,
    parties: BTreeSet<ActorId>,
    now: Timestamp,
}

struct Looked {
    before: Outlook,
    after: Option<(Supposed, Outlook)>,
    alone: Vec<(Alteration, Outlook)>,
    lower: Found,
}

impl View<'_> {
    fn look(&self, alterations: &[Alteration]) -> Result<Looked, Failure> {
        let content = &self.change.content;
        let before = self.outlook(&Supposed { content: content.clone(), handed_in: None });
        let after = match alterations {
            [] => None,
            [_, ..] => Some(self.supposed(alterations)?),
        };
        let alone = alterations.iter().map(|alteration| {
            let (_, outlook) = self.supposed(std::slice::from_ref(alteration))?;
            Ok::<_, Failure>((alteration.clone(), outlook))
        });
        let alone = alone.collect::<Result<_, _>>()?;
        let (content, outlook) = match &after {
            Some((supposed, outlook)) => (&supposed.content, outlook),
            None => (content, &before),
        };
        let handed_in = after.as_ref().and_then(|(supposed, _)| supposed.handed_in);
        let times = OtherTimes {
            handed_in: self.later(handed_in),
            window: self.free(content.window, &outlook.assessment),
        };
        let lower = lower(content, outlook.standing(), &times, |supposed| {
            let handed_in = supposed.handed_in.or(handed_in);
            self.outlook(&Supposed { handed_in, ..supposed.clone() }).standing()
        });
        Ok(Looked { before, after, alone, lower })
    }

    /// The change with supposed facts, none of which splits it.
    fn supposed(&self, alterations: &[Alteration]) -> Result<(Supposed, Outlook), Failure> {
        let Some(supposed) = suppose(&self.change.content, alterations).into_iter().next() else {
            return Err(Failure::Internal("a change became none".to_owned()));
        };
        supposed.content.validate().map_err(|error| FieldError::new("what_if", error))?;
        let outlook = self.outlook(&supposed);
        Ok((supposed, outlook))
    }

    /// Assesses a request as if it were handed in, and asks policy as if it were assessed.
    fn outlook(&self, supposed: &Supposed) -> Outlook {
        let state = State::Assessing(Assessing::Gathering);
        let change = Change { content: supposed.content.clone(), state, ..self.change.clone() };
        let at = supposed.handed_in.unwrap_or(self.now);
        let foresee = |submission: &_| Advice {
            prediction: self.app.experience.foresee(submission, self.now),
            similar: Vec::new(),
        };
        // Held for this assessment only, so that nobody waits for the whole search.
        let (assessment, within_agent_budget) = {
            let known = self.app.known();
            let assessment = assess_change(self.app, &known, &change, at, foresee);
            let reached = &assessment.blast_radius;
            let within_agent_budget = budget::covers(&known, &change.created_by, reached, self.now);
            (assessment, within_agent_budget)
        };
        let particulars =
            Particulars { assessment: Some(&assessment), within_agent_budget, ..Particulars::default() };
        let policies = self.app.policies.current();
        let gates = Gates::of(&self.app.known(), &change, self.now);
        let subject = Subject { change: &change, parties: &self.parties, gates: &gates, now: at };
        let asking = ask::asking(&policies, &Caller::System, subject, particulars);
        let ruling = asking.decide(Action::PreApprove, Context::default());
        let permitted = matches!(ruling.answer, Answer::Allowed { .. });
        let requirements = requirements(&self.app.config.approvals, Case::of(&assessment, permitted));
        Outlook { assessment, requirements }
    }

    /// A free time of the same length, where another change has the one that it asks for.
    fn free(&self, asked: Option<Window>, assessment: &Assessment) -> Option<Window> {
        let is_taken =
            assessment.findings.iter().any(|finding| finding.rule == FindingRule::ConflictingChange);
        let length = asked.filter(|_| is_taken).map(|window| window.end.duration_since(window.start))?;
        slots::earliest_of(self.app, self.change, length, self.now)
    }

    /// Moments at which it may be handed in instead; none where no model looks at the moment, or one was supposed.
    fn later(&self, handed_in: Option<Timestamp>) -> Vec<Timestamp> {
        if handed_in.is_some() || self.app.experience.champion().is_none() {
            return Vec::new();
        }
        let today = self.now.to_zoned(TimeZone::UTC).date();
        let days = today.series(jiff::Span::new().days(1)).skip(1);
        let working = days.filter(|day| !matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday));
        let moments = working.filter_map(|day| {
            let moment = day.at(LATER_HOUR, 0, 0, 0).to_zoned(TimeZone::UTC).ok()?;
            Some(moment.timestamp())
        });
        moments.take(LATER_MAX).collect()
    }
}

//! What stands between a change and its start: what is missing, who can clear it, and by when.

use std::collections::BTreeSet;

use api::change::Blocker;
use domain::Timestamp;
use domain::actor::{Actor, ActorKind, Role};
use domain::approval::{Approval, Condition, Outstanding, outstanding};
use domain::calendar::Stage;
use domain::change::{Authorization, Awaiting, Change, ChangeType, State};
use domain::id::ActorId;

use super::{names, role_title, stop_in_words, time};
use crate::ask::parties;
use crate::caller::Caller;
use crate::gates::Gates;
use crate::known::Known;

/// Most people that a blocker names; where there are more, their role says enough.
const PEOPLE_MAX: usize = 5;

/// Everything that stands between a change and its start; once it has started, only what keeps it from going on, and
/// nothing when its life is over.
pub(super) fn blockers(known: &Known, change: &Change, now: Timestamp) -> Vec<Blocker> {
    let gates = &Gates::of(known, change, now);
    let before = Before { known, change, now, gates };
    match &change.state {
        State::Draft => vec![before.submission()],
        State::Assessing(_) => vec![assessment()],
        State::AwaitingApproval(awaiting) => {
            [before.stops(), before.debts(), before.approval_pending(awaiting)].concat()
        }
        State::Approved(authorization) => {
            let in_the_way = [before.stops(), before.calendar(), before.conflicts()].concat();
            [in_the_way, before.start_pending(authorization)].concat()
        }
        State::Implementing(_) | State::Interrupted(_) => before.stops(),
        State::Validating(_)
        | State::Implemented(_)
        | State::RollingBack(_)
        | State::RolledBack(_)
        | State::Failed(_)
        | State::Closed(_)
        | State::Rejected(_)
        | State::Cancelled => Vec::new(),
    }
}

/// A change that has not started.
#[derive(Clone, Copy)]
struct Before<'a> {
    known: &'a Known,
    change: &'a Change,
    now: Timestamp,
    gates: &'a Gates,
}

fn blocker(kind: &str, missing: impl Into<String>, cleared_by: impl Into<String>) -> Blocker {
    Blocker {
        kind: kind.to_owned(),
        missing: missing.into(),
        role: None,
        cleared_by: cleared_by.into(),
        people: Vec::new(),
        deadline: None,
    }
}

fn assessment() -> Blocker {
    blocker("assessment", "the risk is not assessed yet", "the server, within the same minute")
}

impl Before<'_> {
    fn submission(self) -> Blocker {
        self.by_requester("submission", "it is a draft that has not been submitted", "by submitting it")
    }

    fn approval_pending(self, awaiting: &Awaiting) -> Vec<Blocker> {
        let deadline = Some(time(awaiting.deadline));
        let open = outstanding(&awaiting.requirements, &awaiting.approvals, self.change.digest);
        let gates = open.into_iter().map(|gate| self.gate(gate, &awaiting.approvals, deadline.clone()));
        let mut blockers: Vec<_> = gates.collect();
        blockers.extend(self.conditions(&awaiting.conditions));
        blockers.extend(self.window());
        blockers.extend(self.plan());
        blockers
    }

    fn start_pending(self, authorization: &Authorization) -> Vec<Blocker> {
        let mut blockers = Vec::new();
        if authorization.digest != self.change.digest {
            let missing = "the content is not the one that was approved";
            blockers.push(self.by_requester("digest", missing, "by having the present content approved"));
        }
        blockers.extend(self.conditions(&authorization.conditions));
        blockers.extend(self.window());
        blockers.extend(self.plan());
        blockers
    }

    /// Stops that cover it, whoever acts.
    fn stops(self) -> Vec<Blocker> {
        let stops = self.gates.stops(self.change, &Caller::System).into_iter().map(|stop| {
            let setter = self.known.directory.name_of(&stop.set_by);
            let missing = format!("the line is stopped by {}", stop_in_words(self.known, stop));
            let cleared_by = format!(
                "{setter} or another person who may lift stops, with `cortex-change stop lift {}`",
                stop.id
            );
            Blocker { people: vec![setter], ..blocker("stop", missing, cleared_by) }
        });
        stops.collect()
    }

    /// Reviews of earlier emergencies that its requester's side owes.
    fn debts(self) -> Vec<Blocker> {
        let gates = Gates::of(self.known, self.change, self.now);
        let debts = gates.debts(self.now).map(|debt| {
            let (id, due) = (debt.change, time(debt.due));
            let missing = format!("the emergency lane is closed: {id} was to be reviewed until {due}");
            let by = format!("the e-CAB, with `cortex-change review {id} --kind retrospective`");
            Blocker { role: Some(Role::EcabMember.to_string()), ..blocker("debt", missing, by) }
        });
        debts.collect()
    }

    /// Freezes that are on, and maintenance windows that are closed.
    fn calendar(self) -> Vec<Blocker> {
        if self.change.content.change_type == ChangeType::Emergency {
            return Vec::new();
        }
        let standing = self.gates.standing(self.change, self.now);
        let freezes = standing.freezes.into_iter().map(|(name, now)| {
            let missing = format!("the freeze {name} is on until {}", time(now.end));
            let by = "a change authority outside the requester's side, with `cortex-change freeze override`";
            Blocker { deadline: Some(time(now.end)), ..blocker("freeze", missing, by) }
        });
        let names: Vec<_> = standing.closed_windows.iter().map(ToString::to_string).collect();
        let closed = (!names.is_empty()).then(|| {
            let missing = format!("none of its maintenance windows is open: {}", names.join(", "));
            blocker("maintenance", missing, "nobody, it opens by itself: see `cortex-change calendar show`")
        });
        freezes.chain(closed).collect()
    }

    /// Other changes that hold it back.
    fn conflicts(self) -> Vec<Blocker> {
        if self.change.content.change_type == ChangeType::Emergency {
            return Vec::new();
        }
        let holding = self.gates.conflicts_that_hold(self.change).map(|conflict| {
            let missing = format!("it must wait for another change: {}", conflict.sentence());
            let (by, deadline) = match conflict.stage {
                Stage::Running => (format!("nobody, it may start when {} is done", conflict.other), None),
                Stage::Proposed | Stage::Approved => {
                    let by = "its requester, with a window at a free time: see `cortex-change calendar slot`";
                    (by.to_owned(), Some(time(conflict.end)))
                }
            };
            Blocker { deadline, ..blocker("conflict", missing, by) }
        });
        holding.collect()
    }

    fn gate(self, gate: Outstanding, approvals: &[Approval], deadline: Option<String>) -> Blocker {
        let title = role_title(gate.role);
        let missing = match gate.missing {
            1 => format!("an approval as {title}"),
            count => format!("{count} approvals as {title}, each by another person"),
        };
        let holders = self.eligible(gate.role, approvals);
        let people = if holders.len() <= PEOPLE_MAX { names(self.known, &holders) } else { Vec::new() };
        let cleared_by = match (holders.len(), people.is_empty()) {
            (0, _) => format!(
                "nobody at present: no active {title} is outside the requester's side and has not approved yet; \
                 an administrator can grant the role"
            ),
            (count, true) => format!("any {title} outside the requester's side, {count} people"),
            (_, false) => format!("{title}: {}", people.join(", ")),
        };
        Blocker {
            role: Some(gate.role.to_string()),
            people,
            deadline,
            ..blocker("approval", missing, cleared_by)
        }
    }

    /// Who could pass a gate: active humans who hold the role, are not on the requester's side and have not approved
    /// what is asked for already.
    fn eligible(self, role: Role, approvals: &[Approval]) -> Vec<ActorId> {
        let side: BTreeSet<ActorId> = parties(self.known, self.change);
        let has_approved =
            |id: &ActorId| approvals.iter().any(|a| a.by == *id && a.digest == self.change.digest);
        let actors = self.known.directory.iter();
        let holders = actors.filter(|actor| actor.active && actor.kind == ActorKind::Human);
        let holders = holders.filter(|actor| actor.roles.contains(&role));
        let holders = holders.filter(|actor| !side.contains(&actor.id) && !has_approved(&actor.id));
        let gates = Gates::of(self.known, self.change, self.now);
        // Of an emergency, only those who are on call.
        let may_now = |actor: &&Actor| gates.on_call(&actor.id, self.now).unwrap_or(true);
        let holders = holders.filter(|actor| role != Role::EcabMember || may_now(actor));
        holders.map(|actor| actor.id.clone()).collect()
    }

    fn conditions(self, conditions: &[Condition]) -> impl Iterator<Item = Blocker> {
        conditions.iter().filter(|condition| condition.met.is_none()).map(move |condition| {
            let setter = self.known.directory.name_of(&condition.set_by);
            let cleared_by = format!(
                "{setter}, another change authority or a change manager, with evidence that it is met"
            );
            let missing = format!("the condition is not met: {}", condition.text);
            Blocker { people: vec![setter], ..blocker("condition", missing, cleared_by) }
        })
    }

    fn window(self) -> Option<Blocker> {
        let window = self.change.content.window.filter(|window| !window.contains(self.now))?;
        if self.now < window.start {
            let missing = format!("its window opens at {}", time(window.start));
            let opens = Blocker {
                deadline: Some(time(window.start)),
                ..self.by_requester("window", missing, "by asking for an earlier window")
            };
            return Some(opens);
        }
        let missing = format!("its window ended at {}", time(window.end));
        Some(self.by_requester("window", missing, "by asking for a new window, which must be approved"))
    }

    fn plan(self) -> Option<Blocker> {
        let has_steps = self.change.content.plan.as_ref().is_some_and(|plan| !plan.steps.is_empty());
        let missing = "there is no implementation plan";
        (!has_steps).then(|| self.by_requester("plan", missing, "by amending the change with a plan"))
    }

    /// A blocker that the requester's side clears.
    fn by_requester(self, kind: &str, missing: impl Into<String>, how: &str) -> Blocker {
        let mut people = vec![self.known.directory.name_of(&self.change.created_by)];
        people.extend(self.change.on_behalf_of.iter().map(|other| self.known.directory.name_of(other)));
        let cleared_by = format!("{}, {how}", people.join(" or "));
        Blocker { people, ..blocker(kind, missing, cleared_by) }
    }
}

#[cfg(test)]
mod tests {
    use domain::actor::ActorEvent;
    use domain::change::Window;
    use domain::risk::Level;

    use super::*;
    use crate::view::fixture::{self, Story, apply, at, id, lead, text};

    fn check(known: &Known, story: &Story, now: Timestamp, expected: &[&str]) {
        let lines: Vec<_> = blockers(known, &story.change(), now)
            .into_iter()
            .map(|blocker| {
                let by = blocker.deadline.map_or_else(String::new, |deadline| format!(" by {deadline}"));
                format!("{}: {} ({}){by}", blocker.kind, blocker.missing, blocker.cleared_by)
            })
            .collect();
        assert_eq!(lines, expected);
    }

    #[test]
    fn a_gate_names_the_few_who_can_pass_it_and_not_the_requesters_side() {
        let known = fixture::known();
        check(
            &known,
            &Story::awaiting(Level::Medium, |_| {}),
            at(60),
            &["approval: an approval as technical lead (technical lead: tech-lead@cortex.ai) \
               by 2025-12-30T22:00:15Z"],
        );
        let high = Story::awaiting(Level::High, |_| {});
        let cab = "approval: 2 approvals as CAB member, each by another person (CAB member: dan.reyes, \
                   maya.okafor) by 2025-12-30T22:00:15Z";
        let lead = "approval: an approval as technical lead (technical lead: tech-lead@cortex.ai) \
                    by 2025-12-30T22:00:15Z";
        check(&known, &high, at(60), &[cab, lead]);
        let cab = "approval: an approval as CAB member (CAB member: dan.reyes) by 2025-12-30T22:00:15Z";
        let one_more = high.approved(&id("act_maya"), Role::CabMember, 60, &[], false);
        check(&known, &one_more, at(60), &[cab, lead]);
    }

    #[test]
    fn a_gate_that_nobody_can_pass_says_so() {
        let mut known = fixture::known();
        apply(&mut known, &lead(), ActorEvent::Deactivated { reason: text("on leave") });
        let blockers = blockers(&known, &Story::awaiting(Level::Medium, |_| {}).change(), at(60));
        let [blocker] = blockers.as_slice() else { panic!("{blockers:?}") };
        assert!(blocker.cleared_by.starts_with("nobody at present"), "{}", blocker.cleared_by);
        assert_eq!(blocker.role.as_deref(), Some("technical_lead"));
        assert!(blocker.people.is_empty());
    }

    #[test]
    fn an_approved_change_waits_for_conditions_and_its_window() {
        let known = fixture::known();
        let story = |edit: fn(&mut domain::change::Content)| {
            let conditions = ["staging tests required"];
            Story::awaiting(Level::Medium, edit).approved(&lead(), Role::TechnicalLead, 60, &conditions, true)
        };
        let condition = "condition: the condition is not met: staging tests required (tech-lead@cortex.ai, \
                         another change authority or a change manager, with evidence that it is met)";
        check(&known, &story(|_| {}), at(90), &[condition]);
        let windowed = story(|content| content.window = Some(Window { start: at(3_600), end: at(7_200) }));
        let before = "window: its window opens at 2025-12-30T19:00:00Z (cortex-orchestrator, by asking for an \
                      earlier window) by 2025-12-30T19:00:00Z";
        let after = "window: its window ended at 2025-12-30T20:00:00Z (cortex-orchestrator, by asking for a new \
                     window, which must be approved)";
        check(&known, &windowed, at(90), &[condition, before]);
        check(&known, &windowed, at(3_600), &[condition]);
        check(&known, &windowed, at(7_200), &[condition, after]);
    }

    #[test]
    fn a_change_without_a_plan_cannot_start_and_a_started_one_has_no_blockers() {
        let known = fixture::known();
        let plan =
            "plan: there is no implementation plan (cortex-orchestrator, by amending the change with a plan)";
        let unplanned = Story::awaiting(Level::Medium, |content| content.plan = None);
        let kinds: Vec<_> =
            blockers(&known, &unplanned.change(), at(60)).into_iter().map(|blocker| blocker.kind).collect();
        assert_eq!(kinds, ["approval", "plan"]);
        let approved = unplanned.approved(&lead(), Role::TechnicalLead, 60, &[], true);
        check(&known, &approved, at(90), &[plan]);
        check(&known, &Story::started(), at(500), &[]);
        let assessing = Story::requested(|_| {});
        check(
            &known,
            &assessing,
            at(2),
            &["assessment: the risk is not assessed yet (the server, within the same minute)"],
        );
    }
}

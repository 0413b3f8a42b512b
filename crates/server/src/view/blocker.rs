//! What stands between a change and its start: what is missing, who can clear it, and by when.

use api::change::Blocker;
use domain::Timestamp;
use domain::actor::Role;
use domain::approval::{Condition, Outstanding, outstanding};
use domain::calendar::Stage;
use domain::change::{Authorization, Awaiting, Change, ChangeType, Deadline, Execution, State};

use super::{role_title, stop_in_words, texts, time};
use crate::caller::Caller;
use crate::deciders::{Electorate, Say};
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
        State::Validating(execution) => acceptance(change, execution).into_iter().collect(),
        State::Implemented(_) => documentation(change).into_iter().collect(),
        State::RollingBack(_)
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
        stage: None,
        cleared_by: cleared_by.into(),
        roles: Vec::new(),
        people: Vec::new(),
        deadline: None,
        next_command: None,
    }
}

fn assessment() -> Blocker {
    blocker("assessment", "the risk is not assessed yet", "the server, within the same minute")
}

/// A result that a person is asked to accept before its validation can pass.
fn acceptance(change: &Change, execution: &Execution) -> Option<Blocker> {
    let wanted = change.content.plan.as_ref()?.user_acceptance.as_ref()?;
    if execution.accepted.is_some() {
        return None;
    }
    let missing = format!("the result is to be accepted: {}", wanted.instructions);
    let by = format!("a person who is {}, and who has not run it", wanted.by);
    let deadline = execution.deadlines.get(&Deadline::Validation).map(|at| time(*at));
    let command = format!("cortex-change decide {} 'user acceptance' done --comment TEXT", change.id);
    Some(Blocker { deadline, next_command: Some(command), ..blocker("user_acceptance", missing, by) })
}

/// Documentation that the request asks for, without which nobody closes it as successful.
fn documentation(change: &Change) -> Option<Blocker> {
    let wanted = change.content.on_close.documentation.as_ref()?;
    let missing = format!("it is to be documented: {wanted}");
    let by = "whoever closes it, by saying where";
    let command = format!("cortex-change close {} --status success --documentation LINK|FILE", change.id);
    Some(Blocker { next_command: Some(command), ..blocker("documentation", missing, by) })
}

impl Before<'_> {
    fn submission(self) -> Blocker {
        Blocker {
            next_command: Some(format!("cortex-change submit {}", self.change.id)),
            ..self.by_requester("submission", "it is a draft that has not been submitted", "by submitting it")
        }
    }

    fn approval_pending(self, awaiting: &Awaiting) -> Vec<Blocker> {
        let electorate = Electorate::of(self.known, self.change, awaiting, self.now);
        let open = outstanding(&awaiting.requirements, &awaiting.approvals, self.change.digest);
        let mut blockers: Vec<_> =
            open.into_iter().map(|gate| self.gate(gate, awaiting, &electorate)).collect();
        blockers.sort_by_key(|blocker| blocker.stage);
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
        blockers.extend(self.withdrawn());
        blockers.extend(self.conditions(&authorization.conditions));
        blockers.extend(self.window());
        blockers.extend(self.plan());
        blockers
    }

    /// The same version hurt after the change was assessed.
    fn withdrawn(self) -> Option<Blocker> {
        let withdrawn = self.gates.withdrawn_since_assessed(self.change)?;
        let missing = format!("it was decided without knowing that {}", withdrawn.sentence());
        let by = "by rolling out a corrected version, or by amending it so that it is decided anew";
        Some(self.by_requester("withdrawn", missing, by))
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
            Blocker {
                people: vec![setter],
                next_command: Some(format!("cortex-change stop lift {} --reason TEXT", stop.id)),
                ..blocker("stop", missing, cleared_by)
            }
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
            let command =
                format!("cortex-change freeze override {name} {} --reason TEXT --for 4h", self.change.id);
            Blocker {
                deadline: Some(time(now.end)),
                next_command: Some(command),
                ..blocker("freeze", missing, by)
            }
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
            let command = Some(format!("cortex-change calendar slot {}", self.change.id));
            Blocker { deadline, next_command: command, ..blocker("conflict", missing, by) }
        });
        holding.collect()
    }

    fn gate(self, gate: Outstanding, awaiting: &Awaiting, electorate: &Electorate<'_>) -> Blocker {
        let title = role_title(gate.role);
        let mut missing = match gate.missing {
            1 => format!("an approval as {title}"),
            count => format!("{count} approvals as {title}, each by another person"),
        };
        let is_in_turn = awaiting.in_turn(self.change.digest).contains(&gate);
        let stages = awaiting.requirements.stage_count();
        if stages > 1 {
            let later = if is_in_turn { "" } else { ", which opens once the earlier one is complete" };
            missing = format!("{missing}, in stage {} of {stages}{later}", u16::from(gate.stage) + 1);
        }
        let above = gate.role.authority_above().filter(|_| is_in_turn && awaiting.escalated);
        let roles: Vec<Role> = [gate.role].into_iter().chain(above).collect();
        let says: Vec<_> = roles.iter().flat_map(|role| electorate.holders(*role)).collect();
        let people = if says.len() <= PEOPLE_MAX { self.named(&says) } else { Vec::new() };
        let titles: Vec<_> = roles.iter().map(|role| role_title(*role)).collect();
        let title = titles.join(" or ");
        let cleared_by = match (says.len(), people.is_empty()) {
            (0, _) => format!(
                "nobody at present: no active {title} is outside the requester's side and has not approved yet; \
                 an administrator can grant the role"
            ),
            (count, true) => format!("any {title} outside the requester's side, {count} people"),
            (_, false) => format!("{title}: {}", people.join(", ")),
        };
        let command = format!("cortex-change approve {} --as {}", self.change.id, gate.role);
        Blocker {
            role: Some(gate.role.to_string()),
            stage: (stages > 1).then(|| gate.stage.saturating_add(1)),
            roles: texts(&roles),
            people,
            deadline: is_in_turn.then(|| time(awaiting.deadline)),
            next_command: is_in_turn.then_some(command),
            ..blocker("approval", missing, cleared_by)
        }
    }

    /// People by their readable names, with those in whose place they would decide.
    fn named(self, says: &[Say]) -> Vec<String> {
        let name = |id| self.known.directory.name_of(id);
        let named = says.iter().map(|say| match &say.in_place_of {
            Some(other) => format!("{} for {}", name(&say.id), name(other)),
            None => name(&say.id),
        });
        named.collect()
    }

    fn conditions(self, conditions: &[Condition]) -> impl Iterator<Item = Blocker> {
        let unmet = conditions.iter().enumerate().filter(|(_, condition)| condition.met.is_none());
        unmet.map(move |(at, condition)| {
            let setter = self.known.directory.name_of(&condition.set_by);
            let cleared_by = format!(
                "{setter}, another change authority or a change manager, with evidence that it is met"
            );
            let missing = format!("the condition is not met: {}", condition.text);
            let command = format!("cortex-change satisfy {} {at} --evidence TEXT", self.change.id);
            Blocker {
                people: vec![setter],
                next_command: Some(command),
                ..blocker("condition", missing, cleared_by)
            }
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
        (!has_steps).then(|| Blocker {
            next_command: Some(format!("cortex-change amend {} --plan FILE", self.change.id)),
            ..self.by_requester("plan", missing, "by amending the change with a plan")
        })
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
    use domain::change::{ChangeEvent, Window};
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
        let lead = "approval: an approval as technical lead, in stage 1 of 2 (technical lead: \
                    tech-lead@cortex.ai) by 2025-12-30T22:00:15Z";
        let later = "approval: 2 approvals as CAB member, each by another person, in stage 2 of 2, which opens \
                     once the earlier one is complete (CAB member: dan.reyes, maya.okafor)";
        check(&known, &high, at(60), &[lead, later]);
        let opened = ChangeEvent::StageOpened { stage: 1, deadline: at(604_800) };
        let second = high.approved(&fixture::lead(), Role::TechnicalLead, 60, &[], false);
        let second = second.then(&fixture::lead(), 60, opened);
        let one_more = second.approved(&id("act_maya"), Role::CabMember, 90, &[], false);
        let cab = "approval: an approval as CAB member, in stage 2 of 2 (CAB member: dan.reyes) by \
                   2026-01-06T18:00:00Z";
        check(&known, &one_more, at(90), &[cab]);
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

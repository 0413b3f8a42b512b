//! The e-CAB: who is on call, and which emergency changes are to be reviewed.

use api::ecab as wire;
use domain::Timestamp;
use domain::actor::{Actor, ActorKind, Role};
use domain::ecab::{Debt, OnCall};
use domain::id::ActorId;

use super::{names, time};
use crate::known::Known;

/// The e-CAB as it is now.
pub(crate) fn roster(known: &Known, now: Timestamp) -> wire::Roster {
    let wire::OnCallAt { on_call, covered, .. } = on_call(known, now);
    let members = known.directory.iter().filter(|actor| is_member(actor));
    let mut members = names(known, members.map(|actor| &actor.id));
    members.sort();
    let rotations = known.roster.rotations().map(|(name, rotation)| wire::RotationView {
        name: name.to_string(),
        members: names(known, &rotation.members),
        starts: rotation.starts.to_string(),
        zone: rotation.zone.to_string(),
        rule: rotation.rule.to_string(),
        next_handover: rotation.next_handover(now).map(time),
    });
    let shifts = known.roster.shifts(now).map(|(id, shift)| wire::ShiftView {
        shift_id: id.to_string(),
        actor: known.directory.name_of(&shift.actor),
        from: time(shift.from),
        to: time(shift.to),
        instead_of: shift.instead_of.as_ref().map(ToString::to_string),
        reason: shift.reason.to_string(),
    });
    wire::Roster {
        on_call,
        covered,
        members,
        rotations: rotations.collect(),
        shifts: shifts.collect(),
        debt: debt(known, now),
    }
}

/// Who is on call at an instant.
pub(crate) fn on_call(known: &Known, at: Timestamp) -> wire::OnCallAt {
    let on_call: Vec<_> = known.roster.on_call(at).into_iter().map(|one| told(known, one)).collect();
    let covered = on_call.iter().any(|one| one.authorises);
    wire::OnCallAt { at: time(at), on_call, covered }
}

fn told(known: &Known, one: OnCall) -> wire::OnCall {
    wire::OnCall {
        actor: known.directory.name_of(&one.actor),
        rotation: one.rotation.map(|name| name.to_string()),
        shift_id: one.shift.map(|id| id.to_string()),
        until: one.until.map(time),
        authorises: records_with_role(known, &one.actor),
    }
}

/// Whether one of a person's records can authorise.
fn records_with_role(known: &Known, id: &ActorId) -> bool {
    let records = known.directory.records_of(id);
    records.iter().filter_map(|id| known.directory.get(id)).any(is_member)
}

fn is_member(actor: &Actor) -> bool {
    actor.active && actor.kind == ActorKind::Human && actor.roles.contains(&Role::EcabMember)
}

/// Emergency changes that are to be reviewed, those that were not in time first.
pub(crate) fn debt(known: &Known, now: Timestamp) -> Vec<wire::Debt> {
    let mut debts: Vec<&Debt> = known.debts.iter().collect();
    debts.sort_by_key(|debt| (debt.due, debt.change));
    let told = debts.into_iter().map(|debt| wire::Debt {
        change_id: debt.change.to_string(),
        requesters: names(known, &debt.requesters),
        due: time(debt.due),
        overdue: debt.due <= now,
    });
    told.collect()
}

//! The emergency change advisory board: who of it is on call, and which emergency changes were not reviewed in time.

use domain::duration::parse_duration_seconds;
use domain::ecab::Rotation;
use domain::id::{ActorId, RotationName};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::calendar::{local, utc};
use crate::field::{FieldError, parse};

/// Settles a rotation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetRotation {
    /// Its name; one of the same name holds no more.
    pub name: String,
    /// Who, by name or id, in the order of their turns.
    pub members: Vec<String>,
    /// When the first turn begins, on the wall clock of its zone: 2026-01-05T09:00.
    pub starts: String,
    /// Name of the zone, such as Europe/Berlin; UTC when absent.
    #[serde(default = "utc")]
    pub zone: String,
    /// When it is handed over, as RFC 5545 writes it: FREQ=WEEKLY;BYDAY=MO.
    pub rule: String,
}

/// Sets a shift: somebody is on call for a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetShift {
    /// Who, by name or id.
    pub actor: String,
    /// The first instant; now when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The first instant after. One of this and `duration`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// For how long, such as 8h. One of this and `to`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration: Option<String>,
    /// The rotation whose turn it replaces; beside all of them when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instead_of: Option<String>,
    /// Why.
    pub reason: String,
}

/// Removes a rotation or a shift.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RemoveFromRoster {
    /// Why.
    pub reason: String,
}

/// The e-CAB: who is on call, by which rotations and shifts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Roster {
    /// Who is on call now.
    pub on_call: Vec<OnCall>,
    /// Whether somebody who is on call can authorise; otherwise every member can.
    pub covered: bool,
    /// Everybody who holds the role ecab_member.
    pub members: Vec<String>,
    /// The rotations.
    pub rotations: Vec<RotationView>,
    /// The shifts that are not over.
    pub shifts: Vec<ShiftView>,
    /// Emergency changes that are to be reviewed, those that were not in time first.
    pub debt: Vec<Debt>,
}

/// Somebody who is on call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OnCall {
    /// Who.
    pub actor: String,
    /// By which rotation; absent for a shift beside them.
    pub rotation: Option<String>,
    /// By which shift; absent where it is simply their turn.
    pub shift_id: Option<String>,
    /// Until when; absent where nothing ends it.
    pub until: Option<String>,
    /// Whether they can authorise: active, and with the role ecab_member.
    pub authorises: bool,
}

/// A rotation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RotationView {
    /// Its name.
    pub name: String,
    /// Who, in the order of their turns.
    pub members: Vec<String>,
    /// When the first turn begins, on the wall clock of its zone.
    pub starts: String,
    /// The zone.
    pub zone: String,
    /// When it is handed over.
    pub rule: String,
    /// When it is handed over next.
    pub next_handover: Option<String>,
}

/// A shift.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ShiftView {
    /// Its identifier.
    pub shift_id: String,
    /// Who.
    pub actor: String,
    /// The first instant.
    pub from: String,
    /// The first instant after.
    pub to: String,
    /// The rotation whose turn it replaces.
    pub instead_of: Option<String>,
    /// Why.
    pub reason: String,
}

/// A review of an emergency change that is to be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Debt {
    /// The change.
    pub change_id: String,
    /// Who asked for it, and for whom. While it is overdue, they ask for no further emergency change.
    pub requesters: Vec<String>,
    /// Until when.
    pub due: String,
    /// Whether that is over.
    pub overdue: bool,
}

/// Who is on call at an instant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OnCallAt {
    /// The instant.
    pub at: String,
    /// Who is.
    pub on_call: Vec<OnCall>,
    /// Whether somebody of them can authorise; otherwise every member can.
    pub covered: bool,
}

impl SetRotation {
    /// The rotation as domain value, with its name. `members` are its members, whom the server looks up.
    ///
    /// # Errors
    /// When a field does not have the accepted form.
    pub fn to_domain(&self, members: Vec<ActorId>) -> Result<(RotationName, Rotation), FieldError> {
        let rotation = Rotation {
            members,
            starts: local("starts", &self.starts)?,
            zone: parse("zone", &self.zone)?,
            rule: parse("rule", &self.rule)?,
        };
        Ok((parse("name", &self.name)?, rotation))
    }
}

impl SetShift {
    /// When it begins and ends, asked at `now`.
    ///
    /// # Errors
    /// When a field does not have the accepted form, or not exactly one says when it ends.
    pub fn times(
        &self,
        now: domain::Timestamp,
    ) -> Result<(domain::Timestamp, domain::Timestamp), FieldError> {
        let from = self.from.as_deref().map_or(Ok(now), |from| parse("from", from))?;
        let to = match (&self.to, &self.duration) {
            (Some(to), None) => parse("to", to)?,
            (None, Some(duration)) => {
                let seconds =
                    parse_duration_seconds(duration).map_err(|error| FieldError::new("duration", error))?;
                let length = jiff::SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX));
                from.saturating_add(length).unwrap_or(domain::Timestamp::MAX)
            }
            (Some(_), Some(_)) | (None, None) => {
                return Err(FieldError::new("to", "say either until when in `to` or how long in `duration`"));
            }
        };
        Ok((from, to))
    }
}

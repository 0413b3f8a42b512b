//! The problems that tell why a board stays as it is.

use api::Problem;
use domain::board::BoardRefusal;
use domain::ecab::RosterRefusal;

use super::{CORRECT, Kind, make};

/// Why the change advisory board stays as it is.
pub(super) fn board(refusal: &BoardRefusal) -> Problem {
    let (kind, next_step) = match refusal {
        BoardRefusal::Members(_)
        | BoardRefusal::CutOff(_)
        | BoardRefusal::Schedule(_)
        | BoardRefusal::Conditions
        | BoardRefusal::StandingTime
        | BoardRefusal::StandingScope
        | BoardRefusal::StandingLength => (Kind::InvalidContent, CORRECT),
        BoardRefusal::TooManyStanding => (Kind::TooMuch, "revoke what is not needed any more"),
        BoardRefusal::NoSuchStanding(_) => {
            (Kind::NotFound, "list what there is with GET /api/v1/cab/standing")
        }
        BoardRefusal::DigestMismatch { .. } => {
            (Kind::BoardRefused, "read the change again, and vote on what it is now")
        }
        BoardRefusal::Open(_)
        | BoardRefusal::NotOpen
        | BoardRefusal::TooEarly { .. }
        | BoardRefusal::NeverMeets
        | BoardRefusal::NotOnAgenda(_)
        | BoardRefusal::Decided(_)
        | BoardRefusal::VotedOtherwise(_)
        | BoardRefusal::Undecided(_)
        | BoardRefusal::Minutes
        | BoardRefusal::Supported(_) => (Kind::BoardRefused, "read the board with GET /api/v1/cab"),
    };
    make(kind, &refusal.to_string(), next_step)
}

/// Why the roster of the e-CAB stays as it is.
pub(super) fn roster(refusal: &RosterRefusal) -> Problem {
    let kind = match refusal {
        RosterRefusal::Members | RosterRefusal::ShiftTime | RosterRefusal::Handover(_) => {
            Kind::InvalidContent
        }
        RosterRefusal::TooMany => Kind::TooMuch,
        RosterRefusal::NoSuchRotation(_) | RosterRefusal::NoSuchShift(_) => Kind::NotFound,
    };
    make(kind, &refusal.to_string(), "read the roster with GET /api/v1/ecab, then correct the request")
}

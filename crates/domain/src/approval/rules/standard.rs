//! Standard changes are pre-approved by the model that covers them, up to medium risk. One that is assessed higher is
//! no longer routine: it goes the way of its level.

use super::MediumRule;
use crate::approval::required::{Case, Requirements};

pub(super) fn requirements(case: Case, medium: &MediumRule) -> Requirements {
    if case.may_be_automated() {
        Requirements::automated(medium.deadline_seconds)
    } else {
        medium.requirements()
    }
}

//! Whether what a plan does can be taken back: each step's class, and the plan's, which is the worst of them.

use serde::{Deserialize, Serialize};

use super::definition::{Plan, RollbackPlan, Step, StepKind};
use crate::change::kind::words;
use crate::id::StepName;

words!(
    /// How completely a step can be taken back.
    Reversibility, "reversibility", {
        /// Everything is as it was before: it changes nothing, or what it touches is saved and put back.
        Reversible = "reversible",
        /// Something else makes up for it: its undo, or the rollback plan.
        Compensatable = "compensatable",
        /// Nothing takes it back.
        Irreversible = "irreversible",
    }
);

/// How completely a plan can be taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WayBack {
    /// The worst of its steps' classes.
    pub class: Reversibility,
    /// Steps that say of themselves that nothing takes them back. They need the authority above.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub irreversible: Vec<StepName>,
}

impl Plan {
    /// The worst class of its steps.
    pub fn reversibility(&self, rollback_plan: Option<&RollbackPlan>) -> Reversibility {
        let has_rollback_steps = rollback_plan.is_some_and(|plan| !plan.steps.is_empty());
        let classes = self.steps.iter().map(|step| step.class(has_rollback_steps));
        classes.max().unwrap_or(Reversibility::Reversible)
    }

    /// How completely the plan can be taken back, with its rollback plan where there is one.
    pub fn way_back(&self, rollback_plan: Option<&RollbackPlan>) -> WayBack {
        let declared =
            self.steps.iter().filter(|step| step.reversibility == Some(Reversibility::Irreversible));
        WayBack {
            class: self.reversibility(rollback_plan),
            irreversible: declared.map(|step| step.name.clone()).collect(),
        }
    }
}

impl Step {
    /// How completely the step can be taken back: what it says of itself, or what follows from its kind and its undo.
    pub fn class(&self, has_rollback_steps: bool) -> Reversibility {
        if let Some(declared) = self.reversibility {
            return declared;
        }
        let puts_back_what_it_touches = self.undo == Some(StepKind::Restore) && self.kind.touches().is_some();
        if !self.kind.has_effect() || puts_back_what_it_touches {
            Reversibility::Reversible
        } else if self.undo.is_some() || !self.captures.is_empty() || has_rollback_steps {
            Reversibility::Compensatable
        } else {
            Reversibility::Irreversible
        }
    }
}

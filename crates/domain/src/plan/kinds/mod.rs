//! The kinds of steps that know what they touch, one per file.
//!
//! To add one: its type and `validate` here, its variant in `StepKind`, what it touches in [`StepKind::touches`], its
//! form in `api/src/plan`, and one file in `adapters/src/execute`.

mod flag;
mod kubernetes;
mod sql;
mod traffic;

pub use flag::{Flag, ReadBack};
pub use kubernetes::{Cluster, Kubernetes, KubernetesAction, Objects, REPLICAS_MAX, Workload, WorkloadKind};
pub use sql::{Script, Sql};
pub use traffic::{Router, TARGETS_MAX, Traffic, WEIGHT_MAX};

use super::definition::{Capture, Step, StepKind};

impl StepKind {
    /// What it is about to change, where it knows that by itself.
    pub fn touches(&self) -> Option<Capture> {
        match self {
            Self::Traffic(traffic) => Some(Capture::Weights {
                router: traffic.router.clone(),
                targets: traffic.weights.keys().cloned().collect(),
            }),
            Self::Flag(flag) => Some(flag.touches()),
            Self::Kubernetes(kubernetes) => kubernetes.touches(),
            Self::Run(_)
            | Self::Sql(_)
            | Self::Http(_)
            | Self::Wait { .. }
            | Self::Check(_)
            | Self::Manual { .. }
            | Self::Hold(_)
            | Self::Bake(_)
            | Self::Restore => None,
        }
    }
}

impl Step {
    /// The step with everything saved that its kind knows to touch, and put back by its undo where it declares none.
    #[must_use]
    pub fn safeguarded(mut self) -> Self {
        let Some(touched) = self.kind.touches() else { return self };
        if touched.can_be_put_back() {
            self.undo = self.undo.or(Some(StepKind::Restore));
        }
        if !self.captures.contains(&touched) {
            self.captures.push(touched);
        }
        self
    }
}

//! What a runner and a server tell each other. Plan, run and observation are carried exactly as they are recorded,
//! because a runner computes its next action from them.

use domain::canary::Calibrated;
use domain::canonical::Digest;
use domain::plan::{Monitor, Observation, Plan, RollbackPlan, Run};
use domain::rollback::{self, Arms, Histogram, RollbackConditions};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::field::FieldError;

/// Longest life of a lease between two heartbeats, in seconds.
pub const LEASE_SECONDS: u64 = 15;
/// How long after its expiry a lease may be taken over, in seconds: time for its holder to stop by itself.
pub const LEASE_GRACE_SECONDS: u64 = 10;

/// Begins to implement, takes over an interrupted implementation, or begins a rollback that has no runner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StartRequest {
    /// Who holds the lease: unique for each runner process.
    pub holder: String,
    /// Digest of the content that the runner is about to run.
    #[schema(value_type = String)]
    pub digest: Digest,
    /// Commit of the runner's working tree, where it has one without local modifications.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// Whether a failure is undone without asking.
    #[serde(default)]
    pub auto_rollback: bool,
}

/// Everything a runner needs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Assignment {
    /// The change.
    pub change_id: String,
    /// Its state.
    pub state: String,
    /// Its version.
    pub version: u64,
    /// Digest of what is approved.
    #[schema(value_type = String)]
    pub digest: Digest,
    /// Token of the lease; 0 where none is held.
    pub fencing_token: u64,
    /// How long the lease lives without a heartbeat, in seconds.
    pub lease_seconds: u64,
    /// The plan.
    #[schema(value_type = Object)]
    pub plan: Option<Plan>,
    /// The rollback plan.
    #[schema(value_type = Object)]
    pub rollback_plan: Option<RollbackPlan>,
    /// What is watched.
    #[schema(value_type = Vec<Object>)]
    pub monitors: Vec<Monitor>,
    /// What leads to a rollback.
    #[schema(value_type = Object)]
    pub rollback_conditions: RollbackConditions,
    /// The calibration that the plan's comparisons rest on, where they name one that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub calibration: Option<Calibrated>,
    /// How far the plan has come; absent before the start.
    #[schema(value_type = Object)]
    pub run: Option<Run>,
}

/// What a runner observed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProgressRequest {
    /// Token of the lease.
    pub fencing_token: u64,
    /// The observation.
    #[schema(value_type = Object)]
    pub observation: Observation,
}

/// Extends the lease and hands over samples of monitors.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HeartbeatRequest {
    /// Who holds the lease.
    pub holder: String,
    /// Token of the lease.
    pub fencing_token: u64,
    /// Samples taken since the last heartbeat.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub samples: Vec<Sample>,
    /// How the bake stands that is under way, if one is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standing: Option<BakeStanding>,
}

/// Says that a runner watches a change over its soak time: nobody else does meanwhile. It is said again before the time is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AttendRequest {
    /// Who watches: unique for each runner process.
    pub holder: String,
}

/// Nobody else watches a change over its soak time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Attendance {
    /// For how long, in seconds.
    pub lease_seconds: u64,
}

/// How a bake that is under way stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BakeStanding {
    /// The bake.
    pub step: String,
    /// pass, fail or inconclusive, were it to end now.
    pub verdict: String,
    /// Why, with figures.
    pub detail: String,
}

/// Most samples of one heartbeat.
pub const SAMPLES_MAX: usize = 1_000;

/// One answer of a monitor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Sample {
    /// The monitor.
    pub monitor: String,
    /// When, RFC 3339.
    pub at: String,
    /// pass, fail, inconclusive or error.
    pub verdict: String,
    /// How long the answer took, or the latency that was asked for, in microseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency_micros: Option<u64>,
    /// What else was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measured: Option<Measured>,
}

/// What a sample has measured since the one before, of what has changed and of what it is compared with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Measured {
    /// Requests.
    Requests {
        /// Of what has changed.
        canary: Requests,
        /// Of what it is compared with.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        baseline: Option<Requests>,
    },
    /// How long requests took.
    Latencies {
        /// Of what has changed.
        canary: Vec<Bucket>,
        /// Of what it is compared with.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        baseline: Option<Vec<Bucket>>,
    },
    /// Findings of a scanner that count.
    Findings {
        /// How many.
        count: u64,
    },
}

/// Requests of one arm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Requests {
    /// How many.
    pub total: u64,
    /// How many of them failed.
    pub errors: u64,
}

/// Requests that took at most so long, and longer than those of the bucket before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Bucket {
    /// Bound in microseconds; none in the last bucket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub micros: Option<u64>,
    /// How many.
    pub requests: u64,
}

impl Measured {
    /// What the domain has measured, in this form.
    pub fn from_domain(measured: &rollback::Measured) -> Self {
        match measured {
            rollback::Measured::Requests(arms) => {
                Self::Requests { canary: arms.canary.into(), baseline: arms.baseline.map(Into::into) }
            }
            rollback::Measured::Latencies(arms) => Self::Latencies {
                canary: buckets(&arms.canary),
                baseline: arms.baseline.as_ref().map(buckets),
            },
            rollback::Measured::Findings(count) => Self::Findings { count: *count },
        }
    }

    /// What was measured as a domain value.
    ///
    /// # Errors
    /// When more requests failed than there were, or buckets are not in order.
    pub fn to_domain(&self) -> Result<rollback::Measured, FieldError> {
        match self {
            Self::Requests { canary, baseline } => Ok(rollback::Measured::Requests(Arms {
                canary: canary.to_domain()?,
                baseline: baseline.map(Requests::to_domain).transpose()?,
            })),
            Self::Latencies { canary, baseline } => Ok(rollback::Measured::Latencies(Arms {
                canary: histogram(canary)?,
                baseline: baseline.as_deref().map(histogram).transpose()?,
            })),
            Self::Findings { count } => Ok(rollback::Measured::Findings(*count)),
        }
    }
}

impl From<rollback::Requests> for Requests {
    fn from(rollback::Requests { total, errors }: rollback::Requests) -> Self {
        Self { total, errors }
    }
}

impl Requests {
    fn to_domain(self) -> Result<rollback::Requests, FieldError> {
        let Self { total, errors } = self;
        if errors > total {
            let message = format!("{errors} of {total} requests: no more can fail than there are");
            return Err(FieldError::new("errors", message));
        }
        Ok(rollback::Requests { total, errors })
    }
}

fn buckets(histogram: &Histogram) -> Vec<Bucket> {
    let bucket = |(micros, requests): &(u64, u64)| Bucket {
        micros: (*micros != Histogram::UNBOUNDED).then_some(*micros),
        requests: *requests,
    };
    histogram.buckets().iter().map(bucket).collect()
}

fn histogram(buckets: &[Bucket]) -> Result<Histogram, FieldError> {
    if buckets.is_empty() {
        return Ok(Histogram::default());
    }
    let bucket = |bucket: &Bucket| (bucket.micros.unwrap_or(Histogram::UNBOUNDED), bucket.requests);
    Histogram::new(buckets.iter().map(bucket).collect()).map_err(|error| FieldError::new("buckets", error))
}

/// Ends the work on a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FinishRequest {
    /// Who holds the lease.
    pub holder: String,
    /// Token of the lease.
    pub fencing_token: u64,
}

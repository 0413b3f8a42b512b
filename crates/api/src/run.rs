//! What a runner and a server tell each other. Plan, run and observation are carried exactly as they are recorded,
//! because a runner computes its next action from them.

use domain::canonical::Digest;
use domain::plan::{Monitor, Observation, Plan, RollbackPlan, Run};
use domain::rollback::RollbackConditions;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

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
    /// How long the answer took, in microseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency_micros: Option<u64>,
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

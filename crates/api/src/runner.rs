//! Runners that look for work, as they announce themselves and as they are listed.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Pause between two announcements of a runner, in seconds.
pub const ANNOUNCE_SECONDS: u64 = 10;
/// How long after its last announcement a runner counts as online, in seconds.
pub const ONLINE_SECONDS: u64 = 30;
/// Most labels of a runner.
pub const RUNNER_LABELS_MAX: usize = 64;
/// Most changes that a runner works on at a time.
pub const RUNNER_CHANGES_MAX: usize = 1_000;
/// Longest name of a host and of a release, in bytes.
pub const RUNNER_TEXT_BYTES_MAX: usize = 200;

/// A runner says that it is there, what it is fit for and what it works on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AnnounceRunner {
    /// The machine that it runs on.
    pub host: String,
    /// The release that it is of.
    pub version: String,
    /// What it is fit for.
    pub labels: Vec<String>,
    /// How many changes it carries out at a time.
    pub concurrency: u32,
    /// The changes that it works on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub working_on: Vec<String>,
    /// How many of them wait for a person and take none of its places.
    #[serde(default)]
    pub waiting: u32,
    /// looking, draining or ended; one that has ended is forgotten.
    pub state: String,
}

/// A runner as it was last seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Runner {
    /// Its own name, unique for each process.
    pub name: String,
    /// Readable name of who it is.
    pub actor: String,
    /// The machine that it runs on.
    pub host: String,
    /// The release that it is of.
    pub version: String,
    /// What it is fit for.
    pub labels: Vec<String>,
    /// How many changes it carries out at a time.
    pub concurrency: u32,
    /// The changes that it works on.
    pub working_on: Vec<String>,
    /// How many of them wait for a person and take none of its places.
    pub waiting: u32,
    /// online, draining (it takes nothing on any more) or offline (not seen for 30 seconds).
    pub status: String,
    /// When it announced itself first.
    pub first_seen_at: String,
    /// When it was last seen.
    pub last_seen_at: String,
}

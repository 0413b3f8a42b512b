//! Settings: a file `cortex-change.toml`, unknown keys refused, each overridable from the command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use api::run::{LEASE_GRACE_SECONDS, LEASE_SECONDS};
use domain::approval::ApprovalSettings;
use domain::calendar::{ConflictSettings, ZoneName};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

use crate::notify::Notify;

/// Address on which the server listens when nothing else is said.
pub const LISTEN_DEFAULT: &str = "127.0.0.1:8470";

/// Most requests at once: more would only wait for the database.
const CONCURRENT_REQUESTS_MAX: u64 = 100_000;
/// Longest time for one request: an hour.
const REQUEST_SECONDS_MAX: u64 = 60 * 60;
/// Longest trail: half of what the store reads at once, so that the life of a change can still come to its end.
const TRAIL_ENTRIES_MAX: u64 = 50_000;

/// Settings of a server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Address and port to listen on; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Folder of the embedded database and the signing key.
    pub data: PathBuf,
    /// PostgreSQL to use instead of the embedded database: `postgresql://…`.
    pub database_url: Option<String>,
    /// Address under which users reach this server, for links in notifications.
    pub public_url: Option<String>,
    /// Name of this log in its checkpoints (C2SP origin).
    pub log_name: String,
    /// What adds to the shipped policies.
    pub policies: Policies,
    /// Parameters of the approval rules.
    pub approvals: ApprovalSettings,
    /// The boards.
    pub boards: Boards,
    /// Who is told of what, and how.
    pub notify: Notify,
    /// How healthy the system is, as assessments see it.
    pub health: Health,
    /// What conflicts between changes at the same time lead to.
    pub conflicts: ConflictSettings,
    /// Leases of runners.
    pub lease: Lease,
    /// Bounds on what one server takes on.
    pub limits: Limits,
}

/// The boards.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Boards {
    /// Zone in which the CAB meets on Thursdays at 14:00 until somebody settles when it meets.
    pub zone: ZoneName,
}

impl Default for Boards {
    fn default() -> Self {
        Self { zone: ZoneName::utc() }
    }
}

/// What adds to the shipped policies.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policies {
    /// Folder with further Cedar policies. They may restrict and widen by role, never lift a shipped control.
    pub folder: Option<PathBuf>,
    /// The program that proves what policies never allow, `cortex-change-prover`. Where it is named, policies that it
    /// does not prove do not come into force, and a server does not start with them.
    pub prover: Option<PathBuf>,
    /// Folder with further properties for the prover, beside those that ship.
    pub properties: Option<PathBuf>,
}

/// Leases of runners.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Lease {
    /// How long a lease lives without a heartbeat, in seconds, 3 to 300. A runner stops its steps when it could not
    /// renew in time.
    #[serde(deserialize_with = "between::<_, _, 3, 300>")]
    pub seconds: u64,
    /// How long after its end a lease may be taken over, in seconds, 6 to 300: its runner needs up to 5 seconds to stop
    /// its steps, and must have done so before another one begins.
    #[serde(deserialize_with = "between::<_, _, 6, 300>")]
    pub grace_seconds: u64,
}

impl Default for Lease {
    fn default() -> Self {
        Self { seconds: LEASE_SECONDS, grace_seconds: LEASE_GRACE_SECONDS }
    }
}

/// How healthy the system is: queries that are asked in the background. An assessment takes the last answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Health {
    /// Address of a Prometheus; none when absent.
    pub prometheus: Option<String>,
    /// Whether it may lie in a private network.
    pub allow_private_network: bool,
    /// Time from one round of queries to the next, in seconds, 5 to 3600. An answer older than three of them is none.
    #[serde(deserialize_with = "between::<_, _, 5, 3_600>")]
    pub interval_seconds: u64,
    /// Longest time for one answer, in seconds, 1 to 30.
    #[serde(deserialize_with = "between::<_, _, 1, 30>")]
    pub timeout_seconds: u64,
    /// What is asked.
    pub signals: Vec<Signal>,
}

/// A query, and which values of it are healthy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signal {
    /// What it is called in assessments.
    pub name: String,
    /// The query, of one number.
    pub query: String,
    /// The greatest healthy value. Exactly one of the two is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub healthy_at_most: Option<f64>,
    /// The least healthy value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub healthy_at_least: Option<f64>,
}

impl Default for Health {
    fn default() -> Self {
        Self {
            prometheus: None,
            allow_private_network: false,
            interval_seconds: 30,
            timeout_seconds: 5,
            signals: Vec::new(),
        }
    }
}

/// Bounds on what one server takes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Requests worked on at once; further ones are answered 503.
    #[serde(deserialize_with = "between::<_, _, 1, CONCURRENT_REQUESTS_MAX>")]
    pub concurrent_requests: usize,
    /// Longest time for one request, in seconds.
    #[serde(deserialize_with = "between::<_, _, 1, REQUEST_SECONDS_MAX>")]
    pub request_seconds: u64,
    /// Subscribers to the event stream at once.
    pub event_subscribers: usize,
    /// Longest time for requests to end at shutdown, in seconds.
    pub shutdown_seconds: u64,
    /// Refused attempts of one actor that are recorded per hour.
    pub refusals_recorded_per_hour: u32,
    /// Entries of a change's trail after which people can add nothing more to it.
    #[serde(deserialize_with = "between::<_, _, 1, TRAIL_ENTRIES_MAX>")]
    pub trail_entries: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8470)),
            data: PathBuf::from("cortex-change-data"),
            database_url: None,
            public_url: None,
            log_name: "cortex-change".to_owned(),
            policies: Policies::default(),
            approvals: ApprovalSettings::default(),
            boards: Boards::default(),
            notify: Notify::default(),
            health: Health::default(),
            conflicts: ConflictSettings::default(),
            lease: Lease::default(),
            limits: Limits::default(),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            concurrent_requests: 512,
            request_seconds: 30,
            event_subscribers: 256,
            shutdown_seconds: 20,
            refusals_recorded_per_hour: 60,
            trail_entries: 5_000,
        }
    }
}

impl Config {
    /// Reads settings from the text of a `cortex-change.toml`.
    ///
    /// # Errors
    /// When the text is not TOML, has an unknown key or a value out of range; the error names line and column.
    pub fn from_toml(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }
}

/// Reads a number in a range.
fn between<'de, D, T, const MIN: u64, const MAX: u64>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: TryFrom<u64>,
{
    let number = u64::deserialize(deserializer)?;
    let fitting =
        Some(number).filter(|number| (MIN..=MAX).contains(number)).and_then(|number| number.try_into().ok());
    fitting.ok_or_else(|| Error::custom(format_args!("{number} is out of range: expected {MIN} to {MAX}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_file_is_the_default_and_unknown_keys_are_refused_with_their_place() {
        assert_eq!(Config::from_toml("").unwrap(), Config::default());
        assert_eq!(Config::default().listen.to_string(), LISTEN_DEFAULT);
        let error = Config::from_toml("listen = \"127.0.0.1:1\"\nlisten_port = 7\n").unwrap_err().to_string();
        assert!(error.contains("line 2") && error.contains("listen_port"), "{error}");
        assert!(Config::from_toml("listen = \"localhost\"").is_err());
        assert!(Config::from_toml("[limits]\nconcurrent_requests = 0").is_err());
        assert!(Config::from_toml("[limits]\nconcurrent_requests = -5").is_err());
        let error = Config::from_toml("[lease]\ngrace_seconds = 2\n").unwrap_err().to_string();
        assert!(
            error.contains("line 2") && error.contains("2 is out of range: expected 6 to 300"),
            "{error}"
        );
    }

    #[test]
    fn the_default_survives_a_round_trip() {
        let text = toml::to_string(&Config::default()).unwrap();
        assert_eq!(Config::from_toml(&text).unwrap(), Config::default());
    }
}

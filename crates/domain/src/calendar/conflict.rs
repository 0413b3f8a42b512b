//! What gets into each other's way: two changes at the same time on the same item, on items of which one leans on the
//! other, or on the same host.

use std::collections::{BTreeSet, HashMap};

use serde::{Deserialize, Deserializer, Serialize};

use super::Occurrence;
use crate::Timestamp;
use crate::catalog::Strength;
use crate::change::kind::words;
use crate::cmdb::{Ci, CiType, Cmdb, RelationType};
use crate::id::{ChangeId, CiName, EnvironmentName};

/// Most conflicts of one change that are told.
pub const CONFLICTS_MAX: usize = 50;
/// Farthest that relations are followed.
pub const CONFLICT_DISTANCE_MAX: u32 = 3;
/// Most items around a change that are looked at, the nearest first.
const NEAR_ITEMS_MAX: usize = 2_000;
/// Most items of a change whose hosts are looked at.
const HOSTED_ITEMS_MAX: usize = 100;

words!(
    /// In which way two changes get into each other's way.
    ConflictKind, "kind of conflict", {
        /// They change the same item.
        SameItem = "same_item",
        /// One changes what an item of the other one leans on, and fails with.
        Related = "related",
        /// Items of both run on the same host.
        SharedHost = "shared_host",
    }
);

words!(
    /// What a conflict leads to.
    Treatment, "treatment of conflicts", {
        /// It is told and keeps nothing back.
        Ignore = "ignore",
        /// A change is not started while the other one is under way.
        Wait = "wait",
        /// Nor in the window of an older change that is approved.
        Deny = "deny",
    }
);

words!(
    /// How far the other change is.
    Stage, "stage", {
        /// It waits for approval.
        Proposed = "proposed",
        /// It may be started in its window.
        Approved = "approved",
        /// It is under way: being implemented, validated or rolled back, or interrupted.
        Running = "running",
    }
);

/// What conflicts lead to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ConflictSettings {
    /// Both change the same item: `ignore`, `wait` or `deny`.
    pub same_item: Treatment,
    /// One changes what an item of the other one leans on: `ignore`, `wait` or `deny`.
    pub related: Treatment,
    /// Items of both run on the same host: `ignore`, `wait` or `deny`.
    pub shared_host: Treatment,
    /// Most relations between two items that still count as related, 1 to 3.
    #[serde(deserialize_with = "distance")]
    pub distance: u32,
}

impl Default for ConflictSettings {
    fn default() -> Self {
        Self {
            same_item: Treatment::Deny,
            related: Treatment::Wait,
            shared_host: Treatment::Ignore,
            distance: 1,
        }
    }
}

fn distance<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let distance = u32::deserialize(deserializer)?;
    if (1..=CONFLICT_DISTANCE_MAX).contains(&distance) {
        return Ok(distance);
    }
    let message = format!("{distance} is out of range: expected 1 to {CONFLICT_DISTANCE_MAX}");
    Err(serde::de::Error::custom(message))
}

impl ConflictSettings {
    /// What a kind of conflict leads to.
    pub fn treatment(&self, kind: ConflictKind) -> Treatment {
        match kind {
            ConflictKind::SameItem => self.same_item,
            ConflictKind::Related => self.related,
            ConflictKind::SharedHost => self.shared_host,
        }
    }
}

/// Another change that gets into the way of one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Conflict {
    /// The other change.
    pub other: ChangeId,
    /// How far it is.
    pub stage: Stage,
    /// In which way.
    pub kind: ConflictKind,
    /// What that leads to.
    pub treatment: Treatment,
    /// What the one changes.
    pub item: CiName,
    /// What the other one changes.
    pub other_item: CiName,
    /// What both run on, where that is the conflict.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<CiName>,
    /// Whether the other one's item leans on the one's item, rather than the other way round.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_dependent: bool,
    /// From when they are in each other's way.
    pub start: Timestamp,
    /// Until when, as far as is known.
    pub end: Timestamp,
}

impl Conflict {
    /// Whether it keeps `change` from being started: the other one is under way, or it is approved, older, and to be
    /// made way for.
    pub fn holds(&self, change: ChangeId) -> bool {
        match (self.treatment, self.stage) {
            (Treatment::Ignore, _) | (_, Stage::Proposed) | (Treatment::Wait, Stage::Approved) => false,
            (Treatment::Wait | Treatment::Deny, Stage::Running) => true,
            (Treatment::Deny, Stage::Approved) => self.other < change,
        }
    }

    /// Which change it is and what about it, without the time.
    pub fn sentence(&self) -> String {
        let Self { other, stage, item, other_item, host, .. } = self;
        let what = match (self.kind, host) {
            (ConflictKind::SameItem, _) => format!("changes `{item}` too"),
            (ConflictKind::SharedHost, Some(host)) if host == other_item => {
                format!("changes `{other_item}`, on which `{item}` runs")
            }
            (ConflictKind::SharedHost, Some(host)) => {
                format!("changes `{other_item}`, which runs on the host `{host}` like `{item}`")
            }
            (ConflictKind::Related | ConflictKind::SharedHost, _) if self.is_dependent => {
                format!("changes `{other_item}`, which leans on `{item}`")
            }
            (ConflictKind::Related | ConflictKind::SharedHost, _) => {
                format!("changes `{other_item}`, on which `{item}` leans")
            }
        };
        format!("{other}, {stage}, {what}")
    }
}

/// Whose conflicts are looked for, and when.
#[derive(Debug, Clone, Copy)]
pub struct Planned<'a> {
    /// The change; none when a time is looked for before there is one.
    pub change: Option<ChangeId>,
    /// What it changes, services included.
    pub items: &'a BTreeSet<CiName>,
    /// Where; anywhere when it is not known.
    pub environment: Option<&'a EnvironmentName>,
    /// When.
    pub span: Occurrence,
}

/// How an item lies to what a change changes.
#[derive(Debug, Clone, Copy)]
struct Near<'a> {
    kind: ConflictKind,
    /// What is changed.
    item: &'a str,
    is_dependent: bool,
}

/// What lies around the items of a change: the items themselves, what leans on them and what they lean on, and the
/// hosts on which they run.
#[derive(Debug)]
pub(super) struct Around<'a> {
    near: HashMap<&'a str, Near<'a>>,
    hosts: HashMap<&'a str, &'a str>,
}

/// How two changes meet, apart from time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Meeting {
    pub(super) kind: ConflictKind,
    pub(super) item: CiName,
    pub(super) other_item: CiName,
    pub(super) host: Option<CiName>,
    pub(super) is_dependent: bool,
}

impl<'a> Around<'a> {
    /// Looks around `items`, at most `distance` relations far.
    pub(super) fn of(cmdb: &'a Cmdb, items: &'a BTreeSet<CiName>, distance: u32) -> Self {
        let mut around = Self { near: HashMap::new(), hosts: HashMap::new() };
        for item in items {
            let own = Near { kind: ConflictKind::SameItem, item: item.as_str(), is_dependent: false };
            around.near.insert(item.as_str(), own);
        }
        for is_dependent in [false, true] {
            let own = items.iter().filter_map(|item| Some((cmdb.get(item.as_str())?, item.as_str())));
            let mut ring: Vec<_> = own.collect();
            for _ in 0..distance {
                ring = around.widen(&ring, is_dependent);
            }
        }
        for item in items.iter().take(HOSTED_ITEMS_MAX) {
            for host in cmdb.get(item.as_str()).into_iter().flat_map(hosts) {
                around.hosts.entry(host).or_insert(item.as_str());
            }
        }
        around
    }

    /// The next ring of hard relations, which are those by which failures travel.
    fn widen(&mut self, ring: &[(Ci<'a>, &'a str)], is_dependent: bool) -> Vec<(Ci<'a>, &'a str)> {
        let mut next = Vec::new();
        for (ci, item) in ring {
            let links: Vec<_> =
                if is_dependent { ci.dependents().collect() } else { ci.leans_on().collect() };
            for link in links.iter().filter(|link| link.strength == Strength::Hard) {
                if self.near.len() >= NEAR_ITEMS_MAX {
                    return next;
                }
                let name = link.ci.name();
                let near = Near { kind: ConflictKind::Related, item, is_dependent };
                if !self.near.contains_key(name) {
                    self.near.insert(name, near);
                    next.push((link.ci, *item));
                }
            }
        }
        next
    }

    /// The gravest way in which a change of `items` meets this one; nothing when it does not.
    pub(super) fn meets(&self, cmdb: &Cmdb, items: &BTreeSet<CiName>) -> Option<Meeting> {
        let near = items.iter().filter_map(|other| Some((other, self.near.get(other.as_str())?)));
        if let Some((other, near)) = near.min_by_key(|(_, near)| near.kind) {
            return Some(Meeting {
                kind: near.kind,
                item: CiName::new(near.item).ok()?,
                other_item: other.clone(),
                host: None,
                is_dependent: near.is_dependent,
            });
        }
        if self.hosts.is_empty() {
            return None;
        }
        items.iter().take(HOSTED_ITEMS_MAX).find_map(|other| {
            let hosts = cmdb.get(other.as_str()).into_iter().flat_map(hosts).chain([other.as_str()]);
            let (host, item) = hosts.into_iter().find_map(|host| Some((host, self.hosts.get(host)?)))?;
            Some(Meeting {
                kind: ConflictKind::SharedHost,
                item: CiName::new(*item).ok()?,
                other_item: other.clone(),
                host: CiName::new(host).ok(),
                is_dependent: false,
            })
        })
    }
}

/// The hosts on which an item runs. A service runs where its workloads do.
fn hosts(ci: Ci<'_>) -> Vec<&str> {
    let own: Vec<_> = ci.leans_on().collect();
    let workloads = own.iter().map(|link| link.ci).filter(|ci| ci.ci_type() == Some(CiType::Workload));
    let runs_on = workloads.chain([ci]).flat_map(|ci| ci.leans_on().collect::<Vec<_>>());
    let hosts = runs_on.filter(|link| link.relation_type == RelationType::RunsOn);
    hosts.filter(|link| link.ci.ci_type() == Some(CiType::Host)).map(|link| link.ci.name()).collect()
}

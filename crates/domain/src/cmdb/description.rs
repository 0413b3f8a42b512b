//! What one source says of one configuration item.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::relation::Relation;
use crate::canonical::Digest;
use crate::catalog::Tier;
use crate::change::kind::words;
use crate::id::EnvironmentName;
use crate::text::FreeText;

/// Declares a text of one line with at most so many bytes.
macro_rules! bounded_line {
    ($(#[$meta:meta])* $name:ident, $kind:literal, $limit:literal) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Longest accepted text, in bytes.
            pub const BYTES_MAX: usize = $limit;

            /// Checks and wraps a text.
            ///
            /// # Errors
            /// When it is empty, too long, has surrounding blanks or control characters.
            pub fn new(text: impl Into<String>) -> Result<Self, $crate::cmdb::description::InvalidLine> {
                let text = text.into();
                $crate::cmdb::description::check_line($kind, &text, Self::BYTES_MAX)?;
                Ok(Self(text))
            }

            /// Cuts and cleans a text that came from outside, so that it is one line of an accepted length; nothing
            /// when nothing is left.
            pub fn cut(text: &str) -> Option<Self> {
                let line = $crate::cmdb::description::cut_line(text, Self::BYTES_MAX);
                (!line.is_empty()).then_some(Self(line))
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = $crate::cmdb::description::InvalidLine;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(line: $name) -> String {
                line.0
            }
        }
    };
}
pub(super) use bounded_line;

/// A text that is not one line of an accepted length.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` is not a {kind}: expected one line of 1 to {limit} bytes without surrounding blanks")]
pub struct InvalidLine {
    kind: &'static str,
    given: String,
    limit: usize,
}

pub(super) fn check_line(kind: &'static str, text: &str, limit: usize) -> Result<(), InvalidLine> {
    let is_line = !text.is_empty() && text.trim() == text && !text.chars().any(char::is_control);
    if is_line && text.len() <= limit {
        return Ok(());
    }
    let given = text.chars().filter(|c| !c.is_control()).take(80).collect();
    Err(InvalidLine { kind, given, limit })
}

pub(super) fn cut_line(text: &str, limit: usize) -> String {
    let clean: String = text.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    clean.get(..clean.floor_char_boundary(limit)).unwrap_or_default().trim().to_owned()
}

words!(
    /// What kind of thing an item is. What a source calls it more precisely is its attribute `kind`.
    CiType, "configuration item type", {
        /// Something that users or other teams consume, with a tier and an owner.
        Service = "service",
        /// A deployed program: a deployment, a stateful set, a daemon set, a pod, a virtual machine's process.
        Workload = "workload",
        /// A task that runs to its end, once or by a timetable.
        Job = "job",
        /// A function that a platform runs on demand.
        Function = "function",
        /// A database or cache.
        Database = "database",
        /// A message queue, a topic or a stream.
        Queue = "queue",
        /// A name or address behind which programs answer: a Kubernetes Service, a load balancer, an ingress, a DNS record.
        Endpoint = "endpoint",
        /// A network, subnet, firewall rule or network policy.
        Network = "network",
        /// A machine, physical or virtual.
        Host = "host",
        /// A cluster of machines.
        Cluster = "cluster",
        /// A namespace, project or account that groups others.
        Namespace = "namespace",
        /// A volume, a bucket or another place where data lies.
        Storage = "storage",
        /// Configuration that programs read.
        Configuration = "configuration",
        /// A secret, of which only the name is known.
        Secret = "secret",
        /// An account, role or permission of a program.
        Identity = "identity",
        /// A container image or another built artefact.
        Artifact = "artifact",
        /// A library or package.
        Component = "component",
        /// A source repository.
        Repository = "repository",
        /// Anything else.
        Other = "other",
    }
);

words!(
    /// Where an item stands between plan and end.
    Lifecycle, "lifecycle", {
        /// Not yet in use.
        Planned = "planned",
        /// In use.
        Active = "active",
        /// In use, to be replaced.
        Deprecated = "deprecated",
    }
);

bounded_line!(
    /// Who said it: `manual`, `catalog`, or the name under which an import is repeated, for example `kubernetes:platform`.
    SourceName, "source name", 64
);
bounded_line!(
    /// Where the source has it from: a file with a line, a cluster, a state file.
    Location, "location", 512
);
bounded_line!(
    /// A rule book that an item falls under, for example `PHI`, `PCI` or `SOC2`.
    ComplianceScope, "compliance scope", 32
);
bounded_line!(
    /// The name of an attribute.
    AttributeName, "attribute name", 64
);
bounded_line!(
    /// The value of an attribute. Values of secrets never become attributes.
    AttributeValue, "attribute value", 512
);

impl ComplianceScope {
    /// Whether it stands for protected health information under HIPAA.
    pub fn is_health_information(&self) -> bool {
        self.as_str().eq_ignore_ascii_case("PHI")
    }
}

impl SourceName {
    /// A person who edits an item.
    pub fn manual() -> Self {
        Self("manual".to_owned())
    }

    /// The file of services that people keep.
    pub fn catalog() -> Self {
        Self("catalog".to_owned())
    }

    /// What changes brought up to date when they were closed.
    pub fn changes() -> Self {
        Self("changes".to_owned())
    }

    /// Whether people wrote it; what they say counts before what importers found.
    pub fn is_person(&self) -> bool {
        matches!(self.as_str(), "manual" | "catalog")
    }
}

/// What one source says of one item. What it does not say is absent and may be said by another source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Description {
    /// Who says it.
    pub source: SourceName,
    /// Where the source has it from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
    /// What kind of thing it is.
    #[serde(rename = "type")]
    pub ci_type: CiType,
    /// How critical it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier: Option<Tier>,
    /// The team or person who answers for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<FreeText>,
    /// Where it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<EnvironmentName>,
    /// Rule books that it falls under.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub compliance: BTreeSet<ComplianceScope>,
    /// Where it stands between plan and end.
    pub lifecycle: Lifecycle,
    /// What else is known, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<AttributeName, AttributeValue>,
    /// What it leans on. At most one relation of a type to the same item.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub relations: Vec<Relation>,
}

impl Description {
    /// A description that says nothing but the type.
    pub fn new(source: SourceName, ci_type: CiType) -> Self {
        Self {
            source,
            location: None,
            ci_type,
            tier: None,
            owner: None,
            environment: None,
            compliance: BTreeSet::new(),
            lifecycle: Lifecycle::Active,
            attributes: BTreeMap::new(),
            relations: Vec::new(),
        }
    }

    /// The same description with its relations in order, so that equal descriptions are written alike.
    #[must_use]
    pub fn normalised(mut self) -> Self {
        self.relations.sort();
        self
    }

    /// What two descriptions have in common exactly when they say the same, up to the order of relations.
    pub fn digest(&self) -> DescriptionDigest {
        let digest = if self.relations.is_sorted() {
            Digest::of(DIGEST_LABEL, self)
        } else {
            Digest::of(DIGEST_LABEL, &self.clone().normalised())
        };
        let digest = digest.unwrap_or_else(|error| unreachable!("text and whole numbers: {error}"));
        let (head, _) = digest.as_bytes().split_first_chunk().unwrap_or_else(|| unreachable!("32 bytes"));
        DescriptionDigest(*head)
    }
}

/// The first half of a SHA-256 digest of a description: enough to recognise it by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DescriptionDigest([u8; 16]);

const DIGEST_LABEL: &str = "cmdb.description";

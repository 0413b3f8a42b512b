//! What must never be allowed, written as a policy that would allow exactly that.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use cedar_policy::{ActionConstraint, Effect, PolicySet, RequestEnv};
use server::AddedPolicies;

/// Most properties in all.
const PROPERTIES_MAX: usize = 100;

macro_rules! shipped {
    ($($name:literal),+ $(,)?) => {
        [$((concat!($name, ".cedar"), include_str!(concat!("../properties/", $name, ".cedar")))),+]
    };
}

const SHIPPED: [(&str, &str); 16] = shipped![
    "a-stop-stops-everybody",
    "agents-never-satisfy-a-human-gate",
    "auditors-change-nothing",
    "auto-approval-only-when-safe",
    "inactive-actors-do-nothing",
    "lent-authority-only-in-force",
    "no-auto-approval-on-phi",
    "no-auto-approval-on-tier-0",
    "no-implementation-in-a-freeze",
    "no-start-into-a-conflict",
    "no-start-of-anything-else",
    "no-start-without-approval",
    "no-success-without-validation",
    "nobody-approves-for-whom-they-act",
    "phi-needs-the-hipaa-authority",
    "the-requester-never-approves",
];

/// One property.
#[derive(Debug)]
pub(crate) struct Property {
    /// Its `@id`.
    pub(crate) id: String,
    /// Its `@title`: the property in a sentence.
    pub(crate) title: String,
    /// What would allow what must never be allowed.
    pub(crate) forbidden: PolicySet,
}

impl Property {
    /// The shipped properties, then those of a folder.
    pub(crate) fn all(folder: Option<&Path>) -> Result<Vec<Self>> {
        let mut all = Vec::new();
        for (name, text) in SHIPPED {
            all.extend(Self::parse(name, text)?);
        }
        if let Some(folder) = folder {
            fs::metadata(folder).with_context(|| format!("no properties in `{}`", folder.display()))?;
            for (name, text) in
                AddedPolicies::read(folder)?.texts().filter(|(name, _)| name.ends_with(".cedar"))
            {
                all.extend(Self::parse(name, text)?);
            }
        }
        if all.len() > PROPERTIES_MAX {
            bail!("{} properties are too many: at most {PROPERTIES_MAX} are accepted", all.len());
        }
        all.sort_by(|a, b| a.id.cmp(&b.id));
        if let Some([twice, _]) = all.array_windows().find(|[a, b]| a.id == b.id) {
            bail!("there are two properties `{}`: rename one of them", twice.id);
        }
        Ok(all)
    }

    fn parse(name: &str, text: &str) -> Result<Vec<Self>> {
        let set: PolicySet = text.parse().with_context(|| format!("`{name}` is not Cedar"))?;
        set.policies()
            .map(|policy| {
                let annotation = |key| {
                    let text = policy.annotation(key).filter(|text| !text.trim().is_empty());
                    text.map(str::to_owned)
                        .with_context(|| format!("`{name}`: a property needs `@{key}(\"…\")`"))
                };
                if policy.effect() == Effect::Forbid {
                    bail!("`{name}`: a property says with `permit` what must never be allowed");
                }
                let forbidden = PolicySet::from_policies([policy.clone()])?;
                Ok(Self { id: annotation("id")?, title: annotation("title")?, forbidden })
            })
            .collect()
    }

    /// Whether it says anything about requests of this kind.
    pub(crate) fn is_about(&self, environment: &RequestEnv) -> bool {
        let action = environment.action();
        self.forbidden.policies().any(|policy| match policy.action_constraint() {
            ActionConstraint::Any => true,
            ActionConstraint::Eq(uid) => uid == *action,
            ActionConstraint::In(uids) => uids.contains(action),
        })
    }
}

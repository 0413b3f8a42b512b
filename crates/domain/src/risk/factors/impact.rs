//! Impact: the most critical tier among what is changed and what fails with it, never below what the requester says.

use super::{Contribution, FactorValue, Weighed};
use crate::catalog::Tier;
use crate::change::Content;
use crate::priority::Magnitude;
use crate::risk::blast_radius::BlastRadius;
use crate::risk::counted;
use crate::risk::missing::{Fact, MissingFact, NAMES_LISTED_MAX};
use crate::risk::scope::{Scope, UNKNOWN_TIER};

fn tier_tenths(tier: Tier) -> i16 {
    match tier {
        Tier::Zero => 100,
        Tier::One => 75,
        Tier::Two => 50,
        Tier::Three => 25,
    }
}

fn declared_tenths(impact: Magnitude) -> i16 {
    match impact {
        Magnitude::Critical => 100,
        Magnitude::High => 75,
        Magnitude::Medium => 50,
        Magnitude::Low => 25,
    }
}

pub(super) fn weigh(content: &Content, scope: &Scope<'_>, blast_radius: &BlastRadius) -> Weighed {
    let changed_tier = scope.tiers().min().unwrap_or(Tier::Zero);
    let mut reached = tier_tenths(changed_tier);
    let sentence = format!("the most critical of what is changed is {changed_tier}");
    let mut contributions = vec![Contribution::new("changed_tier", reached, sentence)];
    if let Some(dependent) = blast_radius.reached.first()
        && dependent.tier < changed_tier
    {
        let rise = tier_tenths(dependent.tier) - reached;
        reached += rise;
        let sentence = format!("`{}`, which is {}, would fail with it", dependent.service, dependent.tier);
        contributions.push(Contribution::new("dependent_tier", rise, sentence));
    }
    if let Some(impact) = content.impact
        && declared_tenths(impact) > reached
    {
        let sentence = format!("the requester declares {} impact", impact.as_str());
        contributions.push(Contribution::new("declared_impact", declared_tenths(impact) - reached, sentence));
    }
    Weighed { factor: FactorValue::of(contributions), missing: missing(scope) }
}

fn missing(scope: &Scope<'_>) -> Vec<MissingFact> {
    let mut missing = Vec::new();
    if scope.names_no_service() {
        let sentence = format!(
            "no service is named: counted as one unknown {UNKNOWN_TIER} service; name it with `--service`"
        );
        missing.push(MissingFact::of_request(Fact::AffectedServices, sentence));
    }
    if !scope.unknown_services.is_empty() {
        let listed = list(&scope.unknown_services);
        let count = counted(scope.unknown_services.len(), "service");
        let hint = if scope.near_misses.is_empty() {
            "declare it with `cortex-change catalog apply`".to_owned()
        } else {
            format!("did you mean {}?", list(&scope.near_misses))
        };
        let sentence = format!("{count} not in the catalogue: {listed}; counted as {UNKNOWN_TIER}; {hint}");
        missing.push(MissingFact::of_names(Fact::Service, &scope.unknown_services, sentence));
    }
    if !scope.unknown_cis.is_empty() {
        let listed = list(&scope.unknown_cis);
        let count = counted(scope.unknown_cis.len(), "configuration item");
        let sentence = format!("{count} not described anywhere: {listed}; what depends on it is not known");
        missing.push(MissingFact::of_names(Fact::ConfigurationItem, &scope.unknown_cis, sentence));
    }
    missing
}

fn list<T: ToString>(names: &[T]) -> String {
    let listed: Vec<_> =
        names.iter().take(NAMES_LISTED_MAX).map(|name| format!("`{}`", name.to_string())).collect();
    let rest = names.len().saturating_sub(NAMES_LISTED_MAX);
    let more = if rest > 0 { format!(" and {rest} more") } else { String::new() };
    format!("{}{more}", listed.join(", "))
}

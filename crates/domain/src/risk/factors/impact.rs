//! Impact: the most critical tier among what is changed and what fails with it, never below what the requester says.

use super::{Contribution, FactorValue, Weighed};
use crate::catalog::Tier;
use crate::change::Content;
use crate::priority::Magnitude;
use crate::risk::blast_radius::BlastRadius;
use crate::risk::counted;
use crate::risk::missing::{Fact, MissingFact, NAMES_LISTED_MAX};
use crate::risk::scope::{Scope, UNKNOWN_TIER};
use crate::risk::source_fact::SourceFact;

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
    let mut contributions: Vec<_> = changed(scope).into_iter().collect();
    let mut reached = contributions.iter().map(|contribution| contribution.tenths).sum();
    if let Some(dependent) = blast_radius.reached.first()
        && let Some(sourced) = &dependent.tier
        && tier_tenths(sourced.tier) > reached
    {
        let rise = tier_tenths(sourced.tier) - reached;
        reached += rise;
        let sentence = format!("`{}`, which is {}, would fail with it", dependent.item, sourced.tier);
        let (item, source, at) = (dependent.item.clone(), sourced.source.clone(), sourced.at);
        let contribution = Contribution::new("dependent_tier", rise, sentence);
        contributions.push(contribution.resting_on(SourceFact { item, source, at }));
    }
    if let Some(impact) = content.impact
        && declared_tenths(impact) > reached
    {
        let sentence = format!("the requester declares {} impact", impact.as_str());
        contributions.push(Contribution::new("declared_impact", declared_tenths(impact) - reached, sentence));
    }
    Weighed { factor: FactorValue::of(contributions), missing: missing(scope) }
}

/// The most critical tier of what is changed; nothing when only parts are, which count with what they are parts of.
fn changed(scope: &Scope<'_>) -> Option<Contribution> {
    let stated =
        scope.changed_tier().filter(|(_, stated)| !scope.has_unknown_tier() || stated.tier <= UNKNOWN_TIER);
    if let Some((ci, stated)) = stated {
        let sentence =
            format!("the most critical of what is changed is `{}`, which is {}", ci.name(), stated.tier);
        let contribution = Contribution::new("changed_tier", tier_tenths(stated.tier), sentence);
        return Some(contribution.resting_on(SourceFact::of_tier(&ci, &stated)));
    }
    let sentence = format!("what is changed is not all known and counts as {UNKNOWN_TIER}");
    let unknown = Contribution::new("unknown_tier", tier_tenths(UNKNOWN_TIER), sentence);
    scope.has_unknown_tier().then_some(unknown)
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
        let hint = hint(&scope.near_services, "declare it with `cortex-change catalog apply`");
        let sentence = format!("{count} not in the catalogue: {listed}; counted as {UNKNOWN_TIER}; {hint}");
        missing.push(MissingFact::of_names(Fact::Service, &scope.unknown_services, sentence));
    }
    if !scope.unknown_cis.is_empty() {
        let listed = list(&scope.unknown_cis);
        let count = counted(scope.unknown_cis.len(), "configuration item");
        let hint = hint(&scope.near_cis, "describe it with `cortex-change cmdb import`");
        let sentence = format!("{count} not described anywhere: {listed}; counted as {UNKNOWN_TIER}; {hint}");
        missing.push(MissingFact::of_names(Fact::ConfigurationItem, &scope.unknown_cis, sentence));
    }
    if !scope.untiered.is_empty() {
        let listed = list(&scope.untiered);
        let count = counted(scope.untiered.len(), "configuration item");
        let hint = "state its tier, or what contains or needs it";
        let sentence = format!("{count} of unknown tier: {listed}; counted as {UNKNOWN_TIER}; {hint}");
        missing.push(MissingFact::of_names(Fact::Tier, &scope.untiered, sentence));
    }
    missing
}

fn hint(near_misses: &[&str], otherwise: &str) -> String {
    if near_misses.is_empty() { otherwise.to_owned() } else { format!("did you mean {}?", list(near_misses)) }
}

fn list<T: ToString>(names: &[T]) -> String {
    let listed: Vec<_> =
        names.iter().take(NAMES_LISTED_MAX).map(|name| format!("`{}`", name.to_string())).collect();
    let rest = names.len().saturating_sub(NAMES_LISTED_MAX);
    let more = if rest > 0 { format!(" and {rest} more") } else { String::new() };
    format!("{}{more}", listed.join(", "))
}

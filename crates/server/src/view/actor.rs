//! Actors and their tokens. A token's secret is not known here, and its hash is not shown.

use api::actor as wire;
use domain::actor::{Actor, Token};
use domain::id::TokenId;

use super::risk::percent;
use super::{names, texts, time};
use crate::known::Known;
use crate::use_cases::budget::Standing;

/// An actor.
pub(crate) fn actor(known: &Known, actor: &Actor) -> wire::Actor {
    wire::Actor {
        actor_id: actor.id.to_string(),
        name: actor.name.to_string(),
        kind: actor.kind.to_string(),
        owner: actor.owner.as_ref().map(|owner| known.directory.name_of(owner)),
        alias_of: actor.alias_of.as_ref().map(|other| known.directory.name_of(other)),
        roles: texts(&actor.roles),
        teams: texts(&actor.teams),
        may_act_for: names(known, &actor.may_act_for),
        active: actor.active,
        version: actor.version,
        registered_at: time(actor.registered_at),
    }
}

/// A token, without anything that would let somebody use it.
pub(crate) fn token(id: &TokenId, token: &Token) -> wire::Token {
    wire::Token {
        token_id: id.to_string(),
        label: token.label.to_string(),
        scopes: texts(&token.scopes),
        expires_at: time(token.expires_at),
        revoked: token.revoked,
    }
}

/// How an agent stands.
pub(crate) fn budget(actor: &Actor, standing: &Standing) -> wire::BudgetStanding {
    let Standing { record, trust, budget, is_set, used, .. } = standing;
    wire::BudgetStanding {
        actor_id: actor.id.to_string(),
        trust: trust.to_string(),
        successes: record.successes,
        failures: record.failures,
        failures_below_percent: percent(record.failure_bound()),
        budget: wire::Budget {
            changes_per_hour: budget.changes_per_hour,
            open_changes: budget.open_changes,
            items_reached: budget.items_reached,
            most_critical_tier: budget.most_critical_tier.number(),
        },
        set_by_person: *is_set,
        changes_this_hour: used.recent,
        open_changes: used.open,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::fixture::{self, TOKEN, deployer, lead};

    #[test]
    fn an_actor_is_told_by_names() {
        let known = fixture::known();
        let told = actor(&known, known.directory.get(&deployer()).unwrap());
        assert_eq!(told.name, "cortex-deployer");
        assert_eq!(told.owner.as_deref(), Some("platform-owner"));
        assert_eq!((told.kind.as_str(), told.roles.as_slice()), ("service", &["implementer".to_owned()][..]));
    }

    #[test]
    fn a_token_is_told_without_secret_and_hash() {
        let known = fixture::known();
        let (id, found) = known.directory.get(&lead()).unwrap().tokens.iter().next().unwrap();
        let told = serde_json::to_string(&token(id, found)).unwrap();
        assert!(told.contains("\"tok_lead\"") && told.contains("\"read\""), "{told}");
        assert!(!told.contains(TOKEN) && !told.contains(&found.hash.to_string()), "{told}");
    }
}

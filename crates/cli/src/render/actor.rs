//! Actors and their tokens.

use api::actor::{Actor, BudgetStanding, Caller, Token};

use super::{Lines, Table, cell, instant, words};
use crate::shell::{Paint, plain};

/// An actor in full.
pub(crate) fn in_full(actor: &Actor, paint: Paint) -> String {
    let mut lines = Lines::default();
    lines.line(format!("{}  {}, {}", paint.strong(plain(&actor.name)), words(&actor.kind), activity(actor)));
    lines.field(paint, "id", Some(&actor.actor_id));
    lines.field(paint, "owner", actor.owner.as_deref());
    lines.field(paint, "alias of", actor.alias_of.as_deref());
    lines.field(paint, "roles", Some(&joined(&actor.roles)));
    lines.field(paint, "teams", Some(&joined(&actor.teams)));
    lines.field(paint, "may act for", Some(&joined(&actor.may_act_for)));
    lines.field(paint, "registered", Some(&instant(&actor.registered_at)));
    lines.into_text()
}

/// How an agent stands.
pub(crate) fn standing(standing: &BudgetStanding, paint: Paint) -> String {
    let BudgetStanding { budget, successes, failures, failures_below_percent, .. } = standing;
    let mut lines = Lines::default();
    let of = |used: u32, most: u32| format!("{used} of {most}");
    lines.line(paint.strong(words(&standing.trust)));
    lines.field(paint, "id", Some(&standing.actor_id));
    let record = format!(
        "{successes} successful, {failures} not, in 90 days; fewer than {failures_below_percent:.1} % fail, with 95 % certainty"
    );
    lines.field(paint, "record", Some(&record));
    let by = if standing.set_by_person { "set by a person" } else { "by its record" };
    lines.field(paint, "budget", Some(by));
    lines.field(paint, "changes this hour", Some(&of(standing.changes_this_hour, budget.changes_per_hour)));
    lines.field(paint, "open changes", Some(&of(standing.open_changes, budget.open_changes)));
    let person = format!(
        "beyond {} items reached, and for anything more critical than Tier {}",
        budget.items_reached, budget.most_critical_tier
    );
    lines.field(paint, "a person decides", Some(&person));
    lines.into_text()
}

/// Who the caller is.
pub(crate) fn caller(caller: &Caller, paint: Paint) -> String {
    let mut lines = Lines::default();
    lines.field(paint, "token for", Some(&joined(&caller.scopes)));
    format!("{}{}", in_full(&caller.actor, paint), lines.into_text())
}

/// A list of actors.
pub(crate) fn list(actors: &[Actor], paint: Paint) -> String {
    const ROLES: usize = 4;
    let mut table = Table::new(paint, &["NAME", "KIND", "OWNER", "STATE", "ROLES"], ROLES);
    for actor in actors {
        table.row([
            cell(&actor.name),
            words(&actor.kind),
            actor.owner.as_deref().map_or_else(|| "-".to_owned(), cell),
            activity(actor).to_owned(),
            joined(&actor.roles),
        ]);
    }
    table.into_text()
}

/// A list of tokens.
pub(crate) fn tokens(tokens: &[Token], paint: Paint) -> String {
    const LABEL: usize = 4;
    let mut table = Table::new(paint, &["TOKEN", "STATE", "EXPIRES", "FOR", "LABEL"], LABEL);
    for token in tokens {
        let state = if token.revoked { paint.bad("revoked") } else { "issued".to_owned() };
        table.row([
            cell(&token.token_id),
            state,
            instant(&token.expires_at),
            joined(&token.scopes),
            cell(&token.label),
        ]);
    }
    table.into_text()
}

fn activity(actor: &Actor) -> &'static str {
    if actor.active { "active" } else { "inactive" }
}

fn joined(words: &[String]) -> String {
    if words.is_empty() { "-".to_owned() } else { cell(&words.join(", ")) }
}

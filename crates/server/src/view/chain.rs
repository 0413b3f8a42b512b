//! The chain of changes that led to a change.

use api::chain as wire;
use domain::change::Change;

use super::time;
use crate::known::Known;
use crate::use_cases::chain::Earlier;

/// A change and those that led to it.
pub(crate) fn chain(known: &Known, change: &Change, earlier: &[Earlier]) -> wire::Chain {
    let caused_by = change.content.caused_by.as_ref();
    wire::Chain {
        change_id: change.id.to_string(),
        caused_by: caused_by.map(|caused_by| caused_by.cause.to_string()),
        is_inferred: caused_by.is_some_and(|caused_by| caused_by.is_inferred),
        earlier: earlier.iter().map(|earlier| link(known, earlier)).collect(),
    }
}

fn link(known: &Known, Earlier { change, by_way_of }: &Earlier) -> wire::ChainLink {
    let actor = known.directory.get(&change.created_by);
    wire::ChainLink {
        change_id: change.id.to_string(),
        title: change.content.title.to_string(),
        change_type: change.content.change_type.to_string(),
        state: change.state_name().to_string(),
        created_by: known.directory.name_of(&change.created_by),
        kind: actor.map_or_else(|| "service".to_owned(), |actor| actor.kind.to_string()),
        created_at: time(change.created_at),
        by_way_of: by_way_of.map(|id| id.to_string()),
        caused_by: change.content.caused_by.as_ref().map(|caused_by| caused_by.cause.to_string()),
    }
}

//! What a failure of an item reaches.

use api::cmdb as wire;
use domain::cmdb::{Ci, Cmdb, Cut, Follow, Link, Reach, ReachLimits, ReachedCi};
use domain::risk::BlastRadius;

use super::{count, tier_of, type_of};

/// Most items, and most services, that an answer lists with their paths.
const REACHED_SHOWN_MAX: usize = 500;

/// What a failure of `ci` reaches over at most `depth` relations.
pub(crate) fn impact(cmdb: &Cmdb, ci: Ci<'_>, depth: u32, soft: bool) -> wire::Impact {
    let follow = if soft { Follow::HardAndSoft } else { Follow::Hard };
    let reach = cmdb.reach([ci], follow, ReachLimits { depth_max: depth, ..ReachLimits::default() });
    let radius = BlastRadius::of_item(&ci.to_name(), cmdb);
    let by_depth = reach.by_depth().into_iter();
    let by_tier = reach.by_tier().into_iter();
    let listed = |items: &mut dyn Iterator<Item = ReachedCi<'_>>| {
        items.take(REACHED_SHOWN_MAX).map(|reached| reached_ci(&reach, &reached)).collect()
    };
    wire::Impact {
        id: ci.name().to_owned(),
        described: ci.is_described(),
        soft,
        class: radius.class.to_string(),
        class_reason: radius.sentence,
        reached: count(reach.reached().len()),
        by_depth: by_depth.map(|(depth, items)| wire::DepthCount { depth, items: count(items) }).collect(),
        by_tier: by_tier
            .map(|(tier, items)| wire::TierCount { tier: tier.number(), items: count(items) })
            .collect(),
        compliance: reach.compliance().map(ToString::to_string).collect(),
        services_total: count(reach.services().count()),
        services: listed(&mut reach.services()),
        items: listed(&mut reach.reached()),
        cut: reach.cut().map(|cut| match cut {
            Cut::Items => "items".to_owned(),
            Cut::Depth => "depth".to_owned(),
        }),
    }
}

fn reached_ci(reach: &Reach<'_>, reached: &ReachedCi<'_>) -> wire::ReachedCi {
    let hop = |link: &Link<'_>| wire::PathHop {
        id: link.ci.name().to_owned(),
        relation: link.relation_type.to_string(),
        strength: link.strength.to_string(),
    };
    wire::ReachedCi {
        id: reached.ci.name().to_owned(),
        ci_type: type_of(&reached.ci),
        tier: tier_of(&reached.ci),
        depth: reached.depth,
        path: reach.path(reached).hops.iter().map(hop).collect(),
    }
}

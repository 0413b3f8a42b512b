//! What a source tells expressly for the CMDB: `cortex-change/tier` and `cortex-change/compliance` among its annotations.

use domain::catalog::Tier;
use domain::cmdb::ComplianceScope;

use super::Imported;
use super::draft::{Draft, Place};
use super::node::Node;

pub(super) const TIER: &str = "cortex-change/tier";
pub(super) const COMPLIANCE: &str = "cortex-change/compliance";
pub(super) const TIERS_ACCEPTED: &str = "write \"0\" (critical) to \"3\" (low)";

/// Takes the marks among annotations or tags. A tier that is none is reported; the item has none then.
pub(super) fn take(annotations: &Node, draft: &mut Draft, imported: &mut Imported) {
    if let Some(mark) = annotations.get(TIER) {
        match mark.text().and_then(tier) {
            Some(tier) => draft.tier = Some(tier),
            None => {
                let place = Place::new(&draft.place.file, mark.line);
                imported.report(place.problem(format!("`{TIER}` is no tier"), TIERS_ACCEPTED));
            }
        }
    }
    let scopes = annotations.text_at(&[COMPLIANCE]).unwrap_or_default();
    draft.compliance.extend(scopes.split(',').filter_map(ComplianceScope::cut));
}

/// A tier by its number.
pub(super) fn tier(text: &str) -> Option<Tier> {
    text.trim().parse().ok().and_then(|number: u8| Tier::try_from(number).ok())
}

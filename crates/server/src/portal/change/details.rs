//! Details: the request's further fields.

use api::change as wire;
use domain::Timestamp;
use domain::change::{Change, Source, Window};
use maud::{Markup, html};

use super::Kinds;
use crate::known::Known;
use crate::portal::{format, mark};

/// Artefacts that are listed one by one.
const LISTED_MAX: usize = 20;

/// The request's further fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Details {
    created_by: String,
    on_behalf_of: Option<String>,
    kinds: Kinds,
    created_at: Timestamp,
    window: Option<Window>,
    pairs: Vec<(&'static str, Vec<String>)>,
    prose: Vec<(&'static str, String)>,
    digest: String,
}

impl Details {
    pub(super) fn of(known: &Known, change: &Change, told: &wire::Change) -> Self {
        let content = &change.content;
        let one = |text: Option<String>| text.into_iter().collect::<Vec<_>>();
        let pairs = [
            ("Environment", one(content.environment.as_ref().map(ToString::to_string))),
            ("Impact", one(content.impact.map(|impact| impact.as_str().to_owned()))),
            ("Urgency", one(content.urgency.map(|urgency| urgency.as_str().to_owned()))),
            ("Source", content.source.as_ref().map(source).unwrap_or_default()),
            ("Number elsewhere", one(told.external_id.clone())),
            ("Follow-up", one(told.follow_up.clone())),
        ];
        let request = &told.request;
        let prose = [
            ("Justification", &request.justification),
            ("Impact assessment", &request.impact_assessment),
            ("Testing strategy", &request.testing_strategy),
        ];
        Self {
            created_by: told.created_by.clone(),
            on_behalf_of: told.on_behalf_of.clone(),
            kinds: Kinds::of(known, [&told.created_by].into_iter().chain(&told.on_behalf_of)),
            created_at: change.created_at,
            window: content.window,
            pairs: pairs.into_iter().filter(|(_, values)| !values.is_empty()).collect(),
            prose: prose.into_iter().filter_map(|(name, text)| Some((name, text.clone()?))).collect(),
            digest: told.digest.clone(),
        }
    }
}

fn listed<T: ToString>(values: impl ExactSizeIterator<Item = T>) -> Vec<String> {
    let more = values.len().saturating_sub(LISTED_MAX);
    let mut listed: Vec<_> = values.take(LISTED_MAX).map(|value| value.to_string()).collect();
    if more > 0 {
        listed.push(format!("and {more} more"));
    }
    listed
}

fn source(source: &Source) -> Vec<String> {
    let Source { repository, reference, commit, artefacts } = source;
    let mut lines: Vec<_> = [repository, reference, commit].into_iter().flatten().cloned().collect();
    lines.extend(listed(artefacts.iter().map(|(name, digest)| format!("{name} {digest}"))));
    lines
}

pub(super) fn card(details: &Details, now: Timestamp) -> Markup {
    let at = |at: Timestamp| format::instant(at, &format::short(at, now));
    let Details { created_by, on_behalf_of, kinds, .. } = details;
    html! {
        section.card aria-labelledby="details" {
            h2 #details { "Details" }
            dl.pairs {
                dt { "Requested by" }
                dd { (mark::actor(created_by, kinds.get(created_by))) }
                @if let Some(other) = on_behalf_of {
                    dt { "For" }
                    dd { (mark::actor(other, kinds.get(other))) }
                }
                dt { "Requested" }
                dd { (at(details.created_at)) }
                dt { "Window" }
                dd {
                    @match details.window {
                        Some(window) => { (at(window.start)) " to " (at(window.end)) },
                        None => "Any time",
                    }
                }
                @for (name, values) in &details.pairs {
                    dt { (name) }
                    dd { @for value in values { div { (value) } } }
                }
                dt { "Digest" }
                dd { code.digest { (details.digest) } }
            }
            @for (name, text) in &details.prose {
                h3 { (name) }
                p.prose { (text) }
            }
        }
    }
}

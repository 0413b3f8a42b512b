//! Configuration items: one in full, or a list; what a failure reaches; what an import changes.

mod graph;

use api::cmdb::{
    Ci, CiHistoryEntry, CiLink, CiLinks, CiSummary, CmdbEdited, Fact, FieldDifference, Impact,
    ItemDifference, PathHop, ReachedCi,
};

use super::{Lines, Table, cell, instant, state, words};
use crate::shell::{Paint, plain};

pub(crate) use graph::{dot, mermaid, tree};

/// Most relations of an item that are told of in text.
const LINKS_TOLD: usize = 30;

/// A list of items.
pub(crate) fn list(items: &[CiSummary], paint: Paint) -> String {
    const SOURCES: usize = 5;
    let headings = ["ITEM", "TYPE", "TIER", "OWNER", "ENVIRONMENT", "SOURCES"];
    let mut table = Table::new(paint, &headings, SOURCES);
    for item in items {
        table.row([
            cell(&item.id),
            optional(item.ci_type.as_deref()),
            item.tier.map_or_else(dash, |tier| tier.to_string()),
            optional(item.owner.as_deref()),
            optional(item.environment.as_deref()),
            if item.described { cell(&item.sources.join(", ")) } else { "only named".to_owned() },
        ]);
    }
    table.into_text()
}

fn optional(text: Option<&str>) -> String {
    text.map_or_else(dash, cell)
}

fn dash() -> String {
    "-".to_owned()
}

/// An item in full.
pub(crate) fn in_full(ci: &Ci, paint: Paint) -> String {
    let mut lines = Lines::default();
    let kind = match &ci.ci_type {
        Some(ci_type) => words(&ci_type.value),
        None if ci.version > 0 => "no longer described by anybody".to_owned(),
        None => "only named by other items; nobody describes it".to_owned(),
    };
    lines.line(format!("{}  {kind}", paint.strong(plain(&ci.id))));
    let mut stated = |label: &str, fact: Option<&Fact<String>>| {
        let text = fact.map(|fact| format!("{}  ({})", fact.value, said_by(fact)));
        lines.field(paint, label, text.as_deref());
    };
    let tier = ci.tier.as_ref().map(|tier| Fact {
        value: tier.value.to_string(),
        source: tier.source.clone(),
        stated_at: tier.stated_at.clone(),
    });
    stated("tier", tier.as_ref());
    stated("owner", ci.owner.as_ref());
    stated("environment", ci.environment.as_ref());
    stated("lifecycle", ci.lifecycle.as_ref());
    ci.compliance.iter().for_each(|scope| stated("compliance", Some(scope)));
    if !ci.attributes.is_empty() {
        lines.heading(paint, "Attributes");
        for (name, value) in &ci.attributes {
            lines.line(format!("  {} {}  ({})", cell(name), cell(&value.value), said_by(value)));
        }
    }
    links(&mut lines, paint, "Leans on", &ci.relations);
    links(&mut lines, paint, "Leaned on by", &ci.dependents);
    if !ci.sources.is_empty() {
        lines.heading(paint, "Sources");
        for stated in &ci.sources {
            let place = stated.description.location.as_deref();
            let place = place.map_or_else(String::new, |place| format!(", {}", cell(place)));
            lines.line(format!(
                "  {}  {}{place}",
                paint.dim(instant(&stated.stated_at)),
                cell(&stated.source)
            ));
        }
    }
    if !ci.changes.is_empty() {
        lines.heading(paint, "Last changes");
        for change in &ci.changes {
            let (id, title) = (plain(&change.change_id), cell(&change.title));
            lines.line(format!("  {id}  {}  {title}", state(paint, &change.state)));
        }
    }
    lines.into_text()
}

/// Which source says a fact, and since when.
fn said_by(fact: &Fact<String>) -> String {
    format!("{}, {}", cell(&fact.source), instant(&fact.stated_at))
}

fn links(lines: &mut Lines, paint: Paint, heading: &str, links: &CiLinks) {
    if links.items.is_empty() {
        return;
    }
    lines.heading(paint, &format!("{heading} ({})", links.total));
    for link in links.items.iter().take(LINKS_TOLD) {
        lines.line(format!("  {}", in_a_line(link, paint)));
    }
    let told = u64::try_from(links.items.len().min(LINKS_TOLD)).unwrap_or(u64::MAX);
    if links.total > told {
        lines.line(format!("  … and {} more: `--output json`, or `cmdb graph`", links.total - told));
    }
}

/// `uses Secret/shop/db (hard)  env DATABASE_URL of container api`.
fn in_a_line(link: &CiLink, paint: Paint) -> String {
    let tier = link.tier.map_or_else(String::new, |tier| format!(", tier {tier}"));
    let unknown = if link.described { String::new() } else { format!(", {}", paint.caution("only named")) };
    let because = link.stated.iter().find_map(|stated| stated.because.as_deref());
    let because = because.map_or_else(String::new, |because| format!("  {}", paint.dim(cell(because))));
    let (relation, id, strength) = (words(&link.relation), cell(&link.id), plain(&link.strength));
    format!("{relation} {id} ({strength}{tier}{unknown}){because}")
}

/// What a failure of an item reaches; the nearest items, at most so many.
pub(crate) fn impact(impact: &Impact, most: usize, paint: Paint) -> String {
    let mut lines = Lines::default();
    lines.line(format!("{}  {}", paint.strong(plain(&impact.id)), class(&impact.class, paint)));
    lines.line(format!("  {}", cell(&impact.class_reason)));
    if !impact.described {
        lines.line(format!("  {}", paint.caution("only named by other items; nobody describes it")));
    }
    let followed = if impact.soft { "hard and soft" } else { "hard" };
    lines.field(paint, "reaches", Some(&format!("{} items along {followed} relations", impact.reached)));
    let depths = impact.by_depth.iter().map(|at| format!("{} at {}", at.items, at.depth));
    lines.field(paint, "by distance", some(depths.collect::<Vec<_>>().join(", ")).as_deref());
    let tiers = impact.by_tier.iter().map(|of| format!("{} of tier {}", of.items, of.tier));
    lines.field(paint, "by tier", some(tiers.collect::<Vec<_>>().join(", ")).as_deref());
    lines.field(paint, "compliance", some(impact.compliance.join(", ")).as_deref());
    reached(&mut lines, paint, "Services", (impact.services_total, &impact.services), most);
    reached(&mut lines, paint, "Items, the nearest first", (impact.reached, &impact.items), most);
    match impact.cut.as_deref() {
        Some("depth") => lines.line("There is more further away: give a larger `--depth`."),
        Some(_) => lines.line("There is more than was counted."),
        None => {}
    }
    lines.into_text()
}

fn class(class: &str, paint: Paint) -> String {
    match class {
        "component" | "single_service" => words(class),
        "multi_service" => paint.caution(words(class)),
        _ => paint.bad(words(class)),
    }
}

fn some(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

fn reached(lines: &mut Lines, paint: Paint, heading: &str, (total, items): (u64, &[ReachedCi]), most: usize) {
    if items.is_empty() {
        return;
    }
    lines.heading(paint, heading);
    for item in items.iter().take(most) {
        let tier = item.tier.map_or_else(String::new, |tier| format!(" (tier {tier})"));
        lines.line(format!("  {}{tier}", cell(&item.id)));
        lines.line(format!("    {}", paint.dim(way(&item.path, paint))));
    }
    let told = u64::try_from(items.len().min(most)).unwrap_or(u64::MAX);
    if total > told {
        lines.line(format!("  … and {} more: `--all`, or `--output json`", total - told));
    }
}

/// `it → Deployment/shop/cart (uses) → Service/shop/cart (depends on)`.
fn way(path: &[PathHop], paint: Paint) -> String {
    let arrow = paint.sign("→", "->");
    let hops = path.iter().map(|hop| {
        let soft = if hop.strength == "soft" { ", soft" } else { "" };
        format!(" {arrow} {} ({}{soft})", cell(&hop.id), words(&hop.relation))
    });
    format!("it{}", hops.collect::<String>())
}

/// What happened to an item.
pub(crate) fn history(entries: &[CiHistoryEntry], paint: Paint) -> String {
    let mut lines = Lines::default();
    for entry in entries {
        let (when, source) = (paint.dim(instant(&entry.timestamp)), cell(&entry.source));
        let done = if entry.action == "withdrawn" { "no longer described by" } else { "described by" };
        lines.line(format!("{when}  {done} {source}, written by {}", cell(&entry.actor)));
        for field in &entry.fields {
            lines.line(format!("    {}", difference(field, paint)));
        }
    }
    lines.into_text()
}

/// What an edit did or would do, in a sentence.
pub(crate) fn edited(edited: &CmdbEdited) -> String {
    let CmdbEdited { source, new, changed, unchanged, withdrawn, .. } = edited;
    let would = if edited.dry_run { " would be" } else { "" };
    let what = format!("{new} new, {changed} changed, {withdrawn} withdrawn, {unchanged} unchanged");
    format!("{}:{would} {what}", plain(source))
}

/// What an edit would do, item by item.
pub(crate) fn differences(edited: &CmdbEdited, paint: Paint) -> String {
    let mut lines = Lines::default();
    for ItemDifference { id, difference: what, fields } in &edited.items {
        let id = cell(id);
        lines.line(match what.as_str() {
            "new" => paint.good(format!("+ {id}")),
            "changed" => paint.caution(format!("~ {id}")),
            "withdrawn" => paint.bad(format!("- {id}")),
            other => format!("? {id}  {}", words(other)),
        });
        for field in fields {
            lines.line(format!("    {}", difference(field, paint)));
        }
    }
    lines.into_text()
}

/// `tier: 2 → 1`.
fn difference(field: &FieldDifference, paint: Paint) -> String {
    let value = |value: Option<&str>| value.map_or_else(|| "nothing".to_owned(), cell);
    let (before, after) = (value(field.before.as_deref()), value(field.after.as_deref()));
    format!("{}: {before} {} {after}", cell(&field.field), paint.sign("→", "->"))
}

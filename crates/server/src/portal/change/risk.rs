//! Why the risk is what it is: the formula step by step, the level, the blast radius, what is not known.

use api::change::{self as wire, Factor, Term};
use domain::change::{Outcome, StateName};
use domain::risk::{Assessment, Level};
use maud::{Markup, html};

use crate::portal::mark::Told;
use crate::portal::{format, icon::Icon};
use crate::view;

/// Width of the scale: the score's own, or wider where the raw value is larger.
const SCALE: f64 = 100.0;
/// Where the score's bands begin.
const BANDS: [(&str, f64, f64); 4] = [
    ("band-low", 0.0, 30.0),
    ("band-medium", 30.0, 60.0),
    ("band-high", 60.0, 80.0),
    ("band-critical", 80.0, SCALE),
];
/// Narrowest bar, in per cent of the scale, so that a small step can still be seen.
const BAR_PERCENT_MIN: f64 = 0.6;
/// Where the bars of reasons begin, to the left and to the right.
const HALF_PERCENT: f64 = 50.0;

/// An assessment.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Risk {
    level: Level,
    told: wire::Risk,
}

impl Risk {
    pub(super) fn of(assessment: &Assessment) -> Self {
        Self { level: assessment.level, told: view::risk(assessment) }
    }
}

pub(super) fn card(risk: &Risk) -> Markup {
    let told = &risk.told;
    html! {
        section.card aria-labelledby="risk" {
            h2 #risk { "Why the risk score is " (told.score) }
            p.quiet {
                "Impact × probability × complexity, less testing coverage × automation level, held between 0 and 100."
            }
            (waterfall(risk))
            (level(risk))
            (facts(told))
            (findings(told))
            (conflicts(told))
            @if let Some(prediction) = &told.probability.model { (reasons(prediction)) }
            (similar(told))
            details {
                summary { "What each factor is made of" }
                dl.factors { @for factor in &told.factors { (factor_parts(factor)) } }
            }
        }
    }
}

/// The formula from left to right: each step's amount and what it leads to.
fn waterfall(risk: &Risk) -> Markup {
    let told = &risk.told;
    let mut sum = 0.0;
    let mut steps: Vec<(&Term, f64, f64)> = Vec::with_capacity(told.explanation.len());
    for term in &told.explanation {
        let before = sum;
        sum += term.value;
        steps.push((term, before, sum));
    }
    let scale = steps.iter().fold(SCALE, |scale, (_, _, after)| scale.max(*after));
    html! {
        table.waterfall {
            caption.sr { "The score step by step" }
            thead {
                tr {
                    th scope="col" { "Step" }
                    th.amount scope="col" { "Adds" }
                    th.bar aria-hidden="true" { (bands_head(scale)) }
                    th.amount scope="col" { "Makes" }
                }
            }
            tbody {
                @for (term, before, after) in &steps {
                    tr {
                        th scope="row" { (format::words(&term.source)) small { (format::sentence(&term.sentence)) } }
                        td.amount { (signed(term.value)) }
                        td.bar aria-hidden="true" { (bar(*before, *after, scale)) }
                        td.amount { (decimal(*after)) }
                    }
                }
                tr.total {
                    th scope="row" {
                        "Score"
                        @if decimal(told.raw) != format!("{}.0", told.score) {
                            small { (decimal(told.raw)) " before it was rounded and held between 0 and 100." }
                        }
                    }
                    td.amount {}
                    td.bar aria-hidden="true" { (bar(0.0, f64::from(told.score), scale)) }
                    td.amount { (told.score) }
                }
            }
        }
    }
}

fn bands_head(scale: f64) -> Markup {
    html! {
        svg.bands-head {
            @for (name, at) in [("Low", 0.0), ("Medium 30", 30.0), ("High 60", 60.0), ("Critical 80", 80.0)] {
                text x=(percent(at, scale)) y="10" { (name) }
            }
        }
    }
}

fn bar(before: f64, after: f64, scale: f64) -> Markup {
    let (from, to) = (before.min(after).clamp(0.0, scale), before.max(after).clamp(0.0, scale));
    let width = (to - from).max(scale * BAR_PERCENT_MIN / 100.0);
    let from = from.min(scale - width);
    let class = if after < before { "fill-less" } else { "fill-more" };
    html! {
        svg {
            @for (class, start, end) in BANDS {
                @let end = if end >= SCALE { scale } else { end };
                rect class=(class) x=(percent(start, scale)) width=(percent(end - start, scale)) height="20" {}
            }
            rect class=(class) x=(percent(from, scale)) width=(percent(width, scale)) y="4" height="12" rx="2" {}
        }
    }
}

fn percent(value: f64, scale: f64) -> String {
    format!("{:.2}%", value * 100.0 / scale)
}

fn decimal(value: f64) -> String {
    format!("{value:.1}").replace('-', "−")
}

fn signed(value: f64) -> String {
    if value < 0.0 { decimal(value) } else { format!("+{}", decimal(value)) }
}

/// The level, and which of its rules made it so.
fn level(risk: &Risk) -> Markup {
    let told = &risk.told;
    html! {
        p.level {
            b { (risk.level.title()) " risk." } " By the score alone it would be " (told.band_level)
            ", by blast radius and probability " (told.matrix_level) "; the higher counts."
            @for floor in &told.level_floors { " " (format::marked(&format::sentence(floor))) }
        }
    }
}

fn facts(told: &wire::Risk) -> Markup {
    let wire::Probability { percent, interval_percent: [low, high], past_changes, .. } = &told.probability;
    html! {
        dl.pairs {
            dt { "Probability of failure" }
            dd {
                (format!("{percent:.1} %")) ", with 90 % certainty between " (format!("{low:.1} and {high:.1} %"))
                @if *past_changes == 0 { ". Nothing is known of changes like it yet." }
                @else { ", from " (format::count(*past_changes, "past change", "past changes")) "." }
            }
            dt { "Blast radius" }
            dd {
                (format::words(&told.blast_radius))
                @if !told.blast_radius_reason.is_empty() { ": " (told.blast_radius_reason) "." }
                @if !told.reached.is_empty() {
                    details {
                        summary { (format::count(u64::from(told.dependents_count), "service", "services")) " would fail with it" }
                        ul.plain-list { @for reached in &told.reached { li { (reached) } } }
                    }
                }
            }
            dt { "Demands" }
            dd {
                "Tests: " (format::words(&told.testing_requirement).to_lowercase()) ". Rollback plan: "
                (format::words(&told.rollback_requirement).to_lowercase()) "."
            }
            @if let Some(class) = &told.reversibility {
                dt { "Taken back" }
                dd {
                    (format::words(class))
                    @if !told.irreversible_steps.is_empty() {
                        ": nothing takes back " (told.irreversible_steps.join(", ")) ", so the authority above decides too"
                    }
                }
            }
            @if !told.compliance.is_empty() {
                dt { "Falls under" }
                dd { (told.compliance.join(", ")) }
            }
            @if !told.missing.is_empty() {
                dt { "Not known" }
                dd { ul.plain-list { @for missing in &told.missing { li { (format::marked(&format::sentence(missing))) } } } }
            }
        }
    }
}

fn findings(told: &wire::Risk) -> Markup {
    html! {
        @if !told.findings.is_empty() {
            h3 { "What the request falls short of" }
            ul.findings {
                @for finding in &told.findings {
                    li {
                        (Icon::Warning.mark())
                        div {
                            b { (format::marked(&format::sentence(&finding.sentence))) }
                            p { "Next: " (format::marked(&finding.next_step)) "." }
                            p.quiet {
                                code { (finding.rule) }
                                @if let Some(control) = &finding.control { " " (control) }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Other changes that were planned for the same time.
fn conflicts(told: &wire::Risk) -> Markup {
    html! {
        @if !told.conflicts.is_empty() {
            h3 { "At the same time" }
            ul.plain-list { @for conflict in &told.conflicts { li { (format::marked(&format::sentence(conflict))) } } }
        }
    }
}

/// Past changes like it, and how they ended.
fn similar(told: &wire::Risk) -> Markup {
    html! {
        @if !told.similar.is_empty() {
            h3 { "Past changes like it" }
            ul.similar {
                @for one in &told.similar {
                    li {
                        (ended(&one.outcome))
                        @if let Some(finding) = &one.finding {
                            span.badge { "A review found: " (format::words(finding)) }
                        }
                        span.reference {
                            @if one.change.starts_with("CHG-") {
                                a href={ "/changes/" (one.change) } { (one.change) }
                            } @else { (one.change) }
                        }
                        span.quiet { (format!("{:.0}\u{202f}%", one.likeness_percent)) " alike" }
                        p.quiet { (each_once(&one.shared)) }
                    }
                }
            }
        }
    }
}

fn ended(outcome: &str) -> Markup {
    match outcome.parse::<Outcome>() {
        Ok(outcome) => Told::state(StateName::Closed, Some(outcome)).mark(),
        Err(_) => html! { (format::words(outcome)) },
    }
}

/// What two changes share. A service may also be a word of the title.
fn each_once(shared: &[String]) -> String {
    let new = |(at, text): &(usize, &String)| !shared.iter().take(*at).any(|earlier| earlier == *text);
    let once: Vec<_> = shared.iter().enumerate().filter(new).map(|(_, text)| text.as_str()).collect();
    once.join(", ")
}

/// What a model's prediction is made of.
fn reasons(prediction: &wire::Prediction) -> Markup {
    let wire::Prediction { model, percent, interval_percent: [low, high], past_changes, .. } = prediction;
    let parts = prediction.parts.iter().map(|part| part.log_odds);
    let scale = parts.chain([prediction.base]).map(f64::abs).fold(f64::MIN_POSITIVE, f64::max);
    html! {
        h3 { "Why model " (model) " says " (format!("{percent:.1}\u{202f}%")) }
        p.quiet {
            "With 90\u{202f}% certainty between " (format!("{low:.1} and {high:.1}\u{202f}%")) ", learned from "
            (format::count(*past_changes, "past change", "past changes"))
            ". The amounts are log-odds: above 0 a failure is more probable."
        }
        @if !prediction.doubts.is_empty() {
            ul.findings {
                @for doubt in &prediction.doubts {
                    li { (Icon::Warning.mark()) div { b { "Not sure: " } (doubt) } }
                }
            }
        }
        table.reasons {
            caption.sr { "What each fact adds to the prediction" }
            thead.sr { tr { th scope="col" { "Fact" } th scope="col" { "Adds" } th aria-hidden="true" {} } }
            tbody {
                (reason("any change", "", prediction.base, scale))
                @for part in &prediction.parts { (reason(&part.fact, &part.value, part.log_odds, scale)) }
            }
        }
    }
}

fn reason(fact: &str, value: &str, amount: f64, scale: f64) -> Markup {
    let width = (amount.abs() / scale * HALF_PERCENT).max(BAR_PERCENT_MIN);
    let start = if amount < 0.0 { HALF_PERCENT - width } else { HALF_PERCENT };
    let class = if amount < 0.0 { "fill-less" } else { "fill-worse" };
    html! {
        tr {
            th scope="row" { (format::words(fact)) @if !value.is_empty() { small { (value) } } }
            td.amount { (log_odds(amount)) }
            td.bar aria-hidden="true" {
                svg {
                    rect class=(class) x=(format!("{start:.2}%")) y="4" width=(format!("{width:.2}%")) height="12" rx="2" {}
                    rect.axis x="50%" width="1" height="20" {}
                }
            }
        }
    }
}

fn log_odds(value: f64) -> String {
    format!("{value:+.2}").replace('-', "−")
}

fn factor_parts(factor: &Factor) -> Markup {
    html! {
        dt { (format::words(&factor.name)) " " b { (decimal(factor.value)) } }
        dd {
            ul.plain-list {
                @for part in &factor.contributions {
                    li {
                        (signed(part.value)) " " (format::marked(&format::sentence(&part.sentence)))
                        @if let Some(fact) = &part.fact {
                            small { (fact.item) ", says " (fact.source) " since " (fact.at) }
                        }
                    }
                }
            }
        }
    }
}

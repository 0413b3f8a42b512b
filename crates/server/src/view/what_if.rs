//! What would be if facts were different.

use api::risk as wire;
use domain::approval::Requirements;
use domain::change::{Content, State};
use domain::risk::Assessment;
use domain::risk::what_if::{Alteration, Found, SupposedRollback};

use super::{risk, role_title, time};
use crate::use_cases::what_if::{Outlook, WhatIf};

/// What would be.
pub(crate) fn what_if(answer: &WhatIf) -> wire::WhatIf {
    let WhatIf { change, now, before, after, alone, lower } = answer;
    let (content, looked_at) = match after {
        Some((supposed, outlook)) => (&supposed.content, outlook),
        None => (&change.content, before),
    };
    wire::WhatIf {
        change_id: change.id.to_string(),
        at: time(*now),
        notes: notes(answer),
        before: outlook(before),
        after: after.as_ref().map(|(_, after)| outlook(after)),
        facts: alone.iter().map(|(alteration, alone)| fact(alteration, before, alone)).collect(),
        differences: after.as_ref().map_or_else(Vec::new, |(_, after)| differences(before, after)),
        lower: self::lower(lower, content, alone, &looked_at.assessment),
    }
}

/// What is worth knowing besides: where the record says something else, and what a supposed fact cannot alter.
fn notes(answer: &WhatIf) -> Vec<String> {
    let WhatIf { change, before, alone, .. } = answer;
    let mut notes = Vec::new();
    if let Some(recorded) = change.assessment()
        && (recorded.score, recorded.level) != (before.assessment.score, before.assessment.level)
    {
        notes.push(format!(
            "on record is {} ({}), assessed when it was handed in; the CMDB and the record of past changes have moved on since",
            recorded.score, recorded.level
        ));
    }
    if matches!(change.state, State::Closed(_)) {
        notes.push("it is closed: its own outcome is part of the record by now".to_owned());
    }
    for (alteration, _) in alone {
        match alteration {
            Alteration::Window(_) => notes.push(
                "of the window only that counts whether another change has the time; when the change is handed in is another fact"
                    .to_owned(),
            ),
            Alteration::Files(_) if change.content.evidence.churn.is_none() => notes.push(
                "how many files change counts only beside how many lines do: suppose lines as well".to_owned(),
            ),
            _ => {}
        }
    }
    notes
}

fn outlook(outlook: &Outlook) -> wire::Outlook {
    let Requirements { automated, gates, deadline_seconds, inform, .. } = &outlook.requirements;
    let gate =
        |gate: &domain::approval::Gate| api::change::Gate { role: gate.role.to_string(), count: gate.count };
    wire::Outlook {
        risk: risk(&outlook.assessment),
        approval: wire::RequiredApprovals {
            automated: *automated,
            required: gates.iter().map(gate).collect(),
            informed: super::texts(inform),
            deadline_seconds: *deadline_seconds,
        },
    }
}

fn fact(alteration: &Alteration, before: &Outlook, alone: &Outlook) -> wire::SupposedFact {
    wire::SupposedFact {
        sentence: alteration.sentence(),
        alters: alone != before,
        score: alone.assessment.score.get(),
        level: alone.assessment.level.to_string(),
    }
}

/// What is said of an assessment in a few words each.
fn said(Outlook { assessment, requirements }: &Outlook) -> Vec<(&'static str, String)> {
    let mut said = vec![
        ("level", assessment.level.to_string()),
        ("score", assessment.score.to_string()),
        ("raw score", format!("{:.1}", f64::from(assessment.raw_thousandths) / 1_000.0)),
        ("probability of failure", assessment.failure.value.to_string()),
    ];
    let factors = &assessment.factors;
    said.extend([
        ("impact", factors.impact.value.to_string()),
        ("complexity", factors.complexity.value.to_string()),
        ("testing coverage", factors.testing_coverage.value.to_string()),
        ("automation level", factors.automation_level.value.to_string()),
        ("blast radius", assessment.blast_radius.class.to_string()),
        ("level by score", assessment.band_level.to_string()),
        ("level by matrix", assessment.matrix_level.to_string()),
        ("approvals", approvals(requirements)),
        ("tests required", assessment.testing.to_string()),
        ("rollback plan", assessment.rollback.to_string()),
        ("facts missing", assessment.missing.len().to_string()),
        ("findings", assessment.findings.len().to_string()),
    ]);
    said
}

fn differences(before: &Outlook, after: &Outlook) -> Vec<wire::Difference> {
    let pairs = said(before).into_iter().zip(said(after));
    let moved = pairs.filter(|((_, before), (_, after))| before != after);
    moved
        .map(|((what, before), (_, after))| wire::Difference { what: what.to_owned(), before, after })
        .collect()
}

fn approvals(requirements: &Requirements) -> String {
    if requirements.automated {
        return "none".to_owned();
    }
    let gates = requirements.gates.iter().map(|gate| format!("{} × {}", gate.count, role_title(gate.role)));
    gates.collect::<Vec<_>>().join(", ")
}

fn lower(
    found: &Found,
    content: &Content,
    alone: &[(Alteration, Outlook)],
    assessment: &Assessment,
) -> wire::Lower {
    let supposed: Vec<_> = alone.iter().map(|(alteration, _)| alteration).collect();
    let suggestions = found.suggestions.iter().map(|suggestion| wire::Suggestion {
        facts: suggestion.alterations.iter().map(Alteration::sentence).collect(),
        options: options(content, &supposed, &suggestion.alterations),
        effort: suggestion.effort,
        level: suggestion.standing.level.to_string(),
        score: suggestion.standing.score.get(),
        needs_people: suggestion.standing.needs_people,
        changes: suggestion.changes,
    });
    wire::Lower {
        suggestions: suggestions.collect(),
        assessed: found.assessed,
        complete: found.is_complete,
        held_by: held_by(assessment),
    }
}

/// Why the level is not lower, and why nobody may be left out.
fn held_by(assessment: &Assessment) -> Vec<String> {
    let Assessment { level, band_level, matrix_level, score, blast_radius, failure, .. } = assessment;
    let band = (band_level == level).then(|| format!("the score {score} is {level}"));
    let matrix = (matrix_level == level).then(|| {
        let reach = blast_radius.class.as_str().replace('_', " ");
        format!("the matrix says {level}: {reach}, {} to fail", failure.value)
    });
    let floors = assessment.floors.iter().filter(|floor| floor.level == *level);
    let missing = assessment.missing.iter().map(|missing| missing.sentence.clone());
    let findings = assessment.findings.iter().map(|finding| finding.sentence.clone());
    let reasons = band.into_iter().chain(matrix).chain(floors.map(|floor| floor.sentence.clone()));
    reasons.chain(missing).chain(findings).collect()
}

/// The options of the command line with which the same is supposed, after what is supposed already; nothing where the
/// change becomes several.
fn options(content: &Content, supposed: &[&Alteration], further: &[Alteration]) -> Option<String> {
    let further: Option<Vec<String>> = further.iter().map(|alteration| option(content, alteration)).collect();
    let further = further?;
    let flag = |option: &str| option.split(' ').next().unwrap_or_default().to_owned();
    let is_superseded = |option: &String| further.iter().any(|later| flag(later) == flag(option));
    let kept = supposed.iter().filter_map(|alteration| option(content, alteration));
    let kept: Vec<String> = kept.filter(|option| !is_superseded(option)).collect();
    Some([kept, further].concat().join(" "))
}

fn option(content: &Content, alteration: &Alteration) -> Option<String> {
    let answer = |yes: bool| if yes { "yes" } else { "no" };
    Some(match alteration {
        Alteration::Coverage(share) => format!("--coverage {}", f64::from(share.get()) / 100.0),
        Alteration::Tests { passed } => format!("--tests {}", if *passed { "passed" } else { "failed" }),
        Alteration::Lines(lines) => format!("--lines {lines}"),
        Alteration::Files(files) => format!("--files {files}"),
        Alteration::Settings(changed) => format!("--settings {}", answer(*changed)),
        Alteration::Schema(changed) => format!("--schema {}", answer(*changed)),
        Alteration::Services(names) => format!("--services {}", joined(names)),
        Alteration::Items(names) => format!("--items {}", joined(names)),
        Alteration::WithoutService(left_out) => {
            format!(
                "--services {}",
                joined(content.affected_services.iter().filter(|name| *name != left_out))
            )
        }
        Alteration::OneItemEach => return None,
        Alteration::Parts(parts) => {
            let lines = content.evidence.churn.map_or(0, |churn| churn.lines);
            format!("--lines {}", lines.div_ceil((*parts).max(1)))
        }
        Alteration::Environment(name) => format!("--environment {name}"),
        Alteration::Window(window) => format!("--window {}/{}", window.start, window.end),
        Alteration::HandedIn(at) => format!("--at {at}"),
        Alteration::Rollback(SupposedRollback::Automated) => "--rollback-plan automated".to_owned(),
        Alteration::Rollback(SupposedRollback::Manual) => "--rollback-plan manual".to_owned(),
        Alteration::Rollback(SupposedRollback::None) => "--rollback-plan none".to_owned(),
        Alteration::PlanAutomated => "--plan automated".to_owned(),
        Alteration::Monitored => "--monitored".to_owned(),
        Alteration::FindingsResolved => "--findings none".to_owned(),
    })
}

fn joined<T: ToString>(names: impl IntoIterator<Item = T>) -> String {
    super::texts(names).join(",")
}

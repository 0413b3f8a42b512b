//! Tells what the server says of a change before anybody decides: what it reaches, how probably it fails and why, and how
//! the changes most like it ended.

use api::change::{Change, Prediction, Risk};

use super::narrator::Narrator;
use super::past;
use crate::failure::Failure;
use crate::render;

/// Reasons that are told; the portal and `risk` show all.
const REASONS_TOLD: usize = 4;
/// Similar changes that are told.
const SIMILAR_TOLD: usize = 5;
/// By how much a probability may differ from what its reasons add up to, in per cent points: they are told rounded.
const ROUNDING_POINTS: f64 = 0.2;

/// Tells the assessment of a change of the greeter and checks that it holds together. Gives the probability that counts, in per cent.
pub(super) fn tell(narrator: &Narrator<'_>, change: &Change) -> Result<f64, Failure> {
    let nothing = || Failure::new(format!("{} has no assessment", change.change_id));
    let risk = change.risk.as_ref().ok_or_else(nothing)?;
    reach(narrator, risk)?;
    let probability = &risk.probability;
    let prediction = probability.model.as_ref().ok_or_else(|| {
        Failure::new(format!("no model says anything of {}: {probability:?}", change.change_id))
    })?;
    predicted(narrator, prediction)?;
    doubts(narrator, risk, prediction)?;
    similar(narrator, risk)?;
    Ok(probability.percent)
}

fn reach(narrator: &Narrator<'_>, risk: &Risk) -> Result<(), Failure> {
    let reached = risk.reached.first().map_or("nothing", String::as_str);
    narrator.check(
        &format!("what it touches is known, and so is what fails with it, and by which way: {reached}"),
        risk.dependents_count == 1 && reached.contains("greeter → storefront"),
        &format!("{:?}", risk.reached),
    )?;
    let scopes = risk.compliance.join(", ");
    narrator.check(&format!("through the storefront it falls under {scopes}"), scopes == "PCI", &scopes)
}

fn predicted(narrator: &Narrator<'_>, prediction: &Prediction) -> Result<(), Failure> {
    let Prediction { model, percent, interval_percent: [low, high], past_changes, .. } = prediction;
    narrator.check(
        &format!(
            "model {model}, learned from {past_changes} changes, says that it fails with {percent:.1} %, between {low:.1} and {high:.1} %"
        ),
        (0.0..=*percent).contains(low) && (*percent..=100.0).contains(high),
        &format!("{prediction:?}"),
    )?;
    narrator.say("  Its strongest reasons, in log-odds:")?;
    narrator.say(&format!("    {:>+6.2}  any change", prediction.base))?;
    for part in prediction.parts.iter().take(REASONS_TOLD) {
        narrator.say(&format!(
            "    {:>+6.2}  {}: {}",
            part.log_odds,
            render::words(&part.fact),
            part.value
        ))?;
    }
    let sum = prediction.base + prediction.parts.iter().map(|part| part.log_odds).sum::<f64>();
    let makes = 100.0 / (1.0 + (-sum).exp());
    narrator.check(
        &format!("all {} reasons together make {percent:.1} %", prediction.parts.len()),
        !prediction.parts.is_empty() && (makes - percent).abs() < ROUNDING_POINTS,
        &format!("they make {makes}: {prediction:?}"),
    )
}

fn doubts(narrator: &Narrator<'_>, risk: &Risk, prediction: &Prediction) -> Result<(), Failure> {
    for doubt in &prediction.doubts {
        narrator.say(&format!("  It is not sure: {doubt}."))?;
    }
    let seen = format!("{risk:?}");
    if prediction.doubts.is_empty() {
        return narrator.check("it is sure enough to be believed", risk.probability.source == "model", &seen);
    }
    let counts = risk.probability.percent;
    let claim = match risk.probability.source.as_str() {
        "model" => {
            format!("its {counts:.1} % still counts, being more than the record of past changes makes")
        }
        _ => format!("so it cannot lower the {counts:.1} % that the record of past changes makes"),
    };
    narrator.check(&claim, counts >= prediction.percent, &seen)?;
    let has_floor = risk.level_floors.iter().any(|floor| floor.contains("not sure"));
    narrator.check("and a person decides, whatever the score", risk.level != "low" && has_floor, &seen)
}

fn similar(narrator: &Narrator<'_>, risk: &Risk) -> Result<(), Failure> {
    narrator.say("  Past changes most like it:")?;
    for one in risk.similar.iter().take(SIMILAR_TOLD) {
        let mut shared = one.shared.clone();
        shared.dedup();
        let (outcome, shared) = (render::words(&one.outcome), shared.join(", "));
        narrator
            .say(&format!("    {}  {:.0} % alike, {outcome}: {shared}", one.change, one.likeness_percent))?;
    }
    let imported = format!("{}/", past::SOURCE);
    let known = |change: &str| change.starts_with(&imported) || change.starts_with("CHG-");
    narrator.check(
        "each of them says how it ended and what it shares with this one",
        !risk.similar.is_empty()
            && risk
                .similar
                .iter()
                .all(|one| known(&one.change) && !one.outcome.is_empty() && !one.shared.is_empty()),
        &format!("{:?}", risk.similar),
    )
}

//! How probable it is that the change fails.
//!
//! A trained model says it, where there is one. One that is not sure may raise what the record says, and never lower it.
//!
//! Before there is a model, the record says it.
//! The base rate of the change's type is a Beta prior worth [`TYPE_STRENGTH`] observations; what became of earlier
//! changes of the type updates it. That rate in turn is the prior, worth [`RECORD_STRENGTH`] observations, of three
//! records: the category's, the worst of the services' and the requester's. One earlier change usually stands in all
//! three, so multiplying or adding their evidence would count it three times: the records that have any change are
//! averaged. Without any record the probability is the base rate, and says so.

use serde::{Deserialize, Serialize};

use super::beta;
use super::history::{History, QUARTERS, Record};
use super::in_range;
use super::prediction::Prediction;
use crate::change::kind::words;
use crate::change::{ChangeType, Content};
use crate::number::Probability;

const PPM: u64 = 1_000_000;
/// How many observations the base rate of a type weighs.
const TYPE_STRENGTH: u64 = 200;
/// How many observations the rate of the type weighs against one record.
const RECORD_STRENGTH: u64 = 50;
/// Probability below and above the credible interval, which thus holds 90 %.
const TAIL: f64 = 0.05;

words!(
    /// What a probability comes from.
    ProbabilitySource, "probability source", {
        /// The base rate of the change type, because nothing is known yet.
        BaseRate = "base_rate",
        /// How earlier changes ended.
        History = "history",
        /// A trained model.
        Model = "model",
    }
);

/// The probability that a change fails, and how sure it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FailureProbability {
    /// The probability.
    pub value: Probability,
    /// What it comes from.
    pub source: ProbabilitySource,
    /// Lower end of the 90 % credible interval.
    pub interval_low: Probability,
    /// Upper end of the 90 % credible interval.
    pub interval_high: Probability,
    /// How many earlier changes the largest record holds, or the model learned from.
    pub rests_on: u32,
    /// What the model says, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prediction: Option<Prediction>,
}

/// The probability after one more record was looked at, and what that record says.
#[derive(Debug)]
pub(super) struct Stage {
    pub(super) source: &'static str,
    pub(super) value: Probability,
    pub(super) sentence: String,
}

/// The probability and how it came about; the first stage is the base rate, the last one the result.
#[derive(Debug)]
pub(super) struct Estimate {
    pub(super) failure: FailureProbability,
    pub(super) stages: Vec<Stage>,
}

/// A record with any change in it, and the rate it leads to.
struct Evidence {
    source: &'static str,
    subject: String,
    record: Record,
    rate_ppm: u64,
}

/// Base rate of a type, in millionths.
fn base_rate_ppm(change_type: ChangeType) -> u64 {
    match change_type {
        ChangeType::Standard => 5_000,
        ChangeType::Normal => 30_000,
        ChangeType::Emergency => 100_000,
    }
}

pub(super) fn estimate(
    routed_as: ChangeType,
    content: &Content,
    history: &History,
    prediction: Option<&Prediction>,
) -> Estimate {
    let record = of_record(routed_as, content, history);
    match prediction {
        Some(prediction) => with_model(record, prediction),
        None => record,
    }
}

/// The model's word counts; where it is not sure, only if it is worse than the record's.
fn with_model(record: Estimate, prediction: &Prediction) -> Estimate {
    let Estimate { failure, mut stages } = record;
    let (model, value) = (&prediction.model, prediction.value);
    let kept = Some(prediction.clone());
    if !prediction.doubts.is_empty() && value <= failure.value {
        let sentence = format!("model {model} says {value}, but is not sure, so the record counts");
        stages.push(Stage { source: "model", value: failure.value, sentence });
        return Estimate { failure: FailureProbability { prediction: kept, ..failure }, stages };
    }
    let sentence = format!("model {model}, learned from {}, says {value}", changes(prediction.learned_from));
    stages.push(Stage { source: "model", value, sentence });
    let failure = FailureProbability {
        value,
        source: ProbabilitySource::Model,
        interval_low: prediction.interval_low,
        interval_high: prediction.interval_high,
        rests_on: prediction.learned_from,
        prediction: kept,
    };
    Estimate { failure, stages }
}

fn changes(count: u32) -> String {
    if count == 1 { "1 past change".to_owned() } else { format!("{count} past changes") }
}

fn of_record(routed_as: ChangeType, content: &Content, history: &History) -> Estimate {
    let base_ppm = base_rate_ppm(routed_as);
    let sentence = format!("the base rate of {routed_as} changes is {}", probability(base_ppm));
    let base = Stage { source: "base_rate", value: probability(base_ppm), sentence };
    let mut value = base.value;
    let mut stages = vec![base];
    let type_ppm = posterior_ppm(base_ppm, TYPE_STRENGTH, history.change_type);
    if !history.change_type.is_empty() {
        value = probability(type_ppm);
        let sentence = describe(&format!("{routed_as} changes"), history.change_type);
        stages.push(Stage { source: "type_record", value, sentence });
    }
    let records = records(content, history, type_ppm);
    let mut unseen = u64::try_from(records.len()).unwrap_or(u64::MAX);
    let (mut seen, mut sum_ppm) = (0, 0);
    for evidence in &records {
        seen += 1;
        unseen -= 1;
        sum_ppm += evidence.rate_ppm;
        value = probability(divide_rounded(sum_ppm + unseen * type_ppm, seen + unseen));
        let sentence = describe(&evidence.subject, evidence.record);
        stages.push(Stage { source: evidence.source, value, sentence });
    }
    let (interval_low, interval_high) = credible_interval(value, certainty_quarters(history, &records));
    let source = if stages.len() == 1 { ProbabilitySource::BaseRate } else { ProbabilitySource::History };
    let used = records.iter().map(|evidence| evidence.record).chain([history.change_type]);
    let rests_on = used.map(|record| record.total().changes).max().unwrap_or(0);
    let failure =
        FailureProbability { value, source, interval_low, interval_high, rests_on, prediction: None };
    Estimate { failure, stages }
}

/// How many quarters of an observation stand behind the estimate. The records overlap: the largest stands for all.
fn certainty_quarters(history: &History, records: &[Evidence]) -> u64 {
    match records.iter().map(|evidence| evidence.record.weighted_quarters().0).max() {
        Some(largest) => RECORD_STRENGTH * QUARTERS + largest,
        None => TYPE_STRENGTH * QUARTERS + history.change_type.weighted_quarters().0,
    }
}

/// The records that hold any change, each shrunk towards the rate of the type.
fn records(content: &Content, history: &History, type_ppm: u64) -> Vec<Evidence> {
    let evidence = |source, subject, record: Record| Evidence {
        source,
        subject,
        record,
        rate_ppm: posterior_ppm(type_ppm, RECORD_STRENGTH, record),
    };
    let category = evidence("category_record", format!("{} changes", content.category), history.category);
    let services = history.services.iter().filter(|(_, record)| !record.is_empty());
    let worst_service = services
        .map(|(name, record)| evidence("service_record", format!("changes of `{name}`"), *record))
        .max_by_key(|evidence| evidence.rate_ppm);
    let requester = evidence("requester_record", "changes of this requester".to_owned(), history.requester);
    let all = [Some(category), worst_service, Some(requester)];
    all.into_iter().flatten().filter(|evidence| !evidence.record.is_empty()).collect()
}

/// Mean of the Beta posterior: a prior of `prior_ppm` worth `strength` observations, updated by `record`.
fn posterior_ppm(prior_ppm: u64, strength: u64, record: Record) -> u64 {
    let (changes, failures) = record.weighted_quarters();
    divide_rounded(prior_ppm * strength * QUARTERS + PPM * failures, strength * QUARTERS + changes)
}

/// The 90 % credible interval of a Beta distribution with this mean and this many quarters of an observation.
fn credible_interval(mean: Probability, quarters: u64) -> (Probability, Probability) {
    let observations = f64::from(u32::try_from(quarters).unwrap_or(u32::MAX)) / 4.0;
    let mean = f64::from(mean.get().clamp(1, 999_999)) / 1e6;
    let (successes, failures) = ((1.0 - mean) * observations, mean * observations);
    let quantile = |share| beta::quantile_ppm(failures, successes, share);
    (quantile(TAIL), quantile(1.0 - TAIL))
}

fn describe(subject: &str, record: Record) -> String {
    let total = record.total();
    let imported = match record.imported {
        0 => String::new(),
        imported => format!("; {imported} of them were imported from other systems"),
    };
    format!("{} of {} past {subject} failed{imported}", total.failures, total.changes)
}

fn probability(ppm: u64) -> Probability {
    in_range(Probability::new(i64::try_from(ppm.min(PPM)).unwrap_or(0)))
}

fn divide_rounded(dividend: u64, divisor: u64) -> u64 {
    (dividend + divisor / 2).checked_div(divisor).unwrap_or(0)
}

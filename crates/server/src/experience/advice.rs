//! What the past says of a change that is assessed now, in the words of an assessment.

use domain::Timestamp;
use domain::number::{Probability, Share};
use domain::risk::{
    PREDICTION_PARTS_MAX, Prediction, PredictionPart, SHARED_TRAITS_MAX, SIMILAR_MAX, SimilarChange,
};
use domain::text::FreeText;
use prediction::similar::{Similar, TraitKind};
use prediction::{Cell, Doubt, History, Moment, Submission, calendar};

use super::{Champion, Closing, Experience, fingerprint};

/// Log-odds beyond this say no more, in thousandths.
const LOG_ODDS_THOUSANDTHS_MAX: f64 = 30_000.0;
/// Most facts that a doubt names.
const DOUBTED_FACTS_MAX: usize = 4;
/// The fact that all columns of words make up together.
const WORDS: &str = "words_of_title_and_description";

/// What the past says of a change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Advice {
    /// The model's prediction; nothing where no model is asked.
    pub prediction: Option<Prediction>,
    /// Past changes like it, the most alike first.
    pub similar: Vec<SimilarChange>,
}

impl Experience {
    /// What the past says of a change that is handed in now; nothing before it has been read.
    pub(crate) fn advise(&self, submission: &Submission) -> Advice {
        if !self.is_ready() {
            return Advice::default();
        }
        let champion = self.champion();
        if champion.is_none() && self.len() == 0 {
            return Advice::default();
        }
        let asked = fingerprint(submission);
        let mut inner = self.lock();
        let similar = inner.similar.nearest(&asked, SIMILAR_MAX);
        let similar = similar.iter().filter_map(|one| alike(one, &inner.endings)).collect();
        let cells = champion.as_ref().map(|_| inner.cells(submission));
        drop(inner);
        let prediction = champion.zip(cells).map(|(champion, cells)| champion.predict(&cells, submission.at));
        Advice { prediction, similar }
    }

    /// What the model says of a change that is only supposed to be handed in, at a moment that may lie ahead of `now`.
    /// What will be known of the past by then nobody knows: the rates are those of now.
    pub(crate) fn foresee(&self, submission: &Submission, now: Timestamp) -> Option<Prediction> {
        let champion = self.champion().filter(|_| self.is_ready())?;
        let mut cells = self.lock().cells(&Submission { at: now.as_second(), ..submission.clone() });
        for (name, ahead) in calendar(submission.at) {
            cells.iter_mut().filter(|(known, _)| known == name).for_each(|(_, cell)| *cell = ahead.clone());
        }
        Some(champion.predict(&cells, submission.at))
    }
}

impl super::Inner {
    /// The facts of a change with the rates of its moment. Clocks of several servers may differ a little: a change
    /// counts as handed in no earlier than the one before.
    pub(super) fn cells(&mut self, submission: &Submission) -> Vec<(String, Cell)> {
        let cells = self
            .history
            .cells(submission)
            .or_else(|late| self.history.cells(&Submission { at: late.last_at, ..submission.clone() }));
        let names = History::columns().into_iter().map(|column| column.name);
        names.zip(cells.unwrap_or_default()).collect()
    }
}

impl Champion {
    /// What the model says of a change with these facts. Facts that the model was not trained on do not count.
    fn predict(&self, cells: &[(String, Cell)], at: i64) -> Prediction {
        let named = |name: &str| cells.iter().find(|(known, _)| known == name).map(|(_, cell)| cell.clone());
        let columns = self.model.columns();
        let row: Vec<Cell> =
            columns.iter().map(|column| named(&column.column.name).unwrap_or(Cell::Missing)).collect();
        // The row is as wide as the model, which is all that is refused.
        let Ok(said) = self.model.predict(&row, Moment { at, group: 0 }) else {
            return self.silent();
        };
        let cells = columns.iter().map(|column| column.column.name.as_str()).zip(&row);
        let mut parts = parts(cells.zip(said.contributions.iter().copied()));
        parts.push(PredictionPart {
            fact: "calibration".to_owned(),
            value: "what later changes taught".to_owned(),
            thousandths: thousandths(said.calibration),
        });
        Prediction {
            model: format!("v{}", self.version),
            value: probability(said.probability),
            interval_low: probability(said.low),
            interval_high: probability(said.high),
            learned_from: u32::try_from(self.model.origin().rows).unwrap_or(u32::MAX),
            doubts: said.doubts.iter().map(doubt).collect(),
            base_thousandths: thousandths(said.base),
            parts: largest(parts),
        }
    }

    /// What is said when the model cannot be asked: that nothing is sure.
    fn silent(&self) -> Prediction {
        Prediction {
            model: format!("v{}", self.version),
            value: Probability::MAX,
            interval_low: Probability::ZERO,
            interval_high: Probability::MAX,
            learned_from: 0,
            doubts: vec!["the model could not be asked".to_owned()],
            base_thousandths: 0,
            parts: Vec::new(),
        }
    }
}

/// What every fact adds. Words fall into columns that mean nothing to a reader, so they count as one fact.
fn parts<'a>(facts: impl Iterator<Item = ((&'a str, &'a Cell), f64)>) -> Vec<PredictionPart> {
    let mut parts = Vec::new();
    let (mut words, mut of_words) = (0.0, 0.0);
    for ((column, cell), log_odds) in facts {
        match cell {
            Cell::Number(count) if History::is_of_words(column) => {
                words += count;
                of_words += log_odds;
            }
            _ => parts.push(part(column, cell, log_odds)),
        }
    }
    parts.push(part(WORDS, &Cell::Number(words), of_words));
    parts.retain(|part| part.thousandths != 0);
    parts
}

fn part(fact: &str, cell: &Cell, log_odds: f64) -> PredictionPart {
    PredictionPart { fact: fact.to_owned(), value: shown(cell), thousandths: thousandths(log_odds) }
}

/// The parts that matter most; the others are summed up in one.
fn largest(mut parts: Vec<PredictionPart>) -> Vec<PredictionPart> {
    parts.sort_by_key(|part| std::cmp::Reverse(part.thousandths.unsigned_abs()));
    if parts.len() > PREDICTION_PARTS_MAX {
        let others = parts.split_off(PREDICTION_PARTS_MAX - 1);
        parts.push(PredictionPart {
            fact: "other_facts".to_owned(),
            value: others.len().to_string(),
            thousandths: others.iter().map(|part| part.thousandths).sum(),
        });
    }
    parts
}

fn doubt(doubt: &Doubt) -> String {
    match doubt {
        Doubt::WideInterval => "too few changes like it are known to tell high from low".to_owned(),
        Doubt::OutsideTraining { columns } => {
            let fact =
                |column: &String| if History::is_of_words(column) { WORDS } else { column }.replace('_', " ");
            let mut named: Vec<String> = columns.iter().map(fact).collect();
            named.dedup();
            named.truncate(DOUBTED_FACTS_MAX);
            format!("nothing like it was among the changes it learned from ({})", named.join(", "))
        }
    }
}

fn shown(cell: &Cell) -> String {
    match cell {
        Cell::Missing => "not known".to_owned(),
        Cell::Word(word) => word.clone(),
        Cell::Number(number) if number.fract() == 0.0 => format!("{number:.0}"),
        Cell::Number(number) => format!("{number:.3}"),
    }
}

#[expect(clippy::cast_possible_truncation, reason = "clamped to what fits before the cast")]
fn thousandths(log_odds: f64) -> i32 {
    (log_odds * 1_000.0).round().clamp(-LOG_ODDS_THOUSANDTHS_MAX, LOG_ODDS_THOUSANDTHS_MAX) as i32
}

/// In millionths; what is no number is certain failure.
pub(crate) fn probability(value: f64) -> Probability {
    if value.is_nan() {
        return Probability::MAX;
    }
    #[expect(clippy::cast_possible_truncation, reason = "between 0 and a million")]
    let millionths = (value.clamp(0.0, 1.0) * 1e6).round() as i64;
    Probability::new(millionths).unwrap_or(Probability::MAX)
}

fn alike(similar: &Similar, endings: &[Closing]) -> Option<SimilarChange> {
    let Closing { reference, outcome, finding } = endings.get(similar.position)?;
    #[expect(clippy::cast_possible_truncation, reason = "between 0 and ten thousand")]
    let likeness = (f64::from(similar.likeness).clamp(0.0, 1.0) * 10_000.0).round() as i64;
    let shared = similar.shared.iter().filter(|(kind, _)| *kind != TraitKind::Folder);
    Some(SimilarChange {
        reference: reference.clone(),
        likeness: Share::new(likeness).ok()?,
        outcome: *outcome,
        finding: *finding,
        shared: shared
            .take(SHARED_TRAITS_MAX)
            .filter_map(|(_, text)| FreeText::new(text.as_str()).ok())
            .collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_parts_are_summed_up_and_nothing_is_lost() {
        let part = |thousandths| PredictionPart { fact: "f".into(), value: String::new(), thousandths };
        let parts: Vec<_> =
            (1..=30).map(|number| part(if number % 2 == 0 { number } else { -number })).collect();
        let sum: i32 = parts.iter().map(|part| part.thousandths).sum();
        let kept = largest(parts);
        assert_eq!(kept.len(), PREDICTION_PARTS_MAX);
        assert_eq!(kept.iter().map(|part| part.thousandths).sum::<i32>(), sum);
        assert_eq!((kept[0].thousandths, kept[11].fact.as_str()), (30, "other_facts"));
    }

    #[test]
    fn what_is_no_probability_is_certain_failure() {
        assert_eq!(probability(f64::NAN), Probability::MAX);
        assert_eq!(probability(-0.1), Probability::ZERO);
        assert_eq!(probability(0.0225).get(), 22_500);
    }

    #[test]
    fn words_are_one_fact_that_adds_what_their_columns_add() {
        let cells =
            [Cell::Word("deployment".to_owned()), Cell::Number(2.0), Cell::Number(3.0), Cell::Missing];
        let names = ["category", "words_0", "words_15", "tier"];
        let told = parts(names.into_iter().zip(&cells).zip([0.5, -0.25, 1.0, 0.0]));
        let part = |fact: &str, value: &str, thousandths| PredictionPart {
            fact: fact.to_owned(),
            value: value.to_owned(),
            thousandths,
        };
        assert_eq!(told, [part("category", "deployment", 500), part(WORDS, "5", 750)]);
    }

    #[test]
    fn a_doubt_names_words_once() {
        let columns = ["tier", "words_0", "words_3"].map(str::to_owned).to_vec();
        let told = doubt(&Doubt::OutsideTraining { columns });
        assert!(told.ends_with("(tier, words of title and description)"), "{told}");
    }
}

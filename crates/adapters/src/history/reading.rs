//! Turning the texts of a record into facts, by the mapping and by what is usual in the form that is read.

use domain::Timestamp;
use domain::change::{Category, Outcome};
use domain::history::{COUNT_MAX, ChangedBy};
use domain::id::{CiName, ServiceName};
use domain::number::Share;
use jiff::SignedDuration;
use jiff::tz::TimeZone;

use super::HistoryError;
use super::draft::{Draft, Ended, Wrong, shown};
use super::field::Field;
use super::mapping::Mapping;
use super::time::TimeForm;

/// What a word says: a further word of a closed set.
pub(super) type Meaning = (&'static str, &'static str);

/// The word for "not ended yet", besides the outcomes.
const OPEN: &str = "open";
/// Catches all words that a mapping does not name.
pub(super) const ANY_OTHER: &str = "*";
const YES: [&str; 4] = ["true", "yes", "1", "1.0"];
const NO: [&str; 4] = ["false", "no", "0", "0.0"];
/// Basis points per cent.
const BASIS_POINTS: f64 = 100.0;

/// What is usual in a form, where the mapping says nothing else.
#[derive(Debug)]
pub(super) struct Usual {
    /// How long after its end the outcome of a change is known.
    pub(super) waiting: SignedDuration,
    pub(super) times: TimeForm,
    pub(super) category: Category,
    /// What separates the values of a list in one cell.
    pub(super) separator: &'static str,
    pub(super) outcomes: &'static [Meaning],
    pub(super) categories: &'static [Meaning],
    /// Whether services and items are written as people say them, with blanks and brackets.
    pub(super) has_spoken_names: bool,
}

/// How records are turned into changes.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) mapping: Mapping,
    pub(super) now: Timestamp,
    pub(super) waiting: SignedDuration,
    usual: Usual,
    times: TimeForm,
    zone: TimeZone,
    /// What holds for every change that says nothing itself.
    always: Draft,
}

impl Reading {
    /// # Errors
    /// When what the mapping says of every change is not accepted.
    pub(super) fn new(mapping: &Mapping, usual: Usual, now: Timestamp) -> Result<Self, HistoryError> {
        let mapping = mapping.clone();
        let waiting = mapping.waiting.unwrap_or(usual.waiting);
        let times = mapping.times.clone().unwrap_or_else(|| usual.times.clone());
        let zone = mapping.zone.clone().unwrap_or(TimeZone::UTC);
        let mut reading = Self { mapping, now, waiting, usual, times, zone, always: Draft::default() };
        let mut always = Draft::default();
        for (field, values) in &reading.mapping.always {
            let set = reading.set(&mut always, *field, values);
            set.map_err(|wrong| HistoryError::Always { field: field.word(), message: wrong.message })?;
        }
        reading.always = always;
        Ok(reading)
    }

    /// A change of which nothing is known but what holds for all.
    pub(super) fn draft(&self) -> Draft {
        self.always.clone()
    }

    /// The category of a change that says `own`.
    pub(super) fn category(&self, own: Option<Category>) -> Category {
        own.unwrap_or(self.usual.category)
    }

    /// The service that a file belongs to, by the mapping.
    pub(super) fn service_of(&self, file: &str) -> Option<&ServiceName> {
        self.mapping.paths.iter().find(|(prefix, _)| file.starts_with(prefix)).map(|(_, service)| service)
    }

    /// Whether somebody of this name or address is an agent.
    pub(super) fn is_agent(&self, name: &str) -> bool {
        const BOT: &str = "[bot]";
        name.ends_with(BOT) || self.mapping.agents.contains(&name.to_lowercase())
    }

    /// The values of a list that stand in one cell.
    pub(super) fn split(&self, cell: &str) -> Vec<String> {
        let separator = self.mapping.separator.as_deref().unwrap_or(self.usual.separator);
        cell.split(separator).map(|value| value.trim().to_owned()).collect()
    }

    /// Adds a fact; empty values say nothing.
    ///
    /// # Errors
    /// When a value does not have the accepted form.
    pub(super) fn set(&self, draft: &mut Draft, field: Field, values: &[String]) -> Result<(), Wrong> {
        let values: Vec<&str> =
            values.iter().map(|value| value.trim()).filter(|value| !value.is_empty()).collect();
        self.set_values(draft, field, &values).map_err(|message| Wrong::of(field, message))
    }

    fn set_values(&self, draft: &mut Draft, field: Field, values: &[&str]) -> Result<(), String> {
        let words = &self.mapping.words;
        match field {
            Field::Services => {
                draft.services.extend(each(values, |value| self.service(value))?);
                return Ok(());
            }
            Field::Cis => {
                draft.cis.extend(each(values, |value| self.ci(value))?);
                return Ok(());
            }
            Field::Files => {
                draft.files.extend(values.iter().map(|value| (*value).to_owned()));
                return Ok(());
            }
            Field::Agents => {
                draft.by = Some(if values.is_empty() { ChangedBy::Human } else { ChangedBy::Agent });
                return Ok(());
            }
            Field::Outcome => {
                draft.outcome = self.outcome(values.first().copied().unwrap_or_default())?.or(draft.outcome);
                return Ok(());
            }
            _ => {}
        }
        let value = match values {
            [] => return Ok(()),
            [value] => *value,
            _ => return Err(format!("{} values: expected one", values.len())),
        };
        match field {
            Field::Id => value.clone_into(&mut draft.id),
            Field::Title => value.clone_into(&mut draft.title),
            Field::Description => value.clone_into(&mut draft.description),
            Field::Requester => value.clone_into(&mut draft.requester),
            Field::Type => draft.change_type = Some(closed(&words.change_type, &[], value)?),
            Field::Category => draft.category = Some(closed(&words.category, self.usual.categories, value)?),
            Field::By => draft.by = Some(closed(&words.by, &[], value)?),
            Field::LinesAdded => draft.churn.lines_added = Some(count(value)?),
            Field::LinesDeleted => draft.churn.lines_deleted = Some(count(value)?),
            Field::FilesChanged => draft.churn.files = Some(count(value)?),
            Field::Directories => draft.churn.directories = Some(count(value)?),
            Field::CisChanged => draft.churn.cis = Some(count(value)?),
            Field::IsFix => draft.is_fix = Some(truth(value)?),
            Field::IsRevert => draft.is_revert = Some(truth(value)?),
            Field::RolledBack => draft.was_rolled_back = truth(value)?,
            Field::TestsPassed => draft.tests_passed = Some(truth(value)?),
            Field::CoveragePercent => draft.coverage = Some(percent(value)?),
            Field::SubmittedAt => draft.submitted_at = Some(self.time(value)?),
            Field::StartedAt => draft.started_at = Some(self.time(value)?),
            Field::ClosedAt => draft.closed_at = Some(self.time(value)?),
            Field::OutcomeKnownAt => draft.outcome_known_at = Some(self.time(value)?),
            Field::Services | Field::Cis | Field::Files | Field::Agents | Field::Outcome => {}
        }
        Ok(())
    }

    fn time(&self, value: &str) -> Result<Timestamp, String> {
        self.times.read(value, &self.zone)
    }

    /// How a record says that a change ended; nothing when it says nothing.
    fn outcome(&self, value: &str) -> Result<Option<Ended>, String> {
        let meaning = self.mapping.words.outcome.meaning(value).or_else(|| usual(self.usual.outcomes, value));
        let word = meaning.map_or_else(|| value.to_lowercase(), str::to_owned);
        if word.is_empty() {
            return Ok(None);
        }
        if word == OPEN {
            return Ok(Some(Ended::Open));
        }
        let outcome = word.parse::<Outcome>().map_err(|_| {
            let known: Vec<_> = Outcome::ALL.iter().map(|outcome| outcome.as_str()).collect();
            let known = known.join(", ");
            format!(
                "`{}` is not an outcome: expected one of {known}, {OPEN}; {}",
                shown(value),
                say_what_it_means("outcome", value)
            )
        })?;
        Ok(Some(Ended::As(outcome)))
    }

    /// The service of a value; nothing for a word that means nothing.
    fn service(&self, value: &str) -> Result<Option<ServiceName>, String> {
        let value = self.mapping.words.services.meaning(value).unwrap_or(value);
        if value.is_empty() {
            return Ok(None);
        }
        let name = if self.usual.has_spoken_names { mended(value, "._-/:@") } else { value.to_owned() };
        let name = ServiceName::new(name);
        name.map(Some).map_err(|error| format!("{error}; {}", say_what_it_means("services", value)))
    }

    /// The configuration item of a value; nothing for a word that means nothing.
    fn ci(&self, value: &str) -> Result<Option<CiName>, String> {
        let value = self.mapping.words.cis.meaning(value).unwrap_or(value);
        if value.is_empty() {
            return Ok(None);
        }
        let name = if self.usual.has_spoken_names { mended(value, "._-/:@+%~=[]") } else { value.to_owned() };
        let name = CiName::new(name);
        name.map(Some).map_err(|error| format!("{error}; {}", say_what_it_means("cis", value)))
    }
}

/// What the words of an export mean. Case does not matter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Dictionary(pub(super) std::collections::BTreeMap<String, String>);

impl Dictionary {
    fn meaning(&self, word: &str) -> Option<&str> {
        self.0.get(&word.to_lowercase()).or_else(|| self.0.get(ANY_OTHER)).map(String::as_str)
    }
}

fn usual(meanings: &[Meaning], word: &str) -> Option<&'static str> {
    meanings.iter().find(|(known, _)| known.eq_ignore_ascii_case(word)).map(|(_, meaning)| *meaning)
}

/// A word of a closed set, by what the mapping or the form says it means.
fn closed<T>(dictionary: &Dictionary, meanings: &[Meaning], value: &str) -> Result<T, String>
where
    T: std::str::FromStr,
    T::Err: std::fmt::Display,
{
    let meaning = dictionary.meaning(value).or_else(|| usual(meanings, value));
    let word = meaning.map_or_else(|| value.to_lowercase(), str::to_owned);
    word.parse().map_err(|error: T::Err| {
        format!("{error}; otherwise say what it means under `[words]` of the mapping, all others by \"{ANY_OTHER}\"")
    })
}

fn say_what_it_means(table: &str, value: &str) -> String {
    format!("otherwise say under `[words.{table}]` of the mapping what \"{}\" means", shown(value))
}

fn each<T>(values: &[&str], read: impl Fn(&str) -> Result<Option<T>, String>) -> Result<Vec<T>, String> {
    values.iter().filter_map(|value| read(value).transpose()).collect()
}

/// A spoken name with a hyphen for every run of characters that our names do not have.
fn mended(spoken: &str, marks: &str) -> String {
    let mut name = String::new();
    for character in spoken.chars() {
        if character.is_ascii_alphanumeric() || marks.contains(character) {
            name.push(character);
        } else if !name.is_empty() && !name.ends_with('-') {
            name.push('-');
        }
    }
    name.trim_start_matches(|first: char| !first.is_ascii_alphanumeric()).trim_end_matches('-').to_owned()
}

/// A whole number; tables that passed through a program for statistics write it with `.0`.
fn count(value: &str) -> Result<u64, String> {
    let whole = value
        .split_once('.')
        .map_or(value, |(whole, rest)| if rest.bytes().all(|digit| digit == b'0') { whole } else { value });
    whole.parse().ok().filter(|count| *count <= COUNT_MAX).ok_or_else(|| {
        format!(
            "`{}` is not a count: expected a whole number from 0 to {COUNT_MAX}, or nothing",
            shown(value)
        )
    })
}

fn truth(value: &str) -> Result<bool, String> {
    let word = value.to_ascii_lowercase();
    if YES.contains(&word.as_str()) {
        Ok(true)
    } else if NO.contains(&word.as_str()) {
        Ok(false)
    } else {
        Err(format!(
            "`{}` is neither yes nor no: expected true, false, yes, no, 1, 0 or nothing",
            shown(value)
        ))
    }
}

fn percent(value: &str) -> Result<Share, String> {
    let percent = value.trim_end_matches('%').trim_end().parse::<f64>().ok();
    let percent = percent.filter(|percent| (0.0..=100.0).contains(percent));
    // Written out and read again: a rounded number below 10 000 is a whole one.
    let points = percent.and_then(|percent| format!("{:.0}", percent * BASIS_POINTS).parse().ok());
    points.and_then(|points| Share::new(points).ok()).ok_or_else(|| {
        format!("`{}` is not a share in per cent: expected a number from 0 to 100, or nothing", shown(value))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_cannot_be_are_refused_with_the_accepted_form() {
        assert_eq!(count("12"), Ok(12));
        assert_eq!(count("12.0"), Ok(12));
        for value in ["-5", "NaN", "1e3", "1.5", "1000000001", "inf", "0x10"] {
            let error = count(value).unwrap_err();
            assert!(error.contains(value) && error.contains("whole number from 0"), "{error}");
        }
        assert_eq!(percent("81.5"), Ok(Share::new(8150).unwrap()));
        assert_eq!(percent("100 %"), Ok(Share::MAX));
        for value in ["NaN", "-1", "100.1", "inf", "high"] {
            assert!(percent(value).unwrap_err().contains("0 to 100"), "{value}");
        }
        assert_eq!((truth("Yes"), truth("0.0")), (Ok(true), Ok(false)));
        assert!(truth("maybe").unwrap_err().contains("neither yes nor no"));
    }

    #[test]
    fn spoken_names_become_names_of_ours() {
        let mended = |spoken| mended(spoken, "._-/:@");
        assert_eq!(mended("SAP ERP (Production)"), "SAP-ERP-Production");
        assert_eq!(mended("  Übertragung – Nord "), "bertragung-Nord");
        assert_eq!(mended("(((x)))"), "x");
        assert_eq!(mended("…"), "");
    }
}

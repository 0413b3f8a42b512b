//! What a list of changes is asked for by its address: filters, order, position.

use axum::extract::rejection::QueryRejection;
use domain::change::StateName;
use domain::risk::Level;
use serde::Deserialize;
use store::{ChangeOrder, ChangeSort};
use url::form_urlencoded::Serializer;

use crate::failure::Failure;

/// Orders that the form offers: how they are written in the address, and how they are called.
pub(super) const ORDERS: &[(&str, &str)] = &[
    (NEWEST_EVENT_FIRST, "Last event first"),
    ("-created", "Newest first"),
    ("created", "Oldest first"),
    ("-risk", "Highest risk first"),
    ("risk", "Lowest risk first"),
    ("priority", "Most urgent first"),
    ("-priority", "Least urgent first"),
    ("updated", "Longest without an event first"),
    ("-id", "Highest number first"),
    ("id", "Lowest number first"),
];
pub(super) const NEWEST_EVENT_FIRST: &str = "-updated";

/// The address's query, as it came.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Asked {
    /// A part of the title, or a whole number.
    pub(super) q: String,
    /// States, separated by commas.
    pub(super) state: String,
    /// A risk level.
    pub(super) level: String,
    /// One of [`ORDERS`].
    pub(super) sort: String,
    /// Where the page begins.
    pub(super) cursor: String,
}

impl Asked {
    /// The states; none lets every one pass.
    pub(super) fn states(&self) -> Result<Vec<StateName>, Failure> {
        let words = self.state.split(',').filter(|word| !word.is_empty());
        let states =
            words.map(|word| word.parse().map_err(|error| api::FieldError::new("state", error).into()));
        states.collect()
    }

    /// The risk level, where one is asked for.
    pub(super) fn level(&self) -> Result<Option<Level>, Failure> {
        match self.level.as_str() {
            "" => Ok(None),
            word => Ok(Some(word.parse().map_err(|error| api::FieldError::new("level", error))?)),
        }
    }

    /// The order, as the address has it.
    pub(super) fn sort(&self) -> &str {
        if self.sort.is_empty() { NEWEST_EVENT_FIRST } else { &self.sort }
    }

    /// The order, as the store takes it.
    pub(super) fn order(&self) -> Result<ChangeOrder, Failure> {
        let (descending, word) =
            self.sort().strip_prefix('-').map_or((false, self.sort()), |word| (true, word));
        let by = match word {
            "created" => ChangeSort::Created,
            "updated" => ChangeSort::Updated,
            "risk" => ChangeSort::Risk,
            "priority" => ChangeSort::Priority,
            "id" => ChangeSort::Id,
            _ => {
                let words = ORDERS.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", ");
                let message = format!("the order is unknown: expected one of {words}");
                return Err(api::FieldError::new("sort", message).into());
            }
        };
        Ok(ChangeOrder { by, descending })
    }

    /// Whether anything narrows the list.
    pub(super) fn narrows(&self) -> bool {
        !(self.q.trim().is_empty() && self.state.is_empty() && self.level.is_empty())
    }

    /// The address of this list.
    pub(super) fn address(&self) -> String {
        let fields = [
            ("q", &self.q),
            ("state", &self.state),
            ("level", &self.level),
            ("sort", &self.sort),
            ("cursor", &self.cursor),
        ];
        let given = fields.into_iter().filter(|(_, value)| !value.is_empty());
        let query = Serializer::new(String::new()).extend_pairs(given).finish();
        if query.is_empty() { "/changes".to_owned() } else { format!("/changes?{query}") }
    }
}

/// States as the address has them.
pub(super) fn written(states: &[StateName]) -> String {
    states.iter().map(|state| state.as_str()).collect::<Vec<_>>().join(",")
}

/// The failure that tells of an address whose query cannot be read.
pub(super) fn unreadable(error: &QueryRejection) -> Failure {
    let source = std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string);
    api::FieldError::new("query", source).into()
}

#[cfg(test)]
mod tests {
    use axum::extract::Query;

    use super::*;

    fn read(query: &str) -> Result<Asked, Failure> {
        let address = format!("/changes?{query}").parse().unwrap();
        Query::try_from_uri(&address).map(|Query(asked)| asked).map_err(|error| unreadable(&error))
    }

    #[test]
    fn words_that_are_none_are_refused_with_the_accepted_ones() {
        let refusal = |query: &str| match read(query) {
            Err(failure) => failure.to_string(),
            Ok(asked) => {
                let states = asked.states().err();
                states.or_else(|| asked.level().err()).or_else(|| asked.order().err()).unwrap().to_string()
            }
        };
        for (query, expected) in [
            ("state=draft,approvd", "`approvd` is not a state: expected one of draft"),
            ("level=urgent", "`urgent` is not a risk level: expected one of low"),
            ("sort=name", "expected one of -updated, -created"),
            ("levle=high", "unknown field `levle`"),
            ("q=a&q=b", "duplicate field `q`"),
        ] {
            let text = refusal(query);
            assert!(text.contains(expected), "{text}");
        }
    }

    #[test]
    fn every_offered_order_is_one_and_an_address_reads_back() {
        for (word, _) in ORDERS {
            let asked = read(&format!("q=a+%26+b&state=draft&sort={word}&level=")).unwrap();
            assert!(asked.order().is_ok(), "{word}");
            assert_eq!(read(asked.address().trim_start_matches("/changes?")).unwrap(), asked);
        }
        assert_eq!(read("q=&state=").unwrap().address(), "/changes");
    }
}

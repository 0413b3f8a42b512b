//! Change type and category.

/// A word that is not one of a closed set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` is not a {kind}: expected one of {expected}")]
pub struct UnknownWord {
    kind: &'static str,
    given: String,
    expected: String,
}

impl UnknownWord {
    /// Names the word, what it should have been and the accepted words.
    pub fn new<'a>(kind: &'static str, given: &str, words: impl IntoIterator<Item = &'a str>) -> Self {
        Self {
            kind,
            given: given.chars().take(80).filter(|c| !c.is_control()).collect(),
            expected: words.into_iter().collect::<Vec<_>>().join(", "),
        }
    }
}

/// Declares a closed set of words: an enum with `ALL`, `as_str`, `Display`, `FromStr` and serde by the same words.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident, $kind:literal, { $($(#[$variant_meta:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $name {
            $($(#[$variant_meta])* #[serde(rename = $word)] $variant,)+
        }

        impl $name {
            /// Every value, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word used in requests, pages, policies and the log.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::change::kind::UnknownWord;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::ALL.iter().copied().find(|value| value.as_str() == text).ok_or_else(|| {
                    $crate::change::kind::UnknownWord::new($kind, text, Self::ALL.iter().map(|value| value.as_str()))
                })
            }
        }
    };
}
pub(crate) use words;

words!(
    /// ITIL change type.
    ChangeType, "change type", {
        /// Routine and pre-approved by a standard change model.
        Standard = "standard",
        /// Assessed and approved by risk.
        Normal = "normal",
        /// Urgent: authorised at once, reviewed within a day.
        Emergency = "emergency",
    }
);

words!(
    /// What kind of thing is changed.
    Category, "category", {
        /// A new version of software.
        Deployment = "deployment",
        /// A setting.
        Configuration = "configuration",
        /// Protection against attack or exposure.
        Security = "security",
        /// Clusters, machines, storage, networks.
        Infrastructure = "infrastructure",
        /// A vendor's or upstream's fix.
        Patch = "patch",
        /// A newer version of a dependency.
        Update = "update",
        /// Records of what exists.
        Inventory = "inventory",
        /// Texts for people.
        Documentation = "documentation",
        /// Stored data or its schema.
        Data = "data",
        /// A connection to another system.
        Integration = "integration",
        /// A return to an earlier state.
        Rollback = "rollback",
        /// None of the others.
        Other = "other",
    }
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_round_trip_and_unknown_ones_are_refused_with_the_accepted_set() {
        for value in Category::ALL {
            assert_eq!(value.as_str().parse::<Category>().unwrap(), *value);
            assert_eq!(serde_json::to_value(value).unwrap(), value.as_str());
        }
        let error = "urgent".parse::<ChangeType>().unwrap_err().to_string();
        assert_eq!(error, "`urgent` is not a change type: expected one of standard, normal, emergency");
    }
}

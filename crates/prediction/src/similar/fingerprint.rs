//! What a change is recognised by.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

/// Most traits of a change; further ones do not count, words first.
pub const TRAITS_MAX: usize = 128;
/// Most words of a title and of a description that count.
const TITLE_WORDS_MAX: usize = 24;
const DESCRIPTION_WORDS_MAX: usize = 40;
/// Lengths of words that count, in bytes.
const WORD_BYTES_MIN: usize = 3;
const WORD_BYTES_MAX: usize = 40;
/// Words that say nothing about what is changed.
const EMPTY_WORDS: [&str; 24] = [
    "and", "are", "but", "can", "for", "from", "has", "have", "into", "its", "not", "now", "our", "should",
    "that", "the", "then", "this", "was", "when", "which", "will", "with", "you",
];

/// What is known of a change that can be compared.
#[derive(Debug, Clone, Copy, Default)]
pub struct Subject<'a> {
    /// Names of the services that it changes.
    pub services: &'a [&'a str],
    /// Ids of the configuration items that it changes.
    pub items: &'a [&'a str],
    /// Paths of the files that it changes.
    pub files: &'a [&'a str],
    /// Its category, for example `deployment`.
    pub category: &'a str,
    /// Its title.
    pub title: &'a str,
    /// Its description.
    pub description: &'a str,
}

/// The kinds of traits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TraitKind {
    /// The same service.
    Service,
    /// The same configuration item.
    Item,
    /// The same file.
    File,
    /// A file in the same folder.
    Folder,
    /// The same category.
    Category,
    /// The same word in title or description.
    Word,
}

impl TraitKind {
    /// What sharing a trait of this kind is worth, before its rarity: what is changed says more than how it is called.
    pub(super) fn weight(self) -> f32 {
        match self {
            Self::Service | Self::Item | Self::File => 3.0,
            Self::Folder | Self::Word => 1.0,
            Self::Category => 0.5,
        }
    }
}

/// One trait.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Trait {
    pub(super) kind: TraitKind,
    pub(super) text: String,
}

impl Trait {
    /// The key under which changes with this trait are found. Two traits out of a billion share one by chance.
    pub(super) fn key(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.kind.hash(&mut hasher);
        self.text.hash(&mut hasher);
        hasher.finish()
    }
}

/// A change's traits: sorted, each once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fingerprint {
    pub(super) traits: Vec<Trait>,
}

impl Fingerprint {
    /// The traits of a change.
    #[must_use]
    pub fn of(subject: &Subject<'_>) -> Self {
        let mut traits = BTreeMap::new();
        // In the order of what they say: beyond the limit, words are left out first.
        let mut add = |kind: TraitKind, text: &str| {
            if !text.is_empty() && traits.len() < TRAITS_MAX {
                traits.insert((kind, text.to_owned()), ());
            }
        };
        add(TraitKind::Category, subject.category);
        subject.services.iter().for_each(|name| add(TraitKind::Service, name));
        subject.items.iter().for_each(|name| add(TraitKind::Item, name));
        for path in subject.files {
            add(TraitKind::File, path);
            add(TraitKind::Folder, path.rsplit_once('/').map_or(".", |(folder, _)| folder));
        }
        words(subject.title).take(TITLE_WORDS_MAX).for_each(|word| add(TraitKind::Word, &word));
        words(subject.description).take(DESCRIPTION_WORDS_MAX).for_each(|word| add(TraitKind::Word, &word));
        Self { traits: traits.into_keys().map(|(kind, text)| Trait { kind, text }).collect() }
    }

    /// Whether there is nothing to compare.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.traits.is_empty()
    }
}

/// The words of a text that say something, in lower case.
fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| (WORD_BYTES_MIN..=WORD_BYTES_MAX).contains(&word.len()))
        .map(str::to_lowercase)
        .filter(|word| !EMPTY_WORDS.contains(&word.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(subject: &Subject<'_>, expected: &[(TraitKind, &str)]) {
        let found = Fingerprint::of(subject);
        let found: Vec<_> = found.traits.iter().map(|one| (one.kind, one.text.as_str())).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_change_is_recognised_by_what_it_changes_and_what_it_is_called() {
        let subject = Subject {
            services: &["cart"],
            items: &["Deployment/shop/cart"],
            files: &["apps/cart/deploy.yaml", "README.md"],
            category: "deployment",
            title: "Raise the Redis timeout of cart, and the TIMEOUT of it",
            description: "for you",
        };
        check(
            &subject,
            &[
                (TraitKind::Service, "cart"),
                (TraitKind::Item, "Deployment/shop/cart"),
                (TraitKind::File, "README.md"),
                (TraitKind::File, "apps/cart/deploy.yaml"),
                (TraitKind::Folder, "."),
                (TraitKind::Folder, "apps/cart"),
                (TraitKind::Category, "deployment"),
                (TraitKind::Word, "cart"),
                (TraitKind::Word, "raise"),
                (TraitKind::Word, "redis"),
                (TraitKind::Word, "timeout"),
            ],
        );
        check(&Subject::default(), &[]);
    }

    #[test]
    fn words_are_left_out_before_items() {
        let items: Vec<String> = (0..10_000).map(|number| format!("ci-{number}")).collect();
        let items: Vec<&str> = items.iter().map(String::as_str).collect();
        let subject = Subject { services: &["cart"], items: &items, title: "a word", ..Subject::default() };
        let found = Fingerprint::of(&subject);
        assert_eq!(found.traits.len(), TRAITS_MAX);
        assert!(found.traits.iter().any(|one| one.kind == TraitKind::Service));
        assert!(!found.traits.iter().any(|one| one.kind == TraitKind::Word));
    }
}

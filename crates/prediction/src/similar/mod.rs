//! The past changes that are most like a new one, and why.
//!
//! A change is described by a set of traits: its services, configuration items, files, words, category. Rare traits say
//! more than common ones, so each is worth its kind's weight times the inverse frequency of the trait, and likeness is
//! the weighted Jaccard index: the worth of what two changes share as a part of the worth of what either has.
//!
//! Budget: one 4-byte position per trait of a change, at most [`TRAITS_MAX`] of them, and 4 bytes per change; a trait
//! seen once costs about 60 bytes more. A query visits at most [`VISITED_MAX`] positions, the newest of each trait first,
//! rare traits first; what is left out then is looked up for the best candidates only.

mod fingerprint;
mod index;

pub use fingerprint::{Fingerprint, Subject, TRAITS_MAX, TraitKind};
pub use index::{CHANGES_MAX, NEAREST_MAX, Similar, SimilarIndex, VISITED_MAX};

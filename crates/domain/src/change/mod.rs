//! A change: its content, its life and what may happen to it.

pub mod content;
pub mod evidence;
pub mod kind;
pub mod transition;

pub use content::{Content, Source, Window};
pub use evidence::{AuthorFacts, Churn, Coverage, CoverageBasis, Evidence, TestResults};
pub use kind::{Category, ChangeType};
pub use transition::{CommandName, StateName};

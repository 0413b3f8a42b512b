//! The wire: what requests and answers of `/api/v1` look like, and the files that users write.
//!
//! Knows: JSON and YAML field names as in the specification, their accepted forms, and how they become domain values.
//! Never does: input or output, decisions about changes.
//!
//! Invariant: unknown fields are refused in everything a user writes; what is read becomes a valid domain value or an error that
//! names the field and the accepted form.

pub mod actor;
pub mod alert;
pub mod approval;
pub mod audit;
pub mod cab;
pub mod calendar;
pub mod calibration;
pub mod catalog;
pub mod chain;
pub mod change;
pub mod cmdb;
pub mod command;
pub mod ecab;
pub mod evidence;
pub mod field;
pub mod history;
pub mod incident;
pub mod known_problem;
pub mod learning;
pub mod notification;
pub mod on_close;
pub mod performance;
pub mod plan;
pub mod policy;
pub mod problem;
pub mod read;
pub mod rehearsal;
pub mod request;
pub mod risk;
pub mod run;
pub mod runner;
pub mod slot;
pub mod stop;

pub use field::FieldError;
pub use problem::{ErrorItem, Problem};

/// The media type of problems (RFC 9457).
pub const PROBLEM_MEDIA_TYPE: &str = "application/problem+json";
/// Largest accepted request body, in bytes.
pub const BODY_BYTES_MAX: usize = 1024 * 1024;
/// Most items of one page of a list.
pub const PAGE_ITEMS_MAX: u32 = 500;
/// Items of one page when the request does not say.
pub const PAGE_ITEMS_DEFAULT: u32 = 50;

/// One page of a list.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// Where the next page begins; absent on the last page.
    pub next_cursor: Option<String>,
}

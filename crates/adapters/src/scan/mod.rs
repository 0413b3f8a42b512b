//! Reports that other tools wrote: test coverage, test results and security findings.
//!
//! A report comes out of a build job and is not trusted. Every reader is bounded in bytes, nesting and entries, and
//! refuses what it does not understand with the file, the line and the accepted form. A report without data is an
//! error: it is neither 0 % nor 100 %, and never "passed".
//!
//! To add one: a file here that reads a `report::Report` and has one `…Error` enum, a `pub mod` line below,
//! and a table of bad inputs in `tests/it/scan/`.

mod bounded;
pub mod coverage;
pub mod findings;
pub mod junit;
mod report;
pub mod sarif;
mod xml;

pub use report::{MAX_REPORT_BYTES, Place, ReportError};
pub use xml::{MAX_XML_DEPTH, XmlError};

//! The CMDB: what sources say of items, what a failure reaches, what an import changes.

pub(crate) mod fixture;
mod import;
mod item;
mod model;
mod reach;
pub(crate) mod services;
mod suspects;

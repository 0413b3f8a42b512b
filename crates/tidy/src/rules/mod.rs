//! The house rules, one topic per file.
//!
//! To add one: write `fn(&Repo) -> Vec<Violation>` in the file of its topic, add its line to [`ALL`], and add a test
//! under `tests/it/` in which a bad snippet breaks it.

pub mod arrows;
pub mod dependencies;
pub mod homes;
pub mod layout;
pub mod leftovers;
pub mod links;
pub mod modules;
pub mod purity;
pub mod size;

use crate::{Repo, Violation};

/// A house rule.
pub type Rule = fn(&Repo) -> Vec<Violation>;

/// Every rule, with its name.
pub const ALL: [(&str, Rule); 16] = [
    ("arrows between crates point one way", arrows::arrows_point_one_way),
    ("the workspace's lints apply to every crate", dependencies::lints_are_inherited),
    ("every dependency is one line with its reason", dependencies::dependencies_say_why),
    ("dependencies are stated once, for the workspace", dependencies::dependencies_are_inherited),
    ("every dependency is used", dependencies::dependencies_are_used),
    ("a library stays in the crates that own its subject", homes::libraries_stay_home),
    ("SQL stays in the store", homes::sql_stays_home),
    ("the core is pure", purity::the_core_is_pure),
    ("functions and files are small", size::functions_and_files_are_small),
    ("every Rust file is compiled", modules::every_file_is_reached),
    ("a crate has one integration binary", layout::one_integration_binary),
    ("a crate states its invariant", layout::invariants_are_stated),
    ("nothing is left open", leftovers::nothing_is_left_open),
    ("no test is ignored", leftovers::no_test_is_ignored),
    ("no machine is named", leftovers::no_machine_is_named),
    ("links between documents resolve", links::links_resolve),
];

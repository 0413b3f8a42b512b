//! What people are told about a working tree that is not as its commit.

use adapters::git::WorkingTree;

/// Some of the modified files, as a list. Files that git does not know are left out, because they change nothing.
pub(crate) fn modified_files(tree: &WorkingTree) -> String {
    let modified = usize::try_from(tree.modified_files).unwrap_or(usize::MAX);
    let shown: Vec<_> = tree.examples.iter().take(modified).map(String::as_str).collect();
    let more = if modified > shown.len() { ", …" } else { "" };
    format!("{}{more}", shown.join(", "))
}

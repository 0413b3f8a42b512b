//! Reading files of others, never more of them than will be accepted.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Reads at most one byte more than `limit`, by which whoever accepts only `limit` bytes sees that there are more.
pub(crate) fn read_up_to(reader: impl Read, limit: usize) -> io::Result<Vec<u8>> {
    let limit = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    let mut bytes = Vec::new();
    reader.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Reads at most one byte more of a file than `limit`.
pub(crate) fn read_file_up_to(path: &Path, limit: usize) -> io::Result<Vec<u8>> {
    read_up_to(File::open(path)?, limit)
}

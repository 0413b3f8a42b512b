//! Large values that events name by their digest, such as trained models: the log proves which bytes were meant.

use domain::canonical::Digest;

use crate::database::Database;
use crate::error::StoreError;
use crate::table::ARTIFACT;

/// Largest artifact, in bytes (64 MiB).
pub const ARTIFACT_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Keeps bytes under their digest, which it gives. The same bytes are kept once.
pub(crate) fn put(db: &mut Database, bytes: &[u8]) -> Result<Digest, StoreError> {
    if bytes.len() > ARTIFACT_BYTES_MAX {
        return Err(StoreError::TooMuch {
            what: "number of bytes of an artifact",
            limit: ARTIFACT_BYTES_MAX,
        });
    }
    let digest = Digest::of_bytes(bytes);
    db.insert(&ARTIFACT, vec![digest.to_string().into(), bytes.into()])?;
    Ok(digest)
}

/// The bytes of a digest; nothing where there are none.
pub(crate) fn get(db: &mut Database, digest: Digest) -> Result<Option<Vec<u8>>, StoreError> {
    const READ: &str = "SELECT content FROM artifact WHERE digest = $1";
    let bytes = db.query_opt(READ, &[digest.to_string().into()], |row| row.bytes(0))?;
    match bytes {
        Some(bytes) if Digest::of_bytes(&bytes) != digest => {
            Err(StoreError::damaged(format!("artifact {digest} does not have its digest")))
        }
        bytes => Ok(bytes),
    }
}

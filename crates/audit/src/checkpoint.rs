//! C2SP checkpoints: the log's head as a signed note of three lines, origin, size and base64 root.
//!
//! Our logs write no extension lines, so a checkpoint that has some is not ours and is refused.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::hash::{Hash, quoted};
use crate::note::{NoteError, SignedNote, SigningKey, VerifyingKey};
use crate::tree::{LOG_SIZE_MAX, TreeHead};

/// A head that its log signed. Only [`VerifyingKey::verify`] makes one, so whoever holds a checkpoint may rely on its
/// signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    origin: String,
    head: TreeHead,
}

/// A note that is not a checkpoint of the key's log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// The signed note does not verify.
    #[error("checkpoint is not a note signed by its log")]
    Note(#[from] NoteError),
    /// The text has other lines than a checkpoint of ours.
    #[error("checkpoint text is not the three lines origin, size and root")]
    Form,
    /// The key signs for another log.
    #[error("checkpoint is of the log `{found}`, the key signs for `{expected}`")]
    Origin {
        /// The key's name.
        expected: String,
        /// The checkpoint's origin line.
        found: String,
    },
    /// Not a size.
    #[error("`{0}` is not a log size: expected a decimal number up to {LOG_SIZE_MAX} without leading zeros")]
    Size(String),
    /// Not a root hash.
    #[error("`{0}` is not a root hash: expected base64 of 32 bytes")]
    Root(String),
}

impl Checkpoint {
    /// Name of the log.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The head that was signed.
    pub fn head(&self) -> &TreeHead {
        &self.head
    }
}

impl SigningKey {
    /// Signs a head as a checkpoint of the log that this key is named after.
    pub fn sign(&self, head: &TreeHead) -> SignedNote {
        let root = BASE64.encode(head.root.as_bytes());
        self.sign_text(&format!("{}\n{}\n{root}\n", self.name(), head.size))
    }
}

impl VerifyingKey {
    /// Checks the note's signature and reads the checkpoint in it.
    ///
    /// # Errors
    /// When the note is malformed, not signed by this key, or not a checkpoint of this key's log.
    pub fn verify(&self, note: &SignedNote) -> Result<Checkpoint, CheckpointError> {
        let text = self.verify_text(note.as_str())?;
        let mut lines = text.lines();
        let (Some(origin), Some(size), Some(root), None) =
            (lines.next(), lines.next(), lines.next(), lines.next())
        else {
            return Err(CheckpointError::Form);
        };
        if origin != self.name() {
            return Err(CheckpointError::Origin { expected: self.name().to_owned(), found: quoted(origin) });
        }
        let size = parse_size(size).ok_or_else(|| CheckpointError::Size(quoted(size)))?;
        let root = parse_root(root).ok_or_else(|| CheckpointError::Root(quoted(root)))?;
        Ok(Checkpoint { origin: origin.to_owned(), head: TreeHead { size, root } })
    }
}

fn parse_size(text: &str) -> Option<u64> {
    text.parse().ok().filter(|size: &u64| *size <= LOG_SIZE_MAX && size.to_string() == text)
}

fn parse_root(text: &str) -> Option<Hash> {
    Hash::try_from(BASE64.decode(text).ok()?.as_slice()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> SigningKey {
        SigningKey::from_seed("log.example/changes", [7; 32]).unwrap()
    }

    fn head(size: u64) -> TreeHead {
        TreeHead { size, root: Hash::leaf(&size.to_be_bytes()) }
    }

    #[test]
    fn a_signed_head_reads_back() {
        for size in [0, 1, 42, LOG_SIZE_MAX] {
            let note = key().sign(&head(size));
            let checkpoint = key().verifying_key().verify(&note).unwrap();
            assert_eq!((checkpoint.origin(), checkpoint.head()), ("log.example/changes", &head(size)));
        }
    }

    #[test]
    fn a_well_signed_text_that_is_no_checkpoint_is_refused() {
        let root = BASE64.encode([1; 32]);
        let refused = |text: String| key().verifying_key().verify(&key().sign_text(&text)).unwrap_err();
        let origin = key().name().to_owned();
        assert_eq!(refused(format!("{origin}\n5\n")), CheckpointError::Form);
        assert_eq!(refused(format!("{origin}\n5\n{root}\nextension\n")), CheckpointError::Form);
        let other = CheckpointError::Origin { expected: origin.clone(), found: "other.example".to_owned() };
        assert_eq!(refused(format!("other.example\n5\n{root}\n")), other);
        for size in ["05", "-1", "+5", "", "five", "9223372036854775808", "99999999999999999999"] {
            assert_eq!(
                refused(format!("{origin}\n{size}\n{root}\n")),
                CheckpointError::Size(size.to_owned())
            );
        }
        for root in ["", "AAAA", &root[1..], &root.replace('=', "")] {
            assert_eq!(refused(format!("{origin}\n5\n{root}\n")), CheckpointError::Root(root.to_owned()));
        }
    }
}

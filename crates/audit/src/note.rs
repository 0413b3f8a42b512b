//! C2SP signed notes with Ed25519: a text, a blank line, and signature lines that name their key.
//!
//! A note may carry signatures of other keys, for example of witnesses. They are skipped, never trusted.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ed25519_dalek::{Signature, Signer as _};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::hash::{decode_hex, quoted};

/// Longest accepted note, in bytes.
pub const NOTE_BYTES_MAX: usize = 64 * 1024;
/// Most signature lines accepted on a note.
pub const SIGNATURES_MAX: usize = 64;

/// Longest key name, in bytes.
const NAME_BYTES_MAX: usize = 255;
/// Longest text of a verifier key, in bytes.
const KEY_TEXT_BYTES_MAX: usize = NAME_BYTES_MAX + 64;
const KEY_HASH_BYTES: usize = 4;
const ALGORITHM_ED25519: u8 = 0x01;
const SIGNATURE_LINE_START: &str = "\u{2014} ";

/// A text with at least one signature line. Holding one proves nothing: only [`VerifyingKey::verify`] does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SignedNote(String);

/// The secret key that signs checkpoints, with the name it is known by.
pub struct SigningKey {
    public: VerifyingKey,
    secret: ed25519_dalek::SigningKey,
}

/// The public key that checks checkpoints. Its text form is `name+hash+base64`, as other C2SP tools read it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct VerifyingKey {
    name: String,
    hash: [u8; KEY_HASH_BYTES],
    key: ed25519_dalek::VerifyingKey,
}

/// A name or text that is not a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not a key name.
    #[error(
        "`{0}` is not a key name: expected 1 to {NAME_BYTES_MAX} bytes without blanks, `+` and control characters"
    )]
    Name(String),
    /// Not of the form of a verifier key.
    #[error("`{0}` is not a verifier key: expected `name+hash+base64`, as printed by the server that signs")]
    Form(String),
    /// The hash in the text does not belong to name and key.
    #[error("verifier key `{name}` does not have the key hash it states: copy it again from its source")]
    Hash {
        /// The key's name.
        name: String,
    },
    /// A key of another kind, or bytes that are no point on the curve.
    #[error("verifier key `{name}` is not a usable Ed25519 key")]
    Key {
        /// The key's name.
        name: String,
    },
}

/// A note that cannot be read or is not signed as it must be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// Longer than the limit.
    #[error("note has {bytes} bytes: at most {NOTE_BYTES_MAX} are accepted")]
    TooLong {
        /// Length in bytes.
        bytes: usize,
    },
    /// More signature lines than the limit.
    #[error("note has more than {SIGNATURES_MAX} signature lines")]
    TooManySignatures,
    /// A control character other than line feed.
    #[error("note contains a control character other than line feed")]
    ControlCharacter,
    /// No text, blank line and signature lines.
    #[error("note is not a text, a blank line and signature lines, each ended by a line feed")]
    Form,
    /// A signature line that cannot be read.
    #[error("signature line {line} is not an em dash, a key name and base64")]
    SignatureLine {
        /// Number of the line among the signature lines, from 1.
        line: usize,
    },
    /// No signature by the key.
    #[error("note is not signed by `{key}`")]
    NotSigned {
        /// Text form of the key that was looked for.
        key: String,
    },
    /// A signature line names the key, but the signature is wrong.
    #[error("signature by `{key}` does not match the note's text")]
    BadSignature {
        /// Text form of the key.
        key: String,
    },
}

impl SignedNote {
    /// Takes the text of a note from a file, a database or a message.
    pub fn from_text(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The note as it is stored and sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SignedNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl SigningKey {
    /// The key made of 32 secret random bytes. `name` is the log's origin, conventionally its address without scheme.
    ///
    /// # Errors
    /// When the name is not a key name.
    pub fn from_seed(name: &str, seed: [u8; 32]) -> Result<Self, KeyError> {
        let secret = ed25519_dalek::SigningKey::from_bytes(&seed);
        Ok(Self { public: VerifyingKey::new(name, secret.verifying_key())?, secret })
    }

    /// The key's name, which is the origin of the checkpoints it signs.
    pub fn name(&self) -> &str {
        &self.public.name
    }

    /// The public half, to be handed out.
    pub fn verifying_key(&self) -> &VerifyingKey {
        &self.public
    }

    /// Signs a text that ends with a line feed.
    pub(crate) fn sign_text(&self, text: &str) -> SignedNote {
        let signature = self.secret.sign(text.as_bytes()).to_bytes();
        let signature = BASE64.encode([self.public.hash.as_slice(), &signature].concat());
        SignedNote(format!("{text}\n{SIGNATURE_LINE_START}{} {signature}\n", self.public.name))
    }
}

/// Never shows the secret.
impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("public", &self.public).finish_non_exhaustive()
    }
}

impl VerifyingKey {
    fn new(name: &str, key: ed25519_dalek::VerifyingKey) -> Result<Self, KeyError> {
        let refused = |c: char| c.is_whitespace() || c.is_control() || c == '+';
        if name.is_empty() || name.len() > NAME_BYTES_MAX || name.contains(refused) {
            return Err(KeyError::Name(quoted(name)));
        }
        let digest = Sha256::new()
            .chain_update(name)
            .chain_update([b'\n', ALGORITHM_ED25519])
            .chain_update(key.as_bytes())
            .finalize();
        let [a, b, c, d, ..] = <[u8; 32]>::from(digest);
        Ok(Self { name: name.to_owned(), hash: [a, b, c, d], key })
    }

    /// The key's name, which is the origin of the checkpoints it verifies.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Checks that this key signed the note and hands out the note's text.
    pub(crate) fn verify_text<'n>(&self, note: &'n str) -> Result<&'n str, NoteError> {
        let (text, lines) = split_note(note)?;
        let mut signed = false;
        for (line, number) in lines.lines().zip(1..) {
            if number > SIGNATURES_MAX {
                return Err(NoteError::TooManySignatures);
            }
            let (name, hash, signature) =
                parse_signature(line).ok_or(NoteError::SignatureLine { line: number })?;
            if name != self.name || hash != self.hash {
                continue;
            }
            // Strict: no signature but the one that the key's owner wrote is accepted.
            Signature::from_slice(&signature)
                .and_then(|signature| self.key.verify_strict(text.as_bytes(), &signature))
                .map_err(|_| NoteError::BadSignature { key: self.to_string() })?;
            signed = true;
        }
        if signed { Ok(text) } else { Err(NoteError::NotSigned { key: self.to_string() }) }
    }
}

/// The note's text with its last line feed, and the signature lines.
fn split_note(note: &str) -> Result<(&str, &str), NoteError> {
    if note.len() > NOTE_BYTES_MAX {
        return Err(NoteError::TooLong { bytes: note.len() });
    }
    if note.contains(|c: char| c.is_ascii_control() && c != '\n') {
        return Err(NoteError::ControlCharacter);
    }
    let (text, lines) = note
        .rfind("\n\n")
        .and_then(|at| Some((note.get(..=at)?, note.get(at + 2..)?)))
        .ok_or(NoteError::Form)?;
    if text == "\n" || !lines.ends_with('\n') {
        return Err(NoteError::Form);
    }
    Ok((text, lines))
}

fn parse_signature(line: &str) -> Option<(&str, [u8; KEY_HASH_BYTES], Vec<u8>)> {
    let (name, signature) = line.strip_prefix(SIGNATURE_LINE_START)?.split_once(' ')?;
    let decoded = BASE64.decode(signature).ok()?;
    let (hash, signature) = decoded.split_first_chunk()?;
    Some((name, *hash, signature.to_vec()))
}

impl fmt::Display for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = BASE64.encode([&[ALGORITHM_ED25519], self.key.as_bytes().as_slice()].concat());
        write!(f, "{}+{}+{key}", self.name, hex::encode(self.hash))
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifyingKey({self})")
    }
}

impl FromStr for VerifyingKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let form = || KeyError::Form(quoted(text));
        if text.len() > KEY_TEXT_BYTES_MAX {
            return Err(form());
        }
        let (name, rest) = text.split_once('+').ok_or_else(form)?;
        let (hash, key) = rest.split_once('+').ok_or_else(form)?;
        let hash: [u8; KEY_HASH_BYTES] = decode_hex(hash).ok_or_else(form)?;
        let key = BASE64.decode(key).map_err(|_| form())?;
        let unusable = || KeyError::Key { name: quoted(name) };
        let point = match key.split_first() {
            Some((&ALGORITHM_ED25519, point)) => point.try_into().map_err(|_| unusable())?,
            Some(_) | None => return Err(unusable()),
        };
        let point = ed25519_dalek::VerifyingKey::from_bytes(point).map_err(|_| unusable())?;
        if point.is_weak() {
            return Err(unusable());
        }
        let key = Self::new(name, point)?;
        if key.hash == hash { Ok(key) } else { Err(KeyError::Hash { name: key.name }) }
    }
}

impl TryFrom<String> for VerifyingKey {
    type Error = KeyError;

    fn try_from(text: String) -> Result<Self, KeyError> {
        text.parse()
    }
}

impl From<VerifyingKey> for String {
    fn from(key: VerifyingKey) -> String {
        key.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the signed note documentation, whose secret key is published with it.
    #[test]
    fn the_published_example_is_signed_and_verified_alike() {
        let published = BASE64.decode("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz").unwrap();
        let key = SigningKey::from_seed("PeterNeumann", published[1..].try_into().unwrap()).unwrap();
        let text = "If you think cryptography is the answer to your problem,\n\
                    then you don't know what your problem is.\n";
        let note = format!(
            "{text}\n\u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
        );
        assert_eq!(key.sign_text(text).as_str(), note);
        assert_eq!(key.verifying_key().verify_text(&note), Ok(text));
        let public = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
        assert_eq!(key.verifying_key().to_string(), public);
    }
}

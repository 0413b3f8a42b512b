//! Verification of a whole log that somebody has tampered with.

use audit::{Checkpoint, Hash, LogFault, LogVerifier, SigningKey, TreeHead, VerifiedLog};
use proptest::prelude::*;

use crate::harness::TestLog;

/// A stored log: entries with their hashes, as rows of a table.
struct Rows(Vec<Row>);

type Row = (u64, Vec<u8>, Hash);

impl Rows {
    fn of(log: &TestLog) -> Self {
        let rows = log.leaves.iter().zip(&log.hashes).zip(0..);
        Self(rows.map(|((leaf, hash), index)| (index, leaf.clone().into_bytes(), *hash)).collect())
    }

    fn verify(&self, checkpoints: Vec<Checkpoint>, stored: &TreeHead) -> Result<VerifiedLog, LogFault> {
        let mut verifier = LogVerifier::new(checkpoints)?;
        for (index, leaf, hash) in &self.0 {
            verifier.entry(*index, leaf, hash)?;
        }
        verifier.finish(stored)
    }
}

/// Twenty entries, signed after batches of 5, 12 and 18.
fn log() -> (TestLog, Vec<Checkpoint>) {
    let mut log = TestLog::with_two_changes();
    while log.leaves.len() < 20 {
        log.append("service/checkout", serde_json::json!({"step": log.leaves.len()}));
    }
    let checkpoints = [12, 5, 18].map(|size| log.checkpoint_at(size)).to_vec();
    (log, checkpoints)
}

#[test]
fn an_untouched_log_verifies_and_says_how_far_it_is_signed() {
    let (log, checkpoints) = log();
    let expected = VerifiedLog { head: log.head(), checkpoints: 3, signed_size: 18 };
    assert_eq!(Rows::of(&log).verify(checkpoints.clone(), &log.head()), Ok(expected));
    let repeated = [checkpoints.clone(), checkpoints].concat();
    assert_eq!(Rows::of(&log).verify(repeated, &log.head()), Ok(expected));
    let unsigned = VerifiedLog { head: log.head(), checkpoints: 0, signed_size: 0 };
    assert_eq!(Rows::of(&log).verify(Vec::new(), &log.head()), Ok(unsigned));
}

#[test]
fn an_empty_log_verifies() {
    let log = TestLog::new();
    let expected = VerifiedLog { head: log.head(), checkpoints: 1, signed_size: 0 };
    assert_eq!(Rows::of(&log).verify(vec![log.checkpoint_at(0)], &log.head()), Ok(expected));
    let forged = log.key.sign(&TreeHead { size: 0, root: Hash::leaf(b"") });
    let forged = log.key.verifying_key().verify(&forged).unwrap();
    assert!(matches!(LogVerifier::new([forged]), Err(LogFault::RootMismatch { size: 0, .. })));
}

#[test]
fn every_flipped_bit_of_an_entry_or_its_hash_is_named() {
    let (log, checkpoints) = log();
    for at in 0..log.leaves.len() {
        let bits = (log.leaves[at].len() + Hash::BYTES) * 8;
        for bit in 0..bits {
            let mut rows = Rows::of(&log);
            let (_, leaf, hash) = &mut rows.0[at];
            match bit.checked_sub(leaf.len() * 8) {
                None => leaf[bit / 8] ^= 1 << (bit % 8),
                Some(bit) => {
                    let mut bytes = *hash.as_bytes();
                    bytes[bit / 8] ^= 1 << (bit % 8);
                    *hash = Hash::from_bytes(bytes);
                }
            }
            let fault = rows.verify(checkpoints.clone(), &log.head()).unwrap_err();
            assert!(matches!(fault, LogFault::Altered { index, .. } if index == at as u64), "{fault}");
        }
    }
}

#[test]
fn an_entry_altered_with_its_hash_is_found_between_two_checkpoints() {
    let (log, checkpoints) = log();
    for at in 0..log.leaves.len() {
        let mut rows = Rows::of(&log);
        let forged = b"{\"forged\":true}".to_vec();
        rows.0[at] = (at as u64, forged.clone(), Hash::leaf(&forged));
        let fault = rows.verify(checkpoints.clone(), &log.head()).unwrap_err();
        let interval = match at {
            0..5 => Some((0, 5)),
            5..12 => Some((5, 12)),
            12..18 => Some((12, 18)),
            // Not signed yet: only the stored head knows.
            _ => None,
        };
        match interval {
            Some(interval) => {
                assert!(
                    matches!(fault, LogFault::RootMismatch { from, size, .. } if (from, size) == interval)
                );
                assert!(fault.to_string().starts_with(&format!(
                    "an entry from {} to {} was",
                    interval.0,
                    interval.1 - 1
                )));
            }
            None => assert!(matches!(fault, LogFault::HeadMismatch { .. }), "{fault}"),
        }
    }
}

#[test]
fn missing_repeated_and_swapped_entries_are_named() {
    let (log, checkpoints) = log();
    let fault = |change: &dyn Fn(&mut Vec<Row>)| {
        let mut rows = Rows::of(&log);
        change(&mut rows.0);
        rows.verify(checkpoints.clone(), &log.head()).unwrap_err()
    };
    assert_eq!(fault(&|rows| drop(rows.remove(7))), LogFault::Missing { expected: 7, found: 8 });
    assert_eq!(fault(&|rows| drop(rows.remove(0))), LogFault::Missing { expected: 0, found: 1 });
    assert_eq!(
        fault(&|rows| rows.insert(8, rows[7].clone())),
        LogFault::OutOfOrder { expected: 8, found: 7 }
    );
    assert_eq!(fault(&|rows| rows.swap(3, 9)), LogFault::Missing { expected: 3, found: 9 });
    assert_eq!(fault(&|rows| rows.truncate(17)), LogFault::CutOff { found: 17, signed: 18 });
    assert!(matches!(fault(&|rows| rows.truncate(19)), LogFault::HeadMismatch { .. }));
    // An entry taken out and the rest renumbered: every row agrees with itself, the signature does not.
    let renumbered = fault(&|rows| {
        rows.remove(7);
        rows.iter_mut().zip(0..).for_each(|(row, index)| row.0 = index);
    });
    assert!(matches!(renumbered, LogFault::RootMismatch { from: 5, size: 12, .. }));
}

#[test]
fn two_signed_histories_are_a_fork() {
    let (log, mut checkpoints) = log();
    let other = log.key.sign(&TreeHead { size: 12, root: Hash::leaf(b"other") });
    checkpoints.push(log.key.verifying_key().verify(&other).unwrap());
    assert_eq!(Rows::of(&log).verify(checkpoints, &log.head()), Err(LogFault::Forked { size: 12 }));
}

#[test]
fn a_checkpoint_of_a_stranger_is_not_a_checkpoint() {
    let (log, _) = log();
    let stranger = SigningKey::from_seed("log.example/changes", [8; 32]).unwrap();
    assert!(log.key.verifying_key().verify(&stranger.sign(&log.head())).is_err());
}

proptest! {
    #[test]
    fn any_altered_row_of_a_signed_log_is_noticed(
        at in any::<prop::sample::Index>(),
        leaf in prop::collection::vec(any::<u8>(), 0..40),
        also_hash in any::<bool>(),
    ) {
        let (log, _) = log();
        let at = at.index(log.leaves.len());
        let mut rows = Rows::of(&log);
        prop_assume!(rows.0[at].1 != leaf);
        if also_hash {
            rows.0[at].2 = Hash::leaf(&leaf);
        }
        rows.0[at].1 = leaf;
        let fault = rows.verify(vec![log.checkpoint_at(20)], &log.head()).unwrap_err();
        let noticed = match fault {
            LogFault::Altered { index, .. } => !also_hash && index == at as u64,
            LogFault::RootMismatch { from, size, .. } => also_hash && (from, size) == (0, 20),
            _ => false,
        };
        prop_assert!(noticed, "{}", fault);
    }
}

//! Evidence bundles: an auditor who has only the file and the key.

use audit::{
    BundleEntry, BundleError, EntryFault, EvidenceBundle, Hash, SigningKey, StreamHead, UnsealError,
};
use serde_json::{Value, json};

use crate::harness::TestLog;

const STREAM: &str = "change/CHG-2026-000001";

/// The fault of the entry that the bundle is refused for.
fn entry_fault(bundle: &EvidenceBundle) -> (u64, EntryFault) {
    match bundle.verify(None).unwrap_err() {
        BundleError::Entry { index, fault } => (index, fault),
        other => panic!("expected a fault of an entry, found {other:?}"),
    }
}

#[test]
fn a_bundle_written_to_a_file_verifies_offline() {
    let log = TestLog::with_two_changes();
    let json = log.first_change().to_json().unwrap();
    let bundle = EvidenceBundle::from_json(json.as_bytes()).unwrap();
    assert_eq!(bundle, log.first_change());
    let verified = bundle.verify(Some(log.key.verifying_key())).unwrap();
    assert!(verified.key_trusted);
    assert_eq!(verified.change_id, "CHG-2026-000001");
    assert_eq!(*verified.checkpoint.head(), log.head());
    let places: Vec<(u64, &str, u64)> =
        verified.entries.iter().map(|entry| (entry.index, entry.stream.as_str(), entry.version)).collect();
    assert_eq!(places, [(0, STREAM, 1), (3, STREAM, 2), (4, STREAM, 3)]);
    assert_eq!(verified.entries[1].value["data"]["comment"], json!({"$text": "Looks fine"}));
}

#[test]
fn without_a_key_of_ones_own_the_result_says_so() {
    let log = TestLog::with_two_changes();
    assert!(!log.first_change().verify(None).unwrap().key_trusted);
    let other = SigningKey::from_seed("log.example/changes", [4; 32]).unwrap();
    let refused = log.first_change().verify(Some(other.verifying_key())).unwrap_err();
    assert!(matches!(refused, BundleError::OtherKey { found, .. } if *found == *log.key.verifying_key()));
    // A forger who signs the same head with a key of the same name is met by the trusted key alone.
    let mut forged = log.first_change();
    forged.checkpoint = other.sign(&log.head());
    forged.verifier_key = other.verifying_key().clone();
    assert!(!forged.verify(None).unwrap().key_trusted);
    assert!(forged.verify(Some(log.key.verifying_key())).is_err());
    forged.verifier_key = log.key.verifying_key().clone();
    assert!(matches!(forged.verify(None), Err(BundleError::Checkpoint(_))));
}

#[test]
fn a_bundle_covers_several_streams() {
    let log = TestLog::with_two_changes();
    let streams = [(STREAM, 3), ("service/checkout", 1)];
    assert_eq!(log.bundle("CHG-2026-000001", &[0, 2, 3, 4], &streams).verify(None).unwrap().entries.len(), 4);
    let stated = BundleError::StreamEnd { stream: "service/checkout".to_owned(), stated: 1, found: 0 };
    let left_out = log.bundle("CHG-2026-000001", &[0, 3, 4], &streams).verify(None).unwrap_err();
    assert_eq!(left_out.to_string(), stated.to_string());
}

#[test]
fn a_left_out_entry_is_noticed() {
    let log = TestLog::with_two_changes();
    let without = |indexes: &[usize]| log.bundle("CHG-2026-000001", indexes, &[(STREAM, 3)]);
    let (index, fault) = entry_fault(&without(&[0, 4]));
    assert!(matches!((index, fault), (4, EntryFault::Version { expected: 2, found: 3, .. })));
    let (index, fault) = entry_fault(&without(&[3, 4]));
    assert!(matches!((index, fault), (3, EntryFault::Version { expected: 1, found: 2, .. })));
    for indexes in [[0, 3].as_slice(), &[0], &[]] {
        let found = indexes.len() as u64;
        let refused = without(indexes).verify(None).unwrap_err();
        assert!(matches!(refused, BundleError::StreamEnd { stated: 3, found: end, .. } if end == found));
    }
}

#[test]
fn entries_that_do_not_belong_are_refused() {
    let log = TestLog::with_two_changes();
    let bundle = log.bundle("CHG-2026-000001", &[0, 1, 3, 4], &[(STREAM, 3)]);
    assert!(
        matches!(entry_fault(&bundle), (1, EntryFault::OtherStream { stream }) if stream.ends_with("000002"))
    );
    let bundle = log.bundle("CHG-2026-000001", &[0, 3, 3, 4], &[(STREAM, 3)]);
    assert!(matches!(entry_fault(&bundle), (3, EntryFault::Order { previous: 3 })));
    let bundle = log.bundle("CHG-2026-000001", &[3, 0, 4], &[(STREAM, 3)]);
    assert!(matches!(entry_fault(&bundle), (3, EntryFault::Version { .. })));

    let mut renamed = log.first_change();
    renamed.change_id = "CHG-2026-000002".to_owned();
    assert!(matches!(renamed.verify(None), Err(BundleError::ForeignChange { .. })));
    let mut twice = log.first_change();
    twice.streams.push(StreamHead { stream: STREAM.to_owned(), version: 3 });
    assert!(matches!(twice.verify(None), Err(BundleError::StreamTwice { .. })));
}

#[test]
fn an_altered_entry_or_text_is_named() {
    let log = TestLog::with_two_changes();
    let attempt = |change: &dyn Fn(&mut BundleEntry)| {
        let mut bundle = log.first_change();
        change(&mut bundle.entries[1]);
        entry_fault(&bundle)
    };
    let altered = attempt(&|entry| entry.leaf = entry.leaf.replace("low", "high"));
    assert!(matches!(altered, (3, EntryFault::Proof(_))));
    assert!(matches!(attempt(&|entry| entry.index = 2), (2, EntryFault::Proof(_))));
    let altered = attempt(&|entry| entry.private[0].text.push('!'));
    let pointer = "/data/comment".to_owned();
    assert!(
        matches!(altered, (3, EntryFault::Text(UnsealError::Mismatch { pointer: at })) if at == pointer),
        "the message names the text"
    );
}

#[test]
fn an_erased_text_does_not_break_the_evidence() {
    let log = TestLog::with_two_changes();
    let mut bundle = log.first_change();
    bundle.entries[1].private.clear();
    let verified = bundle.verify(Some(log.key.verifying_key())).unwrap();
    let comment = verified.entries[1].value["data"]["comment"].as_object().unwrap();
    assert!(comment.contains_key("$erased") && comment.len() == 1);
    assert_eq!(verified.entries[0].value["data"]["title"], json!({"$text": "Raise the limit"}));
}

#[test]
fn logged_bytes_that_can_be_read_in_two_ways_are_refused() {
    let fault = |leaf: &str| {
        let mut log = TestLog::new();
        log.append_leaf(leaf.to_owned(), Vec::new());
        entry_fault(&log.bundle("CHG-2026-000001", &[0], &[(STREAM, 1)])).1
    };
    let written_twice = r#"{"stream":"change/CHG-2026-000001","version":1,"version":1}"#;
    assert!(matches!(fault(written_twice), EntryFault::NotCanonical));
    assert!(matches!(fault(r#"{"version":1,"stream":"change/CHG-2026-000001"}"#), EntryFault::NotCanonical));
    assert!(matches!(fault("{"), EntryFault::NotJson(_)));
    assert!(matches!(fault(&"[".repeat(100_000)), EntryFault::NotJson(_)));
    for leaf in
        ["{}", "[]", r#"{"stream":"a"}"#, r#"{"stream":"a","version":0}"#, r#"{"stream":1,"version":1}"#]
    {
        assert!(matches!(fault(leaf), EntryFault::NoPlace), "{leaf}");
    }
}

#[test]
fn files_of_another_format_are_refused() {
    let json = TestLog::with_two_changes().first_change().to_json().unwrap();
    let refused = |change: &dyn Fn(&mut Value)| {
        let mut value: Value = serde_json::from_str(&json).unwrap();
        change(&mut value);
        assert!(matches!(EvidenceBundle::from_json(value.to_string().as_bytes()), Err(BundleError::Json(_))));
    };
    refused(&|bundle| bundle["format"] = json!("cortex-change/evidence-bundle/v2"));
    refused(&|bundle| bundle["note"] = json!("approved by everyone"));
    refused(&|bundle| bundle["entries"][0]["note"] = json!(1));
    refused(&|bundle| bundle["entries"][0]["private"][0]["note"] = json!(1));
    refused(&|bundle| bundle["streams"][0]["note"] = json!(1));
    refused(&|bundle| bundle["entries"][0]["proof"][0] = json!(Hash::leaf(b"").to_string().to_uppercase()));
    refused(&|bundle| bundle["verifier_key"] = json!("log.example+00000000+AAAA"));
    refused(&|bundle| bundle["entries"][0]["index"] = json!(-1));
    assert!(EvidenceBundle::from_json(&json.as_bytes()[..json.len() - 2]).is_err());
    assert!(EvidenceBundle::from_json(b"\xff").is_err());
}

#[test]
fn every_flipped_bit_of_a_bundle_is_noticed() {
    let log = TestLog::with_two_changes();
    let bundle = log.bundle("CHG-2026-000001", &[0, 3], &[(STREAM, 2)]);
    let json = bundle.to_json().unwrap();
    for at in 0..json.len() {
        for bit in 0..8 {
            let mut flipped = json.clone().into_bytes();
            flipped[at] ^= 1 << bit;
            if let Ok(read) = EvidenceBundle::from_json(&flipped) {
                assert!(read.verify(None).is_err(), "byte {at}, bit {bit}: {read:?}");
            }
        }
    }
}

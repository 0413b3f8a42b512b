//! Sealing and unsealing: what goes in comes out, and nothing else can be brought in.

use audit::{
    COMMITMENT_KEY, DEPTH_MAX, ERASED_KEY, Hash, PrivateText, SALT_BYTES, SealError, Sealed, TEXT_KEY,
    TEXTS_MAX, TextsError, UnsealError, check_texts, commit, is_reserved_key, seal,
};
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

/// Salts 01…, 02…, and so on.
fn counting_salts() -> impl FnMut() -> [u8; SALT_BYTES] {
    let mut next = 0u8;
    move || {
        next = next.wrapping_add(1);
        [next; SALT_BYTES]
    }
}

fn sealed(value: Value) -> Sealed {
    seal(value, counting_salts()).unwrap()
}

#[test]
fn a_text_is_replaced_by_its_commitment_and_handed_out() {
    let entry =
        json!({"data": {"title": {"$text": "Raise the limit"}, "tags": ["a", {"$text": "b"}]}, "version": 1});
    let Sealed { public, mut private } = sealed(entry.clone());
    private.sort_by(|a, b| a.pointer.cmp(&b.pointer));
    let found: Vec<(&str, &str)> =
        private.iter().map(|text| (text.pointer.as_str(), text.text.as_str())).collect();
    assert_eq!(found, [("/data/tags/1", "b"), ("/data/title", "Raise the limit")]);
    let commitment = |text: &PrivateText| json!({"$sha256": commit(&text.salt, &text.text).to_string()});
    let (tag, title) = (commitment(&private[0]), commitment(&private[1]));
    assert_eq!(public, json!({"data": {"title": title, "tags": ["a", tag]}, "version": 1}));
    assert_eq!(unseal(public, private), Ok(entry));
}

#[test]
fn the_commitment_is_the_documented_hash() {
    let salt = [0x11; SALT_BYTES];
    let bytes = [b"cortex-change/free-text/v1".as_slice(), &[0], &salt, "Grüße".as_bytes()].concat();
    assert_eq!(*commit(&salt, "Grüße").as_bytes(), <[u8; 32]>::from(Sha256::digest(bytes)));
}

#[test]
fn equal_texts_have_different_commitments() {
    let Sealed { public, .. } = sealed(json!([{"$text": "same"}, {"$text": "same"}]));
    assert_ne!(public[0], public[1]);
}

#[test]
fn an_erased_text_is_marked_and_the_others_stay() {
    let Sealed { public, mut private } = sealed(json!([{"$text": "kept"}, {"$text": "erased"}]));
    let commitment = public[1][COMMITMENT_KEY].clone();
    private.pop();
    assert_eq!(unseal(public, private), Ok(json!([{"$text": "kept"}, {ERASED_KEY: commitment}])));
}

#[test]
fn an_altered_text_salt_or_place_is_refused_by_name() {
    let Sealed { public, private } = sealed(json!({"a": {"$text": "one"}, "b": {"$text": "two"}}));
    let attempt = |change: &dyn Fn(&mut Vec<PrivateText>)| {
        let mut private = private.clone();
        change(&mut private);
        unseal(public.clone(), private).unwrap_err()
    };
    let at = private[0].pointer.clone();
    let mismatch = UnsealError::Mismatch { pointer: at.clone() };
    assert_eq!(attempt(&|private| private[0].text.push(' ')), mismatch);
    assert_eq!(attempt(&|private| private[0].salt[15] ^= 1), mismatch);
    let nowhere = UnsealError::NoCommitment { pointer: "/c".to_owned() };
    assert_eq!(attempt(&|private| private[0].pointer = "/c".to_owned()), nowhere);
    let twice = UnsealError::GivenTwice { pointer: at };
    assert_eq!(attempt(&|private| private.push(private[0].clone())), twice);
}

#[test]
fn reserved_keys_cannot_be_brought_in() {
    let hex = Hash::leaf(b"").to_string();
    let refusal = |value| seal(value, counting_salts()).unwrap_err();
    let reserved = |pointer: &str, key| SealError::ReservedKey { pointer: pointer.to_owned(), key };
    let not_a_text = |pointer: &str| SealError::NotAText { pointer: pointer.to_owned() };
    assert_eq!(refusal(json!({"p": [{"$sha256": hex}]})), reserved("/p/0", COMMITMENT_KEY));
    assert_eq!(refusal(json!({"$erased": hex})), reserved("", ERASED_KEY));
    assert_eq!(refusal(json!({"a/b~c": {"x": 1, "$erased": null}})), reserved("/a~1b~0c", ERASED_KEY));
    assert_eq!(refusal(json!({"a": {"$text": "x", "more": 1}})), not_a_text("/a"));
    for value in [json!(1), json!(null), json!({"$text": "x"}), json!(["x"])] {
        assert_eq!(refusal(json!({"$text": value})), not_a_text(""));
    }
    assert!([TEXT_KEY, COMMITMENT_KEY, ERASED_KEY].into_iter().all(is_reserved_key));
    assert!(!["", "$", "text", "$TEXT", "$schema", "$ref"].into_iter().any(is_reserved_key));
    let ordinary = json!({"$schema": "x", "$ref": {"text": "$text", "sha256": "$sha256"}});
    assert_eq!(sealed(ordinary.clone()), Sealed { public: ordinary, private: Vec::new() });
}

#[test]
fn what_seal_did_not_make_does_not_unseal() {
    let hex = Hash::leaf(b"").to_string();
    let refusal = |value| unseal(value, Vec::new()).unwrap_err();
    let not_a_commitment = UnsealError::NotACommitment { pointer: "/a".to_owned() };
    for inner in [json!("ab"), json!(hex.to_uppercase()), json!(1), json!(null)] {
        assert_eq!(refusal(json!({"a": {"$sha256": inner}})), not_a_commitment);
    }
    assert_eq!(refusal(json!({"a": {"$sha256": hex, "b": 1}})), not_a_commitment);
    for key in [TEXT_KEY, ERASED_KEY] {
        let reserved = UnsealError::ReservedKey { pointer: "/a".to_owned(), key };
        assert_eq!(refusal(json!({"a": {key: hex}})), reserved);
    }
}

#[test]
fn texts_are_not_checked_against_what_is_no_json() {
    for leaf in ["", "{", "{} {}", "{\"a\":1,}", "\u{0}"] {
        let refused = check_texts(leaf.as_bytes(), &[]);
        assert!(matches!(refused, Err(TextsError::NotJson(_))), "{leaf}: {refused:?}");
    }
}

#[test]
fn depth_and_number_of_texts_are_bounded() {
    let nested = |depth| (0..depth).fold(json!({"$text": "deep"}), |value, _| json!([value]));
    let Sealed { public, private } = sealed(nested(DEPTH_MAX));
    assert_eq!(unseal(public, private), Ok(nested(DEPTH_MAX)));
    assert!(matches!(seal(nested(DEPTH_MAX + 1), counting_salts()), Err(SealError::TooDeep(_))));
    assert!(matches!(unseal(nested(DEPTH_MAX + 1), Vec::new()), Err(UnsealError::TooDeep(_))));
    let texts = |count| Value::Array(vec![json!({"$text": ""}); count]);
    assert_eq!(sealed(texts(TEXTS_MAX)).private.len(), TEXTS_MAX);
    assert_eq!(seal(texts(TEXTS_MAX + 1), counting_salts()), Err(SealError::TooManyTexts));
}

#[test]
fn a_private_text_is_stored_as_hex_and_never_shown() {
    let text =
        PrivateText { pointer: "/a".to_owned(), salt: [0xab; SALT_BYTES], text: "Ada Lovelace".to_owned() };
    let stored = json!({"pointer": "/a", "salt": "ab".repeat(16), "text": "Ada Lovelace"});
    assert_eq!(serde_json::to_value(&text).unwrap(), stored);
    assert_eq!(serde_json::from_value::<PrivateText>(stored.clone()).unwrap(), text);
    for salt in ["", "ab", &"AB".repeat(16), &"zz".repeat(16), &"ab".repeat(17)] {
        let mut refused = stored.clone();
        refused["salt"] = json!(salt);
        assert!(serde_json::from_value::<PrivateText>(refused).is_err());
    }
    let shown = format!("{text:?}");
    assert!(shown.contains("/a") && !shown.contains("Ada") && !shown.contains("171"), "{shown}");
}

/// Unseals, and looks whether checking the stored bytes alone comes to the same.
fn unseal(public: Value, private: Vec<PrivateText>) -> Result<Value, UnsealError> {
    let checked = check_texts(&serde_json::to_vec(&public).unwrap(), &private);
    let unsealed = audit::unseal(public, private);
    match checked {
        Ok(()) => assert!(unsealed.is_ok(), "{unsealed:?}"),
        Err(TextsError::Text(error)) => assert_eq!(unsealed.as_ref(), Err(&error)),
        Err(TextsError::NotJson(error)) => panic!("{error}"),
    }
    unsealed
}

/// Any JSON, with free texts anywhere in it.
fn any_entry() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        ".{0,20}".prop_map(|text| json!({ TEXT_KEY: text })),
    ];
    scalar.prop_recursive(6, 60, 5, |inner| {
        let key = "[a-c~/ \"é]{0,4}|.{0,3}|0|1";
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::Array),
            prop::collection::vec((key, inner), 0..5)
                .prop_map(|members| Value::Object(Map::from_iter(members))),
        ]
    })
}

fn contains_key(value: &Value, key: &str) -> bool {
    match value {
        Value::Object(map) => map.contains_key(key) || map.values().any(|item| contains_key(item, key)),
        Value::Array(items) => items.iter().any(|item| contains_key(item, key)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

proptest! {
    #[test]
    fn sealing_and_unsealing_gives_the_entry_back(entry in any_entry(), order in any::<prop::sample::Index>()) {
        let Sealed { public, mut private } = sealed(entry.clone());
        prop_assert!(!contains_key(&public, TEXT_KEY));
        for text in &private {
            // Another implementation of the pointers finds each text where it was.
            prop_assert_eq!(entry.pointer(&text.pointer), Some(&json!({ TEXT_KEY: text.text })));
        }
        if !private.is_empty() {
            let middle = order.index(private.len());
            private.rotate_left(middle);
        }
        // The log stores text, not values: the entry must survive that as well.
        let public: Value = serde_json::from_str(&serde_json_canonicalizer::to_string(&public).unwrap()).unwrap();
        let restored = unseal(public, private).unwrap();
        prop_assert_eq!(canonical(&restored), canonical(&entry));
    }

    #[test]
    fn erasing_everything_leaves_no_text(entry in any_entry()) {
        let Sealed { public, private } = sealed(entry);
        let erased = unseal(public.clone(), Vec::new()).unwrap();
        prop_assert!(!contains_key(&erased, TEXT_KEY) && !contains_key(&erased, COMMITMENT_KEY));
        for text in &private {
            let commitment = public.pointer(&text.pointer).unwrap()[COMMITMENT_KEY].clone();
            prop_assert_eq!(erased.pointer(&text.pointer), Some(&json!({ ERASED_KEY: commitment })));
        }
    }
}

/// RFC 8785 writes large whole numbers as doubles, so entries are compared in that form.
fn canonical(value: &Value) -> String {
    serde_json_canonicalizer::to_string(value).unwrap()
}

//! Signed checkpoints: what other tools read, and what nobody may slip in.

use audit::{
    CheckpointError, Hash, KeyError, NOTE_BYTES_MAX, NoteError, SIGNATURES_MAX, SignedNote, SigningKey,
    TreeHead, VerifyingKey,
};
use proptest::prelude::*;

/// The key pair of the signed note documentation, and a checkpoint that another implementation wrote with it.
const OTHER_SEED: &str = "810a1402d5146c8d84f2443330f54080ebf98ee17d9c74f6252fc5d5c7283173";
const OTHER_VERIFIER: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const OTHER_CHECKPOINT: &str = "PeterNeumann
1234
AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=

\u{2014} PeterNeumann x08go8eSmbm6TA9DLDf5ClHGR2r/6Wb4E24Zs7tR3JW873dxNev7Hwasyye4d34HkGu5k4hTDtu/jlPYddTMCuvFGQ8=
";

fn key() -> SigningKey {
    SigningKey::from_seed("log.example/changes", [9; 32]).unwrap()
}

fn head() -> TreeHead {
    TreeHead { size: 1234, root: Hash::leaf(b"root") }
}

fn verify(text: impl Into<String>) -> Result<audit::Checkpoint, CheckpointError> {
    key().verifying_key().verify(&SignedNote::from_text(text))
}

#[test]
fn checkpoints_are_those_of_another_implementation_byte_for_byte() {
    let head =
        TreeHead { size: 1234, root: Hash::from_bytes(std::array::from_fn(|n| u8::try_from(n).unwrap())) };
    let seed = hex::decode(OTHER_SEED).unwrap().try_into().unwrap();
    let key = SigningKey::from_seed("PeterNeumann", seed).unwrap();
    assert_eq!(key.verifying_key().to_string(), OTHER_VERIFIER);
    assert_eq!(key.sign(&head).as_str(), OTHER_CHECKPOINT);
    let read = OTHER_VERIFIER
        .parse::<VerifyingKey>()
        .unwrap()
        .verify(&SignedNote::from_text(OTHER_CHECKPOINT))
        .unwrap();
    assert_eq!((read.origin(), *read.head()), ("PeterNeumann", head));
}

#[test]
fn signatures_of_others_are_skipped_and_ours_is_still_checked() {
    let ours = key().sign(&head());
    let witness = SigningKey::from_seed("witness.example", [1; 32]).unwrap().sign(&head());
    let witness_line = witness.as_str().lines().last().unwrap();
    let both = format!("{ours}{witness_line}\n");
    assert_eq!(*verify(both.as_str()).unwrap().head(), head());
    let only_witness = both.replace(ours.as_str().lines().last().unwrap(), witness_line);
    let not_signed = NoteError::NotSigned { key: key().verifying_key().to_string() };
    assert_eq!(verify(only_witness), Err(CheckpointError::Note(not_signed)));
    let namesake = SigningKey::from_seed("log.example/changes", [1; 32]).unwrap();
    assert!(matches!(
        namesake.verifying_key().verify(&ours),
        Err(CheckpointError::Note(NoteError::NotSigned { .. }))
    ));
}

#[test]
fn another_head_under_the_same_signature_is_refused() {
    let note = key().sign(&head()).to_string();
    let bad = NoteError::BadSignature { key: key().verifying_key().to_string() };
    assert_eq!(verify(note.replace("1234", "1235")), Err(CheckpointError::Note(bad.clone())));
    assert_eq!(verify(note.replace("1234", "1234\nextension")), Err(CheckpointError::Note(bad)));
}

#[test]
fn every_flipped_bit_of_a_checkpoint_is_noticed() {
    let note = key().sign(&head()).to_string().into_bytes();
    for at in 0..note.len() {
        for bit in 0..8 {
            let mut flipped = note.clone();
            flipped[at] ^= 1 << bit;
            if let Ok(text) = String::from_utf8(flipped) {
                assert!(verify(text).is_err(), "byte {at}, bit {bit}");
            }
        }
    }
}

#[test]
fn malformed_notes_are_refused_with_their_reason() {
    let note = key().sign(&head()).to_string();
    let refused =
        |text: String, reason: NoteError| assert_eq!(verify(text), Err(CheckpointError::Note(reason)));
    refused(String::new(), NoteError::Form);
    refused("\n\n".to_owned(), NoteError::Form);
    refused(note.trim_end().to_owned(), NoteError::Form);
    refused(note.replace("\n\n", "\n"), NoteError::Form);
    refused(format!("{note}\n"), NoteError::Form);
    refused(note.replace('\n', "\r\n"), NoteError::ControlCharacter);
    refused(note.replace("log.", "log.\u{0}"), NoteError::ControlCharacter);
    refused(format!("{note}- a AAAAAAAA\n"), NoteError::SignatureLine { line: 2 });
    refused(format!("{note}\u{2014} a AAA\n"), NoteError::SignatureLine { line: 2 });
    refused(format!("{note}\u{2014} a {{}}\n"), NoteError::SignatureLine { line: 2 });
    let line = "\u{2014} a AAAAAAAA\n";
    assert!(verify(format!("{note}{}", line.repeat(SIGNATURES_MAX - 1))).is_ok());
    refused(format!("{note}{}", line.repeat(SIGNATURES_MAX)), NoteError::TooManySignatures);
    let long = format!("{}{note}", "x".repeat(NOTE_BYTES_MAX));
    refused(long.clone(), NoteError::TooLong { bytes: long.len() });
}

#[test]
fn key_names_and_texts_that_other_tools_would_misread_are_refused() {
    for name in ["", "two words", "a+b", "line\nfeed", "tab\t", "nbsp\u{a0}", "bell\u{7}", &"x".repeat(256)] {
        assert!(matches!(SigningKey::from_seed(name, [0; 32]), Err(KeyError::Name(_))), "{name:?}");
    }
    let text = key().verifying_key().to_string();
    assert_eq!(text.parse(), Ok(key().verifying_key().clone()));
    let name = "log.example/changes".to_owned();
    let renamed = text.replace("changes", "change5");
    assert_eq!(
        renamed.parse::<VerifyingKey>(),
        Err(KeyError::Hash { name: "log.example/change5".to_owned() })
    );
    let (start, _) = text.rsplit_once('+').unwrap();
    for (key, refusal) in [("AgAA", KeyError::Key { name: name.clone() }), ("", KeyError::Key { name })] {
        assert_eq!(format!("{start}+{key}").parse::<VerifyingKey>(), Err(refusal));
    }
    for refused in ["", "name", "name+00000000", "name+0000000+AAAA", "name+ABCDEF01+AAAA", "n+00000000+*"] {
        assert_eq!(refused.parse::<VerifyingKey>(), Err(KeyError::Form(refused.to_owned())));
    }
}

#[test]
fn the_secret_is_never_shown() {
    let shown = format!("{:?}", SigningKey::from_seed("log.example", [0xab; 32]).unwrap());
    assert!(shown.contains("log.example"));
    assert!(!shown.contains("171") && !shown.to_lowercase().contains("abab"), "{shown}");
}

proptest! {
    #[test]
    fn no_text_makes_the_note_reader_fail_badly(text in "[a\u{2014} \n+=A0]{0,80}") {
        prop_assert!(verify(text).is_err());
    }
}

//! Inclusion and consistency proofs against another implementation, and against everything that is not one.

use audit::{
    ConsistencyProof, Frontier, Hash, InclusionProof, LOG_SIZE_MAX, ProofError, TreeHead, leaf_source,
};
use ct_merkle::mem_backed_tree::MemoryBackedTree;
use proptest::prelude::*;
use sha2::Sha256;

use crate::harness::{AllNodes, head_of, leaf_hashes};

type OtherTree = MemoryBackedTree<Sha256, [u8; 8]>;

fn joined(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| *hash.as_bytes()).collect()
}

fn check_inclusion(index: u64, head: &TreeHead, nodes: &AllNodes, other: &OtherTree) {
    let proof = InclusionProof::build(index, head.size, nodes.within(head.size)).unwrap();
    let expected = other.prove_inclusion(usize::try_from(index).unwrap());
    assert_eq!(joined(proof.hashes()), expected.as_bytes(), "entry {index} of {}", head.size);
    assert_eq!(proof.verify(Hash::leaf(&index.to_be_bytes()), index, head), Ok(()));
}

fn check_consistency(old: &TreeHead, new: &TreeHead, nodes: &AllNodes, other: &OtherTree) {
    let proof = ConsistencyProof::build(old.size, new.size, nodes.within(new.size)).unwrap();
    let expected = other.prove_consistency(usize::try_from(new.size - old.size).unwrap());
    assert_eq!(joined(proof.hashes()), expected.as_bytes(), "{} to {}", old.size, new.size);
    assert_eq!(proof.verify(old, new), Ok(()));
}

#[test]
fn all_proofs_up_to_300_entries_are_those_of_another_implementation() {
    const SIZE: u64 = 300;
    let leaves = leaf_hashes(SIZE);
    let nodes = AllNodes::new(&leaves);
    let mut other = OtherTree::new();
    let mut frontier = Frontier::new();
    let mut heads: Vec<TreeHead> = Vec::new();
    for index in 0..SIZE {
        other.push(index.to_be_bytes());
        frontier.append(leaves[usize::try_from(index).unwrap()]);
        let head = frontier.head();
        heads.push(head);
        (0..=index).for_each(|index| check_inclusion(index, &head, &nodes, &other));
        heads.iter().for_each(|old| check_consistency(old, &head, &nodes, &other));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn proofs_of_larger_logs_are_those_of_another_implementation(
        size in 301..9000u64,
        picks in prop::collection::vec(any::<prop::sample::Index>(), 40),
    ) {
        let leaves = leaf_hashes(size);
        let nodes = AllNodes::new(&leaves);
        let mut other = OtherTree::new();
        (0..size).for_each(|n| other.push(n.to_be_bytes()));
        let head = head_of(&leaves);
        for pick in picks {
            let index = pick.index(leaves.len());
            check_inclusion(index as u64, &head, &nodes, &other);
            check_consistency(&head_of(&leaves[..=index]), &head, &nodes, &other);
        }
    }

    #[test]
    fn proofs_hold_up_to_the_largest_log(size in 1..=LOG_SIZE_MAX, index in any::<prop::sample::Index>()) {
        let index = u64::try_from(index.index(usize::try_from(size).unwrap())).unwrap();
        let new = head_of_equal_entries(size);
        let old = head_of_equal_entries(index + 1);
        let leaf = level_of_equal_entries(0);
        let source = |node: audit::Node| node.is_complete(size).then(|| level_of_equal_entries(node.level));
        prop_assert_eq!(InclusionProof::build(index, size, source).unwrap().verify(leaf, index, &new), Ok(()));
        prop_assert_eq!(ConsistencyProof::build(old.size, size, source).unwrap().verify(&old, &new), Ok(()));
    }
}

/// Root of a complete subtree in a log whose entries are all alike.
fn level_of_equal_entries(level: u32) -> Hash {
    (0..level).fold(Hash::leaf(b"again"), |hash, _| Hash::node(&hash, &hash))
}

fn head_of_equal_entries(size: u64) -> TreeHead {
    let mut frontier = vec![1];
    frontier.extend(size.to_be_bytes());
    let levels = (0..64u32).rev().filter(|level| size >> level & 1 == 1);
    levels.for_each(|level| frontier.extend(level_of_equal_entries(level).as_bytes()));
    Frontier::from_bytes(&frontier).unwrap().head()
}

/// Everything that is one hash or one bit away from a list of hashes.
fn variations(hashes: &[Hash]) -> Vec<Vec<Hash>> {
    let mut all = Vec::new();
    for at in 0..=hashes.len() {
        let mut longer = hashes.to_vec();
        longer.insert(at, Hash::leaf(b"extra"));
        all.push(longer);
    }
    for at in 0..hashes.len() {
        let mut shorter = hashes.to_vec();
        shorter.remove(at);
        all.push(shorter);
        let mut flipped = hashes.to_vec();
        let mut bytes = *flipped[at].as_bytes();
        bytes[at % Hash::BYTES] ^= 1 << (at % 8);
        flipped[at] = Hash::from_bytes(bytes);
        all.push(flipped);
    }
    all
}

#[test]
fn an_inclusion_proof_holds_for_nothing_else() {
    let leaves = leaf_hashes(40);
    for size in 1..=leaves.len() {
        let head = head_of(&leaves[..size]);
        for index in 0..size {
            let proof = InclusionProof::build(index as u64, head.size, leaf_source(&leaves)).unwrap();
            for other in variations(proof.hashes()) {
                assert!(InclusionProof::from(other).verify(leaves[index], index as u64, &head).is_err());
            }
            for (other, leaf) in leaves.iter().enumerate().filter(|(other, _)| *other != index) {
                assert!(proof.verify(*leaf, index as u64, &head).is_err());
                assert!(proof.verify(leaves[index], other as u64, &head).is_err());
            }
            assert!(
                proof
                    .verify(leaves[index], index as u64, &TreeHead { root: leaves[index], size: 41 })
                    .is_err()
            );
        }
    }
}

#[test]
fn a_consistency_proof_holds_for_nothing_else() {
    let leaves = leaf_hashes(40);
    let heads: Vec<TreeHead> = (0..=leaves.len()).map(|size| head_of(&leaves[..size])).collect();
    let wrong = |head: &TreeHead| TreeHead { root: Hash::leaf(b"forged"), ..*head };
    for (size, new) in heads.iter().enumerate() {
        for old in &heads[..=size] {
            let proof = ConsistencyProof::build(old.size, new.size, leaf_source(&leaves)).unwrap();
            assert_eq!(proof.verify(old, new), Ok(()));
            for other in variations(proof.hashes()) {
                assert!(ConsistencyProof::from(other).verify(old, new).is_err());
            }
            assert!(proof.verify(&wrong(old), new).is_err());
            // The empty log is the beginning of every log, so there is nothing that its proof could say of the root.
            assert_eq!(proof.verify(old, &wrong(new)).is_err(), old.size > 0 || new.size == 0);
        }
    }
}

#[test]
fn what_cannot_be_proved_is_refused_with_its_reason() {
    let leaves = leaf_hashes(5);
    let head = head_of(&leaves);
    let source = leaf_source(&leaves);
    let beyond = |index, size| Err(ProofError::IndexBeyondLog { index, size });
    assert_eq!(InclusionProof::build(5, 5, &source), beyond(5, 5));
    assert_eq!(InclusionProof::build(0, 0, &source), beyond(0, 0));
    let empty = InclusionProof::from(Vec::new());
    assert_eq!(empty.verify(leaves[0], 5, &head), beyond(5, 5).map(drop));
    let no_log = TreeHead { size: 0, root: Hash::empty_root() };
    assert_eq!(empty.verify(Hash::empty_root(), 0, &no_log), beyond(0, 0).map(drop));
    let too_short = ProofError::WrongLength { expected: 3, found: 0 };
    assert_eq!(empty.verify(leaves[0], 0, &head), Err(too_short));
    assert_eq!(
        InclusionProof::build(0, 6, &source),
        Err(ProofError::MissingHash { level: 1, index: 2 }),
        "a log of 5 entries cannot prove anything of 6"
    );

    let order = ProofError::OldBeyondNew { old: 6, new: 5 };
    assert_eq!(ConsistencyProof::build(6, 5, &source), Err(order));
    let empty = ConsistencyProof::from(Vec::new());
    assert_eq!(empty.verify(&TreeHead { size: 6, ..head }, &head), Err(order));
    assert_eq!(empty.verify(&no_log, &head), Ok(()));
    assert!(empty.verify(&TreeHead { size: 0, root: head.root }, &head).is_err());
    assert!(
        empty.verify(&TreeHead { size: 0, root: head.root }, &TreeHead { size: 0, root: head.root }).is_err()
    );
    let too_short = ProofError::WrongLength { expected: 4, found: 0 };
    assert_eq!(empty.verify(&head_of(&leaves[..3]), &head), Err(too_short));

    let size = u64::MAX;
    let huge = TreeHead { size, ..head };
    assert_eq!(InclusionProof::build(0, size, &source), Err(ProofError::SizeTooLarge { size }));
    assert_eq!(empty.verify(&head, &huge), Err(ProofError::SizeTooLarge { size }));
    assert_eq!(ConsistencyProof::build(0, size, &source), Err(ProofError::SizeTooLarge { size }));
}

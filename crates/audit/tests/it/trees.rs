//! Roots: the published vectors, the definition, another implementation.

use audit::{Frontier, Hash, TreeHead, subtree_root};
use ct_merkle::mem_backed_tree::MemoryBackedTree;
use proptest::prelude::*;
use sha2::Sha256;

use crate::harness::{head_of, leaf_hashes, root_by_definition};

/// Entries and roots of the Certificate Transparency reference implementation, for logs of 0 to 8 entries.
const ENTRIES: [&str; 8] =
    ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];
const ROOTS: [&str; 9] = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

#[test]
fn roots_are_those_of_the_reference_implementation() {
    let mut frontier = Frontier::new();
    assert_eq!(frontier.root().to_string(), ROOTS[0]);
    for (entry, root) in ENTRIES.iter().zip(&ROOTS[1..]) {
        frontier.append(Hash::leaf(&hex::decode(entry).unwrap()));
        assert_eq!(frontier.root().to_string(), *root, "{} entries", frontier.size());
    }
}

#[test]
fn roots_of_all_sizes_are_those_of_another_implementation() {
    let mut other = MemoryBackedTree::<Sha256, [u8; 8]>::new();
    let mut frontier = Frontier::new();
    for n in 0..2000u64 {
        other.push(n.to_be_bytes());
        frontier.append(Hash::leaf(&n.to_be_bytes()));
        assert_eq!(frontier.root().as_bytes().as_slice(), other.root().as_bytes().as_slice());
        assert_eq!(frontier.size(), other.len());
    }
}

#[test]
fn a_frontier_is_at_most_64_hashes() {
    let frontier = Frontier::new();
    assert_eq!(frontier.to_bytes().len(), 9);
    let mut largest = vec![1];
    largest.extend(audit::LOG_SIZE_MAX.to_be_bytes());
    largest.extend([0; 63 * Hash::BYTES]);
    let read = Frontier::from_bytes(&largest).unwrap();
    assert_eq!((read.size(), read.to_bytes()), (audit::LOG_SIZE_MAX, largest));
}

proptest! {
    #[test]
    fn the_frontier_has_the_root_of_the_definition(leaves in prop::collection::vec(any::<[u8; 4]>(), 0..600)) {
        let hashes: Vec<Hash> = leaves.iter().map(|leaf| Hash::leaf(leaf)).collect();
        let root = root_by_definition(&hashes);
        prop_assert_eq!(head_of(&hashes), TreeHead { size: hashes.len() as u64, root });
    }

    #[test]
    fn a_batch_may_be_appended_in_any_number_of_sittings(sittings in prop::collection::vec(0..40u64, 0..12)) {
        let mut stored = Frontier::new().to_bytes();
        for batch in &sittings {
            let mut frontier = Frontier::from_bytes(&stored).unwrap();
            (0..*batch).for_each(|_| frontier.append(Hash::leaf(&frontier.size().to_be_bytes())));
            stored = frontier.to_bytes();
        }
        let all = leaf_hashes(sittings.iter().sum());
        prop_assert_eq!(Frontier::from_bytes(&stored).unwrap().head(), head_of(&all));
    }

    #[test]
    fn no_bytes_make_the_frontier_reader_fail_badly(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(frontier) = Frontier::from_bytes(&bytes) {
            prop_assert_eq!(frontier.to_bytes(), bytes);
        }
    }
}

#[test]
fn a_complete_subtree_has_the_root_of_its_leaves() {
    for level in 0..9 {
        let hashes = leaf_hashes(1 << level);
        assert_eq!(subtree_root(&hashes), Some(root_by_definition(&hashes)));
    }
}

//! Tiles against another implementation, and proofs served from tiles.

use std::collections::BTreeMap;

use audit::{ConsistencyProof, Hash, InclusionProof, Node, Tile, TileHashes, leaf_source};
use proptest::prelude::*;

use crate::harness::{AllNodes, head_of, leaf_hashes};

/// Full tiles of a log, written while it grew in batches, as a store keeps them.
fn stored_tiles(leaves: &[Hash], batch: usize) -> BTreeMap<Tile, Vec<Hash>> {
    let mut tiles = BTreeMap::new();
    let mut old = 0;
    while old < leaves.len() {
        let new = (old + batch).min(leaves.len());
        for tile in Tile::completed_between(old as u64, new as u64) {
            let hashes = match tile.level() {
                0 => tile.nodes().map(|node| leaves[usize::try_from(node.index).unwrap()]).collect(),
                _ => tile.build(|child| tiles.get(&child).cloned()).unwrap(),
            };
            assert!(tiles.insert(tile, hashes).is_none(), "{tile} is completed once");
        }
        old = new;
    }
    tiles
}

fn leaf_tile(tile: Tile, leaves: &[Hash]) -> Option<Vec<Hash>> {
    (tile.level() == 0)
        .then(|| tile.nodes().map(|node| leaves[usize::try_from(node.index).unwrap()]).collect())
}

#[test]
fn tiles_list_the_hashes_of_their_nodes() {
    let leaves = leaf_hashes(256 * 256 + 300);
    let nodes = AllNodes::new(&leaves);
    let tiles = stored_tiles(&leaves, 1000);
    assert_eq!(tiles.len(), 257 + 1);
    for (tile, hashes) in &tiles {
        let expected: Vec<Hash> =
            tile.nodes().map(|node| nodes.within(leaves.len() as u64)(node).unwrap()).collect();
        assert_eq!(*hashes, expected, "{tile}");
    }
}

#[test]
fn proofs_from_tiles_are_those_from_leaves() {
    let leaves = leaf_hashes(256 * 5 + 77);
    let size = leaves.len() as u64;
    let tiles = stored_tiles(&leaves, 100);
    let stored = |tile: Tile| tiles.get(&tile).cloned().or_else(|| leaf_tile(tile, &leaves));
    let mut from_stored = TileHashes::new(size, stored);
    let mut from_leaves_alone = TileHashes::new(size, |tile| leaf_tile(tile, &leaves));
    for index in (0..size).step_by(83).chain([size - 1]) {
        let expected = InclusionProof::build(index, size, leaf_source(&leaves)).unwrap();
        assert_eq!(InclusionProof::build(index, size, |node| from_stored.hash(node)).unwrap(), expected);
        assert_eq!(
            InclusionProof::build(index, size, |node| from_leaves_alone.hash(node)).unwrap(),
            expected
        );
        let consistency = ConsistencyProof::build(index, size, |node| from_stored.hash(node)).unwrap();
        let begin = usize::try_from(index).unwrap();
        assert_eq!(consistency.verify(&head_of(&leaves[..begin]), &head_of(&leaves)), Ok(()));
    }
}

#[test]
fn a_missing_or_short_tile_gives_no_hash_rather_than_a_wrong_one() {
    let leaves = leaf_hashes(300);
    let mut nothing = TileHashes::new(300, |_| None);
    assert_eq!(nothing.hash(Node { level: 0, index: 0 }), None);
    let mut short = TileHashes::new(300, |tile| leaf_tile(tile, &leaves).map(|hashes| hashes[1..].to_vec()));
    assert_eq!(short.hash(Node { level: 0, index: 0 }), None);
    assert_eq!(short.hash(Node { level: 8, index: 0 }), None);
}

/// Level and index of the tiles that become full on the way.
fn completed(old: u64, new: u64) -> Vec<(u32, u64)> {
    Tile::completed_between(old, new).map(|tile| (tile.level(), tile.index())).collect()
}

/// Entry by entry: a tile of level `l` is full whenever the size is a multiple of `256^(l+1)`.
fn completed_by_definition(old: u64, new: u64) -> Vec<(u32, u64)> {
    let full_at = |level, size: u64| size.is_multiple_of(256u64.pow(level + 1));
    let at_level =
        |level| (old + 1..=new).filter(move |size| full_at(level, *size)).map(move |size| (level, size));
    let tiles = (0..4).flat_map(at_level);
    tiles.map(|(level, size)| (level, size / 256u64.pow(level + 1) - 1)).collect()
}

#[test]
fn one_entry_may_complete_tiles_of_several_levels() {
    let third_level = 256u64.pow(3);
    assert_eq!(completed(third_level - 1, third_level), [(0, 65535), (1, 255), (2, 0)]);
    assert_eq!(
        completed(third_level - 1, third_level),
        completed_by_definition(third_level - 1, third_level)
    );
    assert_eq!(completed(256, 511), []);
    assert_eq!(completed(0, 0), []);
    assert_eq!(Tile::completed_between(audit::LOG_SIZE_MAX - 1, audit::LOG_SIZE_MAX).count(), 0);
}

proptest! {
    #[test]
    fn completed_tiles_are_those_of_the_definition(old in 0..200_000u64, grown in 0..70_000u64) {
        prop_assert_eq!(completed(old, old + grown), completed_by_definition(old, old + grown));
    }

    #[test]
    fn every_tile_has_a_path_that_reads_back(level in 0..6u32, index in 0..1u64 << 15, width in 1..=256u16) {
        let tile = Tile::new(level, index, width).unwrap();
        prop_assert_eq!(tile.to_string().parse(), Ok(tile));
    }

    #[test]
    fn any_text_is_a_path_of_one_tile_or_refused(path in "(tile/)?[0-9x/.p]{0,24}") {
        if let Ok(tile) = path.parse::<Tile>() {
            prop_assert_eq!(tile.to_string(), path);
        }
    }
}

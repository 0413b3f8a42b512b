//! C2SP tlog-tiles: the tree cut into rows of at most 256 hashes, eight levels apart.
//!
//! A full tile never changes, so it can be stored once and cached for ever; every proof touches at most eight tiles.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use crate::hash::{Hash, quoted};
use crate::tree::{Node, subtree_root};

/// Number of hashes in a full tile.
pub const TILE_WIDTH_MAX: u16 = 256;
/// Highest tile level that a log of at most [`LOG_SIZE_MAX`](crate::LOG_SIZE_MAX) entries reaches.
pub const TILE_LEVEL_MAX: u32 = 7;

const TILE_HEIGHT: u32 = TILE_WIDTH_MAX.ilog2();
/// Most tiles that [`TileHashes`] keeps at once: 8 MiB of hashes.
const CACHED_TILES_MAX: usize = 1024;
/// Longest tile path that is looked at, in bytes.
const PATH_BYTES_MAX: usize = 64;
/// Numbers in paths are cut into groups of three digits, so that no folder has more than a thousand entries.
const PATH_GROUP: u64 = 1000;

/// Where a tile is: its level, its position within the level, and how many hashes it lists. Fewer than
/// [`TILE_WIDTH_MAX`] make it a partial tile at the right edge of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tile {
    level: u32,
    index: u64,
    width: u16,
}

/// Coordinates or a path that no tile has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TileError {
    /// Above the highest level.
    #[error("tile level {level} does not exist: levels are 0 to {TILE_LEVEL_MAX}")]
    Level {
        /// The level given.
        level: u32,
    },
    /// Beyond the last entry that a log can have.
    #[error("tile {index} of level {level} lies beyond the largest possible log")]
    Index {
        /// The level given.
        level: u32,
        /// The index given.
        index: u64,
    },
    /// No hashes, or more than a tile holds.
    #[error("tile width {width} is not possible: a tile lists 1 to {TILE_WIDTH_MAX} hashes")]
    Width {
        /// The width given.
        width: u16,
    },
    /// Not a tile path.
    #[error(
        "`{0}` is not a tile path: expected `tile/<level>/<index>` like `tile/0/x001/234` or `tile/0/x001/234.p/5`"
    )]
    Path(String),
}

impl Tile {
    /// The tile with these coordinates.
    ///
    /// # Errors
    /// When no log can have such a tile.
    pub fn new(level: u32, index: u64, width: u16) -> Result<Self, TileError> {
        if level > TILE_LEVEL_MAX {
            return Err(TileError::Level { level });
        }
        if index >= (1 << 63) >> (TILE_HEIGHT * (level + 1)).min(63) {
            return Err(TileError::Index { level, index });
        }
        if width == 0 || width > TILE_WIDTH_MAX {
            return Err(TileError::Width { width });
        }
        Ok(Self { level, index, width })
    }

    /// The tile of a log of `size` entries from which the hash of `node` can be computed, or `None` when the node is
    /// not complete.
    pub fn holding(node: Node, size: u64) -> Option<Self> {
        if !node.is_complete(size) {
            return None;
        }
        let level = node.level / TILE_HEIGHT;
        let index = (node.index << (node.level % TILE_HEIGHT)) / u64::from(TILE_WIDTH_MAX);
        let hashes = (size >> (level * TILE_HEIGHT)) - index * u64::from(TILE_WIDTH_MAX);
        Some(Self { level, index, width: u16::try_from(hashes).unwrap_or(u16::MAX).min(TILE_WIDTH_MAX) })
    }

    /// The tiles that become full while the log grows from `old` to `new` entries, lowest level first: those to be
    /// written, once and for good.
    pub fn completed_between(old: u64, new: u64) -> impl Iterator<Item = Self> {
        (0..=TILE_LEVEL_MAX).flat_map(move |level| {
            let full = |size: u64| size.checked_shr(TILE_HEIGHT * (level + 1)).unwrap_or(0);
            (full(old)..full(new)).map(move |index| Self { level, index, width: TILE_WIDTH_MAX })
        })
    }

    /// The tile's level: its hashes are nodes of level `8 * level`.
    pub fn level(&self) -> u32 {
        self.level
    }

    /// The tile's position within its level.
    pub fn index(&self) -> u64 {
        self.index
    }

    /// Number of hashes listed.
    pub fn width(&self) -> u16 {
        self.width
    }

    /// Whether the tile will never change.
    pub fn is_full(&self) -> bool {
        self.width == TILE_WIDTH_MAX
    }

    /// The nodes whose hashes the tile lists, in order.
    pub fn nodes(self) -> impl Iterator<Item = Node> {
        let first = self.index * u64::from(TILE_WIDTH_MAX);
        (0..u64::from(self.width)).map(move |n| Node { level: self.level * TILE_HEIGHT, index: first + n })
    }

    /// The full tiles one level below whose roots this tile lists; none for level 0, which lists leaf hashes.
    pub fn children(self) -> impl Iterator<Item = Self> {
        let below = self.level.checked_sub(1);
        below.into_iter().flat_map(move |level| {
            self.nodes().map(move |node| Self { level, index: node.index, width: TILE_WIDTH_MAX })
        })
    }

    /// The tile's hashes from the tiles below it, or `None` when one of those is missing or not full. Level 0 has
    /// nothing below: its hashes are the entries' leaf hashes.
    pub fn build(self, mut load: impl FnMut(Self) -> Option<Vec<Hash>>) -> Option<Vec<Hash>> {
        if self.level == 0 {
            return None;
        }
        self.children().map(|child| full_tile_root(&load(child)?)).collect()
    }

    /// Path of the bundle of entries under this level-0 tile, `tile/entries/<index>`.
    pub fn entries_path(&self) -> String {
        format!("tile/entries/{}", self.path_end())
    }

    fn path_end(&self) -> String {
        let mut path = format!("{:03}", self.index % PATH_GROUP);
        let mut rest = self.index / PATH_GROUP;
        while rest > 0 {
            path = format!("x{:03}/{path}", rest % PATH_GROUP);
            rest /= PATH_GROUP;
        }
        if !self.is_full() {
            path.push_str(&format!(".p/{}", self.width));
        }
        path
    }

    fn parse_path(path: &str) -> Option<Self> {
        if path.len() > PATH_BYTES_MAX {
            return None;
        }
        let (level, rest) = path.strip_prefix("tile/")?.split_once('/')?;
        let (groups, width) = match rest.split_once(".p/") {
            Some((groups, width)) => (groups, width.parse().ok()?),
            None => (rest, TILE_WIDTH_MAX),
        };
        let index = groups.split('/').try_fold(0u64, |index, group| {
            let digits = group.strip_prefix('x').unwrap_or(group);
            index.checked_mul(PATH_GROUP)?.checked_add(digits.parse().ok()?)
        })?;
        let tile = Self::new(level.parse().ok()?, index, width).ok()?;
        // One tile, one path: whatever would be written differently (signs, missing zeros, `.p/256`) is refused.
        (tile.to_string() == path).then_some(tile)
    }
}

/// The tile's path, `tile/<level>/<index>` with `.p/<width>` for a partial one.
impl fmt::Display for Tile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tile/{}/{}", self.level, self.path_end())
    }
}

impl FromStr for Tile {
    type Err = TileError;

    fn from_str(path: &str) -> Result<Self, TileError> {
        Self::parse_path(path).ok_or_else(|| TileError::Path(quoted(path)))
    }
}

/// Serves proofs of one log from its tiles.
///
/// `load` answers with the hashes of a tile (more than its width do no harm), or `None` when the tile is not stored.
/// A missing tile above level 0 is built from the tiles below it, so a caller needs to store full tiles only and to
/// answer for level 0 from the entries' leaf hashes.
pub struct TileHashes<L> {
    size: u64,
    load: L,
    tiles: BTreeMap<Tile, Vec<Hash>>,
}

impl<L: FnMut(Tile) -> Option<Vec<Hash>>> TileHashes<L> {
    /// Hashes of the log of `size` entries.
    pub fn new(size: u64, load: L) -> Self {
        Self { size, load, tiles: BTreeMap::new() }
    }

    /// Hash of a complete subtree, or `None` when it is not complete or its tile cannot be had.
    pub fn hash(&mut self, node: Node) -> Option<Hash> {
        let tile = Tile::holding(node, self.size)?;
        let width = 1 << (node.level % TILE_HEIGHT);
        let begin = usize::try_from(node.index % (u64::from(TILE_WIDTH_MAX) / width)).ok()?;
        let width = usize::try_from(width).ok()?;
        subtree_root(self.tile(tile)?.get(begin * width..(begin + 1) * width)?)
    }

    fn tile(&mut self, tile: Tile) -> Option<&[Hash]> {
        if !self.tiles.contains_key(&tile) {
            let stored = (self.load)(tile).filter(|hashes| hashes.len() >= usize::from(tile.width));
            let hashes = match stored {
                Some(hashes) => hashes,
                None => tile.build(|child| self.tile(child).map(<[Hash]>::to_vec))?,
            };
            if self.tiles.len() >= CACHED_TILES_MAX {
                self.tiles.clear();
            }
            self.tiles.insert(tile, hashes);
        }
        self.tiles.get(&tile).map(Vec::as_slice)
    }
}

impl<L> fmt::Debug for TileHashes<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TileHashes")
            .field("size", &self.size)
            .field("cached_tiles", &self.tiles.len())
            .finish_non_exhaustive()
    }
}

fn full_tile_root(hashes: &[Hash]) -> Option<Hash> {
    subtree_root(hashes.get(..usize::from(TILE_WIDTH_MAX))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_those_of_the_specification() {
        let check = |level, index, width, path: &str| {
            let tile = Tile::new(level, index, width).unwrap();
            assert_eq!(tile.to_string(), path);
            assert_eq!(path.parse(), Ok(tile));
        };
        check(0, 0, 256, "tile/0/000");
        check(0, 1234, 5, "tile/0/x001/234.p/5");
        check(1, 999, 256, "tile/1/999");
        check(2, 1000, 1, "tile/2/x001/000.p/1");
        check(0, 123_456_789, 256, "tile/0/x123/x456/789");
        check(3, 1_234_067, 256, "tile/3/x001/x234/067");
        check(7, 0, 127, "tile/7/000.p/127");
        assert_eq!(Tile::new(0, 70_000, 8).unwrap().entries_path(), "tile/entries/x070/000.p/8");
    }

    #[test]
    fn other_spellings_of_a_path_are_refused() {
        let refused = [
            "",
            "tile/0",
            "tile/0/",
            "tile/0/0",
            "tile/0/0000",
            "tile/00/000",
            "tile/+1/000",
            "tile/8/000",
            "tile/0/x000/001",
            "tile/0/001/002",
            "tile/0/x001/x002",
            "tile/0/x001/x/002",
            "tile/0/000.p/0",
            "tile/0/000.p/256",
            "tile/0/000.p/05",
            "tile/0/000.p/",
            "tile/0/000.p/1/2",
            "tile/0/-01",
            "/tile/0/000",
            "tile/0/000/",
            "tile/entries/000",
            "tile/0/x999/x999/x999/x999/x999/x999/999",
        ];
        for path in refused {
            assert_eq!(path.parse::<Tile>(), Err(TileError::Path(path.to_owned())));
        }
        assert!("tile/0/".repeat(1000).parse::<Tile>().is_err());
    }

    #[test]
    fn coordinates_that_no_log_has_are_refused() {
        assert_eq!(Tile::new(8, 0, 1), Err(TileError::Level { level: 8 }));
        assert_eq!(Tile::new(0, 0, 0), Err(TileError::Width { width: 0 }));
        assert_eq!(Tile::new(0, 0, 257), Err(TileError::Width { width: 257 }));
        let beyond = 1 << 55;
        assert_eq!(Tile::new(0, beyond, 1), Err(TileError::Index { level: 0, index: beyond }));
        assert!(Tile::new(0, beyond - 1, 256).is_ok());
        assert!(Tile::new(7, 0, 1).is_ok() && Tile::new(7, 1, 1).is_err());
    }

    #[test]
    fn a_node_is_found_in_the_tile_that_lists_it() {
        let holding =
            |level, index, size| Tile::holding(Node { level, index }, size).map(|tile| tile.to_string());
        assert_eq!(holding(0, 255, 256).as_deref(), Some("tile/0/000"));
        assert_eq!(holding(0, 256, 300).as_deref(), Some("tile/0/001.p/44"));
        assert_eq!(holding(7, 1, 256).as_deref(), Some("tile/0/000"));
        assert_eq!(holding(8, 0, 256).as_deref(), Some("tile/1/000.p/1"));
        assert_eq!(holding(16, 1, 1 << 17).as_deref(), Some("tile/2/000.p/2"));
        assert_eq!(holding(0, 300, 300), None);
        assert_eq!(holding(8, 0, 255), None);
    }

    #[test]
    fn the_source_keeps_a_bounded_number_of_tiles() {
        let size = 256 * 2000;
        let mut hashes = TileHashes::new(size, |tile| {
            (tile.level() == 0)
                .then(|| tile.nodes().map(|node| Hash::leaf(&node.index.to_be_bytes())).collect())
        });
        for index in 0..2000 {
            assert!(hashes.hash(Node { level: 0, index: index * 256 }).is_some());
        }
        assert!(hashes.tiles.len() <= CACHED_TILES_MAX);
        assert!(hashes.hash(Node { level: 16, index: 0 }).is_some());
        assert_eq!(hashes.hash(Node { level: 0, index: size }), None);
    }
}

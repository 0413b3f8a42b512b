//! Logs in memory to test with.

use audit::{
    BundleEntry, BundleFormat, Checkpoint, EvidenceBundle, Frontier, Hash, InclusionProof, Node, PrivateText,
    SALT_BYTES, SigningKey, StreamHead, TreeHead, leaf_source, seal,
};
use serde_json::{Value, json};

pub(crate) fn leaf_hashes(count: u64) -> Vec<Hash> {
    (0..count).map(|n| Hash::leaf(&n.to_be_bytes())).collect()
}

pub(crate) fn head_of(leaf_hashes: &[Hash]) -> TreeHead {
    let mut frontier = Frontier::new();
    leaf_hashes.iter().for_each(|hash| frontier.append(*hash));
    frontier.head()
}

/// The definition of the root in RFC 6962, section 2.1, word for word.
pub(crate) fn root_by_definition(leaf_hashes: &[Hash]) -> Hash {
    match leaf_hashes {
        [] => Hash::empty_root(),
        [leaf] => *leaf,
        many => {
            let (left, right) = many.split_at(many.len().next_power_of_two() / 2);
            Hash::node(&root_by_definition(left), &root_by_definition(right))
        }
    }
}

/// Every complete subtree of a log, by level. Unlike a real source it knows nodes beyond the size of a proof's log, so
/// it panics when a proof asks for one.
pub(crate) struct AllNodes(Vec<Vec<Hash>>);

impl AllNodes {
    pub(crate) fn new(leaf_hashes: &[Hash]) -> Self {
        let mut levels = vec![leaf_hashes.to_vec()];
        while levels.last().unwrap().len() > 1 {
            let above =
                levels.last().unwrap().chunks_exact(2).map(|pair| Hash::node(&pair[0], &pair[1])).collect();
            levels.push(above);
        }
        Self(levels)
    }

    pub(crate) fn within(&self, size: u64) -> impl Fn(Node) -> Option<Hash> {
        move |node| {
            assert!(node.is_complete(size), "{node:?} is not in a log of {size} entries");
            Some(self.0[node.level as usize][usize::try_from(node.index).unwrap()])
        }
    }
}

/// A log with all that a store keeps of it.
pub(crate) struct TestLog {
    pub(crate) key: SigningKey,
    pub(crate) leaves: Vec<String>,
    pub(crate) private: Vec<Vec<PrivateText>>,
    pub(crate) hashes: Vec<Hash>,
    versions: std::collections::BTreeMap<String, u64>,
    salt: u8,
}

impl TestLog {
    pub(crate) fn new() -> Self {
        Self {
            key: SigningKey::from_seed("log.example/changes", [3; 32]).unwrap(),
            leaves: Vec::new(),
            private: Vec::new(),
            hashes: Vec::new(),
            versions: std::collections::BTreeMap::new(),
            salt: 0,
        }
    }

    /// Entries of two changes and a service, mixed as a busy server writes them.
    pub(crate) fn with_two_changes() -> Self {
        let mut log = Self::new();
        log.append("change/CHG-2026-000001", json!({"title": {"$text": "Raise the limit"}}));
        log.append("change/CHG-2026-000002", json!({"title": {"$text": "Rotate the key"}}));
        log.append("service/checkout", json!({"tier": 1}));
        log.append("change/CHG-2026-000001", json!({"comment": {"$text": "Looks fine"}, "level": "low"}));
        log.append("change/CHG-2026-000001", json!({"state": "approved"}));
        log.append("change/CHG-2026-000002", json!({"state": "rejected"}));
        log
    }

    pub(crate) fn append(&mut self, stream: &str, data: Value) {
        let version = self.versions.entry(stream.to_owned()).or_default();
        *version += 1;
        let entry = json!({"stream": stream, "version": version, "data": data});
        let sealed = seal(entry, || {
            self.salt += 1;
            [self.salt; SALT_BYTES]
        });
        let sealed = sealed.unwrap();
        let leaf = serde_json_canonicalizer::to_string(&sealed.public).unwrap();
        self.append_leaf(leaf, sealed.private);
    }

    pub(crate) fn append_leaf(&mut self, leaf: String, private: Vec<PrivateText>) {
        self.hashes.push(Hash::leaf(leaf.as_bytes()));
        self.leaves.push(leaf);
        self.private.push(private);
    }

    pub(crate) fn head(&self) -> TreeHead {
        head_of(&self.hashes)
    }

    pub(crate) fn checkpoint_at(&self, size: usize) -> Checkpoint {
        self.key.verifying_key().verify(&self.key.sign(&head_of(&self.hashes[..size]))).unwrap()
    }

    /// Evidence of the entries at these indexes, with streams as stated.
    pub(crate) fn bundle(
        &self,
        change_id: &str,
        indexes: &[usize],
        streams: &[(&str, u64)],
    ) -> EvidenceBundle {
        let size = self.head().size;
        let entry = |index: &usize| BundleEntry {
            index: *index as u64,
            leaf: self.leaves[*index].clone(),
            private: self.private[*index].clone(),
            proof: InclusionProof::build(*index as u64, size, leaf_source(&self.hashes)).unwrap(),
        };
        EvidenceBundle {
            format: BundleFormat::V1,
            change_id: change_id.to_owned(),
            checkpoint: self.key.sign(&self.head()),
            verifier_key: self.key.verifying_key().clone(),
            streams: streams
                .iter()
                .map(|(stream, version)| StreamHead { stream: (*stream).to_owned(), version: *version })
                .collect(),
            entries: indexes.iter().map(entry).collect(),
        }
    }

    /// Evidence of the first change of [`TestLog::with_two_changes`].
    pub(crate) fn first_change(&self) -> EvidenceBundle {
        self.bundle("CHG-2026-000001", &[0, 3, 4], &[("change/CHG-2026-000001", 3)])
    }
}

//! Container images: their names without tags, and the tags that are in use.

use std::collections::{BTreeMap, BTreeSet};

use domain::cmdb::CiType;
use domain::id::CiName;

use super::super::Imported;
use super::super::draft::{Draft, Drafts, Place};

/// Most tags of one image that are kept.
const TAGS_MAX: usize = 32;
const DEFAULT_REGISTRY: &str = "docker.io";
const DEFAULT_REPOSITORY: &str = "library";
const DEFAULT_TAG: &str = "latest";

/// A reference to an image, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Image {
    /// Registry and name, as in `docker.io/library/redis`.
    pub(super) name: String,
    /// Tag, or digest where there is one.
    pub(super) version: String,
}

impl Image {
    /// Takes a reference apart, with what it leaves out added as container runtimes do.
    pub(super) fn parse(reference: &str) -> Self {
        let (rest, digest) = match reference.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest)),
            None => (reference, None),
        };
        // A colon before the last slash belongs to the registry's port.
        let (name, tag) = match rest.rsplit_once(':') {
            Some((name, tag)) if !tag.contains('/') => (name, Some(tag)),
            Some(_) | None => (rest, None),
        };
        let name = match name.split_once('/') {
            Some((host, _)) if host.contains(['.', ':']) || host == "localhost" => name.to_owned(),
            Some(_) => format!("{DEFAULT_REGISTRY}/{name}"),
            None => format!("{DEFAULT_REGISTRY}/{DEFAULT_REPOSITORY}/{name}"),
        };
        Self { name, version: digest.or(tag).unwrap_or(DEFAULT_TAG).to_owned() }
    }

    pub(super) fn id(&self) -> Option<CiName> {
        CiName::new(format!("image:{}", self.name)).ok()
    }
}

/// The images that an import uses.
#[derive(Debug, Default)]
pub(super) struct Images(BTreeMap<CiName, (Place, BTreeSet<String>)>);

impl Images {
    pub(super) fn add(&mut self, id: &CiName, version: &str, place: Place) {
        let (_, versions) = self.0.entry(id.clone()).or_insert_with(|| (place, BTreeSet::new()));
        if versions.len() < TAGS_MAX {
            versions.insert(version.to_owned());
        }
    }

    /// Makes an item of each.
    pub(super) fn describe(self, drafts: &mut Drafts, imported: &mut Imported) {
        for (id, (place, versions)) in self.0 {
            let mut draft = Draft::new(id, CiType::Artifact, place);
            draft.attribute("kind", "image");
            draft.attribute("versions", &versions.into_iter().collect::<Vec<_>>().join(", "));
            drafts.add(draft, imported);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_gets_what_it_leaves_out() {
        let check = |reference: &str, name: &str, version: &str| {
            let (name, version) = (name.to_owned(), version.to_owned());
            assert_eq!(Image::parse(reference), Image { name, version }, "{reference}");
        };
        check("redis", "docker.io/library/redis", "latest");
        check("redis:7-alpine", "docker.io/library/redis", "7-alpine");
        check("grafana/loki:2.9", "docker.io/grafana/loki", "2.9");
        check("192.0.2.1:5000/chat", "192.0.2.1:5000/chat", "latest");
        check("192.0.2.1:5000/chat:v1", "192.0.2.1:5000/chat", "v1");
        check("localhost/a/b:c", "localhost/a/b", "c");
        check("ghcr.io/o/n:1.0@sha256:ab", "ghcr.io/o/n", "sha256:ab");
        assert_eq!(Image::parse("$(params.image):1").id(), None);
    }
}

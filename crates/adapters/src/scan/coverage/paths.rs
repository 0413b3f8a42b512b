//! Which repository file a path in a coverage report means.
//!
//! Coverage tools write absolute paths of the build machine, paths relative to some folder, or paths relative to one of
//! several source folders. One of the two paths must end with the whole of the other, folder by folder, and the longest
//! such match wins. Of a report that names files inside this very checkout, absolute paths outside it are foreign.

use std::collections::BTreeSet;
use std::iter;

use crate::git::ChangedLines;

/// Whose coverage an entry is.
pub(super) enum Owner<'a> {
    /// Of no repository file that shares its name with a changed one.
    Unknown,
    /// Of this file.
    File(&'a str),
    /// Of one of these, which match equally well.
    Ambiguous(Vec<&'a str>),
}

/// Matches the paths of one report against one repository.
pub(super) struct Matcher<'a> {
    changed: &'a ChangedLines,
    sources: &'a [String],
    checkout: Option<Spelling<'a>>,
}

impl<'a> Matcher<'a> {
    pub(super) fn new(
        changed: &'a ChangedLines,
        mut reported: impl Iterator<Item = &'a String>,
        sources: &'a [String],
    ) -> Self {
        let mut matcher = Self { changed, sources, checkout: None };
        let Some(checkout) = changed.checkout().map(Spelling::of) else { return matcher };
        let inside = |path: &'a String| {
            matcher.spellings(path).any(|path| path.absolute && path.below(&checkout).is_some())
        };
        if reported.any(inside) {
            matcher.checkout = Some(checkout);
        }
        matcher
    }

    pub(super) fn owner(&self, reported: &str) -> Owner<'a> {
        let mut matches: BTreeSet<(Quality, &'a str)> = BTreeSet::new();
        for spelling in self.spellings(reported) {
            let parts = self.inside_checkout(&spelling);
            let Some(name) = parts.last() else { continue };
            for path in self.changed.files_named(name) {
                matches.extend(Quality::of(parts, &Spelling::of(path).parts).map(|quality| (quality, path)));
            }
        }
        let best = matches.last().map(|(quality, _)| *quality);
        let owners: Vec<&'a str> =
            matches.iter().filter(|(quality, _)| Some(*quality) == best).map(|(_, path)| *path).collect();
        match owners.as_slice() {
            [] => Owner::Unknown,
            [path] => Owner::File(path),
            _ => Owner::Ambiguous(owners),
        }
    }

    /// The path as it stands, and in each source folder unless it is absolute.
    fn spellings<'p>(&self, path: &'p str) -> impl Iterator<Item = Spelling<'p>>
    where
        'a: 'p,
    {
        let own = Spelling::of(path);
        let folders: &'a [String] = if own.absolute { &[] } else { self.sources };
        let joined = folders.iter().map(move |folder| Spelling::of(folder).join(path));
        iter::once(own).chain(joined)
    }

    /// The parts below the checkout, or all of them where that is not known; none for a path that lies elsewhere.
    fn inside_checkout<'p, 's>(&self, spelling: &'s Spelling<'p>) -> &'s [&'p str] {
        match &self.checkout {
            Some(checkout) if spelling.absolute => spelling.below(checkout).unwrap_or_default(),
            _ => &spelling.parts,
        }
    }
}

/// How well two paths match.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Quality {
    shared_parts: usize,
    identical: bool,
}

impl Quality {
    /// `None` unless one path ends with the whole of the other.
    fn of(reported: &[&str], tracked: &[&str]) -> Option<Self> {
        let shared_parts = reported.len().min(tracked.len());
        let identical = reported.len() == tracked.len();
        (reported.ends_with(tracked) || tracked.ends_with(reported))
            .then_some(Self { shared_parts, identical })
    }
}

/// A path taken apart at slashes and backslashes, with `.` and `..` resolved as far as possible.
struct Spelling<'a> {
    absolute: bool,
    parts: Vec<&'a str>,
}

impl<'a> Spelling<'a> {
    fn of(path: &'a str) -> Self {
        let drive = path.as_bytes().get(1) == Some(&b':');
        let absolute = drive || path.starts_with(['/', '\\']);
        Self { absolute, parts: Vec::new() }.join(path)
    }

    fn join(mut self, path: &'a str) -> Self {
        for part in path.split(['/', '\\']) {
            match part {
                "" | "." => {}
                ".." => drop(self.parts.pop()),
                part => self.parts.push(part),
            }
        }
        self
    }

    /// The parts below a folder that this path lies in.
    fn below(&self, folder: &Spelling<'_>) -> Option<&[&'a str]> {
        if self.parts.starts_with(&folder.parts) { self.parts.get(folder.parts.len()..) } else { None }
    }
}

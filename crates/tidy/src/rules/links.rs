//! Documents lead where they say.

use std::collections::BTreeSet;

use pulldown_cmark::{Event, Parser, Tag, TagEnd};

use crate::{Repo, Violation};

/// Every link from a Markdown file to a path of the repository leads to a file, a folder or a heading that is there.
pub fn links_resolve(repo: &Repo) -> Vec<Violation> {
    let documents = repo.texts().iter().filter(|(path, _)| path.ends_with(".md"));
    documents.flat_map(|(path, text)| broken_in(repo, path, text)).collect()
}

fn broken_in(repo: &Repo, path: &str, text: &str) -> Vec<Violation> {
    let events = Parser::new(text).into_offset_iter();
    let links = events.filter_map(|(event, range)| match event {
        Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
            Some((dest_url, range.start))
        }
        _ => None,
    });
    let broken = links.filter_map(|(target, start)| Some((problem_with(repo, path, &target)?, start)));
    let line_of = |start| text.get(..start).unwrap_or_default().matches('\n').count() + 1;
    broken.map(|(message, start)| Violation::at(path, line_of(start), message)).collect()
}

fn problem_with(repo: &Repo, path: &str, target: &str) -> Option<String> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (file, heading) = match target.split_once('#') {
        Some((file, heading)) => (file, Some(heading)),
        None => (target, None),
    };
    let leads_to = if file.is_empty() { path.to_owned() } else { resolve(path, file) };
    if !repo.exists(&leads_to) {
        return Some(format!("`{target}` leads to `{leads_to}`, which is not there"));
    }
    let document = repo.text(&leads_to).filter(|_| leads_to.ends_with(".md"))?;
    let heading = heading?;
    (!headings(document).contains(heading)).then(|| format!("`{leads_to}` has no heading `#{heading}`"))
}

/// The path that a link leads to, from the root of the repository. A link out of the repository resolves to a path
/// that begins with `..`, which never exists.
fn resolve(from: &str, link: &str) -> String {
    let folder = from.rsplit_once('/').map(|(folder, _)| folder).unwrap_or_default();
    let whole = match link.strip_prefix('/') {
        Some(from_root) => from_root.to_owned(),
        None => format!("{folder}/{link}"),
    };
    let mut parts: Vec<&str> = Vec::new();
    for part in whole.split('/').filter(|part| !part.is_empty() && *part != ".") {
        match (part, parts.last()) {
            ("..", Some(last)) if *last != ".." => drop(parts.pop()),
            (part, _) => parts.push(part),
        }
    }
    parts.join("/")
}

/// The anchors of a document's headings, as code hosts derive them.
fn headings(document: &str) -> BTreeSet<String> {
    let mut anchors = BTreeSet::new();
    let mut heading: Option<String> = None;
    for event in Parser::new(document) {
        match (event, &mut heading) {
            (Event::Start(Tag::Heading { .. }), _) => heading = Some(String::new()),
            (Event::End(TagEnd::Heading(_)), Some(text)) => {
                let anchor = anchor_of(text);
                let repeated = (1..).map(|count| format!("{anchor}-{count}"));
                let free =
                    std::iter::once(anchor.clone()).chain(repeated).find(|anchor| !anchors.contains(anchor));
                anchors.extend(free);
                heading = None;
            }
            (Event::Text(part) | Event::Code(part), Some(text)) => text.push_str(&part),
            _ => {}
        }
    }
    anchors
}

fn anchor_of(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.flat_map(char::to_lowercase).map(|c| if c == ' ' { '-' } else { c }).collect()
}

//! `/docs/problems`: every kind of problem, at the anchor to which the `type` of an answer points.
//!
//! It needs no sign-in: it says nothing of what the server holds, and whoever is refused for want of a good token is
//! pointed here.

use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};

use super::frame::{Frame, document, plain_document};
use super::visitor::Visitor;
use super::{format, respond};
use crate::http::{Kind, REFUSED_RULES, Rule};

const TITLE: &str = "Problems";

/// What the page shows.
#[derive(Debug, Clone, PartialEq)]
struct Model {
    frame: Frame,
    kinds: &'static [Kind],
}

/// The page.
pub(super) async fn show(visitor: Visitor) -> Response {
    respond::page(StatusCode::OK, view(&Model { frame: visitor.frame(), kinds: Kind::ALL }))
}

fn view(model: &Model) -> Markup {
    let content = html! {
        div.kinds {
            h1 { (TITLE) }
            p.answer {
                "What an answer with a status of 400 or above means, by the last part of its " code { "type" }
                ". When a request is refused, nothing is written to any change."
            }
            @for kind in model.kinds { (section(*kind)) }
        }
    };
    match model.frame.viewer {
        Some(_) => document(&model.frame, TITLE, &content),
        None => plain_document(&model.frame, TITLE, &content),
    }
}

fn section(kind: Kind) -> Markup {
    html! {
        section.card aria-labelledby=(kind.name()) {
            div.card-head {
                h2 id=(kind.name()) { code { (kind.name()) } }
                p.quiet { "Status " (kind.status().as_u16()) }
            }
            p { (format::marked(kind.meaning())) }
            @if kind == Kind::Refused { ul.plain-list { @for rule in REFUSED_RULES { (reason(rule)) } } }
            p { "Next: " (format::marked(kind.next_step())) }
        }
    }
}

fn reason(Rule { name, why, next_step }: Rule) -> Markup {
    html! { li { code { (name) } ": " (why) ". Next: " (format::marked(next_step)) "." } }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::portal::fixture;

    #[test]
    fn every_kind_has_its_anchor_with_what_it_means_and_what_to_do() {
        let frame = Frame { viewer: None, ..fixture::frame("/docs/problems") };
        let shown = view(&Model { frame, kinds: Kind::ALL }).into_string();
        for kind in Kind::ALL {
            let (_, rest) = shown.split_once(&format!("<h2 id=\"{}\">", kind.name())).unwrap();
            let (section, _) = rest.split_once("</section>").unwrap();
            let text = |text: &str| format::marked(text).into_string();
            assert!(section.contains(&text(kind.meaning())), "{kind:?}: {section}");
            assert!(section.contains(&format!("Next: {}", text(kind.next_step()))), "{kind:?}: {section}");
            assert!(section.contains(&format!("Status {}", kind.status().as_u16())), "{kind:?}: {section}");
        }
        assert!(!shown.contains("Sign out"));
    }
}

//! The page that is shown instead of another one: the same rule, sentence and next step as in the interface.

use api::Problem;
use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};

use super::frame::{Frame, document, plain_document};
use super::icon::Icon;
use super::visitor::Visitor;
use super::{format, respond};
use crate::failure::Failure;
use crate::http;

/// What went wrong instead of the wanted page.
#[derive(Debug, Clone, PartialEq)]
struct Model {
    frame: Frame,
    problem: Problem,
}

/// The page that tells of a failure. What went wrong inside is logged and not told.
pub(super) fn page(visitor: &Visitor, failure: &Failure) -> Response {
    let problem = http::problem(failure);
    if problem.status >= 500 {
        tracing::error!(error = http::chain(failure), status = problem.status, "page failed");
    }
    of(visitor, problem)
}

/// The page for a form that did not come from one of our own pages.
pub(super) fn foreign_form(visitor: &Visitor) -> Response {
    let detail = "the form was not sent from a page of this server";
    let next_step = "open the page again and send its form from there";
    of(visitor, http::make(http::Kind::ForeignForm, detail, next_step).with_rule("same-origin"))
}

fn of(visitor: &Visitor, problem: Problem) -> Response {
    let request_id = visitor.request_id.clone();
    let problem = Problem { request_id, ..problem };
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    respond::page(status, view(&Model { frame: visitor.frame(), problem }))
}

fn view(model: &Model) -> Markup {
    let Model { frame, problem } = model;
    let heading = heading(problem.status);
    let content = html! {
        section.card.notice aria-labelledby="problem" {
            (Icon::Warning.mark())
            h1 #problem { (heading) }
            p { (format::marked(&format::sentence(&problem.detail))) }
            @if problem.errors.len() > 1 {
                ul.plain-list { @for error in &problem.errors { li { (format::marked(&format::sentence(&error.message))) } } }
            }
            @if let Some(next_step) = &problem.next_step { p { "Next: " (format::marked(next_step)) "." } }
            @if let Some(rule) = &problem.rule { p.quiet { "Rule: " code { (rule) } } }
            @if let Some(id) = problem.request_id.as_ref().filter(|_| problem.status >= 500) {
                p.quiet { "Request: " code { (id) } }
            }
            p { a href=(problem.kind) { "About this kind of problem" } }
            p { a.btn href="/changes" { "All changes" } }
        }
    };
    match frame.viewer {
        Some(_) => document(frame, heading, &content),
        None => plain_document(frame, heading, &content),
    }
}

fn heading(status: u16) -> &'static str {
    match status {
        403 => "You may not do this",
        404 => "There is nothing here",
        400..=499 => "This cannot be answered",
        _ => "The page could not be loaded",
    }
}

#[cfg(test)]
mod tests {
    use domain::authorization::Violation;

    use super::*;
    use crate::portal::fixture;

    #[test]
    fn a_refusal_names_rule_sentence_and_next_step() {
        let violation = Violation {
            rule: "token-scope-read".parse().unwrap(),
            sentence: "Reading needs a token with the scope `read`".to_owned(),
            next_step: "use a token with the scope `read`".to_owned(),
            controls: Vec::new(),
        };
        let problem = http::problem(&Failure::Denied(vec![violation]));
        let html = view(&Model { frame: fixture::frame("/changes"), problem }).into_string();
        for part in [
            "<h1 id=\"problem\">You may not do this</h1>",
            "Reading needs a token with the scope <code>read</code>.",
            "Next: use a token with the scope <code>read</code>.",
            "<code>token-scope-read</code>",
        ] {
            assert!(html.contains(part), "{part}: {html}");
        }
    }

    #[test]
    fn what_went_wrong_inside_is_not_told() {
        let problem = http::problem(&Failure::Internal("disk /dev/sda1 of host db-7".to_owned()));
        let html = view(&Model { frame: fixture::frame("/changes"), problem }).into_string();
        assert!(html.contains("The page could not be loaded") && !html.contains("sda1"), "{html}");
    }
}

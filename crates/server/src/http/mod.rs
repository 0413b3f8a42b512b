//! The HTTP interface under `/api/v1`. A handler is: extract, one use-case, render.
//!
//! To add a route: a handler with its `#[utoipa::path]` in the file of its resource and its line in that file's
//! `router`; the snapshot of the OpenAPI document and the table of authorisations in the tests then ask for it.

mod actors;
mod alerts;
mod approvals;
mod asked;
mod audit;
mod cab;
mod calendar;
mod calibrations;
mod catalog;
mod changes;
mod cmdb;
mod ecab;
mod events;
mod extract;
mod feed;
mod history;
mod incidents;
mod known_problems;
mod lifecycle;
mod models;
mod notifications;
mod policies;
mod problem;
mod respond;
mod risk;
mod runners;
mod runs;
mod slack;
mod slots;
mod stops;
mod system;

use axum::Router;
use axum::http::{HeaderValue, header};
use utoipa::OpenApi;
use utoipa::openapi::{Content, Ref, RefOr, ResponseBuilder};
use utoipa_axum::router::OpenApiRouter;

pub(crate) use extract::{method_not_allowed, not_found};
pub(crate) use problem::{
    Kind, REFUSED_RULES, Rule, chain, identified, make, overloaded, panicked, problem, timed_out,
};

use crate::app::SharedApp;

#[derive(Debug, OpenApi)]
#[openapi(
    info(
        title = "Cortex Change",
        description = "Change enablement for platforms that change themselves. Every answer with a status of 400 or above is a problem (RFC 9457).",
        license(name = "Apache-2.0")
    ),
    components(schemas(api::Problem)),
    modifiers(&TokenSecurity)
)]
struct Document;

/// States that everything needs a token.
struct TokenSecurity;

impl utoipa::Modify for TokenSecurity {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("cct_…").build();
        let components = document.components.get_or_insert_with(Default::default);
        components.add_security_scheme("token", SecurityScheme::Http(scheme));
        document.security = Some(vec![SecurityRequirement::new::<_, _, String>("token", [])]);
    }
}

fn documented() -> OpenApiRouter<SharedApp> {
    OpenApiRouter::with_openapi(Document::openapi())
        .merge(changes::router())
        .merge(lifecycle::router())
        .merge(approvals::router())
        .merge(runs::router())
        .merge(runners::router())
        .merge(incidents::router())
        .merge(known_problems::router())
        .merge(feed::router())
        .merge(slots::router())
        .merge(stops::router())
        .merge(calendar::router())
        .merge(calibrations::router())
        .merge(cab::router())
        .merge(ecab::router())
        .merge(alerts::router())
        .merge(audit::router())
        .merge(policies::router())
        .merge(models::router())
        .merge(notifications::router())
        .merge(slack::router())
        .merge(risk::router())
        .merge(actors::router())
        .merge(catalog::router())
        .merge(cmdb::router())
        .merge(history::router())
        .merge(events::router())
        .merge(system::router())
}

/// The OpenAPI document of all routes.
pub fn openapi() -> utoipa::openapi::OpenApi {
    let mut document = documented().into_openapi();
    for path in document.paths.paths.values_mut() {
        let methods = [&mut path.get, &mut path.post, &mut path.put, &mut path.patch, &mut path.delete];
        for operation in methods.into_iter().flatten() {
            operation.responses.responses.insert("default".to_owned(), RefOr::T(problem_response()));
        }
    }
    document
}

/// What every operation may answer instead.
fn problem_response() -> utoipa::openapi::Response {
    let problem = Content::new(Some(Ref::from_schema_name("Problem")));
    ResponseBuilder::new()
        .description("What was wrong, where, the accepted form, and the next step")
        .content(api::PROBLEM_MEDIA_TYPE, problem)
        .build()
}

/// All routes of the interface.
pub(crate) fn router() -> Router<SharedApp> {
    let (router, _) = documented().split_for_parts();
    router
        .layer(tower_http::set_header::SetResponseHeaderLayer::if_not_present(
            header::CACHE_CONTROL,
            HeaderValue::from_static("no-store"),
        ))
        .layer(tower_http::set_header::SetResponseHeaderLayer::if_not_present(
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        ))
}

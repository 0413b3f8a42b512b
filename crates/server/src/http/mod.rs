//! The HTTP interface under `/api/v1`. A handler is: extract, one use-case, render.
//!
//! To add a route: a handler with its `#[utoipa::path]` in the file of its resource and its line in that file's
//! `router`; the snapshot of the OpenAPI document and the table of authorisations in the tests then ask for it.

mod actors;
mod audit;
mod catalog;
mod changes;
mod events;
mod extract;
mod incidents;
mod lifecycle;
mod problem;
mod respond;
mod runs;
mod system;

use axum::Router;
use axum::http::{HeaderValue, header};
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;

pub(crate) use extract::{method_not_allowed, not_found};
pub(crate) use problem::{chain, overloaded, panicked, problem, timed_out};

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
        .merge(runs::router())
        .merge(incidents::router())
        .merge(audit::router())
        .merge(actors::router())
        .merge(catalog::router())
        .merge(events::router())
        .merge(system::router())
}

/// The OpenAPI document of all routes.
pub fn openapi() -> utoipa::openapi::OpenApi {
    documented().into_openapi()
}

/// All routes of the interface.
pub(crate) fn router() -> Router<SharedApp> {
    let (router, document) = documented().split_for_parts();
    // Serialised once; the document does not change while the server runs.
    let text = serde_json::to_string(&document).unwrap_or_default();
    router
        .route(
            "/api/v1/openapi.json",
            axum::routing::get(move || std::future::ready(json_text(text.clone()))),
        )
        .layer(tower_http::set_header::SetResponseHeaderLayer::if_not_present(
            header::CACHE_CONTROL,
            HeaderValue::from_static("no-store"),
        ))
        .layer(tower_http::set_header::SetResponseHeaderLayer::if_not_present(
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        ))
}

fn json_text(text: String) -> ([(header::HeaderName, &'static str); 1], String) {
    ([(header::CONTENT_TYPE, "application/json")], text)
}

//! The file of services: the services that people describe in the CMDB, in a simple form.

use std::collections::BTreeSet;

use api::catalog::{Applied, CatalogFile, Dependency};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use domain::catalog::{self, Service, Tier};
use domain::cmdb::{Difference, SourceName};
use domain::id::ServiceName;
use domain::text::FreeText;
use policy::{Action, Resource};
use serde::Deserialize;
use store::STREAMS_PAGE_MAX;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::asked::{Asked, Kept};
use super::extract::{Authenticated, Idempotency, IdempotencyParams, JsonBody, Query};
use super::problem::Rejection;
use crate::app::SharedApp;
use crate::ask;
use crate::failure::Failure;
use crate::load;
use crate::use_cases::catalog as use_case;
use crate::use_cases::cmdb::Edited;
use crate::view;

pub(super) fn router() -> OpenApiRouter<SharedApp> {
    OpenApiRouter::new().routes(routes!(show_catalog, apply_catalog))
}

/// All services.
#[utoipa::path(get, path = "/api/v1/catalog", tag = "catalog", responses((status = 200, body = CatalogFile)))]
async fn show_catalog(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
) -> Result<Json<CatalogFile>, Rejection> {
    ask::about(&app, &caller, Action::Read, &Resource::System)?;
    let catalog = SourceName::catalog();
    let mut names: Vec<_> = app.known().cmdb.described_by(&catalog).map(|ci| ci.to_name()).collect();
    names.sort_unstable();
    let mut services = Vec::with_capacity(names.len());
    for names in names.chunks(STREAMS_PAGE_MAX) {
        let items = load::items(&app.store, names).await?;
        services.extend(items.iter().filter_map(|(name, stored)| view::service(name, &stored.item)));
    }
    Ok(Json(CatalogFile { services, retire: Vec::new() }))
}

/// Whether to write.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct ApplyQuery {
    /// Only tell what would be done.
    #[serde(default)]
    dry_run: bool,
}

/// Declare services and retire others; what is not named stays as it is.
#[utoipa::path(post, path = "/api/v1/catalog", tag = "catalog", params(IdempotencyParams, ApplyQuery),
    request_body = CatalogFile, responses((status = 200, body = Applied)))]
async fn apply_catalog(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
    Query(query): Query<ApplyQuery>,
    Idempotency(key): Idempotency,
    JsonBody { value, digest }: JsonBody<CatalogFile>,
) -> Result<Response, Rejection> {
    let services = value.services.iter().enumerate();
    let services: Vec<Service> =
        services.map(|(at, service)| parse(at, service)).collect::<Result<_, Failure>>()?;
    let retire = value.retire.iter().enumerate().map(|(at, name)| name_of(&format!("retire[{at}]"), name));
    let retire = retire.collect::<Result<BTreeSet<_>, _>>()?;
    let named = services.len();
    let asked = Asked { app, caller, key, digest };
    let apply = async {
        let keep = asked.keeper(StatusCode::OK);
        let keep = move |edited: &Edited| keep(Kept::Applied(applied(named, edited)));
        let dry_run = query.dry_run;
        let edited = use_case::apply(&asked.app, &asked.caller, services, retire, dry_run, keep).await?;
        Ok(Json(applied(named, &edited)).into_response())
    };
    asked.once(apply).await
}

/// What an edit did to the services that a file names.
fn applied(named: usize, edited: &Edited) -> Applied {
    let (mut declared, mut retired) = (Vec::new(), Vec::new());
    for item in &edited.items {
        let name = item.change.name.to_string();
        match item.change.difference {
            Difference::New | Difference::Changed => declared.push(name),
            Difference::Withdrawn => retired.push(name),
        }
    }
    let unchanged = u64::try_from(named.saturating_sub(declared.len())).unwrap_or(u64::MAX);
    Applied { declared, retired, unchanged }
}

fn parse(at: usize, service: &api::catalog::Service) -> Result<Service, Failure> {
    let field = |name: &str| format!("services[{at}].{name}");
    let tier = Tier::try_from(service.tier).map_err(|error| api::FieldError::new(field("tier"), error))?;
    let owner = service.owner.as_deref().map(FreeText::new).transpose();
    let depends_on = service.depends_on.iter().map(|dependency| {
        let (name, strength) = match dependency {
            Dependency::Name(name) => (name, "hard"),
            Dependency::Full(full) => (&full.service, full.strength.as_str()),
        };
        Ok(catalog::Dependency {
            service: name_of(&field("depends_on"), name)?,
            strength: strength.parse().map_err(|error| api::FieldError::new(field("depends_on"), error))?,
        })
    });
    Ok(Service {
        name: name_of(&field("name"), &service.name)?,
        tier,
        owner: owner.map_err(|error| api::FieldError::new(field("owner"), error))?,
        depends_on: depends_on.collect::<Result<_, Failure>>()?,
    })
}

fn name_of(field: &str, name: &str) -> Result<ServiceName, Failure> {
    ServiceName::new(name).map_err(|error| api::FieldError::new(field, error).into())
}

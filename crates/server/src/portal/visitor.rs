//! Whoever asks for a page: signed in or not, in which colours, from where.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::Method;
use axum::http::request::Parts;
use axum::response::Response;
use domain::Timestamp;
use url::form_urlencoded::byte_serialize;

use super::frame::{Frame, Viewed};
use super::theme::Theme;
use super::{Door, cookie, respond};
use crate::app::SharedApp;
use crate::caller::Caller;

/// The header under which a request's identifier comes.
const REQUEST_ID: &str = "x-request-id";

/// Whoever asks for a page.
#[derive(Debug)]
pub(super) struct Visitor {
    /// Who it is, when signed in.
    pub(super) caller: Option<Caller>,
    /// In which colours pages are shown.
    pub(super) theme: Theme,
    /// Path and query of the page that is asked for; of the start page when a form was sent.
    pub(super) address: String,
    /// The address that the connection comes from, where it is known.
    pub(super) from: Option<IpAddr>,
    /// The request's identifier, as in the server's log.
    pub(super) request_id: Option<String>,
    /// When.
    pub(super) now: Timestamp,
}

impl Visitor {
    /// What a page shows around its content.
    pub(super) fn frame(&self) -> Frame {
        Frame {
            theme: self.theme,
            address: self.address.clone(),
            viewer: self.caller.as_ref().and_then(Caller::actor).map(Viewed::of),
            log: None,
            is_live: false,
        }
    }
}

impl FromRequestParts<SharedApp> for Visitor {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &SharedApp) -> Result<Self, Infallible> {
        let now = app.clock.now();
        let door = parts.extensions.get::<Arc<Door>>();
        let session = cookie::read(&parts.headers, cookie::session_name(&app.config));
        let caller = match (door, session) {
            (Some(door), Some(session)) => door.sessions.caller(&app.known(), session, now),
            (Some(_) | None, _) => None,
        };
        let request_id = parts.headers.get(REQUEST_ID).and_then(|id| id.to_str().ok());
        let connection = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        Ok(Self {
            caller,
            theme: Theme::of(&parts.headers),
            address: address(parts),
            from: connection.map(|ConnectInfo(address)| address.ip()),
            request_id: request_id.map(ToOwned::to_owned),
            now,
        })
    }
}

fn address(parts: &Parts) -> String {
    let page = parts.uri.path_and_query().filter(|_| parts.method == Method::GET);
    page.map_or_else(|| respond::START.to_owned(), ToString::to_string)
}

/// Somebody who is signed in; everybody else is led to the page where one does so.
#[derive(Debug)]
pub(super) struct Viewer {
    /// Who it is.
    pub(super) caller: Caller,
    /// The same as a visitor.
    pub(super) visitor: Visitor,
}

impl FromRequestParts<SharedApp> for Viewer {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &SharedApp) -> Result<Self, Response> {
        let Ok(visitor) = Visitor::from_request_parts(parts, app).await;
        match &visitor.caller {
            Some(caller) => Ok(Self { caller: caller.clone(), visitor }),
            None => Err(respond::see_other(&sign_in_address(&visitor.address))),
        }
    }
}

/// Where one signs in to be led to `next` afterwards.
fn sign_in_address(next: &str) -> String {
    let next: String = byte_serialize(next.as_bytes()).collect();
    format!("/login?next={next}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wanted_address_survives_signing_in() {
        let address = sign_in_address("/changes?q=a b&level=high");
        assert_eq!(address, "/login?next=%2Fchanges%3Fq%3Da+b%26level%3Dhigh");
    }
}

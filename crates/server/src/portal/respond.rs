//! What is sent to a browser, and the headers that go with it.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use maud::Markup;

/// Pages load their own style and images and nothing else, send forms to this server only, and cannot be framed.
const CONTENT_SECURITY_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
);
/// Nothing is told to other sites. The stricter `no-referrer` would also hide a form's origin from this server, which
/// checks it.
const REFERRER_POLICY: HeaderValue = HeaderValue::from_static("same-origin");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");

/// A page.
pub(super) fn page(status: StatusCode, markup: Markup) -> Response {
    protected((status, Html(markup.into_string())).into_response())
}

/// Leads the browser on with a plain request. The location is one of ours: see [`local`].
pub(super) fn see_other(location: &str) -> Response {
    protected(Redirect::to(location).into_response())
}

/// The same answer with a cookie set.
pub(super) fn with_cookie(mut response: Response, cookie: HeaderValue) -> Response {
    response.headers_mut().append(header::SET_COOKIE, cookie);
    response
}

/// A file that never changes under its name.
pub(super) fn asset(content_type: &'static str, content: &'static str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(content_type)),
        (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable")),
        (header::X_CONTENT_TYPE_OPTIONS, NOSNIFF),
    ];
    (headers, content).into_response()
}

fn protected(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, NOSNIFF);
    headers.insert(header::REFERRER_POLICY, REFERRER_POLICY);
    headers.insert(header::CACHE_CONTROL, NO_STORE);
    response
}

/// Longest address that a form may lead back to, in bytes.
const LOCATION_BYTES_MAX: usize = 1024;
/// The page that everything begins with; where a form leads that names no address of ours.
pub(super) const START: &str = "/changes";

/// `location` when it is an address on this server, otherwise the start page: nobody is led elsewhere.
pub(super) fn local(location: &str) -> &str {
    let is_local = location.starts_with('/')
        && !location.starts_with("//")
        && !location.contains('\\')
        && location.len() <= LOCATION_BYTES_MAX
        && location.bytes().all(|byte| byte.is_ascii_graphic());
    if is_local { location } else { START }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_on_this_server_are_followed() {
        for kept in ["/changes", "/changes/CHG-2026-000001?before=3#trail", "/changes?q=%2F%2Fexample.org"] {
            assert_eq!(local(kept), kept);
        }
        let long = format!("/{}", "x".repeat(LOCATION_BYTES_MAX));
        for refused in [
            "",
            "changes",
            "//example.org",
            "/\\example.org",
            "https://example.org/",
            "javascript:alert(1)",
            "/a\r\nSet-Cookie: x=y",
            "/a b",
            "/ä",
            &long,
        ] {
            assert_eq!(local(refused), START, "{refused:?}");
        }
    }

    #[test]
    fn every_page_forbids_scripts_framing_and_caching() {
        let response = page(StatusCode::OK, maud::html! { p { "x" } });
        let header = |name: &str| response.headers().get(name).unwrap().to_str().unwrap().to_owned();
        let policy = header("content-security-policy");
        assert!(
            policy.starts_with("default-src 'none';") && policy.contains("frame-ancestors 'none'"),
            "{policy}"
        );
        assert!(!policy.contains("script-src") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(header("cache-control"), "no-store");
        assert_eq!(header("x-content-type-options"), "nosniff");
        assert_eq!(header("referrer-policy"), "same-origin");
    }
}

//! Whether a form was sent from one of our own pages.

use axum::http::{HeaderMap, header};

use crate::config::Config;

const SEC_FETCH_SITE: &str = "sec-fetch-site";

/// Whether the browser says that a form came from this very server. A request that does not say is refused.
pub(super) fn is_own(headers: &HeaderMap, config: &Config) -> bool {
    match text(headers, SEC_FETCH_SITE) {
        Some(site) => site == "same-origin",
        // Browsers leave it out on plain HTTP to another machine; they name the origin of a form in any case.
        None => {
            text(headers, header::ORIGIN.as_str()).is_some_and(|origin| names_us(origin, headers, config))
        }
    }
}

fn names_us(origin: &str, headers: &HeaderMap, config: &Config) -> bool {
    let is_public = config.public_url.as_deref().is_some_and(|url| url.trim_end_matches('/') == origin);
    let authority = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
    is_public || (authority.is_some() && authority == text(headers, header::HOST.as_str()))
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    fn check(headers: &[(&'static str, &'static str)], expected: bool) {
        let public_url = Some("https://change.example.org/".to_owned());
        let config = Config { public_url, ..Config::default() };
        let map = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        assert_eq!(is_own(&map.collect(), &config), expected, "{headers:?}");
    }

    #[test]
    fn only_our_own_pages_may_send_forms() {
        let host = ("host", "localhost:8470");
        check(&[host, ("sec-fetch-site", "same-origin")], true);
        check(&[host, ("origin", "http://localhost:8470")], true);
        check(&[("host", "10.0.0.1:80"), ("origin", "https://change.example.org")], true);
        check(&[host], false);
        check(&[host, ("sec-fetch-site", "cross-site")], false);
        check(&[host, ("sec-fetch-site", "same-site"), ("origin", "http://localhost:8470")], false);
        check(&[host, ("sec-fetch-site", "none")], false);
        check(&[host, ("origin", "null")], false);
        check(&[host, ("origin", "http://localhost:8471")], false);
        check(&[host, ("origin", "http://evil.example.org")], false);
        check(&[("origin", "null")], false);
    }
}

//! Cookies: the two that the portal sets, and reading them back.

use axum::http::{HeaderMap, HeaderValue, header};
use jiff::SignedDuration;

use crate::config::Config;
use crate::failure::Failure;

/// The value of a cookie that came with a request. Of several with one name the first counts.
pub(super) fn read<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(header::COOKIE).into_iter().filter_map(|line| line.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.filter(|(given, _)| *given == name).map(|(_, value)| value).next()
}

/// The name of the session's cookie. Over TLS its prefix makes browsers refuse one that another host has set.
pub(super) fn session_name(config: &Config) -> &'static str {
    if is_secure(config) { "__Host-cortex-change-session" } else { "cortex-change-session" }
}

/// A cookie for `life`; a life of nothing removes it.
///
/// # Errors
/// Never, as long as name and value are visible ASCII.
pub(super) fn set(
    config: &Config,
    name: &str,
    value: &str,
    life: SignedDuration,
) -> Result<HeaderValue, Failure> {
    let seconds = life.as_secs();
    let secure = if is_secure(config) { "; Secure" } else { "" };
    let text = format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}");
    HeaderValue::from_str(&text).map_err(|error| Failure::Internal(error.to_string()))
}

/// Whether users reach this server over TLS only.
fn is_secure(config: &Config) -> bool {
    config.public_url.as_deref().is_some_and(|url| url.starts_with("https://"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[&'static str]) -> HeaderMap {
        lines.iter().map(|line| (header::COOKIE, HeaderValue::from_static(line))).collect()
    }

    #[test]
    fn a_cookie_is_found_by_its_whole_name() {
        let headers = headers(&["a=1; theme=dark", "xtheme=light; empty="]);
        assert_eq!(read(&headers, "theme"), Some("dark"));
        assert_eq!(read(&headers, "a"), Some("1"));
        assert_eq!(read(&headers, "empty"), Some(""));
        assert_eq!(read(&headers, "them"), None);
    }

    #[test]
    fn over_tls_the_cookie_is_secure_and_bound_to_the_host() {
        let plain = Config::default();
        let public_url = Some("https://change.example.org".to_owned());
        let tls = Config { public_url, ..Config::default() };
        let cookie = |config| {
            let life = SignedDuration::from_secs(60);
            set(config, session_name(config), "ab", life).unwrap().to_str().unwrap().to_owned()
        };
        assert_eq!(cookie(&plain), "cortex-change-session=ab; Path=/; Max-Age=60; HttpOnly; SameSite=Strict");
        assert_eq!(
            cookie(&tls),
            "__Host-cortex-change-session=ab; Path=/; Max-Age=60; HttpOnly; SameSite=Strict; Secure"
        );
    }
}

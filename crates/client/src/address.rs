//! The server's address, and when a token may be sent to it.

use reqwest::Url;
use url::Host;

use crate::ClientError;

/// Every operation is below this path.
const API_PATH: [&str; 2] = ["api", "v1"];
/// Longest part of a path that a caller gives, in bytes.
const SEGMENT_BYTES_MAX: usize = 512;

/// Whether a token may cross a network in clear text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Security {
    /// TLS, or plain HTTP to this machine only.
    #[default]
    Required,
    /// Plain HTTP to anywhere: for networks that are trusted as they are.
    InsecureAllowed,
}

/// The address of a server, checked.
#[derive(Debug, Clone)]
pub(crate) struct Address {
    base: Url,
    /// Scheme, host and port, for messages.
    pub(crate) origin: String,
}

impl Address {
    pub(crate) fn parse(text: &str, security: Security) -> Result<Self, ClientError> {
        let refuse = |problem| ClientError::Address { given: shortened(text), problem };
        let base = Url::parse(text).map_err(|_| refuse("it is not an address"))?;
        if !base.username().is_empty() || base.password().is_some() {
            // Without the text: it holds a password.
            let problem = "it carries credentials, which belong into the token";
            return Err(ClientError::Address {
                given: base.host_str().unwrap_or_default().to_owned(),
                problem,
            });
        }
        if base.query().is_some() || base.fragment().is_some() {
            return Err(refuse("it has a query or a fragment"));
        }
        let host = base.host().ok_or_else(|| refuse("it has no host"))?;
        let is_clear_text = match base.scheme() {
            "https" => false,
            "http" => true,
            _ => return Err(refuse("its scheme is neither `https` nor `http`")),
        };
        if is_clear_text && !is_this_machine(&host) && security == Security::Required {
            return Err(ClientError::ClearText { host: host.to_string() });
        }
        let origin = base.origin().ascii_serialization();
        Ok(Self { base, origin })
    }

    /// Whether requests go to this machine, so that a proxy of the environment has no business with them.
    pub(crate) fn is_local(&self) -> bool {
        self.base.host().is_some_and(|host| is_this_machine(&host))
    }

    /// An address below `/api/v1`, or below the root for `root` paths such as `healthz`.
    pub(crate) fn below(&self, segments: &[&str]) -> Result<Url, ClientError> {
        let mut url = self.base.clone();
        {
            let unfit =
                |()| ClientError::Address { given: self.origin.clone(), problem: "it cannot have a path" };
            let mut path = url.path_segments_mut().map_err(unfit)?;
            path.pop_if_empty().extend(API_PATH);
            for segment in segments {
                // `.` and `..` would silently lead elsewhere.
                if segment.is_empty() || segment.starts_with('.') || segment.len() > SEGMENT_BYTES_MAX {
                    return Err(ClientError::Argument { what: "identifier", given: shortened(segment) });
                }
                path.push(segment);
            }
        }
        Ok(url)
    }
}

fn is_this_machine(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => name.eq_ignore_ascii_case("localhost"),
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    }
}

/// The text as it may stand in a message.
pub(crate) fn shortened(text: &str) -> String {
    text.chars().take(200).filter(|c| !c.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, security: Security) -> Result<String, String> {
        let address = Address::parse(text, security).map_err(|error| error.to_string())?;
        let url = address.below(&["changes", "CHG-2026-000001"]).map_err(|error| error.to_string())?;
        Ok(url.to_string())
    }

    #[test]
    fn paths_are_below_the_given_address() {
        let path = "api/v1/changes/CHG-2026-000001";
        for (base, expected) in [
            ("https://change.example", "https://change.example/"),
            ("https://change.example/", "https://change.example/"),
            ("https://tools.example/change", "https://tools.example/change/"),
            ("https://tools.example/change/", "https://tools.example/change/"),
            ("http://127.0.0.1:8470", "http://127.0.0.1:8470/"),
            ("http://[::1]:8470", "http://[::1]:8470/"),
            ("http://localhost:8470", "http://localhost:8470/"),
        ] {
            assert_eq!(check(base, Security::Required), Ok(format!("{expected}{path}")));
        }
    }

    #[test]
    fn a_token_is_not_sent_in_clear_text_to_another_machine() {
        for base in ["http://change.example", "http://10.0.0.7:8470", "http://localhost.example"] {
            let refused = check(base, Security::Required).unwrap_err();
            assert!(refused.contains("would get the token in clear text"), "{refused}");
            assert!(check(base, Security::InsecureAllowed).is_ok());
        }
    }

    #[test]
    fn other_texts_are_refused_with_their_fault() {
        for (base, fault) in [
            ("change.example", "it is not an address"),
            ("ftp://change.example", "its scheme is neither"),
            ("https://change.example/?a=1", "it has a query or a fragment"),
            ("unix:/run/change", "it has no host"),
        ] {
            let refused = check(base, Security::Required).unwrap_err();
            assert!(refused.contains(fault), "{refused}");
        }
        let refused = check("https://ann:hunter2@change.example", Security::Required).unwrap_err();
        assert!(refused.contains("it carries credentials") && !refused.contains("hunter2"), "{refused}");
    }

    #[test]
    fn an_identifier_cannot_lead_elsewhere() {
        let address = Address::parse("https://change.example", Security::Required).unwrap();
        for id in ["", ".", "..", "../actors"] {
            assert!(address.below(&["changes", id]).is_err(), "{id}");
        }
        let url = address.below(&["changes", "a/../b?c#d"]).unwrap();
        assert_eq!(url.as_str(), "https://change.example/api/v1/changes/a%2F..%2Fb%3Fc%23d");
    }
}

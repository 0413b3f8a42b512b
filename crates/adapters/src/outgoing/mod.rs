//! The one door for requests to addresses that somebody wrote into a plan or a setting.
//!
//! A request to such an address could be turned against the network that the runner or the server stands in. So the
//! address must be `http` or `https` without credentials; what its name resolves to is checked against the policy
//! inside the client's own resolver, hence what was checked is what is connected to; redirects are answers, not
//! followed; proxies of the environment are not used; time and body are bounded.

mod address;

use std::error::Error;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::plan::HttpRequest;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Method};
use tokio::net::TcpStream;
use url::{Host, Url};

pub use address::{AddressRefused, InvalidNetwork, NETWORKS_MAX, Network, OutgoingPolicy};

/// Longest address of a request, in bytes.
pub const URL_BYTES_MAX: usize = 8 * 1024;
/// Headers that describe the connection or the body and are ours to set.
const OWN_HEADERS: &[&str] = &[
    "connection",
    "content-length",
    "keep-alive",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];
/// Longest wait for an answer.
const LIMIT_MAX: Duration = Duration::from_secs(24 * 3_600);
const USER_AGENT: &str = concat!("cortex-change/", env!("CARGO_PKG_VERSION"));

/// Sends requests under a policy. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Outgoing {
    client: Client,
    policy: Arc<OutgoingPolicy>,
}

/// What a target answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The beginning of the body.
    pub body: Vec<u8>,
    /// Whether the body was longer.
    pub body_cut: bool,
    /// From sending until the kept part of the body had arrived.
    pub latency: Duration,
}

/// A request without an answer.
#[derive(Debug, thiserror::Error)]
pub enum OutgoingError {
    /// The client cannot be set up on this machine.
    #[error("the HTTP client could not be set up: {cause}")]
    Client {
        /// The innermost cause.
        cause: String,
    },
    /// Not an address we send to.
    #[error("`{url}` {problem}: expected an absolute address such as `https://shop.example/health`")]
    Address {
        /// The address, without credentials.
        url: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A method that cannot be sent.
    #[error("`{method}` is not a method that can be sent: expected for example `GET` or `POST`")]
    Method {
        /// The method.
        method: String,
    },
    /// A header that cannot be sent.
    #[error("the header `{name}` cannot be sent: {problem}")]
    Header {
        /// The header's name.
        name: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The policy refuses the target.
    #[error("`{host}` is refused: {refused}; use an address that the policy for outgoing requests allows")]
    Refused {
        /// The host as written.
        host: String,
        /// The refused address.
        refused: AddressRefused,
    },
    /// The name has no address.
    #[error("the name `{host}` could not be resolved: {cause}")]
    NotResolved {
        /// The host as written.
        host: String,
        /// The innermost cause.
        cause: String,
    },
    /// Nothing there takes the connection, or it does not speak as it should.
    #[error("`{host}` could not be reached: {cause}")]
    NotReached {
        /// The host as written.
        host: String,
        /// The innermost cause.
        cause: String,
    },
    /// The answer broke off.
    #[error("the answer of `{host}` broke off: {cause}")]
    BrokenOff {
        /// The host as written.
        host: String,
        /// The innermost cause.
        cause: String,
    },
    /// No complete answer in time.
    #[error("`{host}` did not answer within {limit_millis} ms")]
    TimedOut {
        /// The host as written.
        host: String,
        /// The limit in milliseconds.
        limit_millis: u128,
    },
}

impl OutgoingError {
    /// Whether the target is at fault, as opposed to the request, the policy or this machine.
    pub fn is_targets_fault(&self) -> bool {
        match self {
            Self::NotReached { .. } | Self::BrokenOff { .. } | Self::TimedOut { .. } => true,
            Self::Client { .. }
            | Self::Address { .. }
            | Self::Method { .. }
            | Self::Header { .. }
            | Self::Refused { .. }
            | Self::NotResolved { .. } => false,
        }
    }
}

impl Answer {
    /// Whether the status is one that the request expects.
    pub fn is_expected(&self, request: &HttpRequest) -> bool {
        let (first, last) = request.expected_status;
        (first..=last).contains(&self.status)
    }

    /// The status beside the expected ones, in words.
    pub fn unexpected(&self, request: &HttpRequest) -> String {
        let (first, last) = request.expected_status;
        format!("answered with status {}, expected {first} to {last}", self.status)
    }
}

/// Makes ring the process's TLS provider. Every client needs one; calling this again changes nothing.
pub fn install_crypto_provider() {
    // An error means that one is installed already.
    let _already = rustls::crypto::ring::default_provider().install_default();
}

impl Outgoing {
    /// Sets up a client under a policy. On a machine without root certificates `https` targets are not reached.
    ///
    /// # Errors
    /// When the client cannot be set up.
    pub fn new(policy: OutgoingPolicy) -> Result<Self, OutgoingError> {
        install_crypto_provider();
        let policy = Arc::new(policy);
        let builder = || {
            Client::builder()
                .dns_resolver(GuardedResolver { policy: Arc::clone(&policy) })
                .redirect(reqwest::redirect::Policy::none())
                .retry(reqwest::retry::never())
                .referer(false)
                .no_proxy()
                // A fresh connection each time: an answer tells about the target now, not about a kept connection.
                .pool_max_idle_per_host(0)
                .user_agent(USER_AGENT)
        };
        let client = builder().build().or_else(|error| {
            tracing::warn!(error = %root_cause(&error), "no root certificates: https targets will not be reached");
            builder().tls_certs_only([]).build()
        });
        let client = client.map_err(|error| OutgoingError::Client { cause: root_cause(&error) })?;
        Ok(Self { client, policy })
    }

    /// Sends a request and reads at most `body_bytes_max` bytes of the answer, all within `limit`. A status that is
    /// not expected is an answer, not an error.
    ///
    /// # Errors
    /// When the request cannot be sent, is refused, or has no complete answer in time.
    pub async fn send(
        &self,
        request: &HttpRequest,
        limit: Duration,
        body_bytes_max: usize,
    ) -> Result<Answer, OutgoingError> {
        let url = self.checked_url(&request.url)?;
        let host = url.host_str().unwrap_or_default().to_owned();
        let method = checked_method(&request.method)?;
        let headers = checked_headers(request)?;
        let deadline = tokio::time::Instant::now() + limit.min(LIMIT_MAX);
        self.check_name(&url, &host, deadline).await?;
        let mut prepared = self.client.request(method, url).headers(headers);
        if let Some(body) = &request.body {
            prepared = prepared.body(body.clone());
        }
        let exchanged = tokio::time::timeout_at(deadline, exchange(prepared, &host, body_bytes_max)).await;
        exchanged.map_err(|_elapsed| OutgoingError::TimedOut { host, limit_millis: limit.as_millis() })?
    }

    /// Opens a connection to `host:port`, which the policy must allow, within `limit`.
    ///
    /// # Errors
    /// When the address has another form, is refused, or nothing there takes the connection in time.
    pub async fn connect(&self, address: &str, limit: Duration) -> Result<TcpStream, OutgoingError> {
        let refuse = |problem| OutgoingError::Address { url: without_credentials(address), problem };
        let url = Url::parse(&format!("tcp://{address}")).map_err(|_| refuse("is not `host:port`"))?;
        let (Some(host), Some(port)) = (url.host_str(), url.port()) else {
            return Err(refuse("is not `host:port`"));
        };
        let host = host.trim_matches(['[', ']']).to_owned();
        let connected = tokio::time::timeout(limit, async {
            let found = resolve(&self.policy, &host).await.map_err(|error| match error {
                ResolveError::Refused(refused) => OutgoingError::Refused { host: host.clone(), refused },
                ResolveError::NotFound(error) => {
                    OutgoingError::NotResolved { host: host.clone(), cause: error.to_string() }
                }
            })?;
            let found: Vec<SocketAddr> = found.iter().map(|at| SocketAddr::new(at.ip(), port)).collect();
            let unreached = |error: std::io::Error| OutgoingError::NotReached {
                host: host.clone(),
                cause: error.to_string(),
            };
            TcpStream::connect(found.as_slice()).await.map_err(unreached)
        });
        let connected = connected.await;
        connected.map_err(|_elapsed| OutgoingError::TimedOut { host, limit_millis: limit.as_millis() })?
    }

    /// Resolves the name. The client does so again when it connects, and checks again: this first time tells a name
    /// server that does not answer, which is no fault of the target's, from a target that does not.
    async fn check_name(
        &self,
        url: &Url,
        host: &str,
        deadline: tokio::time::Instant,
    ) -> Result<(), OutgoingError> {
        let Some(Host::Domain(name)) = url.host() else { return Ok(()) };
        let host = host.to_owned();
        match tokio::time::timeout_at(deadline, resolve(&self.policy, name)).await {
            Ok(Ok(_addresses)) => Ok(()),
            Ok(Err(ResolveError::Refused(refused))) => Err(OutgoingError::Refused { host, refused }),
            Ok(Err(ResolveError::NotFound(error))) => {
                Err(OutgoingError::NotResolved { host, cause: error.to_string() })
            }
            Err(_elapsed) => Err(OutgoingError::NotResolved { host, cause: "no answer in time".to_owned() }),
        }
    }

    /// Parses the address and checks what the resolver will not see: scheme, credentials and literal addresses.
    fn checked_url(&self, text: &str) -> Result<Url, OutgoingError> {
        let refuse = |problem| OutgoingError::Address { url: without_credentials(text), problem };
        if text.len() > URL_BYTES_MAX {
            return Err(refuse("is too long"));
        }
        let url = Url::parse(text).map_err(|_| refuse("is not an address"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(refuse("has a scheme that is not allowed"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refuse("carries credentials, which end up in logs; send a header instead"));
        }
        let literal = match url.host() {
            Some(Host::Ipv4(address)) => Some(IpAddr::V4(address)),
            Some(Host::Ipv6(address)) => Some(IpAddr::V6(address)),
            Some(Host::Domain(_)) => None,
            None => return Err(refuse("has no host")),
        };
        if let Some(Err(refused)) = literal.map(|address| self.policy.check(address)) {
            return Err(OutgoingError::Refused {
                host: url.host_str().unwrap_or_default().to_owned(),
                refused,
            });
        }
        Ok(url)
    }
}

/// Sends the request and reads the beginning of the answer.
async fn exchange(
    prepared: reqwest::RequestBuilder,
    host: &str,
    body_bytes_max: usize,
) -> Result<Answer, OutgoingError> {
    let broken_off =
        |error: reqwest::Error| OutgoingError::BrokenOff { host: host.to_owned(), cause: root_cause(&error) };
    let started = Instant::now();
    let mut response = prepared.send().await.map_err(|error| not_sent(host, &error))?;
    let status = response.status().as_u16();
    let (mut body, mut body_cut) = (Vec::new(), false);
    while let Some(chunk) = response.chunk().await.map_err(broken_off)? {
        let room = body_bytes_max - body.len();
        body.extend(chunk.iter().take(room));
        body_cut = chunk.len() > room;
        if body_cut {
            break;
        }
    }
    Ok(Answer { status, body, body_cut, latency: started.elapsed() })
}

/// The address as it may be shown in a message.
fn without_credentials(text: &str) -> String {
    let short: String = text.chars().take(200).filter(|c| !c.is_control()).collect();
    crate::mask::Masker::default().mask(&short)
}

fn checked_method(text: &str) -> Result<Method, OutgoingError> {
    let refuse = || OutgoingError::Method { method: text.chars().take(40).collect() };
    let method = Method::from_bytes(text.as_bytes()).map_err(|_| refuse())?;
    // CONNECT would make a tunnel out of the target.
    if method == Method::CONNECT { Err(refuse()) } else { Ok(method) }
}

fn checked_headers(request: &HttpRequest) -> Result<HeaderMap, OutgoingError> {
    let mut headers = HeaderMap::new();
    for (name, value) in &request.headers {
        let refuse = |problem| OutgoingError::Header { name: name.chars().take(80).collect(), problem };
        let name = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| refuse("its name has characters that no header has"))?;
        if OWN_HEADERS.contains(&name.as_str()) {
            return Err(refuse("it belongs to the connection and is set by us; remove it"));
        }
        let mut value = HeaderValue::from_str(value)
            .map_err(|_| refuse("its value has characters that no header has"))?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    Ok(headers)
}

fn not_sent(host: &str, error: &reqwest::Error) -> OutgoingError {
    let host = host.to_owned();
    let refused = causes(error).find_map(|cause| match cause.downcast_ref() {
        Some(ResolveError::Refused(refused)) => Some(*refused),
        Some(ResolveError::NotFound(_)) | None => None,
    });
    if let Some(refused) = refused {
        return OutgoingError::Refused { host, refused };
    }
    let cause = root_cause(error);
    if error.is_dns() {
        OutgoingError::NotResolved { host, cause }
    } else if error.is_builder() {
        OutgoingError::Client { cause }
    } else {
        OutgoingError::NotReached { host, cause }
    }
}

fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error: &&'a (dyn Error + 'static)| (*error).source())
}

fn root_cause(error: &(dyn Error + 'static)) -> String {
    causes(error).last().map(ToString::to_string).unwrap_or_default()
}

/// Resolves names as the machine does and hands on only addresses that the policy allows.
#[derive(Debug)]
struct GuardedResolver {
    policy: Arc<OutgoingPolicy>,
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let policy = Arc::clone(&self.policy);
        Box::pin(async move {
            let addresses = resolve(&policy, name.as_str()).await?;
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

/// A name without an address that may be connected to.
#[derive(Debug, thiserror::Error)]
enum ResolveError {
    #[error(transparent)]
    NotFound(#[from] std::io::Error),
    #[error(transparent)]
    Refused(#[from] AddressRefused),
}

async fn resolve(policy: &OutgoingPolicy, name: &str) -> Result<Vec<SocketAddr>, ResolveError> {
    // Port 0 stands for the one in the address.
    let found = tokio::net::lookup_host((name, 0)).await?.collect();
    Ok(admitted(policy, found)?)
}

/// The allowed ones of a name's addresses; the first refusal when there is none.
fn admitted(policy: &OutgoingPolicy, found: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, AddressRefused> {
    let mut refusal = None;
    let allowed: Vec<SocketAddr> = found
        .into_iter()
        .filter(|address| match policy.check(address.ip()) {
            Ok(()) => true,
            Err(refused) => {
                refusal.get_or_insert(refused);
                false
            }
        })
        .collect();
    match refusal {
        Some(refused) if allowed.is_empty() => Err(refused),
        Some(_) | None => Ok(allowed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_allowed_addresses_of_a_name_are_connected_to() {
        let addresses =
            |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<SocketAddr>>();
        let strict = OutgoingPolicy::strict();
        let mixed = addresses(&["1.1.1.1:0", "127.0.0.1:0", "[fe80::1]:0"]);
        assert_eq!(admitted(&strict, mixed), Ok(addresses(&["1.1.1.1:0"])));
        let inside = addresses(&["169.254.169.254:0", "10.0.0.1:0"]);
        assert_eq!(admitted(&strict, inside.clone()).unwrap_err().address.to_string(), "169.254.169.254");
        let lenient = OutgoingPolicy::with_private_networks();
        assert_eq!(admitted(&lenient, inside), Ok(addresses(&["10.0.0.1:0"])));
        assert_eq!(admitted(&strict, Vec::new()), Ok(Vec::new()));
    }

    #[test]
    fn addresses_methods_and_headers_that_cannot_be_sent_are_refused_with_the_reason() {
        let outgoing = Outgoing::new(OutgoingPolicy::strict()).unwrap();
        for (url, expected) in [
            ("ftp://host/x", "`ftp://host/x` has a scheme that is not allowed"),
            ("file:///etc/passwd", "has a scheme that is not allowed"),
            ("/health", "`/health` is not an address"),
            ("http://user:secret@host/", "`http://user:***@host/` carries credentials"),
            ("http://127.0.0.1/", "127.0.0.1 is a loopback address"),
            ("http://0x7f.1/", "127.0.0.1 is a loopback address"),
            ("http://2130706433/", "127.0.0.1 is a loopback address"),
            ("http://[::ffff:a9fe:a9fe]/", "169.254.169.254 is a link-local or cloud metadata address"),
        ] {
            let error = outgoing.checked_url(url).unwrap_err().to_string();
            assert!(error.contains(expected), "{url}: {error}");
        }
        assert!(outgoing.checked_url(&format!("http://host/{}", "x".repeat(URL_BYTES_MAX))).is_err());
        assert!(checked_method("CONNECT").is_err() && checked_method("GE T").is_err());
        assert_eq!(checked_method("PATCH").unwrap(), Method::PATCH);
        for (name, value) in [("a b", "x"), ("x", "a\r\nInjected: y"), ("Content-Length", "5")] {
            let request = HttpRequest {
                method: "GET".to_owned(),
                url: "http://host/".to_owned(),
                headers: [(name.to_owned(), value.to_owned())].into(),
                body: None,
                credentials: None,
                header_variables: Default::default(),
                expected_status: (200, 299),
            };
            assert!(matches!(checked_headers(&request), Err(OutgoingError::Header { .. })), "{name}");
        }
    }
}

//! Sending one call and reading its answer, with every limit.

use std::time::Duration;

use api::Problem;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::ClientError;
use crate::address::{Address, Security, shortened};
use crate::error::is_contended;
use crate::token::Token;

/// Longest wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest wait for a complete answer.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// Longest wait for a complete answer to a runner, which must know soon whether it still holds its lease.
pub const RUN_TIMEOUT: Duration = Duration::from_secs(5);
/// Most attempts of one call that may be repeated.
pub const ATTEMPTS_MAX: u32 = 4;
/// Pause before the second attempt; each further pause is twice as long. Without jitter: one caller repeats few calls.
const RETRY_PAUSE: Duration = Duration::from_millis(200);
/// Longest wait for the verification of a whole log.
pub const VERIFY_TIMEOUT: Duration = Duration::from_secs(600);
/// Longest answer that is read, in bytes.
pub const RESPONSE_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Longest evidence bundle that is read, in bytes.
pub const EVIDENCE_BYTES_MAX: usize = 128 * 1024 * 1024;
/// Longest excerpt of an answer in an error, in characters.
const EXCERPT_CHARS_MAX: usize = 300;
/// Longest value of a header that a caller gives, in bytes.
const ARGUMENT_BYTES_MAX: usize = 256;
const USER_AGENT: &str = concat!("cortex-change/", env!("CARGO_PKG_VERSION"));

/// The server's API for one caller. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    address: Address,
    token: Token,
}

/// Whether a call may be sent again when nobody knows what became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Repeat {
    Never,
    /// Doing it twice is the same as doing it once.
    Harmless,
}

/// One call, ready to be sent.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    client: &'a Client,
    method: Method,
    path: Vec<&'a str>,
    query: Vec<(&'static str, String)>,
    headers: HeaderMap,
    /// What is sent, as soon as it is known whether it has a JSON form.
    body: Option<Result<Vec<u8>, serde_json::Error>>,
    timeout: Duration,
    bytes_max: usize,
    repeat: Repeat,
}

impl Client {
    /// A client of the server at `base_url`, with TLS required except to this machine.
    ///
    /// # Errors
    /// When the address or the token is not one, or the token would travel in clear text.
    pub fn new(base_url: &str, token: &str) -> Result<Self, ClientError> {
        Self::with_security(base_url, token, Security::Required)
    }

    /// A client of the server at `base_url`.
    ///
    /// # Errors
    /// When the address or the token is not one, or the token would travel in clear text although it may not.
    pub fn with_security(base_url: &str, token: &str, security: Security) -> Result<Self, ClientError> {
        let address = Address::parse(base_url, security)?;
        let token = Token::parse(token)?;
        // An error means that one is installed already.
        let _already = rustls::crypto::ring::default_provider().install_default();
        let builder = || {
            let builder = reqwest::Client::builder()
                .connect_timeout(CONNECT_TIMEOUT)
                // A redirect could carry the token to another host: it is an answer, and not one of ours.
                .redirect(reqwest::redirect::Policy::none())
                .retry(reqwest::retry::never())
                .referer(false)
                .user_agent(USER_AGENT);
            if address.is_local() { builder.no_proxy() } else { builder }
        };
        // On a machine without root certificates only servers without TLS can be reached, which may be all it needs.
        let http = builder().build().or_else(|_| builder().tls_certs_only([]).build());
        Ok(Self { http: http.map_err(ClientError::Setup)?, address, token })
    }

    /// Scheme, host and port of the server.
    pub fn server(&self) -> &str {
        &self.address.origin
    }

    pub(crate) fn get<'a>(&'a self, path: &[&'a str]) -> Call<'a> {
        self.call(Method::GET, path, Repeat::Harmless)
    }

    pub(crate) fn post<'a>(&'a self, path: &[&'a str]) -> Call<'a> {
        self.call(Method::POST, path, Repeat::Never)
    }

    pub(crate) fn put<'a>(&'a self, path: &[&'a str]) -> Call<'a> {
        self.call(Method::PUT, path, Repeat::Never)
    }

    pub(crate) fn patch<'a>(&'a self, path: &[&'a str]) -> Call<'a> {
        self.call(Method::PATCH, path, Repeat::Never)
    }

    pub(crate) fn delete<'a>(&'a self, path: &[&'a str]) -> Call<'a> {
        self.call(Method::DELETE, path, Repeat::Never)
    }

    fn call<'a>(&'a self, method: Method, path: &[&'a str], repeat: Repeat) -> Call<'a> {
        Call {
            client: self,
            method,
            path: path.to_vec(),
            query: Vec::new(),
            headers: HeaderMap::new(),
            body: None,
            timeout: REQUEST_TIMEOUT,
            bytes_max: RESPONSE_BYTES_MAX,
            repeat,
        }
    }

    /// Reads an answer up to `limit` bytes.
    async fn read(&self, mut response: Response, limit: usize) -> Result<Vec<u8>, Unread> {
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(Unread::BrokenOff)? {
            if chunk.len() > limit - body.len() {
                return Err(Unread::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    /// The error that an answer other than a success stands for.
    pub(crate) async fn refusal(&self, response: Response) -> ClientError {
        let status = response.status();
        let body = self.read(response, RESPONSE_BYTES_MAX).await.unwrap_or_default();
        match serde_json::from_slice::<Problem>(&body) {
            Ok(problem) if problem.status == status.as_u16() => ClientError::Problem(Box::new(problem)),
            Ok(_) | Err(_) => self.unexpected(status, &String::from_utf8_lossy(&body)),
        }
    }

    pub(crate) fn unreachable(&self, attempts: u32, source: reqwest::Error) -> ClientError {
        ClientError::Unreachable {
            server: self.address.origin.clone(),
            attempts,
            source: source.without_url(),
        }
    }

    pub(crate) fn unexpected(&self, status: StatusCode, text: &str) -> ClientError {
        let masked = self.token.mask(text);
        let excerpt = masked.chars().filter(|c| !c.is_control()).take(EXCERPT_CHARS_MAX).collect();
        ClientError::Unexpected { server: self.address.origin.clone(), status: status.as_u16(), excerpt }
    }
}

/// Why an answer was not read to its end.
#[derive(Debug)]
enum Unread {
    BrokenOff(reqwest::Error),
    TooLarge,
}

impl<'a> Call<'a> {
    /// Adds a parameter to the address.
    pub(crate) fn query(mut self, name: &'static str, value: Option<impl Into<String>>) -> Self {
        self.query.extend(value.map(|value| (name, value.into())));
        self
    }

    /// Sends `body` as JSON.
    pub(crate) fn json(mut self, body: &impl Serialize) -> Self {
        self.body = Some(serde_json::to_vec(body));
        self
    }

    /// Adds a header.
    pub(crate) fn header(
        mut self,
        name: &'static str,
        what: &'static str,
        value: &str,
    ) -> Result<Self, ClientError> {
        let is_fit = !value.is_empty()
            && value.len() <= ARGUMENT_BYTES_MAX
            && value.bytes().all(|byte| byte.is_ascii_graphic());
        let unfit = || ClientError::Argument { what, given: shortened(value) };
        let header = HeaderValue::from_str(value).ok().filter(|_| is_fit).ok_or_else(unfit)?;
        self.headers.insert(HeaderName::from_static(name), header);
        Ok(self)
    }

    /// Says that sending it twice is the same as sending it once.
    pub(crate) fn repeatable(mut self) -> Self {
        self.repeat = Repeat::Harmless;
        self
    }

    /// Waits this long for a complete answer.
    pub(crate) fn within(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Accepts an answer of this size.
    pub(crate) fn up_to(mut self, bytes_max: usize) -> Self {
        self.bytes_max = bytes_max;
        self
    }

    /// Sends the call and reads its answer.
    pub(crate) async fn answer<T: DeserializeOwned>(self) -> Result<T, ClientError> {
        let client = self.client;
        let (status, body) = self.send().await?;
        serde_json::from_slice(&body).map_err(|error| {
            client.unexpected(status, &format!("{error}: {}", String::from_utf8_lossy(&body)))
        })
    }

    /// Sends the call; what is answered beside success does not matter.
    pub(crate) async fn done(self) -> Result<(), ClientError> {
        self.send().await.map(|_answer| ())
    }

    /// Sends the call and gives the answer as it came.
    pub(crate) async fn bytes(self) -> Result<Vec<u8>, ClientError> {
        self.send().await.map(|(_status, body)| body)
    }

    /// Sends the call and leaves the answer to be read as it comes, without a limit on the whole time.
    pub(crate) async fn open(self, accept: HeaderValue) -> Result<Response, ClientError> {
        let request = self.request(None)?.header(ACCEPT, accept);
        let response = request.send().await.map_err(|source| self.client.unreachable(1, source))?;
        if response.status().is_success() { Ok(response) } else { Err(self.client.refusal(response).await) }
    }

    async fn send(mut self) -> Result<(StatusCode, Vec<u8>), ClientError> {
        let body = self.body.take().transpose().map_err(ClientError::Body)?;
        let attempts_max = match self.repeat {
            Repeat::Never => 1,
            Repeat::Harmless => ATTEMPTS_MAX,
        };
        let mut attempt = 1;
        loop {
            let error = match self.attempt(body.as_deref(), attempt).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            if attempt >= attempts_max || !is_worth_repeating(&error) {
                return Err(error);
            }
            tokio::time::sleep(RETRY_PAUSE * 2_u32.pow(attempt - 1)).await;
            attempt += 1;
        }
    }

    async fn attempt(
        &self,
        body: Option<&[u8]>,
        attempts: u32,
    ) -> Result<(StatusCode, Vec<u8>), ClientError> {
        let client = self.client;
        let request = self.request(body)?.header(ACCEPT, "application/json").timeout(self.timeout);
        let response = request.send().await.map_err(|source| client.unreachable(attempts, source))?;
        let status = response.status();
        if !status.is_success() {
            return Err(client.refusal(response).await);
        }
        match client.read(response, self.bytes_max).await {
            Ok(body) => Ok((status, body)),
            Err(Unread::BrokenOff(source)) => Err(client.unreachable(attempts, source)),
            Err(Unread::TooLarge) => {
                Err(ClientError::TooLarge { server: client.address.origin.clone(), limit: self.bytes_max })
            }
        }
    }

    fn request(&self, body: Option<&[u8]>) -> Result<RequestBuilder, ClientError> {
        let mut url = self.client.address.below(&self.path)?;
        if !self.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&self.query);
        }
        let request = self
            .client
            .http
            .request(self.method.clone(), url)
            .header(AUTHORIZATION, self.client.token.header())
            .headers(self.headers.clone());
        Ok(match body {
            None => request,
            Some(body) => request.header(CONTENT_TYPE, "application/json").body(body.to_vec()),
        })
    }
}

/// Nobody answered, or something before the server did, or others were faster. A refusal is a refusal the second time too.
fn is_worth_repeating(error: &ClientError) -> bool {
    let status = match error {
        ClientError::Unreachable { .. } => return true,
        ClientError::Problem(problem) if is_contended(problem) => return true,
        ClientError::Problem(problem) => problem.status,
        ClientError::Unexpected { status, .. } => *status,
        ClientError::Address { .. }
        | ClientError::ClearText { .. }
        | ClientError::Token { .. }
        | ClientError::Argument { .. }
        | ClientError::Setup(_)
        | ClientError::Body(_)
        | ClientError::TooLarge { .. } => return false,
    };
    matches!(status, 502..=504)
}

//! Posting JSON to a configured address, and what can come of a delivery.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::plan::HttpRequest;
use url::Url;

use crate::outgoing::{Outgoing, OutgoingError, OutgoingPolicy};

/// Longest wait for the receiver's answer.
pub(super) const TIMEOUT: Duration = Duration::from_secs(10);
/// Statuses with which a receiver says that it has the message.
const ACCEPTED: (u16, u16) = (200, 299);

/// Why a message did not arrive. It may be sent again under the same id.
#[derive(Debug, thiserror::Error)]
pub enum DeliveryError {
    /// The request was refused by our guard or failed on its way.
    #[error(transparent)]
    Outgoing(#[from] OutgoingError),
    /// The receiver answered that it does not have the message.
    #[error("the receiver answered with status {status}: expected {first} to {last}", first = ACCEPTED.0, last = ACCEPTED.1)]
    Status {
        /// The status.
        status: u16,
    },
}

/// An address to which nothing can be posted. It is not repeated: addresses of chat systems are secrets.
#[derive(Debug, thiserror::Error)]
pub enum AddressError {
    /// It is no address that we send to.
    #[error("it is not an address without credentials such as `https://chat.example/hooks/change`")]
    Malformed,
    /// No client can be made.
    #[error(transparent)]
    Client(#[from] OutgoingError),
}

/// A receiver of JSON at one address.
#[derive(Clone)]
pub(super) struct Post {
    outgoing: Outgoing,
    url: String,
}

impl Post {
    /// A receiver at `url`, which may lie in a private network only when `policy` allows it.
    pub(super) fn new(url: &str, policy: OutgoingPolicy) -> Result<Self, AddressError> {
        let parsed = Url::parse(url).map_err(|_| AddressError::Malformed)?;
        let has_credentials = !parsed.username().is_empty() || parsed.password().is_some();
        if !matches!(parsed.scheme(), "http" | "https") || parsed.host().is_none() || has_credentials {
            return Err(AddressError::Malformed);
        }
        Ok(Self { outgoing: Outgoing::new(policy)?, url: url.to_owned() })
    }

    /// Posts a body with further headers.
    pub(super) async fn send(&self, headers: &[(&str, &str)], body: String) -> Result<(), DeliveryError> {
        let content_type = [("content-type", "application/json")];
        let headers = content_type.iter().chain(headers);
        let request = HttpRequest {
            method: "POST".to_owned(),
            url: self.url.clone(),
            headers: headers.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            body: Some(body),
            credentials: None,
            header_variables: BTreeMap::new(),
            expected_status: ACCEPTED,
        };
        let answer = self.outgoing.send(&request, TIMEOUT, 0).await?;
        if answer.is_expected(&request) {
            Ok(())
        } else {
            Err(DeliveryError::Status { status: answer.status })
        }
    }
}

impl std::fmt::Debug for Post {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Post(***)")
    }
}

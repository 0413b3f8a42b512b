//! What can go wrong between us and the server.

use api::Problem;

/// A call that gave no result.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// An address that is not one of a server.
    #[error(
        "`{given}` is not the address of a server: {problem}; expected a form such as `https://change.example`"
    )]
    Address {
        /// The address, shortened and without credentials.
        given: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// Plain HTTP to another machine.
    #[error(
        "`{host}` would get the token in clear text, for everybody on the way to read: use an `https` address, \
         or allow insecure connections where the network between is trusted"
    )]
    ClearText {
        /// The server.
        host: String,
    },
    /// A text that is not a token. The text is not repeated.
    #[error("the token {problem}: expected the text that was shown once when the token was issued")]
    Token {
        /// What is wrong with it.
        problem: &'static str,
    },
    /// An argument that cannot be sent.
    #[error("`{given}` cannot be sent as {what}: expected one word of visible characters, at most 256 bytes")]
    Argument {
        /// What it was to be.
        what: &'static str,
        /// The argument, shortened.
        given: String,
    },
    /// The HTTP client cannot be set up on this machine.
    #[error("the HTTP client could not be set up")]
    Setup(#[source] reqwest::Error),
    /// A request that has no JSON form.
    #[error("the request has no JSON form")]
    Body(#[source] serde_json::Error),
    /// The server refuses, and says why.
    #[error("{}", .0.detail)]
    Problem(Box<Problem>),
    /// No complete answer.
    #[error("`{server}` gave no answer in {attempts} attempts: check the address and that the server runs")]
    Unreachable {
        /// Scheme, host and port.
        server: String,
        /// How often it was asked.
        attempts: u32,
        /// The last cause.
        #[source]
        source: reqwest::Error,
    },
    /// A longer answer than is read.
    #[error("`{server}` gave an answer of more than {limit} bytes: ask for a smaller page")]
    TooLarge {
        /// Scheme, host and port.
        server: String,
        /// The limit in bytes.
        limit: usize,
    },
    /// An answer that is not one of this API.
    #[error(
        "`{server}` answered with status {status} and something else than this API's answers, `{excerpt}`: check that \
         the address is the server's and not that of a page or proxy before it"
    )]
    Unexpected {
        /// Scheme, host and port.
        server: String,
        /// The HTTP status.
        status: u16,
        /// The beginning of the answer, or why it cannot be read.
        excerpt: String,
    },
}

impl ClientError {
    /// The problem that the server stated, if it did.
    pub fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Problem(problem) => Some(problem),
            Self::Address { .. }
            | Self::ClearText { .. }
            | Self::Token { .. }
            | Self::Argument { .. }
            | Self::Setup(_)
            | Self::Body(_)
            | Self::Unreachable { .. }
            | Self::TooLarge { .. }
            | Self::Unexpected { .. } => None,
        }
    }

    /// Whether the same call may succeed later without anybody changing anything.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::Problem(problem) => is_transient_status(problem.status) || is_contended(problem),
            Self::Unexpected { status, .. } => is_transient_status(*status),
            Self::Address { .. }
            | Self::ClearText { .. }
            | Self::Token { .. }
            | Self::Argument { .. }
            | Self::Setup(_)
            | Self::Body(_)
            | Self::TooLarge { .. } => false,
        }
    }
}

/// The kind of problem by which a server gives up against others who keep changing the same thing.
const CONTENDED: &str = "contended";

/// Whether nothing was written only because others were faster each time the server tried.
pub(crate) fn is_contended(problem: &Problem) -> bool {
    problem.kind_name() == CONTENDED
}

/// Too many requests, a fault of the server's moment, or something before the server.
fn is_transient_status(status: u16) -> bool {
    matches!(status, 429 | 500 | 502 | 503 | 504)
}

//! Every kind of problem, in one table: its status, what it means and what to do about it.
//!
//! To add one: its row below. `UPDATE_DOCS=1 cargo test -p server problems_page` then writes it into
//! `docs/problems.md`; the page `/docs/problems` has it already. A kind never changes its name or meaning.

use axum::http::StatusCode;

/// Declares the kinds in the order in which the page has them.
macro_rules! kinds {
    ($($variant:ident = $name:literal, $status:ident, $meaning:literal, $next:literal;)+) => {
        /// A kind of problem.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Kind {
            $(#[doc = $meaning] $variant,)+
        }

        impl Kind {
            /// Every kind.
            pub(crate) const ALL: &[Self] = &[$(Self::$variant),+];

            /// Its name, which is its anchor on the page.
            pub(crate) fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }

            /// The status of an answer of this kind.
            pub(crate) fn status(self) -> StatusCode {
                match self {
                    $(Self::$variant => StatusCode::$status,)+
                }
            }

            /// What it means.
            pub(crate) fn meaning(self) -> &'static str {
                match self {
                    $(Self::$variant => $meaning,)+
                }
            }

            /// What to do next.
            pub(crate) fn next_step(self) -> &'static str {
                match self {
                    $(Self::$variant => $next,)+
                }
            }
        }
    };
}

kinds! {
    Unauthenticated = "unauthenticated", UNAUTHORIZED,
        "There is no token, it does not have the form `Bearer cct_…`, it is unknown, revoked or expired, or its actor was switched off.",
        "Get a token from an administrator, or issue one with `cortex-change token issue`.";
    RefusedByPolicy = "refused-by-policy", FORBIDDEN,
        "At least one policy forbids it, or none permits it. `rule` is the first one, `errors` has all, each with its next step. The domain's own invariants answer the same way: `segregation-of-duties`, `agents-never-satisfy-a-human-gate`, `approver-holds-the-authority`.",
        "Do what the rule's next step says, or ask somebody who may do it.";
    Refused = "refused", CONFLICT,
        "The change does not admit this now. `rule` says why.",
        "Read the change again, and do what the rule's next step says.";
    InvalidContent = "invalid-content", UNPROCESSABLE_ENTITY,
        "Every field can be read, and the whole cannot be approved, run or recorded: a plan that cannot be carried out, a window that ends before it begins, a validation without a check, a partial outcome without a follow-up. The message names step and field.",
        "Correct the request and send it again.";
    InvalidField = "invalid-field", UNPROCESSABLE_ENTITY,
        "A field does not have the accepted form; `errors` has its path and the form. A query parameter or a header counts as a field.",
        "Correct the field and send the request again.";
    UnreadableBody = "unreadable-body", BAD_REQUEST,
        "The body is not UTF-8, not JSON, nested deeper than 64 levels, has an unknown or repeated field, or a value of another type. The message has line and column.",
        "Send what `/api/v1/openapi.json` describes for the address.";
    BrokenOff = "broken-off", BAD_REQUEST,
        "The request ended before its end.",
        "Send the whole request again.";
    TooLarge = "too-large", PAYLOAD_TOO_LARGE,
        "The body has more than 1 MiB.",
        "Shorten texts, or name services instead of single items.";
    MediaType = "media-type", UNSUPPORTED_MEDIA_TYPE,
        "The body is not said to be JSON.",
        "Send JSON, with `Content-Type: application/json`.";
    NotFound = "not-found", NOT_FOUND,
        "There is no such change, incident, actor, configuration item, condition or address.",
        "List what there is; the message says where.";
    MethodNotAllowed = "method-not-allowed", METHOD_NOT_ALLOWED,
        "The address is there and does not take this method.",
        "See `/api/v1/openapi.json` for the methods of each address.";
    Exists = "exists", CONFLICT,
        "An actor of this name is there already.",
        "Choose another name, or change the existing one.";
    StaleVersion = "stale-version", PRECONDITION_FAILED,
        "The change has moved on since the version in `If-Match`.",
        "Read it again, apply the amendment to it, and send the new version.";
    VersionMissing = "version-missing", PRECONDITION_REQUIRED,
        "Amending needs `If-Match` with the version that was read.",
        "Read the change and send its `ETag`.";
    IdempotencyKeyReused = "idempotency-key-reused", UNPROCESSABLE_ENTITY,
        "The key was used for another request.",
        "Use a new key, or repeat the earlier request exactly.";
    TokenIssued = "token-issued", CONFLICT,
        "The request was answered before, under the same idempotency key, and issued a token. Its secret was in that answer and is kept nowhere.",
        "If it did not arrive, revoke the token with `cortex-change token revoke`, then issue another under a new key.";
    LeaseHeld = "lease-held", CONFLICT,
        "Another runner works on the change.",
        "Wait until its lease can be taken over: at most 25 s after its last heartbeat, unless the server is set otherwise.";
    LeaseLost = "lease-lost", CONFLICT,
        "The lease has ended, or another runner holds it.",
        "A runner that gets this stops; the command line does so by itself.";
    Contended = "contended", CONFLICT,
        "Others kept changing the same thing while this was tried.",
        "Try again.";
    ActorRefused = "actor-refused", UNPROCESSABLE_ENTITY,
        "The actor's record does not admit this: an agent without an owner, an approving role for an agent, a token without scopes or with a life of more than 366 days, more than 50 live tokens. The message says what is accepted.",
        "Correct the request and send it again.";
    CatalogRefused = "catalog-refused", UNPROCESSABLE_ENTITY,
        "The file of services contradicts itself, names an unknown service, retires one that others need, or is too large. Nothing of it takes effect. The message names the service.",
        "Correct the file and apply it again.";
    CmdbRefused = "cmdb-refused", UNPROCESSABLE_ENTITY,
        "An edit of the CMDB contradicts itself: it describes an item twice, lets one lean on itself, or states a relation twice. Or it exceeds a limit: of relations, attributes or rule books of an item, of sources, of items altogether. Nothing of it takes effect. The message names the item.",
        "Correct the descriptions and send them again.";
    BoardRefused = "board-refused", CONFLICT,
        "The board does not admit this now: no meeting is open or one is, the change is not on its agenda, was decided or is not what was voted on any more, or the agenda of the next meeting is not settled. The message says which.",
        "Read the board again, and do what the message says.";
    IncidentRefused = "incident-refused", CONFLICT,
        "The incident does not admit this: it is closed, its root cause is missing, another change is linked to it, the change cannot have \
                 led to it, or too many of your reports are unresolved. The message says which, and what is accepted.",
        "Read the incident again, then ask for what its state admits.";
    InvalidCursor = "invalid-cursor", UNPROCESSABLE_ENTITY,
        "The cursor does not continue this list.",
        "Leave it out to start at the beginning, or repeat the same filter and order.";
    TooMuch = "too-much", UNPROCESSABLE_ENTITY,
        "More was asked for than is handled at once. The message has the limit.",
        "Ask for less at once.";
    ForeignForm = "foreign-form", FORBIDDEN,
        "Pages only: a form was not sent from a page of this server.",
        "Open the page again and send the form from there.";
    Overloaded = "overloaded", SERVICE_UNAVAILABLE,
        "Too many requests are worked on, or too many follow the event stream. The answer has `Retry-After`.",
        "Try again in a moment.";
    TimedOut = "timed-out", GATEWAY_TIMEOUT,
        "The request took longer than the server allows. Work that had begun still comes to its end.",
        "Read what was written, then repeat the request with the same idempotency key.";
    StoreUnavailable = "store-unavailable", SERVICE_UNAVAILABLE,
        "The database does not answer. Nothing was written. The answer has `Retry-After`.",
        "Try again in a moment.";
    StorageFull = "storage-full", INSUFFICIENT_STORAGE,
        "The disk of the database is full. Nothing was written, and the server stays up.",
        "Free space, then try again.";
    OutcomeUnknown = "outcome-unknown", SERVICE_UNAVAILABLE,
        "The connection to the database was lost during the commit, and whether it took place could not be found out.",
        "Read what was written, then repeat the request with the same idempotency key.";
    Clock = "clock", SERVICE_UNAVAILABLE,
        "The server's clock says an earlier time than the last event.",
        "Set the clock, then try again.";
    Internal = "internal", INTERNAL_SERVER_ERROR,
        "Something is wrong with the server. The answer says nothing of it; the log does, under the same request id.",
        "Read what was written before repeating the request, and give the id to whoever runs the server.";
}

/// A rule by which the life of a change refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rule {
    /// Its name, as in `rule`.
    pub name: &'static str,
    /// Why it refuses.
    pub why: &'static str,
    /// What to do next.
    pub next_step: &'static str,
}

impl Rule {
    const fn new(name: &'static str, why: &'static str, next_step: &'static str) -> Self {
        Self { name, why, next_step }
    }
}

/// The rules that [`Kind::Refused`] names.
#[rustfmt::skip]
pub(crate) const REFUSED_RULES: [Rule; 16] = [
    Rule::new("lifecycle", "the state does not admit the command", "the message lists the states that do"),
    Rule::new("approvals", "this approval is not outstanding, was given already, or is not yours to withdraw", "see `blockers` of the change"),
    Rule::new("approval-stages", "this approval belongs to a later stage", "wait until the earlier one is complete; see `blockers` of the change"),
    Rule::new("override", "there is no such automated decision to override", "`cortex-change approvals show`"),
    Rule::new("what-was-approved-is-what-runs", "the digest or the commit is not the approved one", "read the change again; check out the approved commit"),
    Rule::new("valid-approvals", "approvals are outstanding", "`cortex-change wait`"),
    Rule::new("conditions", "conditions are not met", "`cortex-change satisfy`"),
    Rule::new("window", "the window is not open", "wait, or amend it"),
    Rule::new("deadline", "the deadline has passed", "create the change again"),
    Rule::new("implementation-plan", "the change has no plan", "`cortex-change init`, then `amend --plan`"),
    Rule::new("lease", "the lease is not the current one", "stop: another runner has taken over, or the lease was given back"),
    Rule::new("plan", "the observation does not fit the run, no step waits for such a decision, or the plan is not done", "read the run again"),
    Rule::new("user-acceptance", "the plan asks for a person to accept the result", "have somebody whom it names, and who has not run it, answer with `cortex-change decide ID 'user acceptance' done`, or `give_up`, and `--comment`"),
    Rule::new("outcome", "a change that ended like this cannot close like that", "the message lists the accepted outcomes"),
    Rule::new("finding", "the change is not closed, so no review can find that it ended otherwise", "close it first, or leave `finding` out"),
    Rule::new("retrospective", "no retrospective review is due", "add a post-implementation review"),
];

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;
    use std::path::Path;

    use super::*;

    /// Set to write the page instead of comparing it.
    const UPDATE: &str = "UPDATE_DOCS";

    fn sections() -> String {
        let mut text = String::new();
        for kind in Kind::ALL {
            let status = kind.status().as_u16();
            write!(text, "\n## {}\n\nStatus {status}. {}\n", kind.name(), kind.meaning()).unwrap();
            if *kind == Kind::Refused {
                text.push_str("\n| rule | why | next step |\n| --- | --- | --- |\n");
                for Rule { name, why, next_step } in REFUSED_RULES {
                    writeln!(text, "| `{name}` | {why} | {next_step} |").unwrap();
                }
            }
            write!(text, "\nNext: {}\n", kind.next_step()).unwrap();
        }
        text
    }

    #[test]
    fn the_problems_page_of_the_documentation_has_every_kind() {
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/problems.md");
        let known = std::fs::read_to_string(&page).unwrap();
        let (head, _) = known.split_once("\n## ").unwrap();
        let expected = format!("{head}{}", sections());
        if std::env::var_os(UPDATE).is_some() {
            std::fs::write(&page, &expected).unwrap();
        } else {
            assert!(known == expected, "write docs/problems.md anew with {UPDATE}=1");
        }
    }

    #[test]
    fn kinds_are_told_apart_by_names_that_can_stand_in_an_address() {
        let mut names: Vec<_> = Kind::ALL.iter().map(|kind| kind.name()).collect();
        for (name, kind) in names.iter().zip(Kind::ALL) {
            assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'), "{name}");
            assert!(kind.status().is_client_error() || kind.status().is_server_error(), "{name}");
            assert!(kind.meaning().ends_with('.') && kind.next_step().ends_with('.'), "{name}");
        }
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}

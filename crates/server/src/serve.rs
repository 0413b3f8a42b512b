//! Starting and stopping a server.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use audit::SigningKey;
use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;
use domain::Timestamp;
use store::{Location, OpenError, Store};
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer};

use crate::app::{App, Parts, SharedApp};
use crate::around::Health;
use crate::clock::Clock;
use crate::config::Config;
use crate::failure::Failure;
use crate::follow::Followed;
use crate::notify::Notifier;
use crate::policies::{AddedPolicies, NotProved, Policies, PolicyFolderError, prove};
use crate::signing::{self, KeyFileError};
use crate::use_cases::actors;
use crate::{http, load, portal, use_cases, workers};

/// Longest identifier that a caller may give its request, in bytes.
const REQUEST_ID_BYTES_MAX: usize = 64;
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Why a server does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The signing key.
    #[error(transparent)]
    Key(#[from] KeyFileError),
    /// The database.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The policies.
    #[error(transparent)]
    Policies(#[from] PolicyFolderError),
    /// What the policies must never allow.
    #[error(transparent)]
    NotProved(#[from] NotProved),
    /// The channels and subscriptions of notifications.
    #[error("{0}")]
    Notify(String),
    /// The queries of the system's health.
    #[error("{0}")]
    Health(String),
    /// The address.
    #[error("cannot listen on {address}: choose another with `--listen`")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the operating system says.
        #[source]
        source: io::Error,
    },
    /// The log.
    #[error("the log cannot be read")]
    Log(#[source] Box<Failure>),
}

/// A server that runs.
#[derive(Debug)]
pub struct Running {
    app: SharedApp,
    address: SocketAddr,
    bootstrap_token: Option<String>,
    task: JoinHandle<io::Result<()>>,
}

impl Running {
    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// The first administrator's token, on the very first start only.
    pub fn bootstrap_token(&self) -> Option<&str> {
        self.bootstrap_token.as_deref()
    }

    /// Asks it to stop: no new requests, the present ones come to their end.
    pub fn shutdown(&self) {
        self.app.shutdown.cancel();
    }

    /// What asks it to stop, for whoever waits for its end and so no longer holds it.
    pub fn stopper(&self) -> CancellationToken {
        self.app.shutdown.clone()
    }

    /// Waits until it has stopped and everything is closed.
    ///
    /// # Errors
    /// When the server ended with an error.
    pub async fn stopped(self) -> io::Result<()> {
        self.task.await.map_err(io::Error::other)?
    }
}

/// How the store is opened under these settings.
///
/// # Errors
/// When the signing key cannot be read or made.
pub fn store_config(config: &Config) -> Result<store::Config, StartError> {
    let key = Arc::new(signing::load_or_create(&config.data, &config.log_name)?);
    Ok(store::Config::new(location(config), key))
}

fn location(config: &Config) -> Location {
    match &config.database_url {
        Some(url) => Location::Url(url.clone()),
        None => Location::Folder(config.data.clone()),
    }
}

/// Starts a server.
///
/// # Errors
/// When the database, the policies or the address cannot be used.
pub async fn start(config: Config) -> Result<Running, StartError> {
    start_with_clock(config, Clock::System).await
}

/// Starts a server that lives by this clock.
///
/// # Errors
/// When the database, the policies or the address cannot be used.
pub async fn start_with_clock(config: Config, clock: Clock) -> Result<Running, StartError> {
    let policies = policies(config.policies.folder.as_deref(), clock.now())?;
    prove(&config.policies, policies.current().set.digest()).await?;
    let notifier = Notifier::new(&config.notify).map_err(StartError::Notify)?;
    let health = Health::new(&config.health).map_err(StartError::Health)?;
    let store_config = store_config(&config)?;
    let verifier_key = verifier_key(&store_config.signing_key);
    let listener = TcpListener::bind(config.listen).await;
    let address = config.listen;
    let listener = listener.map_err(|source| StartError::Listen { address, source })?;
    let address = listener.local_addr().map_err(|source| StartError::Listen { address, source })?;
    let store = Store::open(store_config).await?;
    // Read first, so that what comes in between is read twice and not missed.
    let size = *store.subscribe().borrow();
    let known =
        load::known(&store, &config.conflicts).await.map_err(|failure| StartError::Log(Box::new(failure)))?;
    let followed = match location(&config) {
        Location::Folder(_) => Followed::default(),
        Location::Url(_) => Followed::from(size),
    };
    let parts = Parts { config, clock, store, policies, verifier_key, known, followed, notifier, health };
    let app = Arc::new(App::new(parts));
    let bootstrap = actors::bootstrap(&app).await.map_err(|failure| StartError::Log(Box::new(failure)))?;
    use_cases::policies::start(&app).await.map_err(|failure| StartError::Log(Box::new(failure)))?;
    let serving = app.clone();
    #[expect(clippy::disallowed_methods, reason = "the server's own task, owned by the returned handle")]
    let task = tokio::spawn(async move { run(serving, listener).await });
    Ok(Running { app, address, bootstrap_token: bootstrap.map(|issued| issued.secret), task })
}

fn verifier_key(key: &SigningKey) -> String {
    key.verifying_key().to_string()
}

/// The shipped policies and those of the folder.
fn policies(folder: Option<&Path>, now: Timestamp) -> Result<Policies, PolicyFolderError> {
    let added = folder.map(AddedPolicies::read).transpose()?.unwrap_or_default();
    Ok(Policies::new(added.set()?, added, now))
}

/// Serves until shutdown, then lets requests, owned work and loops come to their end and closes the store. A loop that
/// dies ends the server.
async fn run(app: SharedApp, listener: TcpListener) -> io::Result<()> {
    let mut loops = JoinSet::new();
    workers::start(&app, &mut loops);
    let shutdown = app.shutdown.clone();
    let service = router(&app).into_make_service_with_connect_info::<SocketAddr>();
    let served =
        axum::serve(listener, service).with_graceful_shutdown(async move { shutdown.cancelled().await });
    let mut serving = JoinSet::new();
    serving.spawn(async move { served.await });
    let outcome = tokio::select! {
        ended = serving.join_next() => flatten(ended),
        Some(ended) = loops.join_next() => match ended {
            Ok(()) => Ok(()),
            Err(error) => Err(io::Error::other(error)),
        },
        () = app.store.stopped() => Err(io::Error::other("the store has stopped")),
        () = app.shutdown.cancelled() => Ok(()),
    };
    app.shutdown.cancel();
    let limit = Duration::from_secs(app.config.limits.shutdown_seconds);
    let ended = tokio::time::timeout(limit, async {
        while serving.join_next().await.is_some() {}
        while loops.join_next().await.is_some() {}
        app.tasks.close();
        app.tasks.wait().await;
    });
    if ended.await.is_err() {
        tracing::warn!("requests had not ended within {} s and are cut off", limit.as_secs());
    }
    app.store.close().await;
    outcome
}

fn flatten(ended: Option<Result<io::Result<()>, tokio::task::JoinError>>) -> io::Result<()> {
    match ended {
        Some(Ok(result)) => result,
        Some(Err(error)) => Err(io::Error::other(error)),
        None => Ok(()),
    }
}

fn router(app: &SharedApp) -> Router {
    Router::new()
        .merge(http::router())
        .merge(portal::router())
        .fallback(missing)
        .method_not_allowed_fallback(http::method_not_allowed)
        .layer(CatchPanicLayer::custom(http::panicked))
        .layer(axum::middleware::from_fn_with_state(app.clone(), observed))
        .layer(PropagateRequestIdLayer::new(REQUEST_ID))
        .layer(SetRequestIdLayer::new(REQUEST_ID, MakeRequestUuid))
        .layer(axum::middleware::map_request(without_unfit_id))
        .with_state(app.clone())
}

/// Answers addresses that nothing else answers: browsers with a page, everybody else with a problem.
async fn missing(app: State<SharedApp>, request: Request) -> Response {
    let accepts = request.headers().get(header::ACCEPT).and_then(|accepts| accepts.to_str().ok());
    let is_browser = accepts.is_some_and(|accepts| accepts.contains("text/html"));
    if is_browser && !request.uri().path().starts_with("/api/") {
        portal::not_found(app, request).await
    } else {
        http::not_found(request.uri().clone()).await
    }
}

/// Drops an identifier that could not stand in a log line; the request is given one of ours then.
async fn without_unfit_id(mut request: Request) -> Request {
    let is_unfit = |id: &HeaderValue| {
        id.len() > REQUEST_ID_BYTES_MAX || id.is_empty() || !id.as_bytes().iter().all(u8::is_ascii_graphic)
    };
    if request.headers().get(REQUEST_ID).is_some_and(is_unfit) {
        request.headers_mut().remove(REQUEST_ID);
    }
    request
}

/// Bounds a request in number and time, and counts it.
async fn observed(State(app): State<SharedApp>, request: Request, next: Next) -> Response {
    let started = std::time::Instant::now();
    let method = request.method().clone();
    let matched = request.extensions().get::<MatchedPath>();
    let route = matched.map_or_else(|| "none".to_owned(), |path| path.as_str().to_owned());
    let request_id = request.headers().get(REQUEST_ID).and_then(|id| id.to_str().ok()).map(str::to_owned);
    let response = match app.seats.try_acquire() {
        Err(_) => http::overloaded(),
        Ok(_seat) => {
            let limit = Duration::from_secs(app.config.limits.request_seconds);
            tokio::time::timeout(limit, next.run(request)).await.unwrap_or_else(|_| http::timed_out())
        }
    };
    let response = http::identified(response, request_id.as_deref());
    let status = response.status().as_u16();
    app.metrics.answered(&method, &route, status, started.elapsed());
    tracing::debug!(
        %method,
        route,
        status,
        request_id,
        took_micros = started.elapsed().as_micros(),
        "answered"
    );
    response
}

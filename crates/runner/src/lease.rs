//! Keeping the lease, and stopping by ourselves when it cannot be kept.
//!
//! The server counts a lease from when it grants or extends it, which is after we asked. So our deadline counts from the
//! instant *before* a heartbeat was sent, on the monotonic clock, and ours is never later than the server's. When it
//! passes, everything is stopped whatever a request that is still under way may answer. Processes have
//! [`GRACE_MAX`](crate::GRACE_MAX) to end; the server lets nobody take over before that time is over too.

use std::convert::Infallible;
use std::time::Duration;

use api::run::{HeartbeatRequest, LEASE_SECONDS};
use client::ClientError;
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

use crate::error::RunnerError;
use crate::progress::Progress;
use crate::session::{Session, is_stale_lease};

/// Heartbeats in the life of a lease.
const BEATS_PER_LEASE: u32 = 3;
/// Pause before a heartbeat that failed is sent again.
const RETRY_PAUSE: Duration = Duration::from_millis(500);

/// A lease that is held until a deadline.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lease {
    life: Duration,
    deadline: Instant,
}

/// What became of a heartbeat.
enum Beat {
    Extended,
    /// Somebody else holds the lease, or nobody.
    Lost(ClientError),
    Failed(ClientError),
    /// No answer before the deadline.
    Late,
}

impl Lease {
    /// Sends the first heartbeat of a lease that was granted for `seconds`. Only its answer makes the deadline sure: a
    /// grant whose answer was lost, and that was asked for again, may be older than it seems.
    pub(crate) async fn confirmed(session: &Session, seconds: u64) -> Result<Self, RunnerError> {
        let life = Duration::from_secs(seconds.min(LEASE_SECONDS));
        let mut lease = Self { life, deadline: Instant::now() + life };
        loop {
            match lease.beat(session).await {
                Beat::Extended => return Ok(lease),
                Beat::Lost(error) => return Err(RunnerError::Fenced { reason: error.to_string() }),
                Beat::Failed(error) if error.is_transient() => sleep(RETRY_PAUSE).await,
                Beat::Failed(error) => return Err(error.into()),
                Beat::Late => {
                    let reason = "the server did not confirm it in time".to_owned();
                    return Err(RunnerError::Fenced { reason });
                }
            }
        }
    }

    /// Extends the lease for as long as the session lives; halts the session when that fails.
    pub(crate) async fn keep(mut self, session: &Session) -> Infallible {
        let pause = self.life / BEATS_PER_LEASE;
        let mut due = Instant::now() + pause;
        let mut failure = None;
        loop {
            sleep_until(due.min(self.deadline)).await;
            let began = Instant::now();
            if began >= self.deadline {
                break;
            }
            match self.beat(session).await {
                Beat::Extended => {
                    due = if session.samples.is_plenty() { began } else { began + pause };
                    if failure.take().is_some() {
                        session.reporter.tell(Progress::Reachable);
                    }
                }
                // Whoever reports the end finds out whether it has arrived.
                Beat::Lost(_) if session.is_ending() => return std::future::pending().await,
                Beat::Lost(error) => {
                    session.fence(error.to_string());
                    return std::future::pending().await;
                }
                Beat::Failed(error) => {
                    due = Instant::now() + RETRY_PAUSE;
                    let reason = error.to_string();
                    if failure.is_none() {
                        let left = self.deadline.saturating_duration_since(Instant::now());
                        session.reporter.tell(Progress::Unreachable { reason: reason.clone(), left });
                    }
                    failure = Some(reason);
                }
                Beat::Late => break,
            }
        }
        let life_seconds = self.life.as_secs();
        let last = failure.unwrap_or_else(|| "the last heartbeat had no answer".to_owned());
        session.fence(format!("it could not be extended for {life_seconds} s ({last})"));
        std::future::pending().await
    }

    async fn beat(&mut self, session: &Session) -> Beat {
        let samples = session.samples.take();
        let request = HeartbeatRequest {
            holder: session.holder.clone(),
            fencing_token: session.fencing_token,
            samples: samples.clone(),
            standing: session.oven.told(&session.machine.context),
        };
        let sent = Instant::now();
        let answer = timeout_at(self.deadline, session.client.heartbeat(&session.id, &request)).await;
        let error = match answer {
            Ok(Ok(assignment)) => {
                self.deadline = sent + self.life;
                // An answer about other content has halted the session; the lease as such is extended.
                if let Err(error) = session.merge(assignment) {
                    session.halt(error);
                }
                return Beat::Extended;
            }
            Ok(Err(error)) => error,
            Err(_elapsed) => return Beat::Late,
        };
        if is_stale_lease(&error) {
            return Beat::Lost(error);
        }
        // Perhaps they have arrived and only the answer was lost; a sample kept twice does no harm, one lost does.
        session.samples.put_back(samples);
        Beat::Failed(error)
    }
}

//! The server's side of the conversation: one change with a real run, a lease with a fencing token, and disturbances.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use api::Problem;
use api::run::{Assignment, FinishRequest, HeartbeatRequest, ProgressRequest, Sample, StartRequest};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use domain::canary::Calibrated;
use domain::canonical::Digest;
use domain::id::{ActorId, StepName};
use domain::plan::{Cause, Decision, Monitor, Observation, Observed, Phase, Plan, RollbackPlan, Run};
use domain::rollback::RollbackConditions;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// What is to be carried out.
#[derive(Debug, Clone)]
pub(crate) struct Definition {
    pub(crate) plan: Plan,
    pub(crate) rollback_plan: Option<RollbackPlan>,
    pub(crate) monitors: Vec<Monitor>,
    pub(crate) conditions: RollbackConditions,
    pub(crate) calibration: Option<Calibrated>,
}

/// A request as a disturbance sees it.
#[derive(Debug)]
pub(crate) struct Asked<'a> {
    /// `start`, `progress`, `heartbeat`, …
    pub(crate) action: &'a str,
    /// How many requests came before it.
    pub(crate) number: usize,
    pub(crate) body: &'a str,
}

/// What is done to a request.
#[derive(Debug, Clone)]
pub(crate) enum Effect {
    /// Nothing.
    Serve,
    /// It is carried out, and the connection breaks off within the answer.
    LoseAnswer,
    /// It is carried out, and something in between says that it took too long.
    AnswerLate,
    /// It is not carried out: something in between says that nobody is there.
    Unavailable,
    /// It is not carried out, because others were faster.
    Contend,
    /// It is refused.
    Refuse,
    /// It is not carried out, and never answered.
    Hang,
    /// It is carried out; the answer waits until it is let go.
    Hold(Arc<Notify>),
}

type Disturb = Box<dyn FnMut(&Asked<'_>) -> Effect + Send>;

#[derive(Debug)]
struct Held {
    holder: String,
    until: Instant,
}

/// The change as the server keeps it.
#[derive(Debug)]
pub(crate) struct Change {
    definition: Definition,
    pub(crate) digest: Digest,
    version: u64,
    pub(crate) state: &'static str,
    pub(crate) run: Option<Run>,
    lease: Option<Held>,
    pub(crate) token: u64,
    lease_seconds: u64,
    pub(crate) observed: Vec<Observation>,
    pub(crate) samples: Vec<Sample>,
    pub(crate) starts: Vec<StartRequest>,
}

struct World {
    change: Mutex<Change>,
    disturb: Mutex<Disturb>,
    requests: Mutex<usize>,
}

pub(crate) struct Server {
    pub(crate) address: String,
    world: Arc<World>,
    _tasks: JoinSet<()>,
}

pub(crate) fn person() -> ActorId {
    ActorId::new("act_ann").unwrap()
}

type Answer = Result<Value, Refused>;
type Refused = Box<Problem>;

fn refusal(status: u16, rule: &str, detail: impl Into<String>) -> Refused {
    Box::new(Problem::new(rule, status, "refused", detail).with_rule(rule))
}

impl Change {
    fn assignment(&self) -> Assignment {
        let Definition { plan, rollback_plan, monitors, conditions, calibration } = self.definition.clone();
        Assignment {
            change_id: "CHG-2026-000001".to_owned(),
            state: self.state.to_owned(),
            version: self.version,
            digest: self.digest,
            fencing_token: if self.lease.is_some() { self.token } else { 0 },
            lease_seconds: self.lease_seconds,
            plan: Some(plan),
            rollback_plan,
            monitors,
            rollback_conditions: conditions,
            calibration,
            run: self.run.clone(),
        }
    }

    /// How many of the plan's steps change something.
    pub(crate) fn steps_with_effect(&self) -> usize {
        self.definition.plan.steps.iter().filter(|step| step.kind.has_effect()).count()
    }

    fn extended(&self) -> Instant {
        Instant::now() + Duration::from_secs(self.lease_seconds)
    }

    fn start(&mut self, request: StartRequest) -> Result<(), Refused> {
        if request.digest != self.digest {
            return Err(refusal(409, "what-was-approved-is-what-runs", "another digest"));
        }
        if self.lease.as_ref().is_some_and(|held| Instant::now() < held.until) {
            // The state is looked at before the lease.
            let detail = format!("a change that is {} does not admit `start`", self.state);
            return Err(refusal(409, "lifecycle", detail));
        }
        self.lost();
        let (plan, rollback_plan) = (&self.definition.plan, self.definition.rollback_plan.as_ref());
        let run = self.run.get_or_insert_with(|| Run::start(plan, rollback_plan, request.auto_rollback));
        self.state = if run.is_rolling_back() { "rolling_back" } else { "implementing" };
        self.token += 1;
        self.version += 1;
        self.lease = Some(Held { holder: request.holder.clone(), until: self.extended() });
        self.starts.push(request);
        Ok(())
    }

    /// What a lost or released lease means for what was running.
    fn lost(&mut self) {
        self.lease = None;
        if self.run.is_some() {
            self.fold(&Observation::RunnerLost).unwrap();
            self.state = "interrupted";
        }
    }

    fn require_lease(&self, token: u64) -> Result<(), Refused> {
        let is_held = self.lease.as_ref().is_some_and(|held| Instant::now() < held.until);
        if is_held && token == self.token {
            return Ok(());
        }
        Err(refusal(409, "lease", format!("the lease token {token} is not current")))
    }

    fn fold(&mut self, observation: &Observation) -> Result<(), Refused> {
        let (plan, rollback_plan) = (&self.definition.plan, self.definition.rollback_plan.as_ref());
        let run = self.run.as_ref().ok_or_else(|| refusal(409, "lifecycle", "not started"))?;
        let observed = run.observe(plan, rollback_plan, observation);
        match observed.map_err(|error| refusal(409, "plan", error.to_string()))? {
            Observed::Already => {}
            Observed::New(run) => {
                self.version += 1;
                self.observed.push(observation.clone());
                match run.phase() {
                    Phase::RollingBack { .. } => self.state = "rolling_back",
                    Phase::RolledBack => (self.state, self.lease) = ("rolled_back", None),
                    Phase::RollbackFailed { .. } => (self.state, self.lease) = ("failed", None),
                    Phase::Forward | Phase::Paused | Phase::Holding { .. } | Phase::Finished => {}
                }
                self.run = Some(run);
            }
        }
        Ok(())
    }

    fn progress(&mut self, request: &ProgressRequest) -> Result<(), Refused> {
        self.require_lease(request.fencing_token)?;
        assert!(!request.observation.is_from_a_person(), "{:?}", request.observation);
        request.observation.validate().map_err(|error| refusal(422, "plan", error.to_string()))?;
        self.fold(&request.observation)
    }

    fn heartbeat(&mut self, request: HeartbeatRequest) -> Result<(), Refused> {
        self.require_lease(request.fencing_token)?;
        let until = self.extended();
        let held = self.lease.as_mut().expect("a lease");
        assert_eq!(held.holder, request.holder);
        held.until = until;
        self.samples.extend(request.samples);
        Ok(())
    }

    fn finish(&mut self, request: &FinishRequest) -> Result<(), Refused> {
        self.require_lease(request.fencing_token)?;
        if !matches!(self.run.as_ref().map(Run::phase), Some(Phase::Finished)) {
            return Err(refusal(409, "plan", "the plan is not done"));
        }
        (self.state, self.lease) = ("validating", None);
        self.version += 1;
        Ok(())
    }

    fn release(&mut self, request: &FinishRequest) -> Result<(), Refused> {
        self.require_lease(request.fencing_token)?;
        self.lost();
        self.version += 1;
        Ok(())
    }

    /// The change as readers get it: what matters to a runner is that it is one.
    fn read(&self) -> Value {
        serde_json::json!({
            "change_id": "CHG-2026-000001", "state": self.state, "outcome": null, "version": self.version,
            "created_at": "2026-01-01T00:00:00Z", "created_by": "ann", "on_behalf_of": null,
            "updated_at": "2026-01-01T00:00:00Z", "digest": self.digest, "priority": null, "external_id": null,
            "type": "normal", "category": "deployment", "title": "x", "risk": null, "approval": null,
            "blockers": [], "implementation": null, "retrospective": null, "incidents": [], "follow_up": null,
            "audit_trail": [],
        })
    }

    fn serve(&mut self, action: &str, body: &str) -> Answer {
        fn parse<T: serde::de::DeserializeOwned>(body: &str) -> T {
            serde_json::from_str(body).unwrap()
        }
        match action {
            "assignment" => {}
            "start" => self.start(parse(body))?,
            "progress" => self.progress(&parse(body))?,
            "heartbeat" => self.heartbeat(parse(body))?,
            "finish" => self.finish(&parse(body))?,
            "release" => self.release(&parse(body))?,
            "pause" => {
                self.fold(&Observation::PauseRequested)?;
                return Ok(self.read());
            }
            "rollback" => {
                self.roll_back()?;
                return Ok(self.read());
            }
            other => panic!("a runner never asks for `{other}`"),
        }
        Ok(serde_json::to_value(self.assignment()).unwrap())
    }

    fn roll_back(&mut self) -> Result<(), Refused> {
        let cause = Cause::Person { by: person(), reason: None };
        self.fold(&Observation::RollbackRequested { cause })?;
        self.state = "rolling_back";
        Ok(())
    }
}

impl Server {
    /// A server with one approved change, whose leases live for `lease_seconds`.
    pub(crate) async fn start(definition: Definition, lease_seconds: u64) -> Self {
        let change = Change {
            definition,
            digest: Digest::of_bytes(b"content"),
            version: 7,
            state: "approved",
            run: None,
            lease: None,
            token: 0,
            lease_seconds,
            observed: Vec::new(),
            samples: Vec::new(),
            starts: Vec::new(),
        };
        let world = Arc::new(World {
            change: Mutex::new(change),
            disturb: Mutex::new(Box::new(|_| Effect::Serve)),
            requests: Mutex::new(0),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let router =
            Router::new().route("/api/v1/changes/{id}/{action}", any(handle)).with_state(Arc::clone(&world));
        let mut tasks = JoinSet::new();
        tasks.spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, world, _tasks: tasks }
    }

    /// The change as it is now.
    pub(crate) fn change(&self) -> MutexGuard<'_, Change> {
        self.world.change.lock().unwrap()
    }

    /// From now on every request is put before `disturb`.
    pub(crate) fn disturb(&self, disturb: impl FnMut(&Asked<'_>) -> Effect + Send + 'static) {
        *self.world.disturb.lock().unwrap() = Box::new(disturb);
    }

    /// How many requests there were.
    pub(crate) fn requests(&self) -> usize {
        *self.world.requests.lock().unwrap()
    }

    /// Everything that was observed, in words.
    pub(crate) fn history(&self) -> Vec<String> {
        self.change().observed.iter().map(ToString::to_string).collect()
    }

    /// A person answers the question about a step.
    pub(crate) fn decide(&self, step: &str, decision: Decision) {
        let mut change = self.change();
        let step = step.parse().unwrap();
        let answer = change.run.as_ref().and_then(|run| run.answer(&step, decision, &person()));
        change.fold(&answer.expect("a question about the step")).unwrap();
    }

    /// A person answers every question as soon as it is asked, for as long as this is waited for.
    pub(crate) async fn answer(&self, decide: impl Fn(&StepName) -> Option<Decision>) {
        loop {
            tokio::time::sleep(Duration::from_millis(20)).await;
            let mut change = self.change();
            let Some(run) = &change.run else { continue };
            let Some(step) = run.question().map(|question| question.task.step) else { continue };
            let answer = decide(&step).and_then(|decision| run.answer(&step, decision, &person()));
            if let Some(answer) = answer {
                change.fold(&answer).unwrap();
            }
        }
    }

    /// A person pauses, resumes or the like.
    pub(crate) fn observe(&self, observation: &Observation) {
        self.change().fold(observation).unwrap();
    }

    /// A person asks for a rollback.
    pub(crate) fn roll_back(&self) {
        self.change().roll_back().unwrap();
    }

    /// The lease is given to somebody else, as after a takeover.
    pub(crate) fn give_lease_away(&self) {
        let mut change = self.change();
        change.token += 1;
        change.lost();
    }
}

async fn handle(
    State(world): State<Arc<World>>,
    Path((_id, action)): Path<(String, String)>,
    body: Bytes,
) -> Response {
    let body = String::from_utf8(body.to_vec()).unwrap();
    let number = {
        let mut requests = world.requests.lock().unwrap();
        *requests += 1;
        *requests - 1
    };
    let effect = (world.disturb.lock().unwrap())(&Asked { action: &action, number, body: &body });
    match effect {
        Effect::Hang => return std::future::pending().await,
        Effect::Unavailable => return StatusCode::SERVICE_UNAVAILABLE.into_response(),
        Effect::Contend => {
            let problem = Problem::new("contended", 409, "contended", "others were faster");
            return (StatusCode::CONFLICT, axum::Json(problem)).into_response();
        }
        Effect::Refuse => return StatusCode::FORBIDDEN.into_response(),
        Effect::Serve | Effect::LoseAnswer | Effect::AnswerLate | Effect::Hold(_) => {}
    }
    let answer = world.change.lock().unwrap().serve(&action, &body);
    match effect {
        Effect::LoseAnswer => {
            let broken = futures_util::stream::iter([
                Ok(Bytes::from_static(b"{\"change_id\"")),
                Err(std::io::Error::other("broken off by the test")),
            ]);
            return Body::from_stream(broken).into_response();
        }
        Effect::AnswerLate => return StatusCode::GATEWAY_TIMEOUT.into_response(),
        Effect::Hold(let_go) => let_go.notified().await,
        Effect::Serve | Effect::Unavailable | Effect::Contend | Effect::Refuse | Effect::Hang => {}
    }
    match answer {
        Ok(value) => axum::Json(value).into_response(),
        Err(problem) => (StatusCode::from_u16(problem.status).unwrap(), axum::Json(*problem)).into_response(),
    }
}

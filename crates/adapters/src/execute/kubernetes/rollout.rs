//! Whether a workload has followed what it was told.

use std::time::Duration;

use domain::plan::WorkloadKind;
use serde_json::Value;
use tokio::time::sleep;

use super::api::{Api, ApiError, Reference};
use crate::execute::Excerpt;

/// Pause between two looks.
const LOOK_PAUSE: Duration = Duration::from_secs(1);

/// How far a rollout has come.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Progress {
    Done,
    Under { way: String },
    Failed { why: String },
}

/// Waits until every replica is new and available. How long at most is for the caller to say; each step forward is noted.
pub(super) async fn wait(
    api: &Api,
    kind: WorkloadKind,
    object: &Reference,
    log: &mut Excerpt,
) -> Result<(), ApiError> {
    let resource = api.resource(object).await?;
    let mut noted = String::new();
    loop {
        let missing = || ApiError::Missing { object: object.to_string() };
        let now = api.get(&resource, object).await?.ok_or_else(missing)?;
        match progress(kind, &now) {
            Progress::Done => {
                log.push_line(&format!("{object} is rolled out"));
                return Ok(());
            }
            Progress::Failed { why } => {
                return Err(ApiError::RolloutFailed { object: object.to_string(), why });
            }
            Progress::Under { way } => {
                if way != noted {
                    log.push_line(&format!("{object}: {way}"));
                    noted = way;
                }
            }
        }
        sleep(LOOK_PAUSE).await;
    }
}

fn progress(kind: WorkloadKind, object: &Value) -> Progress {
    let number = |pointer: &str| object.pointer(pointer).and_then(Value::as_u64);
    let of_status = |field: &str| number(&format!("/status/{field}")).unwrap_or(0);
    if of_status("observedGeneration") < number("/metadata/generation").unwrap_or(0) {
        return Progress::Under { way: "the cluster has not seen it yet".to_owned() };
    }
    if let Some(why) = failure(object) {
        return Progress::Failed { why };
    }
    let wanted = match kind {
        WorkloadKind::Deployment | WorkloadKind::StatefulSet => number("/spec/replicas").unwrap_or(1),
        WorkloadKind::DaemonSet => of_status("desiredNumberScheduled"),
    };
    let (new, all, available) = match kind {
        WorkloadKind::Deployment => {
            (of_status("updatedReplicas"), of_status("replicas"), of_status("availableReplicas"))
        }
        WorkloadKind::StatefulSet => {
            (of_status("updatedReplicas"), of_status("replicas"), of_status("readyReplicas"))
        }
        WorkloadKind::DaemonSet => (
            of_status("updatedNumberScheduled"),
            of_status("currentNumberScheduled"),
            of_status("numberAvailable"),
        ),
    };
    if new >= wanted && all == wanted && available >= wanted {
        return Progress::Done;
    }
    let old = all.saturating_sub(new);
    Progress::Under { way: format!("{new} of {wanted} new, {old} old, {available} available") }
}

/// Why the cluster has given the rollout up, if it has.
fn failure(object: &Value) -> Option<String> {
    let conditions = object.pointer("/status/conditions")?.as_array()?;
    let text = |condition: &Value, field: &str| {
        condition.get(field).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let given_up = conditions.iter().find(|condition| {
        text(condition, "type") == "Progressing" && text(condition, "reason") == "ProgressDeadlineExceeded"
    });
    given_up.map(|condition| text(condition, "message"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_rollout_is_done_when_every_replica_is_new_and_available() {
        let deployment = |generation: u64, status: Value| {
            let object = json!({ "metadata": { "generation": generation }, "spec": { "replicas": 3 }, "status": status });
            progress(WorkloadKind::Deployment, &object)
        };
        let status = |updated: u64, all: u64, available: u64| json!({ "observedGeneration": 2, "updatedReplicas": updated, "replicas": all, "availableReplicas": available });
        assert_eq!(deployment(2, status(3, 3, 3)), Progress::Done);
        let under = |way: &str| Progress::Under { way: way.to_owned() };
        assert_eq!(deployment(3, status(3, 3, 3)), under("the cluster has not seen it yet"));
        assert_eq!(deployment(2, status(1, 4, 3)), under("1 of 3 new, 3 old, 3 available"));
        assert_eq!(deployment(2, status(3, 4, 3)), under("3 of 3 new, 1 old, 3 available"));
        assert_eq!(
            deployment(2, json!({ "observedGeneration": 2 })),
            under("0 of 3 new, 0 old, 0 available")
        );
        let gave_up = json!({ "observedGeneration": 2, "conditions": [
            { "type": "Progressing", "reason": "ProgressDeadlineExceeded", "message": "no image" } ] });
        assert_eq!(deployment(2, gave_up), Progress::Failed { why: "no image".to_owned() });
        let daemons = json!({ "metadata": { "generation": 1 }, "status": { "observedGeneration": 1,
            "desiredNumberScheduled": 2, "currentNumberScheduled": 2, "updatedNumberScheduled": 2, "numberAvailable": 1 } });
        assert_eq!(progress(WorkloadKind::DaemonSet, &daemons), under("2 of 2 new, 0 old, 1 available"));
    }
}

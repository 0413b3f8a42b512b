//! HAProxy's runtime API: one command on a connection, one answer that ends with it.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::UnixStream;

use super::{RouterError, Weights};
use crate::execute::ExecutionContext;
use crate::text::clipped;

/// Longest wait for one answer; HAProxy answers within milliseconds.
const ANSWER_WAIT: Duration = Duration::from_secs(10);
/// How much of an answer is read, in bytes.
const ANSWER_BYTES_MAX: u64 = 64 * 1024;
/// How much of an answer is repeated, in characters.
const ANSWER_CHARS_MAX: usize = 200;

pub(super) async fn read(
    address: &str,
    backend: &str,
    targets: &BTreeSet<String>,
    context: &ExecutionContext,
) -> Result<Weights, RouterError> {
    let mut weights = Weights::new();
    for target in targets {
        let answer = ask(address, &format!("get weight {backend}/{target}"), context).await?;
        // `50 (initial 100)`, or a sentence.
        let weight = answer.split(' ').next().and_then(|word| word.parse().ok());
        let weight = weight.ok_or_else(|| RouterError::NoWeight {
            router: address.to_owned(),
            target: format!("{backend}/{target}"),
            answer: clipped(&answer, ANSWER_CHARS_MAX),
        })?;
        weights.insert(target.clone(), weight);
    }
    Ok(weights)
}

/// Raises weights before it lowers others: at no time is there nobody to take the traffic.
pub(super) async fn set(
    address: &str,
    backend: &str,
    before: &Weights,
    wanted: &Weights,
    context: &ExecutionContext,
) -> Result<(), RouterError> {
    let is_raised = |(target, weight): &(&String, &u32)| before.get(*target).is_some_and(|old| old < *weight);
    let (raised, others): (Vec<_>, Vec<_>) = wanted.iter().partition(is_raised);
    for (target, weight) in raised.into_iter().chain(others) {
        let command = format!("set weight {backend}/{target} {weight}");
        let answer = ask(address, &command, context).await?;
        if !answer.is_empty() {
            let answer = clipped(&answer, ANSWER_CHARS_MAX);
            return Err(RouterError::Refused { router: address.to_owned(), command, answer });
        }
    }
    Ok(())
}

async fn ask(address: &str, command: &str, context: &ExecutionContext) -> Result<String, RouterError> {
    let unreached = |cause: String| RouterError::NotReached { router: address.to_owned(), cause };
    let exchanged = async {
        if address.contains('/') {
            let stream = UnixStream::connect(context.path(address)).await;
            exchange(stream.map_err(|error| error.to_string())?, command).await
        } else {
            let stream = context.outgoing().connect(address, ANSWER_WAIT).await;
            exchange(stream.map_err(|error| error.to_string())?, command).await
        }
    };
    match tokio::time::timeout(ANSWER_WAIT, exchanged).await {
        Ok(Ok(answer)) => Ok(answer.trim().to_owned()),
        Ok(Err(cause)) => Err(unreached(cause)),
        Err(_elapsed) => Err(unreached(format!("no answer within {} s", ANSWER_WAIT.as_secs()))),
    }
}

async fn exchange(mut stream: impl AsyncRead + AsyncWrite + Unpin, command: &str) -> Result<String, String> {
    let mut answer = Vec::new();
    let exchanged = async {
        stream.write_all(format!("{command}\n").as_bytes()).await?;
        stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer).await
    };
    exchanged.await.map_err(|error: std::io::Error| error.to_string())?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

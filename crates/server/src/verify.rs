//! Verifying the whole log.

use api::audit::Verification;
use store::{Store, VerifyError};

use crate::failure::Failure;

/// Verifies the whole log and says what is wrong, naming the entry.
///
/// # Errors
/// When the store fails; a log that does not verify is a result, not an error.
pub async fn verify(store: &Store) -> Result<Verification, Failure> {
    match store.verify(|_| {}).await {
        Ok(report) => Ok(Verification {
            valid: true,
            entries: report.head.size,
            checkpoints: report.checkpoints,
            root: report.head.root.to_string(),
            findings: Vec::new(),
        }),
        Err(VerifyError::Store(error)) => Err(error.into()),
        Err(finding) => {
            let head = store.head().await?;
            Ok(Verification {
                valid: false,
                entries: head.size,
                checkpoints: 0,
                root: head.root.to_string(),
                findings: vec![chain(&finding)],
            })
        }
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

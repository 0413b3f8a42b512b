//! Other people's implementations of the same signatures. `scripts/test` installs them and names their Python in
//! `CORTEX_CHANGE_PEERS`; without it, Python's own HMAC takes their place.

use std::ffi::OsString;
use std::process::Command;

use anyhow::{Result, ensure};

/// The Python that has the reference libraries.
const PEERS: &str = "CORTEX_CHANGE_PEERS";

/// The Python that has them, or the machine's.
pub(crate) fn program() -> OsString {
    std::env::var_os(PEERS).unwrap_or_else(|| "python3".into())
}

/// Runs a script with arguments and gives what it printed.
fn python(script: &str, arguments: &[&str]) -> Result<String> {
    let output = Command::new(program()).arg("-c").arg(script).args(arguments).output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

/// What Slack signs, by Slack's own library where it is installed.
pub(crate) fn slack_signature(secret: &str, timestamp: &str, body: &str) -> Result<String> {
    const SCRIPT: &str = "\
import sys
secret, timestamp, body = sys.argv[1:4]
try:
    from slack_sdk.signature import SignatureVerifier
    print(SignatureVerifier(secret).generate_signature(timestamp=timestamp, body=body))
except ImportError:
    import hashlib, hmac
    content = f'v0:{timestamp}:{body}'.encode()
    print('v0=' + hmac.new(secret.encode(), content, hashlib.sha256).hexdigest())
";
    python(SCRIPT, &[secret, timestamp, body])
}

/// Verifies a webhook, by the Standard Webhooks library where it is installed. The time is the test's, not the machine's.
pub(crate) fn verify_webhook(
    secret: &str,
    id: &str,
    timestamp: &str,
    signature: &str,
    body: &str,
) -> Result<()> {
    const SCRIPT: &str = "\
import sys
secret, id, timestamp, signature, body = sys.argv[1:6]
try:
    from datetime import datetime, timezone
    from standardwebhooks import Webhook
    at = datetime.fromtimestamp(int(timestamp), tz=timezone.utc)
    expected = Webhook(secret).sign(msg_id=id, timestamp=at, data=body)
except ImportError:
    import base64, hashlib, hmac
    key = base64.b64decode(secret.removeprefix('whsec_'))
    content = f'{id}.{timestamp}.{body}'.encode()
    expected = 'v1,' + base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
sys.exit(0 if expected in signature.split(' ') else f'expected {expected}, got {signature}')
";
    python(SCRIPT, &[secret, id, timestamp, signature, body]).map(|_| ())
}

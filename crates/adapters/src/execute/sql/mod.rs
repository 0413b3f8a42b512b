//! `sql`: a script that `psql` runs in one transaction. It takes effect wholly or not at all, whatever ends it.
//!
//! Before a script runs, its undo is tried: in a transaction that is rolled back the undo runs alone, then the script, then
//! the undo twice, and after each the schema must be as before. So an undo that fails, that leaves something behind or that
//! cannot be repeated is found while nothing has happened yet. A script that is repeated may have taken effect before its
//! end was seen, so then the schema that the undo alone leaves is the one to compare with.

mod address;
mod schema;
mod statements;

use std::fs::{self, DirBuilder};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use domain::canonical::Digest;
use domain::plan::{Command, Failure, Script, Sql};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{
    Attempt, Conclusion, Excerpt, ExecutionContext, LOG_BYTES_MAX, UnfitCommand, other_failure, run_to_end,
};
use crate::snapshot::create_private;
use address::UnusableAddress;
use statements::UnfitScript;

/// Longest script, in bytes.
const SCRIPT_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// How much longer than the step's time the server gives a statement: should we not be able to stop it, it stops itself.
const SERVER_MARGIN: Duration = Duration::from_secs(1);
/// Has the server notice within a second that nobody waits for the answer any more, where it knows how (14 and later).
const NOTICE_LOSS: &str = "do $cortex_change$ begin perform set_config(name, '1000', true) from pg_settings \
                           where name = 'client_connection_check_interval'; end $cortex_change$;\n";
/// Tells the folders of this process apart.
static FOLDERS: AtomicU64 = AtomicU64::new(0);

#[derive(Debug, thiserror::Error)]
enum SqlError {
    #[error(transparent)]
    Variable(#[from] UnfitCommand),
    #[error("the address in `{variable}` cannot be used: {problem}")]
    Address { variable: String, problem: UnusableAddress },
    #[error("`{name}` cannot be read: {source}")]
    Unreadable { name: String, source: io::Error },
    #[error("`{name}` is not UTF-8 text of at most {SCRIPT_BYTES_MAX} bytes")]
    NotText { name: String },
    #[error("`{name}`, {problem}")]
    Unfit { name: String, problem: UnfitScript },
    #[error("the script cannot be laid out for psql: {0}")]
    Folder(io::Error),
}

/// A script that may be run.
#[derive(Debug)]
struct Ready {
    name: String,
    text: String,
}

pub(super) async fn execute(
    sql: &Sql,
    time_limit: Duration,
    context: &ExecutionContext,
    cancel: &CancellationToken,
) -> Attempt {
    let deadline = Instant::now() + time_limit;
    let mut log = Excerpt::new(context.masker().clone());
    let runs = match prepare(sql, time_limit, context) {
        Ok(runs) => runs,
        Err(error) => return Attempt::failed(other_failure(&context.mask(&error.to_string())), log.finish()),
    };
    for (what, command, _folder) in &runs {
        let rest = deadline.saturating_duration_since(Instant::now());
        let finished = run_to_end(command, rest, context, cancel, LOG_BYTES_MAX).await;
        log.push_line(what);
        log.push(finished.log.as_bytes());
        let failure = match finished.conclusion {
            Conclusion::Exited(0) => continue,
            Conclusion::Exited(_) => {
                let said =
                    finished.log.lines().find(|line| line.contains("ERROR:")).or(finished.log.lines().next());
                other_failure(&format!("{what} failed: {}", said.unwrap_or("psql says nothing")))
            }
            Conclusion::Signalled(signal) => Failure::Signal { signal },
            Conclusion::Unknown(reason) => other_failure(&reason),
            Conclusion::TimedOut => Failure::TimedOut,
            Conclusion::Cancelled => Failure::Cancelled,
        };
        return Attempt::failed(failure, log.finish());
    }
    Attempt::succeeded(log.finish())
}

/// What runs, one after the other: a name for it, the program, and the folder that it needs.
fn prepare(
    sql: &Sql,
    time_limit: Duration,
    context: &ExecutionContext,
) -> Result<Vec<(String, Command, PrivateFolder)>, SqlError> {
    let address = context.variable(&sql.database)?;
    let variables = address::variables(&address)
        .map_err(|problem| SqlError::Address { variable: sql.database.clone(), problem })?;
    let server_limit = (time_limit + SERVER_MARGIN).as_millis();
    let begin = format!("begin;\nset local statement_timeout = {server_limit};\n{NOTICE_LOSS}");
    let script = ready(&sql.script, context)?;
    let mut texts = Vec::new();
    if let Some(undo) = &sql.tried_undo {
        let undo = ready(undo, context)?;
        let undone_first = if context.is_repeated() {
            [undo.text.clone(), schema::remember()].concat()
        } else {
            [schema::remember(), undo.text.clone(), schema::compare("after the undo alone")].concat()
        };
        let trial = [
            begin.as_str(),
            &undone_first,
            &script.text,
            &undo.text,
            &schema::compare("after the script and its undo"),
            &undo.text,
            &schema::compare("after the undo ran twice"),
            "rollback;\n",
        ];
        texts.push((format!("trial of the undo {}, rolled back", undo.name), trial.concat()));
    }
    texts.push((script.name, [begin.as_str(), &script.text, "commit;\n"].concat()));
    let run = |(name, text): (String, String)| {
        let folder = PrivateFolder::with("script.sql", &text).map_err(SqlError::Folder)?;
        let command = Command {
            argv: psql(&folder.0.join("script.sql")),
            environment: variables.clone(),
            pass_environment: Vec::new(),
            working_directory: None,
        };
        Ok((name, command, folder))
    };
    texts.into_iter().map(run).collect()
}

fn psql(script: &Path) -> Vec<String> {
    let options = ["psql", "--no-psqlrc", "--quiet", "--no-password", "--set", "ON_ERROR_STOP=1"];
    let options = options.into_iter().chain(["--set", "VERBOSITY=terse", "--file"]);
    options.map(ToOwned::to_owned).chain([script.display().to_string()]).collect()
}

/// Reads a script and checks it.
fn ready(script: &Script, context: &ExecutionContext) -> Result<Ready, SqlError> {
    let (name, text) = match script {
        Script::Inline { statements } => ("the script of the plan".to_owned(), statements.clone()),
        Script::File { path } => {
            let unreadable = |source| SqlError::Unreadable { name: path.clone(), source };
            let mut content = Vec::new();
            let file = fs::File::open(context.path(path)).map_err(unreadable)?;
            let read = file.take(SCRIPT_BYTES_MAX + 1).read_to_end(&mut content).map_err(unreadable)?;
            let text = String::from_utf8(content).ok();
            let is_short = u64::try_from(read).is_ok_and(|bytes| bytes <= SCRIPT_BYTES_MAX);
            let text = text.filter(|_| is_short).ok_or_else(|| SqlError::NotText { name: path.clone() })?;
            (format!("{path} (sha256 {})", Digest::of_bytes(text.as_bytes())), text)
        }
    };
    statements::check(&text).map_err(|problem| SqlError::Unfit { name: name.clone(), problem })?;
    // Whatever a script ends with, a comment for example, ends there.
    Ok(Ready { name, text: format!("{text}\n;\n") })
}

/// A folder that only this user can enter, removed when it is not needed any more.
#[derive(Debug)]
struct PrivateFolder(PathBuf);

impl PrivateFolder {
    fn with(name: &str, text: &str) -> io::Result<Self> {
        let number = FOLDERS.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("cortex-change-sql-{}-{number}", std::process::id()));
        // One that a process of the same number has left behind.
        let _absent = fs::remove_dir_all(&folder);
        DirBuilder::new().mode(0o700).create(&folder)?;
        let folder = Self(folder);
        create_private(&folder.0.join(name))?.write_all(text.as_bytes())?;
        Ok(folder)
    }
}

impl Drop for PrivateFolder {
    fn drop(&mut self) {
        // What stays is readable by this user only.
        let _left = fs::remove_dir_all(&self.0);
    }
}

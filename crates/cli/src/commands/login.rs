//! `login`: stores an access token for a server, after the server has confirmed it.

use std::io::Read;

use super::Outcome;
use crate::exit::ExitStatus;
use crate::failure::Failure;
use crate::login_file;
use crate::render;
use crate::shell::{Format, Shell};

/// Longest text that is read as a token, in bytes.
const TOKEN_BYTES_MAX: u64 = 1024;

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  cortex-change login --url https://change.example\n  \
                        printf %s \"$TOKEN\" | cortex-change login --token-stdin")]
pub(crate) struct Args {
    /// Read the token from standard input instead of asking for it
    #[arg(long)]
    token_stdin: bool,
}

impl Args {
    /// Reads the token. It is never an argument, because others could see it there.
    fn token(self, shell: &Shell) -> Result<String, Failure> {
        let unread = |error: &std::io::Error| Failure::new("the token cannot be read").caused_by(error);
        if self.token_stdin {
            let mut text = String::new();
            std::io::stdin()
                .lock()
                .take(TOKEN_BYTES_MAX)
                .read_to_string(&mut text)
                .map_err(|error| unread(&error))?;
            return Ok(text.trim().to_owned());
        }
        if !(shell.environment.terminals.stdin && shell.environment.terminals.stderr) {
            return Err(Failure::usage("there is no terminal on which to ask for the token")
                .next("pass it on standard input with `--token-stdin`"));
        }
        shell.say(format!("access token for {}, which is not shown while you type:", shell.url()));
        let text = console::Term::stderr().read_secure_line().map_err(|error| unread(&error))?;
        Ok(text.trim().to_owned())
    }
}

pub(crate) async fn run(args: Args, shell: &Shell) -> Outcome {
    let token = args.token(shell)?;
    let caller = shell.client_with(&token)?.whoami().await?;
    let path = login_file::store(&shell.environment, shell.url(), &token)?;
    match shell.format() {
        Format::Text => {
            let paint = shell.talk_paint();
            shell.say(format!("logged in to {}; the token is kept in {}", shell.url(), path.display()));
            shell.say(render::actor::caller(&caller, paint).trim_end());
        }
        Format::Json => shell.json(&caller)?,
    }
    Ok(ExitStatus::Done)
}

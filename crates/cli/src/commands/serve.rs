//! `serve`: the server, until a signal asks it to stop.

use std::net::SocketAddr;
use std::path::PathBuf;

use server::Config;
use tokio::signal::unix::{SignalKind, signal};

use super::Outcome;
use crate::exit::ExitStatus;
use crate::failure::Failure;
use crate::settings::SettingsArgs;
use crate::shell::Shell;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cortex-change serve --listen 127.0.0.1:8470 --data /var/lib/cortex-change\n  \
                        cortex-change serve --database-url postgresql://change@db/change --data /var/lib/cortex-change\n\n\
                        The very first start prints the first administrator's token on standard output, this once."
)]
pub(crate) struct Args {
    /// Address and port to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Folder with policies that add to the shipped ones; it is watched for changes
    #[arg(long, value_name = "DIR")]
    policies: Option<PathBuf>,
    #[command(flatten)]
    settings: SettingsArgs,
}

impl Args {
    fn plan(&self, shell: &Shell) -> Result<Config, Failure> {
        let mut config = self.settings.read(shell)?;
        config.listen = self.listen.unwrap_or(config.listen);
        if let Some(folder) = &self.policies {
            config.policies.folder = Some(shell.environment.path(folder));
        }
        Ok(config)
    }
}

pub(crate) fn run(args: &Args, shell: &Shell) -> Outcome {
    let config = args.plan(shell)?;
    shell.block_on_every_core(serve(config, shell))
}

async fn serve(config: Config, shell: &Shell) -> Outcome {
    let failed = |error: &std::io::Error| Failure::new("the server cannot be told to stop").caused_by(error);
    let mut interrupt = signal(SignalKind::interrupt()).map_err(|error| failed(&error))?;
    let mut terminate = signal(SignalKind::terminate()).map_err(|error| failed(&error))?;
    let running = server::start(config).await.map_err(|error| Failure::of(&error))?;
    if let Some(token) = running.bootstrap_token() {
        shell.data(&format!("bootstrap token: {token}\n"))?;
    }
    shell.data(&format!("listening on http://{}\n", running.local_addr()))?;
    let stopper = running.stopper();
    let asked = async {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        shell.say("stopping: requests that have begun come to their end");
        stopper.cancel();
        std::future::pending().await
    };
    let stopped = tokio::select! {
        stopped = running.stopped() => stopped,
        never = asked => never,
    };
    stopped.map_err(|error| Failure::new("the server ended with an error").caused_by(&error))?;
    Ok(ExitStatus::Done)
}

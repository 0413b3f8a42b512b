//! What the program's own parts log, on standard error.

use clap::ValueEnum;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::failure::Failure;

/// The form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum LogFormat {
    #[default]
    Text,
    Json,
}

/// Begins to log what `filter` lets through.
pub(crate) fn start(filter: &str, format: LogFormat, colored: bool) -> Result<(), Failure> {
    let filter = EnvFilter::builder().parse(filter).map_err(|error| {
        Failure::usage(format!("`{filter}` is not a filter of log lines"))
            .caused_by(&error)
            .accepted("a level, or levels by part, such as `info` or `warn,server=debug`")
    })?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = match format {
        LogFormat::Text => builder.with_ansi(colored).finish().try_init(),
        LogFormat::Json => builder.json().finish().try_init(),
    };
    started.map_err(|error| Failure::new("the log cannot be started").caused_by(&error))
}

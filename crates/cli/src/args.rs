//! What is typed: the options of every command, and how words, times and files are read from them.

use std::error::Error;
use std::fmt::Display;
use std::str::FromStr;

use clap::Parser;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use domain::duration::{InvalidDuration, parse_duration_seconds};

use crate::commands::Command;
use crate::exit::ExitStatus;
use crate::logging::LogFormat;
use crate::shell::{ColorWhen, Format};

/// Where the server listens unless told otherwise.
const URL_DEFAULT: &str = "http://127.0.0.1:8470";

/// Change management with an audit trail that can be proved: may this change happen, who said so, what happened.
#[derive(Debug, Parser)]
#[command(name = "cortex-change", version, max_term_width = 110, arg_required_else_help = true)]
#[command(after_help = after_help(), disable_help_subcommand = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: GlobalArgs,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every command.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Options of every command")]
pub(crate) struct GlobalArgs {
    /// Address of the server
    #[arg(long, global = true, value_name = "URL", env = "CORTEX_CHANGE_URL", default_value = URL_DEFAULT)]
    #[arg(hide_env_values = true)]
    pub(crate) url: String,
    /// Send the token without TLS to another machine, where the network between is trusted
    #[arg(long, global = true)]
    pub(crate) insecure: bool,
    /// Form of the data on standard output: for people, or exactly what the server answers
    #[arg(long, global = true, value_enum, value_name = "FORM", default_value_t)]
    pub(crate) output: Format,
    /// Say nothing on standard error but errors and notes
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
    /// What the program logs on standard error, such as `debug` or `warn,server=debug`; a server `info`, others `warn`
    #[arg(long, global = true, value_name = "FILTER", env = "CORTEX_CHANGE_LOG", hide_env_values = true)]
    pub(crate) log: Option<String>,
    /// Form of the log
    #[arg(long, global = true, value_enum, value_name = "FORM", default_value_t)]
    pub(crate) log_format: LogFormat,
    /// When to use colours; `auto` honours NO_COLOR
    #[arg(long, global = true, value_enum, value_name = "WHEN", default_value_t)]
    pub(crate) color: ColorWhen,
}

fn after_help() -> String {
    let variables = "Environment:\n  CORTEX_CHANGE_URL    address of the server\n  CORTEX_CHANGE_TOKEN  access token; \
                     without it, the one that `cortex-change login` stored";
    let example = "Example, as a step of a pipeline:\n  change_id=$(cortex-change create --type normal --category deployment \
                   --service cart)\n  cortex-change wait $change_id --timeout 3600";
    format!("{}\n\n{variables}\n\n{example}", ExitStatus::help())
}

/// Reads one word of a closed set; the others are listed in help, completions and errors.
pub(crate) fn word<T>(all: &'static [T]) -> impl TypedValueParser<Value = T>
where
    T: Copy + Display + FromStr + Send + Sync + 'static,
    T::Err: Error + Send + Sync + 'static,
{
    PossibleValuesParser::new(all.iter().map(T::to_string)).try_map(|text| text.parse::<T>())
}

/// How long to wait, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seconds(pub(crate) u64);

impl FromStr for Seconds {
    type Err = InvalidDuration;

    /// Plain digits are seconds; otherwise a duration such as `1h`.
    fn from_str(text: &str) -> Result<Self, InvalidDuration> {
        if text.bytes().all(|byte| byte.is_ascii_digit()) && !text.is_empty() {
            return parse_duration_seconds(&format!("{text}s")).map(Self);
        }
        parse_duration_seconds(text).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_explains_itself_with_an_example() {
        fn check(command: &clap::Command, path: &str) {
            let path = format!("{path} {}", command.get_name());
            assert!(command.get_about().is_some(), "{path} has no description");
            if command.get_subcommands().next().is_none() {
                let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
                assert!(after.contains(path.trim()), "{path} has no example in its help");
            }
            command.get_subcommands().for_each(|sub| check(sub, &path));
        }
        check(&Cli::command(), "");
    }

    #[test]
    fn a_timeout_is_seconds_or_a_duration() {
        for (text, expected) in
            [("3600", Some(3600)), ("1h", Some(3600)), ("1h30m", Some(5400)), ("0", Some(0))]
        {
            assert_eq!(text.parse::<Seconds>().ok().map(|seconds| seconds.0), expected, "{text}");
        }
        for text in ["", "1.5h", "-1", "500ms", "99999999999999999999", "forever"] {
            assert!(text.parse::<Seconds>().is_err(), "{text}");
        }
    }
}

//! The shell of every command: what it knows of its surroundings and how it speaks.

use std::borrow::Cow;
use std::io::{self, Write};

use api::read::FILE_BYTES_MAX;
use clap::ValueEnum;
use client::{Client, Security};
use console::Style;
use serde::Serialize;
use tokio::runtime;

use crate::args::GlobalArgs;
use crate::environment::Environment;
use crate::exit::ExitStatus;
use crate::failure::Failure;
use crate::files::{read_file_up_to, read_up_to};
use crate::{logging, login_file};

/// Width of text where no terminal limits it: files and pipes get every word.
const WIDTH_UNLIMITED: usize = usize::MAX;
/// Longest answer to a question, in bytes.
const ANSWER_BYTES_MAX: usize = 1024;
/// The variable that holds a token.
pub(crate) const TOKEN_VARIABLE: &str = "CORTEX_CHANGE_TOKEN";

/// In which form data is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Format {
    // For people.
    #[default]
    Text,
    // For programs: exactly what the server answers.
    Json,
}

/// When colours are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum ColorWhen {
    // On terminals, unless `NO_COLOR` is set.
    #[default]
    Auto,
    Always,
    Never,
}

/// How text is painted on one stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Paint {
    /// Whether colours are used.
    colored: bool,
    /// Whether more than ASCII is shown.
    pub(crate) unicode: bool,
    /// Columns of the terminal.
    pub(crate) width: usize,
}

impl Paint {
    /// Text without colours, as tests and files have it.
    #[cfg(test)]
    pub(crate) fn without_color(unicode: bool) -> Self {
        Self { colored: false, unicode, width: WIDTH_UNLIMITED }
    }

    /// A terminal of so many columns.
    #[cfg(test)]
    pub(crate) fn of_width(width: usize) -> Self {
        Self { colored: false, unicode: true, width }
    }

    pub(crate) fn strong(self, text: impl AsRef<str>) -> String {
        self.styled(&Style::new().bold(), text.as_ref())
    }

    pub(crate) fn dim(self, text: impl AsRef<str>) -> String {
        self.styled(&Style::new().dim(), text.as_ref())
    }

    pub(crate) fn good(self, text: impl AsRef<str>) -> String {
        self.styled(&Style::new().green(), text.as_ref())
    }

    pub(crate) fn caution(self, text: impl AsRef<str>) -> String {
        self.styled(&Style::new().yellow(), text.as_ref())
    }

    pub(crate) fn bad(self, text: impl AsRef<str>) -> String {
        self.styled(&Style::new().red().bold(), text.as_ref())
    }

    /// The sign that terminals beyond ASCII show, or its replacement.
    pub(crate) fn sign(self, unicode: &'static str, ascii: &'static str) -> &'static str {
        if self.unicode { unicode } else { ascii }
    }

    fn styled(self, style: &Style, text: &str) -> String {
        style.clone().force_styling(self.colored).apply_to(text).to_string()
    }
}

/// A text of somebody else as a terminal may show it: without characters that move the cursor, change colours or turn
/// the direction of writing round, with which a text could pass for ours.
pub(crate) fn plain(text: &str) -> Cow<'_, str> {
    let harmful = |c: char| {
        let turns_direction = matches!(c, '\u{200E}' | '\u{200F}' | '\u{061C}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}');
        turns_direction || (c.is_control() && c != '\n' && c != '\t')
    };
    if text.contains(harmful) {
        Cow::Owned(text.chars().map(|c| if harmful(c) { '\u{FFFD}' } else { c }).collect())
    } else {
        Cow::Borrowed(text)
    }
}

/// What every command is given.
#[derive(Debug)]
pub(crate) struct Shell {
    options: GlobalArgs,
    pub(crate) environment: Environment,
}

impl Shell {
    pub(crate) fn new(options: GlobalArgs, environment: Environment) -> Self {
        Self { options, environment }
    }

    /// Writes data to standard output, as it is. A reader that has seen enough is no error.
    pub(crate) fn data(&self, text: &str) -> Result<(), Failure> {
        let mut out = io::stdout().lock();
        match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(Failure::new("standard output cannot be written").caused_by(&error))
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Writes a value to standard output as JSON.
    pub(crate) fn json(&self, value: &impl Serialize) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(value)
            .map_err(|error| Failure::new("the answer cannot be written as JSON").caused_by(&error))?;
        self.data(&format!("{text}\n"))
    }

    /// Tells what was done: in words to the person, as a JSON value to a program that asked for JSON.
    pub(crate) fn tell(&self, value: &impl Serialize, text: impl AsRef<str>) -> Result<(), Failure> {
        match self.format() {
            Format::Text => self.say(text),
            Format::Json => self.json(value)?,
        }
        Ok(())
    }

    /// Says something to the person at the terminal or reading the job's log, unless told to be quiet.
    pub(crate) fn say(&self, text: impl AsRef<str>) {
        if !self.options.quiet {
            self.speak(text.as_ref());
        }
    }

    /// Shows what must be seen before going on, also to those who want it quiet.
    pub(crate) fn show(&self, text: &str) {
        self.speak(text);
    }

    /// Says something that must be said also to those who want it quiet.
    pub(crate) fn warn(&self, text: impl AsRef<str>) {
        self.speak(&format!("{} {}", self.talk_paint().caution("note:"), text.as_ref()));
    }

    /// Tells why the command failed.
    pub(crate) fn report(&self, failure: &Failure) -> ExitStatus {
        self.speak(failure.render(self.talk_paint()).trim_end());
        failure.status()
    }

    fn speak(&self, text: &str) {
        // A closed standard error leaves nobody to tell.
        let _unwritable = writeln!(io::stderr().lock(), "{text}");
    }

    /// In which form data is wanted.
    pub(crate) fn format(&self) -> Format {
        self.options.output
    }

    /// Runs a command that talks to the server to its end. One thread is enough for that, and starts soonest.
    pub(crate) fn block_on<T>(
        &self,
        command: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        run_on(runtime::Builder::new_current_thread(), command)
    }

    /// Runs a server to its end.
    pub(crate) fn block_on_every_core<T>(
        &self,
        command: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        run_on(runtime::Builder::new_multi_thread(), command)
    }

    /// Begins to log by the options of the command line, or else what `filter` lets through.
    pub(crate) fn start_log(&self, filter: &str) -> Result<(), Failure> {
        let filter = self.options.log.as_deref().unwrap_or(filter);
        logging::start(filter, self.options.log_format, self.talk_paint().colored)
    }

    /// Whether bars and spinners can be shown.
    pub(crate) fn shows_live(&self) -> bool {
        self.environment.terminals.stderr && !self.options.quiet && !self.is_dumb()
    }

    /// How data is painted.
    pub(crate) fn data_paint(&self) -> Paint {
        self.paint(self.environment.terminals.stdout, &console::Term::stdout())
    }

    /// How talk is painted.
    pub(crate) fn talk_paint(&self) -> Paint {
        self.paint(self.environment.terminals.stderr, &console::Term::stderr())
    }

    fn paint(&self, is_terminal: bool, terminal: &console::Term) -> Paint {
        let colored = match self.options.color {
            ColorWhen::Always => true,
            ColorWhen::Never => false,
            ColorWhen::Auto => {
                is_terminal && !self.is_dumb() && self.environment.variable("NO_COLOR").is_none()
            }
        };
        let columns =
            terminal.size_checked().filter(|_| is_terminal).map(|(_, columns)| usize::from(columns));
        Paint { colored, unicode: self.environment.is_utf8(), width: columns.unwrap_or(WIDTH_UNLIMITED) }
    }

    /// Whether the terminal cannot move its cursor.
    fn is_dumb(&self) -> bool {
        self.environment.variable("TERM") == Some("dumb")
    }

    /// The server that commands talk to, as the person who logged in.
    pub(crate) fn client(&self) -> Result<Client, Failure> {
        let token = match self.environment.variable(TOKEN_VARIABLE) {
            Some(token) => token.to_owned(),
            None => login_file::token(&self.environment, &self.options.url)?.ok_or_else(|| {
                Failure::new(format!("no access token for {}", self.options.url))
                    .accepted(format!(
                        "a token such as `cct_…` in {TOKEN_VARIABLE}, or stored by `cortex-change login`"
                    ))
                    .next("ask an administrator for a token, then run `cortex-change login`")
            })?,
        };
        self.client_with(&token)
    }

    /// The server that commands talk to, with a given token.
    pub(crate) fn client_with(&self, token: &str) -> Result<Client, Failure> {
        let security = if self.options.insecure { Security::InsecureAllowed } else { Security::Required };
        Client::with_security(&self.options.url, token, security).map_err(Failure::from)
    }

    /// The server's address.
    pub(crate) fn url(&self) -> &str {
        &self.options.url
    }

    /// Reads a file, or standard input for `-`, up to one byte more than is accepted of a file.
    pub(crate) fn read_input(&self, file: &str) -> Result<Vec<u8>, Failure> {
        let (name, result) = if file == "-" {
            ("standard input", read_up_to(io::stdin().lock(), FILE_BYTES_MAX))
        } else {
            (file, read_file_up_to(&self.environment.path(file), FILE_BYTES_MAX))
        };
        result.map_err(|error| {
            Failure::new(format!("`{name}` cannot be read"))
                .caused_by(&error)
                .next("check the path and its permissions")
        })
    }

    /// Asks a yes-or-no question. Without a terminal there is nobody to ask.
    pub(crate) fn confirms(&self, question: &str) -> Result<bool, Failure> {
        if !(self.environment.terminals.stdin && self.environment.terminals.stderr) {
            return Err(Failure::usage("there is no terminal on which to ask for confirmation")
                .next("look at the change first, then give `--yes` or, for an approval, `--digest`"));
        }
        // A closed standard error leaves nobody to ask: the answer is then read as no.
        let _unwritable = write!(io::stderr().lock(), "{question} [y/N] ");
        let mut answer = String::new();
        let limit = u64::try_from(ANSWER_BYTES_MAX).unwrap_or(u64::MAX);
        io::BufRead::read_line(&mut io::Read::take(io::stdin().lock(), limit), &mut answer)
            .map_err(|error| Failure::new("the answer cannot be read").caused_by(&error))?;
        Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
    }
}

fn run_on<T>(
    mut runtime: runtime::Builder,
    command: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let runtime = runtime.enable_all().build();
    runtime
        .map_err(|error| Failure::new("the program cannot start its runtime").caused_by(&error))?
        .block_on(command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_cannot_move_the_cursor_or_turn_its_direction() {
        let cleaned = plain("ok\u{1b}[2Jgone\u{202E}txt.exe\r\u{200F}\nnext\tline");
        assert_eq!(cleaned, "ok\u{FFFD}[2Jgone\u{FFFD}txt.exe\u{FFFD}\u{FFFD}\nnext\tline");
        assert!(matches!(plain("Grüße, 変更"), Cow::Borrowed(_)));
    }
}

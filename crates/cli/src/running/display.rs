//! How a run is shown: bars on a terminal, plain lines elsewhere. What to say about an update is a plain function of it.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::id::StepName;
use domain::plan::{Cause, Failure as TaskFailure, MonitorAnswer, Outcome, Part, RunOutcome, Task};
use domain::rollback::Verdict;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use runner::{Progress, Response};
use tokio::sync::mpsc::Receiver;

use crate::render::{self, words};
use crate::shell::{Paint, Shell, plain};

/// How often spinners move.
const SPIN: Duration = Duration::from_millis(120);
/// Most lines of a task's output that are shown; the whole excerpt is on the server.
const LOG_LINES_MAX: usize = 40;

/// Shows updates until there are no more.
pub(super) struct Display<'a> {
    shell: &'a Shell,
    bars: Option<Bars>,
    /// Each monitor's last verdict, by which repetitions are left out.
    verdicts: BTreeMap<StepName, Verdict>,
}

/// The live part on a terminal.
struct Bars {
    all: MultiProgress,
    steps: ProgressBar,
    monitors: BTreeMap<StepName, ProgressBar>,
}

impl<'a> Display<'a> {
    pub(super) fn new(shell: &'a Shell) -> Self {
        Self { shell, bars: shell.shows_live().then(Bars::new), verdicts: BTreeMap::new() }
    }

    /// Shows every update; ends when the last reporter is gone.
    pub(super) fn follow(mut self, mut updates: Receiver<Progress>) {
        let paint = self.shell.talk_paint();
        while let Some(update) = updates.blocking_recv() {
            let is_repetition = self.is_repetition(&update);
            if let Some(bars) = &mut self.bars {
                bars.update(&update, paint);
            }
            if is_repetition {
                continue;
            }
            for line in lines(&update, paint) {
                match &self.bars {
                    Some(bars) => bars.print(&line),
                    None => self.shell.say(line),
                }
            }
        }
        if let Some(bars) = self.bars {
            bars.end();
        }
    }

    /// Whether a monitor says the same as before. Only a change is worth a line.
    fn is_repetition(&mut self, update: &Progress) -> bool {
        let Progress::Monitor { monitor, verdict, .. } = update else { return false };
        self.verdicts.insert(monitor.clone(), *verdict) == Some(*verdict)
    }
}

impl Bars {
    fn new() -> Self {
        let all = MultiProgress::new();
        let steps = all.add(styled(ProgressBar::new_spinner(), "{spinner} {wide_msg} {elapsed}"));
        steps.enable_steady_tick(SPIN);
        Self { all, steps, monitors: BTreeMap::new() }
    }

    fn update(&mut self, update: &Progress, paint: Paint) {
        match update {
            Progress::TaskStarted { task, .. } => self.steps.set_message(task.to_string()),
            Progress::Advanced(progress) => {
                self.steps.set_style(style("{spinner} [{bar:24}] {pos}/{len} {wide_msg} {elapsed}"));
                self.steps.set_length(u64::try_from(progress.total).unwrap_or(u64::MAX));
                self.steps.set_position(u64::try_from(progress.done).unwrap_or(u64::MAX));
                let current = progress.current.as_ref().map(ToString::to_string).unwrap_or_default();
                self.steps.set_message(format!("{} {current}", words(progress.phase)));
            }
            Progress::Monitor { monitor, verdict, detail } => {
                let bar = self
                    .monitors
                    .entry(monitor.clone())
                    .or_insert_with(|| self.all.add(styled(ProgressBar::new_spinner(), "  {wide_msg}")));
                let detail = plain(detail).replace('\n', " ");
                bar.set_message(format!("{} {monitor}: {detail}", painted(*verdict, paint)));
            }
            _ => {}
        }
    }

    fn print(&self, line: &str) {
        // A closed terminal leaves nobody to show it to.
        let _unwritable = self.all.println(line);
    }

    fn end(self) {
        self.monitors.values().for_each(ProgressBar::finish_and_clear);
        self.steps.finish_and_clear();
    }
}

fn styled(bar: ProgressBar, template: &str) -> ProgressBar {
    bar.with_style(style(template))
}

/// A bar's look. A template that cannot be read, which a glance at a run would show, gives the usual look.
fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("=> ")
}

fn painted(verdict: Verdict, paint: Paint) -> String {
    match verdict {
        Verdict::Pass => paint.good("pass"),
        Verdict::Fail => paint.bad("fail"),
        Verdict::Inconclusive => paint.caution("inconclusive"),
        Verdict::Error => paint.bad("error"),
    }
}

/// What to say about an update; nothing where the bars say enough and a log would only grow.
pub(crate) fn lines(update: &Progress, paint: Paint) -> Vec<String> {
    let one = |line: String| vec![line];
    match update {
        Progress::LeaseTaken { holder, .. } => {
            one(paint.dim(format!("the lease is held by {}", plain(holder))))
        }
        Progress::MonitorsAsked { answers } => one(before_the_first_step(answers, paint)),
        Progress::Baseline { monitor, latency_micros: Some(micros) } => {
            one(format!("monitor `{monitor}` answered within {} before the change", millis(*micros)))
        }
        Progress::Baseline { monitor, latency_micros: None } => one(format!(
            "{} monitor `{monitor}` passed too rarely before the change: no multiple of its latency can be judged",
            paint.caution("note:")
        )),
        Progress::SnapshotTaken { captures: 0 } | Progress::Advanced(_) => Vec::new(),
        Progress::SnapshotTaken { captures } => one(format!("saved {captures} things before the change")),
        Progress::SnapshotFailed { reason } => one(format!(
            "{} what the steps declare could not be saved: {}",
            paint.bad("failed:"),
            plain(reason)
        )),
        Progress::TaskStarted { task, attempt } => one(format!("{} started{}", task, attempted(*attempt))),
        Progress::TaskEnded { task, attempt, outcome, duration, log } => {
            let mut lines = one(ended(task, *attempt, outcome, *duration, paint));
            lines.extend(excerpt(log, paint));
            lines
        }
        Progress::UnknownChecked { task, finding, .. } => {
            one(format!("nobody saw {task} end; its check says: {}", words(finding.as_str())))
        }
        Progress::Asked { question, instructions } => {
            let mut lines = one(format!("{} {question}", paint.caution("waits for a person:")));
            lines.extend(instructions.iter().flat_map(|text| excerpt(text, paint)));
            let answers: Vec<_> = question.kind.answers().iter().map(|answer| answer.as_str()).collect();
            lines.push(format!(
                "  answer with `cortex-change decide ID '{}' {}`",
                question.task.step,
                answers.join("|")
            ));
            lines
        }
        Progress::Phase { phase, cause } => {
            let why = cause.as_deref().map(|cause| format!(": {}", plain(cause))).unwrap_or_default();
            one(paint.strong(format!("{}{why}", words(phase))))
        }
        Progress::Monitor { monitor, verdict, detail } => {
            one(format!("monitor `{monitor}`: {}, {}", painted(*verdict, paint), plain(detail)))
        }
        Progress::Breached { breach, response } => {
            one(format!("{} {breach}; {}", paint.bad("breach:"), answer(response)))
        }
        Progress::Restored { differing } => restored(differing, paint),
        Progress::Unreachable { reason, left } => one(format!(
            "{} the server does not answer ({}); in {} the work is stopped",
            paint.caution("note:"),
            plain(reason),
            render::span(left.as_secs())
        )),
        Progress::Reachable => one("the server answers again".to_owned()),
        Progress::StopRefused { reason } => one(format!(
            "{} the rollback on stop was refused ({}); the lease is given back instead",
            paint.caution("note:"),
            plain(reason)
        )),
        Progress::Skipped { updates } => one(paint.dim(format!("{updates} updates were left out here"))),
    }
}

fn before_the_first_step(answers: &[MonitorAnswer], paint: Paint) -> String {
    let said = |answer: &MonitorAnswer| format!("`{}` {}", answer.monitor, painted(answer.verdict, paint));
    let said: Vec<_> = answers.iter().map(said).collect();
    format!("monitors before the first step: {}", said.join(", "))
}

fn attempted(attempt: u32) -> String {
    if attempt > 1 { format!(", attempt {attempt}") } else { String::new() }
}

fn ended(task: &Task, attempt: u32, outcome: &Outcome, duration: Duration, paint: Paint) -> String {
    let tries = attempted(attempt);
    let time = took(duration);
    let undone = if task.part == Part::Step { "succeeded" } else { "done" };
    match outcome {
        Outcome::Succeeded => {
            format!("{} {task} {undone} in {time}{tries}", paint.good(paint.sign("✓", "ok")))
        }
        Outcome::Failed { failure } => {
            format!(
                "{} {task} failed after {time}{tries}: {}",
                paint.bad(paint.sign("✗", "failed")),
                failed(failure)
            )
        }
    }
}

fn failed(failure: &TaskFailure) -> String {
    match failure {
        TaskFailure::ExitStatus { status } => format!("it ended with status {status}"),
        TaskFailure::Signal { signal } => format!("it was ended by signal {signal}"),
        TaskFailure::Other { reason } => plain(reason.as_str()).into_owned(),
        TaskFailure::Undecided { reason } => format!("it could not be decided: {}", plain(reason.as_str())),
        TaskFailure::Advised { reason } => format!("a person must decide: {}", plain(reason.as_str())),
        TaskFailure::TimedOut => "its time was over".to_owned(),
        TaskFailure::Cancelled => "it was stopped".to_owned(),
        TaskFailure::GivenUp { .. } => "it was given up".to_owned(),
    }
}

fn answer(response: &Response) -> String {
    match response {
        Response::RolledBack => "rolling back".to_owned(),
        Response::Paused => "paused until somebody decides".to_owned(),
        Response::None => "nothing is left to be stopped".to_owned(),
        Response::Refused { reason } => format!("the server did not accept the rollback: {}", plain(reason)),
    }
}

fn restored(differing: &[(String, String)], paint: Paint) -> Vec<String> {
    if differing.is_empty() {
        return vec!["everything that was saved is as before".to_owned()];
    }
    let differs = |(what, why): &(String, String)| {
        format!("{} {} is not as before: {}", paint.bad("differs:"), plain(what), plain(why))
    };
    differing.iter().map(differs).collect()
}

/// The end of an output, marked as somebody else's words.
fn excerpt(text: &str, paint: Paint) -> Vec<String> {
    let clean = plain(text);
    let all: Vec<&str> = clean.lines().collect();
    let shown = all.len().saturating_sub(LOG_LINES_MAX);
    let mut lines = Vec::new();
    if shown > 0 {
        lines.push(paint.dim(format!("  … {shown} lines before")));
    }
    let fence = paint.dim(paint.sign("│", "|"));
    lines.extend(all.iter().skip(shown).map(|line| format!("  {fence} {line}")));
    lines
}

/// Why a change was taken back.
pub(super) fn cause(cause: Option<&Cause>) -> String {
    cause.map_or_else(|| "no cause is recorded".to_owned(), |cause| plain(&cause.to_string()).into_owned())
}

/// What a rollback left behind.
pub(super) fn left_over(outcome: &RunOutcome) -> Vec<String> {
    let named = |what: &str, steps: &[StepName]| {
        let steps: Vec<_> = steps.iter().map(|step| format!("`{step}`")).collect();
        (!steps.is_empty()).then(|| format!("{what}: {}", steps.join(", ")))
    };
    match outcome {
        RunOutcome::Unfinished | RunOutcome::AllSucceeded => Vec::new(),
        RunOutcome::NothingDone => vec!["no step had been begun".to_owned()],
        RunOutcome::Undone { left_in_place } => named("left in place", left_in_place).into_iter().collect(),
        RunOutcome::PartlyUndone { not_undone, left_in_place } => {
            let parts = [named("not undone", not_undone), named("left in place", left_in_place)];
            parts.into_iter().flatten().collect()
        }
    }
}

/// A time that a step took: seconds with a decimal below a minute.
fn took(duration: Duration) -> String {
    if duration.as_secs() >= 60 {
        return render::span(duration.as_secs());
    }
    format!("{}.{} s", duration.as_secs(), duration.subsec_millis() / 100)
}

fn millis(micros: u64) -> String {
    format!("{}.{} ms", micros / 1_000, micros / 100 % 10)
}

#[cfg(test)]
mod tests {
    use domain::plan::{Question, QuestionKind};

    use super::*;

    fn name(text: &str) -> StepName {
        StepName::new(text).unwrap()
    }

    fn task(part: Part) -> Task {
        Task::new(part, name("deploy"))
    }

    fn check(update: &Progress, expected: &[&str]) {
        assert_eq!(lines(update, Paint::without_color(true)), expected);
    }

    #[test]
    fn every_update_that_matters_is_said_in_a_line() {
        let deploy = || task(Part::Step);
        check(&Progress::TaskStarted { task: deploy(), attempt: 1 }, &["step `deploy` started"]);
        check(&Progress::TaskStarted { task: deploy(), attempt: 2 }, &["step `deploy` started, attempt 2"]);
        let ended = |part, outcome, log: &str| Progress::TaskEnded {
            task: task(part),
            attempt: 1,
            outcome,
            duration: Duration::from_millis(1_260),
            log: log.to_owned(),
        };
        check(&ended(Part::Step, Outcome::Succeeded, ""), &["✓ step `deploy` succeeded in 1.2 s"]);
        check(&ended(Part::Undo, Outcome::Succeeded, ""), &["✓ undo of step `deploy` done in 1.2 s"]);
        let failed = Outcome::Failed { failure: TaskFailure::ExitStatus { status: 3 } };
        check(
            &ended(Part::Step, failed, "one\n\u{1b}[2Jtwo\n"),
            &["✗ step `deploy` failed after 1.2 s: it ended with status 3", "  │ one", "  │ \u{FFFD}[2Jtwo"],
        );
        check(
            &Progress::Monitor {
                monitor: name("health"),
                verdict: Verdict::Fail,
                detail: "status 500".to_owned(),
            },
            &["monitor `health`: fail, status 500"],
        );
        check(
            &Progress::Restored { differing: vec![("step `deploy`".to_owned(), "it is gone".to_owned())] },
            &["differs: step `deploy` is not as before: it is gone"],
        );
        check(
            &Progress::Unreachable { reason: "refused".to_owned(), left: Duration::from_secs(9) },
            &["note: the server does not answer (refused); in 9 s the work is stopped"],
        );
    }

    #[test]
    fn a_question_comes_with_the_command_that_answers_it() {
        let question = Question { task: task(Part::Step), attempt: 1, kind: QuestionKind::Manual };
        check(
            &Progress::Asked { question, instructions: Some("turn the key".to_owned()) },
            &[
                "waits for a person: carry out step `deploy` and confirm it",
                "  │ turn the key",
                "  answer with `cortex-change decide ID 'deploy' done|give_up`",
            ],
        );
    }

    #[test]
    fn a_long_output_is_cut_at_its_beginning() {
        let text: String = (1..=LOG_LINES_MAX + 5).map(|number| format!("{number}\n")).collect();
        let lines = excerpt(&text, Paint::without_color(true));
        assert_eq!(lines.len(), LOG_LINES_MAX + 1);
        assert_eq!((lines[0].as_str(), lines[1].as_str()), ("  … 5 lines before", "  │ 6"));
    }

    #[test]
    fn what_a_rollback_left_is_named() {
        let partly = RunOutcome::PartlyUndone {
            not_undone: vec![name("a"), name("b")],
            left_in_place: vec![name("c")],
        };
        assert_eq!(left_over(&partly), ["not undone: `a`, `b`", "left in place: `c`"]);
        assert!(left_over(&RunOutcome::Undone { left_in_place: Vec::new() }).is_empty());
    }
}

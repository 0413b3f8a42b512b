//! Tells what happens, and keeps count of what was checked.

use std::cell::Cell;

use crate::failure::Failure;
use crate::shell::Shell;

/// Tells what happens, and keeps count of what was checked.
pub(super) struct Narrator<'a> {
    shell: &'a Shell,
    checked: Cell<u32>,
}

impl<'a> Narrator<'a> {
    pub(super) fn new(shell: &'a Shell) -> Self {
        Self { shell, checked: Cell::new(0) }
    }

    /// Begins a chapter.
    pub(super) fn chapter(&self, title: &str) -> Result<(), Failure> {
        self.say(&format!("\n{}", self.shell.data_paint().strong(title)))
    }

    /// Says something.
    pub(super) fn say(&self, text: &str) -> Result<(), Failure> {
        self.shell.data(&format!("{text}\n"))
    }

    /// Shows a command as it is typed, with what it answers.
    pub(super) fn typed(&self, line: &str, answer: &str) -> Result<(), Failure> {
        let paint = self.shell.data_paint();
        self.say(&format!("  {} {line}", paint.dim("$")))?;
        for line in answer.lines().filter(|line| !line.trim().is_empty()) {
            self.say(&format!("  {}", paint.dim(line)))?;
        }
        Ok(())
    }

    /// Claims something that has just been looked at. What does not hold ends the demo.
    pub(super) fn check(&self, claim: &str, holds: bool, seen: &str) -> Result<(), Failure> {
        let paint = self.shell.data_paint();
        if !holds {
            self.say(&format!("  {} {claim}", paint.bad(paint.sign("✗", "no:"))))?;
            let failure = Failure::new(format!("the demo claims that {claim}, and that is not so: {seen}"));
            return Err(failure.next("this is a fault of the product: report it with the output above"));
        }
        self.checked.set(self.checked.get() + 1);
        self.say(&format!("  {} {claim}", paint.good(paint.sign("✓", "ok:"))))
    }

    /// Says how many checks held.
    pub(super) fn summary(&self) -> Result<(), Failure> {
        self.chapter(&format!("Done: all {} checks held.", self.checked.get()))
    }
}

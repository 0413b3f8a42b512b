//! Processor time of processes.

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result};
use rustix::time::{ClockId, clock_gettime};

/// The clock in which Linux shows processor time, whatever the kernel ticks in.
const TICKS_PER_SECOND: u32 = 100;

/// Processor time of this process so far, in user and kernel mode.
///
/// # Errors
/// When the system does not tell.
pub fn own_processor_time() -> Result<Duration> {
    time_of("self")
}

/// Processor time of this thread so far, in user and kernel mode.
///
/// # Errors
/// When the system's clock goes backwards.
pub fn thread_time() -> Result<Duration> {
    Ok(Duration::try_from(clock_gettime(ClockId::ThreadCPUTime))?)
}

/// The same of the process with this number.
pub(crate) fn time_of(process: &str) -> Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).context("read the process's state")?;
    // The name in parentheses may contain blanks; user and kernel time are the 12th and 13th field after it.
    let fields = stat.rsplit_once(") ").context("unknown form of the process's state")?.1;
    let ticks: Vec<u32> = fields
        .split(' ')
        .skip(11)
        .take(2)
        .map(str::parse)
        .collect::<Result<_, _>>()
        .context("processor time")?;
    Ok(Duration::from_secs(1) * ticks.iter().sum() / TICKS_PER_SECOND)
}

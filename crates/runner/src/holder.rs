//! The name under which a runner holds leases: unique for each process, readable for people.

use std::path::Path;

/// Where Linux tells the machine's name.
const HOST_NAME_FILE: &str = "/proc/sys/kernel/hostname";
/// Longest part of the machine's name that is used, in characters.
const HOST_NAME_CHARS_MAX: usize = 64;

/// `<host>-<process>-<random>`.
pub(crate) fn name() -> Result<String, getrandom::Error> {
    let host = host();
    let random = getrandom::u32()?;
    Ok(format!("{host}-{}-{random:08x}", std::process::id()))
}

/// The machine's name.
pub(crate) fn host() -> String {
    host_name(Path::new(HOST_NAME_FILE))
}

fn host_name(file: &Path) -> String {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let is_fit = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
    let name: String = text.trim().chars().filter(is_fit).take(HOST_NAME_CHARS_MAX).collect();
    if name.is_empty() { "runner".to_owned() } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_names_differ_and_tell_the_process() {
        let (one, other) = (name().unwrap(), name().unwrap());
        assert_ne!(one, other);
        assert!(one.contains(&format!("-{}-", std::process::id())), "{one}");
    }

    #[test]
    fn a_machine_without_a_name_still_has_a_holder() {
        assert_eq!(host_name(Path::new("/nonexistent")), "runner");
    }
}

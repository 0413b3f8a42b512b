//! CVSS: the severity of a score, and the base score of a vector of version 3.

use domain::change::FindingSeverity;

const CRITICAL_FROM: f64 = 9.0;
const HIGH_FROM: f64 = 7.0;
const MEDIUM_FROM: f64 = 4.0;
const SCORE_MAX: f64 = 10.0;

/// The severity of a base score; nothing for what is no score.
pub(super) fn of_score(score: f64) -> Option<FindingSeverity> {
    if !(0.0..=SCORE_MAX).contains(&score) {
        return None;
    }
    Some(if score >= CRITICAL_FROM {
        FindingSeverity::Critical
    } else if score >= HIGH_FROM {
        FindingSeverity::High
    } else if score >= MEDIUM_FROM {
        FindingSeverity::Medium
    } else {
        FindingSeverity::Low
    })
}

/// The severity of a vector of version 3.0 or 3.1. Nothing for another version, or one that is not complete.
pub(super) fn of_vector(vector: &str) -> Option<FindingSeverity> {
    of_score(base_score(vector)?)
}

/// Section 7.1 of the specification of CVSS 3.1.
fn base_score(vector: &str) -> Option<f64> {
    let metrics = vector.strip_prefix("CVSS:3.1/").or_else(|| vector.strip_prefix("CVSS:3.0/"))?;
    let metric =
        |name: &str| metrics.split('/').find_map(|metric| metric.strip_prefix(name)?.strip_prefix(':'));
    let weight = |name: &str, weights: &[(&str, f64)]| {
        let word = metric(name)?;
        weights.iter().find(|(known, _)| *known == word).map(|(_, weight)| *weight)
    };
    let is_scope_changed = match metric("S")? {
        "C" => true,
        "U" => false,
        _ => return None,
    };
    let privileges: &[(&str, f64)] = if is_scope_changed {
        &[("N", 0.85), ("L", 0.68), ("H", 0.5)]
    } else {
        &[("N", 0.85), ("L", 0.62), ("H", 0.27)]
    };
    let exploitability = 8.22
        * weight("AV", &[("N", 0.85), ("A", 0.62), ("L", 0.55), ("P", 0.2)])?
        * weight("AC", &[("L", 0.77), ("H", 0.44)])?
        * weight("PR", privileges)?
        * weight("UI", &[("N", 0.85), ("R", 0.62)])?;
    let kept = |name| Some(1.0 - weight(name, &[("H", 0.56), ("L", 0.22), ("N", 0.0)])?);
    let lost = 1.0 - kept("C")? * kept("I")? * kept("A")?;
    let impact = if is_scope_changed {
        7.52 * (lost - 0.029) - 3.25 * (lost - 0.02_f64).powi(15)
    } else {
        6.42 * lost
    };
    let scale = if is_scope_changed { 1.08 } else { 1.0 };
    let score = if impact <= 0.0 { 0.0 } else { (scale * (impact + exploitability)).min(SCORE_MAX) };
    // Rounded up to tenths, but not for what only floating point added.
    Some(((score * 100_000.0).round() / 10_000.0).ceil() / 10.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_scores_are_those_of_the_published_examples() {
        for (vector, score) in [
            ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", 9.8),
            ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H", 10.0),
            ("CVSS:3.0/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N", 6.1),
            ("CVSS:3.1/AV:N/AC:L/PR:L/UI:N/S:C/C:L/I:L/A:N", 6.4),
            ("CVSS:3.0/AV:N/AC:H/PR:N/UI:R/S:U/C:L/I:N/A:N", 3.1),
            ("CVSS:3.0/AV:L/AC:L/PR:H/UI:N/S:U/C:L/I:L/A:L", 4.2),
            ("CVSS:3.0/AV:P/AC:L/PR:N/UI:N/S:U/C:N/I:H/A:N", 4.6),
            ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N", 0.0),
        ] {
            assert_eq!(base_score(vector), Some(score), "{vector}");
        }
        for vector in
            ["", "CVSS:4.0/AV:N/AC:L", "CVSS:3.1/AV:N", "CVSS:3.1/AV:X/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"]
        {
            assert_eq!(base_score(vector), None, "{vector}");
        }
        assert_eq!((of_score(f64::NAN), of_score(10.1), of_score(-1.0)), (None, None, None));
        assert_eq!(of_score(7.0), Some(FindingSeverity::High));
    }
}

//! The rank test on the vectors of another judge, where they are there.

use std::path::Path;

use domain::canary::ranks::{is_above, shift};
use serde::Deserialize;

/// One vector: two lists, the settings as they were written, and what must come out.
#[derive(Debug, Deserialize)]
struct Vector {
    test: String,
    experiment: Vec<f64>,
    control: Vec<f64>,
    classifier: String,
    params: String,
    call: String,
    expected: String,
    critical: bool,
}

/// What the classifier of the vectors is set to. Its rules are those that its documentation gives: the interval of the shift
/// must lie beyond a share of the shift, and the size of the effect beyond a threshold.
struct Settings {
    tolerance: f64,
    confidence: f64,
    effect: (f64, f64),
    critical: (f64, f64),
    by_pairs: bool,
}

/// Name, thresholds of the effect, thresholds that make it critical.
type Unstated = (&'static str, (f64, f64), (f64, f64));

/// Vectors whose thresholds are missing in the file, with those of the suite that they come from.
const UNSTATED: [Unstated; 2] = [
    ("Mann-Whitney Classifier Test - Critical Effect Size: High", (1.0, 5.0), (1.0, 13.0)),
    ("Mann-Whitney Classifier Test - Critical Effect Size: Pass", (1.0, 13.0), (1.0, 15.0)),
];

fn number(params: &str, name: &str) -> Option<f64> {
    let (_, rest) = params.split_once(&format!("{name} = "))?;
    rest.split(',').next()?.trim().parse().ok()
}

fn pair(params: &str, name: &str) -> Option<(f64, f64)> {
    let (_, rest) = params.split_once(name)?;
    let (_, rest) = rest.split_once('(')?;
    let (inside, _) = rest.split_once(')')?;
    let (low, high) = inside.split_once(',')?;
    Some((low.trim().parse().ok()?, high.trim().parse().ok()?))
}

impl Settings {
    fn of(vector: &Vector) -> Self {
        let Vector { test, params, .. } = vector;
        let by_pairs = test.contains("CLES");
        let unstated = UNSTATED.iter().find(|(name, _, _)| name == test);
        let effect = pair(params, "effectSizeThresholds").or(unstated.map(|it| it.1));
        let critical = pair(params, "criticalThresholds").or(unstated.map(|it| it.2));
        Self {
            tolerance: number(params, "tolerance").unwrap_or(0.10),
            confidence: number(params, "confLevel").unwrap_or(0.95),
            effect: effect.unwrap_or(if by_pairs { (0.5, 0.8) } else { (1.0, 1.0) }),
            critical: critical.unwrap_or((1.0, 1.0)),
            by_pairs,
        }
    }
}

fn mean(list: &[f64]) -> f64 {
    list.iter().sum::<f64>() / list.len() as f64
}

fn effect(vector: &Vector, by_pairs: bool) -> f64 {
    let (experiment, control) = (&vector.experiment, &vector.control);
    if !by_pairs {
        return mean(experiment) / mean(control);
    }
    let pairs = experiment.iter().flat_map(|one| control.iter().map(move |other| (one, other)));
    let above: f64 = pairs
        .map(|(one, other)| {
            if one > other {
                1.0
            } else if one == other {
                0.5
            } else {
                0.0
            }
        })
        .sum();
    above / (experiment.len() * control.len()) as f64
}

fn classified(vector: &Vector) -> (&'static str, bool) {
    let is_critical = vector.call.contains("isCriticalMetric = true");
    let (experiment, control) = (&vector.experiment, &vector.control);
    if vector.classifier == "MeanInequalityClassifier" {
        let difference = mean(experiment) - mean(control);
        return (
            if difference > 0.0 {
                "High"
            } else if difference < 0.0 {
                "Low"
            } else {
                "Pass"
            },
            false,
        );
    }
    let settings = Settings::of(vector);
    let Some(shift) = shift(experiment, control, settings.confidence) else {
        let replaces = vector.call.contains("NaNStrategy.Replace");
        return if replaces { ("Pass", false) } else { ("Nodata", is_critical) };
    };
    let bound = settings.tolerance * shift.estimate.abs();
    let effect = effect(vector, settings.by_pairs);
    let (rises, falls) = (!vector.call.contains("Decrease"), !vector.call.contains("Increase"));
    if (shift.low - bound).abs() > 1e-3 {
        let above = is_above(experiment, control, settings.confidence, settings.tolerance);
        assert_eq!(above, shift.low > bound, "{}", vector.test);
    }
    if rises && shift.low > bound {
        if is_critical && effect >= settings.critical.1 {
            return ("High", true);
        }
        return (if effect >= settings.effect.1 { "High" } else { "Pass" }, false);
    }
    if falls && shift.high < -bound {
        if is_critical && effect <= settings.critical.0 {
            return ("Low", true);
        }
        return (if effect <= settings.effect.0 { "Low" } else { "Pass" }, false);
    }
    ("Pass", false)
}

#[test]
fn the_rank_test_agrees_with_every_vector() {
    let file = "../../../shared/data/canary/mannwhitney_vectors.json";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    let Ok(text) = std::fs::read_to_string(&path) else {
        eprintln!("skipped: {} is not there", path.display());
        return;
    };
    let vectors: Vec<Vector> = serde_json::from_str(&text).unwrap();
    assert_eq!(vectors.len(), 36);
    for vector in &vectors {
        let expected = (vector.expected.as_str(), vector.critical);
        assert_eq!(classified(vector), expected, "{}: {vector:?}", vector.test);
    }
}

#[test]
fn the_shift_of_two_small_lists_is_that_of_the_textbook() {
    // The values of R's own example, `wilcox.test(x, y, conf.int = TRUE, exact = FALSE)`.
    let x = [0.80, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46];
    let y = [1.15, 0.88, 0.90, 0.74, 1.21];
    let shift = shift(&x, &y, 0.95).unwrap();
    assert!((shift.estimate - 0.305).abs() < 0.02, "{shift:?}");
    assert!(shift.low < 0.0 && shift.low > -0.3 && shift.high > 0.7 && shift.high < 0.9, "{shift:?}");
    assert_eq!(domain::canary::ranks::shift(&[], &y, 0.95), None);
}

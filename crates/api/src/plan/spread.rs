//! A strategy in full becomes steps: templates are filled here, the order of things is the domain's.

use domain::number::Share;
use domain::plan::strategy::{self, Batch, Filling, Spread, TARGET, Undecided, Unspreadable};
use domain::plan::{self, Strategy as Word};
use domain::rollback::{LatencyThreshold, Percent};
use serde_json::Value;

use super::convert::{exactly_one, millis, steps};
use super::{
    Analysis, Bake, BlueGreen, Canary, FullBake, FullStep, Number, Rolling, Stage, Step, Strategies,
    TargetSteps, Tolerance,
};
use crate::field::{FieldError, parse, parse_optional};

/// Chance of a false rollback over the whole rollout when the plan does not say.
const BUDGET_DEFAULT: &str = "1%";
/// Ratio of odds that matters when the plan does not say.
const MATTERS_DEFAULT: &str = "2x";
/// What follows when the version is worse when the plan does not say.
const ACTION_DEFAULT: &str = "immediate_rollback";
/// Most that the steps of a rolling change may come to for all of its targets, in bytes as JSON before they are filled.
const FILLED_BYTES_MAX: usize = 8 * crate::BODY_BYTES_MAX;

impl From<Unspreadable> for FieldError {
    fn from(error: Unspreadable) -> Self {
        Self::new("", error)
    }
}

impl Strategies {
    /// The strategy's word, and all that it comes to with the `rest` of the steps after it.
    ///
    /// # Errors
    /// When a field does not have the accepted form.
    pub(super) fn spread(&self, rest: &[Step]) -> Result<(Word, Spread), FieldError> {
        let Self { canary, rolling, blue_green } = self;
        let rest = steps(rest)?;
        let canary = canary.as_ref().map(|it| {
            let spread = it.spread(rest.clone()).map_err(|error| error.under("strategy.canary"))?;
            Ok((Word::Canary, spread))
        });
        let rolling = rolling.as_ref().map(|it| {
            let spread = it.spread(rest.clone()).map_err(|error| error.under("strategy.rolling"))?;
            Ok((Word::Rolling, spread))
        });
        let blue_green = blue_green.as_ref().map(|it| {
            let spread = it.spread(rest.clone()).map_err(|error| error.under("strategy.blue_green"))?;
            Ok((Word::BlueGreen, spread))
        });
        exactly_one("canary, rolling and blue_green", vec![canary, rolling, blue_green])
    }
}

impl Canary {
    fn spread(&self, promote: Vec<plan::Step>) -> Result<Spread, FieldError> {
        let stage = |(at, stage): (usize, &super::CanaryStage)| {
            let under = |error: FieldError| error.under(&format!("stages[{at}]"));
            let bake = stage.bake.as_ref().map(Bake::to_domain).transpose().map_err(under)?;
            Ok(strategy::CanaryStage {
                weight: share("weight", &stage.weight).map_err(under)?,
                bake,
                hold: is_held(stage.hold.as_deref()).map_err(under)?,
            })
        };
        let canary = strategy::Canary {
            prepare: steps(&self.prepare).map_err(|error| error.under("prepare"))?,
            stages: self.stages.iter().enumerate().map(stage).collect::<Result<_, FieldError>>()?,
            analysis: self.analysis.as_ref().map(Analysis::to_domain).transpose()?,
            promote,
        };
        canary.spread(|filling| filled(&self.shift, filling).map_err(|error| error.under("shift")))
    }
}

impl Rolling {
    fn spread(&self, finish: Vec<plan::Step>) -> Result<Spread, FieldError> {
        let rolling = strategy::Rolling {
            prepare: steps(&self.prepare).map_err(|error| error.under("prepare"))?,
            targets: self.targets.clone(),
            batch: number("batch", self.batch.as_ref(), 1)?,
            max_failures: number("max_failures", self.max_failures.as_ref(), 0)?,
            bake: self.bake.as_ref().map(Bake::to_domain).transpose()?,
            finish,
        };
        if self.steps.is_empty() {
            return Err(FieldError::new("steps", "expected at least one step for each target, found none"));
        }
        let templates: Vec<FullStep> = self.steps.iter().map(FullStep::named_for_each).collect();
        let bytes = serde_json::to_vec(&templates).map_err(|error| FieldError::new("steps", error))?.len();
        if bytes.saturating_mul(self.targets.len()) > FILLED_BYTES_MAX {
            let expected =
                format!("expected steps that come to at most {FILLED_BYTES_MAX} bytes for all targets");
            return Err(FieldError::new("steps", expected));
        }
        rolling.spread(|filling| {
            let filled = |(at, template)| {
                filled(template, filling).map_err(|error: FieldError| error.under(&format!("steps[{at}]")))
            };
            templates.iter().enumerate().map(filled).collect()
        })
    }
}

impl BlueGreen {
    fn spread(&self, retire: Vec<plan::Step>) -> Result<Spread, FieldError> {
        let blue_green = strategy::BlueGreen {
            prepare: steps(&self.prepare).map_err(|error| error.under("prepare"))?,
            hold: is_held(self.hold.as_deref())?,
            switch: self.switch.to_domain().map_err(|error| error.under("switch"))?,
            keep_warm: self.keep_warm.to_domain()?,
            retire,
        };
        Ok(blue_green.spread()?)
    }
}

impl Bake {
    pub(super) fn to_domain(&self) -> Result<plan::Bake, FieldError> {
        let full = match self {
            Self::Time(time) => &FullBake { time: time.clone(), ..FullBake::default() },
            Self::Full(full) => full,
        };
        let duration_millis = millis("bake.time", Some(&full.time), 0)?;
        Ok(plan::Bake {
            duration_millis,
            extension_millis: millis("bake.extend", full.extend.as_deref(), duration_millis)?,
            undecided: parse_optional("bake.undecided", full.undecided.as_deref())?
                .unwrap_or(Undecided::RollBack),
            analysis: full.analysis.as_ref().map(Analysis::to_domain).transpose()?,
        })
    }

    pub(super) fn from_domain(bake: &plan::Bake) -> Self {
        let text = domain::duration::format_duration_millis;
        Self::Full(FullBake {
            time: text(bake.duration_millis),
            extend: Some(text(bake.extension_millis)),
            undecided: Some(bake.undecided.to_string()),
            analysis: bake.analysis.as_ref().map(Analysis::from_domain),
        })
    }
}

impl Analysis {
    fn to_domain(&self) -> Result<plan::Analysis, FieldError> {
        let matters = self.matters.as_deref().unwrap_or(MATTERS_DEFAULT);
        // `2x`, as the baseline's multiples are written.
        let LatencyThreshold::BaselineMultipleHundredths(matters_hundredths) =
            parse("analysis.matters", &format!("{matters}_baseline")).map_err(|_| {
                FieldError::new("analysis.matters", "expected a ratio such as `2x` or `1.5x`")
            })?
        else {
            return Err(FieldError::new("analysis.matters", "expected a ratio such as `2x` or `1.5x`"));
        };
        Ok(plan::Analysis {
            budget: share("analysis.budget", self.budget.as_deref().unwrap_or(BUDGET_DEFAULT))?,
            matters_hundredths,
            action: parse("analysis.action", self.action.as_deref().unwrap_or(ACTION_DEFAULT))?,
            service: parse_optional("analysis.service", self.service.as_deref())?,
            calibration: parse_optional("analysis.calibration", self.calibration.as_deref())?,
        })
    }

    fn from_domain(analysis: &plan::Analysis) -> Self {
        let matters = LatencyThreshold::BaselineMultipleHundredths(analysis.matters_hundredths).to_string();
        Self {
            budget: Some(Percent(analysis.budget).to_string()),
            matters: Some(matters.trim_end_matches("_baseline").to_owned()),
            action: Some(analysis.action.to_string()),
            service: analysis.service.as_ref().map(ToString::to_string),
            calibration: analysis.calibration.map(|id| id.to_string()),
        }
    }
}

impl Stage {
    pub(super) fn to_domain(&self) -> Result<plan::Stage, FieldError> {
        let steps = self.steps.iter().enumerate();
        Ok(plan::Stage {
            name: parse("name", &self.name)?,
            weight: self.weight.as_deref().map(|text| share("weight", text)).transpose()?,
            steps: steps.map(|(at, name)| parse(&format!("steps[{at}]"), name)).collect::<Result<_, _>>()?,
        })
    }

    pub(super) fn from_domain(stage: &plan::Stage) -> Self {
        Self {
            name: stage.name.to_string(),
            weight: stage.weight.map(|weight| Percent(weight).to_string()),
            steps: stage.steps.iter().map(ToString::to_string).collect(),
        }
    }
}

fn number(field: &str, given: Option<&Number>, default: u16) -> Result<Batch, FieldError> {
    Ok(match given {
        None => Batch::Count(default),
        Some(Number::Count(count)) => Batch::Count(*count),
        Some(Number::Share(text)) => Batch::Share(share(field, text)?),
    })
}

impl Tolerance {
    pub(super) fn to_domain(&self) -> Result<plan::Tolerance, FieldError> {
        let member = |(at, target): (usize, &TargetSteps)| {
            let steps = target.steps.iter().map(|name| parse(&format!("targets[{at}].steps"), name));
            Ok(plan::Member { name: target.name.clone(), steps: steps.collect::<Result<_, FieldError>>()? })
        };
        let targets = self.targets.iter().enumerate().map(member).collect::<Result<_, FieldError>>()?;
        Ok(plan::Tolerance { max_failures: self.max_failures, targets })
    }

    pub(super) fn from_domain(tolerance: &plan::Tolerance) -> Self {
        let target = |member: &plan::Member| TargetSteps {
            name: member.name.clone(),
            steps: member.steps.iter().map(ToString::to_string).collect(),
        };
        Self { max_failures: tolerance.max_failures, targets: tolerance.targets.iter().map(target).collect() }
    }
}

fn share(field: &str, text: &str) -> Result<Share, FieldError> {
    parse::<Percent>(field, text).map(|percent| percent.0)
}

fn is_held(hold: Option<&str>) -> Result<bool, FieldError> {
    match hold {
        None => Ok(false),
        Some("person") => Ok(true),
        Some(_) => Err(FieldError::new("hold", "expected `person`, or nothing")),
    }
}

impl FullStep {
    /// A template that is filled for several targets: without the target's name in it, the name gets it behind it.
    fn named_for_each(&self) -> Self {
        let mut template = self.clone();
        if !template.name.contains(TARGET) {
            template.name = format!("{} {TARGET}", template.name);
        }
        template
    }
}

/// A template with its placeholders filled, wherever it has a text. A placeholder of another strategy stays as it is.
fn filled(template: &FullStep, filling: &Filling<'_>) -> Result<plan::Step, FieldError> {
    let unreadable = |error: serde_json::Error| FieldError::new("", error);
    let mut written = serde_json::to_value(template).map_err(unreadable)?;
    fill(&mut written, filling)?;
    let step: FullStep = serde_json::from_value(written).map_err(unreadable)?;
    step.to_domain()
}

fn fill(value: &mut Value, filling: &Filling<'_>) -> Result<(), FieldError> {
    match value {
        Value::String(text) => *text = filling.fill(text),
        Value::Array(items) => items.iter_mut().try_for_each(|item| fill(item, filling))?,
        Value::Object(fields) => {
            for (name, mut field) in std::mem::take(fields) {
                fill(&mut field, filling)?;
                let name = filling.fill(&name);
                if fields.contains_key(&name) {
                    let found = format!("`{name}` is there twice once its placeholders are filled");
                    return Err(FieldError::new("", format!("{found}: expected names that differ")));
                }
                fields.insert(name, field);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::plan::ImplementationPlan;

    const CANARY: &str = r#"
strategy:
  canary:
    prepare: [{name: start, run: ./start.sh new, undo: ./stop.sh new}]
    shift:
      name: shift
      traffic:
        haproxy: {address: /run/haproxy.sock, backend: shop}
        weights: {new: "{{weight}}", old: "{{rest}}"}
    stages:
      - {weight: 5%, bake: 10m}
      - {weight: 50%, bake: 10m}
      - {weight: 100%, hold: person, bake: {time: 10m, extend: 30m, undecided: ask}}
    analysis: {matters: 2.5x, action: immediate_rollback + quarantine, service: shop}
steps: [{name: retire, run: ./stop.sh old, undo: ./start.sh old}]
"#;

    fn plan(yaml: &str) -> ImplementationPlan {
        crate::read::yaml(yaml.as_bytes()).unwrap()
    }

    fn refused(yaml: &str) -> String {
        plan(yaml).to_domain().unwrap_err().to_string()
    }

    #[test]
    fn what_is_spread_out_reads_back_as_the_same_plan() {
        let rolling = "
strategy:
  rolling:
    targets: [web-1, web-2, web-3]
    batch: 50%
    max_failures: 1
    bake: 1m
    steps: [{name: 'update {{target}}', run: [./update, '{{target}}'], undo: './update {{target}} --back'}]
";
        let blue_green = "
strategy:
  blue_green:
    hold: person
    switch: {name: switch, run: ./switch.sh green, undo: ./switch.sh blue}
    keep_warm: 15m
";
        for yaml in [CANARY, rolling, blue_green] {
            let spread = plan(yaml).to_domain().unwrap();
            spread.validate().unwrap();
            let written = serde_json::to_string(&ImplementationPlan::from_domain(&spread)).unwrap();
            let again: ImplementationPlan = crate::read::json(written.as_bytes(), 1 << 20).unwrap();
            assert_eq!(again.to_domain().unwrap(), spread, "{written}");
        }
        let analyses =
            plan(CANARY).to_domain().unwrap().steps.into_iter().filter_map(|step| match step.kind {
                domain::plan::StepKind::Bake(bake) => Some(bake.analysis.map(|it| it.budget.get())),
                _ => None,
            });
        // The budget of the rollout is shared out; with all of the traffic there is nothing to compare with.
        assert_eq!(analyses.collect::<Vec<_>>(), [Some(50), Some(50), None]);
        let names = plan(CANARY).to_domain().unwrap().steps;
        let names: Vec<_> = names.iter().map(|step| step.name.as_str()).collect();
        assert_eq!(
            names,
            [
                "start",
                "shift 5%",
                "bake at 5%",
                "shift 50%",
                "bake at 50%",
                "hold before 100%",
                "shift 100%",
                "bake at 100%",
                "retire"
            ]
        );
    }

    #[test]
    fn a_steps_name_gets_the_target_behind_it_whatever_else_it_contains() {
        let yaml = "
strategy:
  rolling:
    targets: [a, d]
    steps: [{name: update, run: './update {{target}}'}]
";
        let steps = plan(yaml).to_domain().unwrap().steps;
        assert_eq!(steps.iter().map(|step| step.name.as_str()).collect::<Vec<_>>(), ["update a", "update d"]);
    }

    #[test]
    fn names_in_objects_are_filled_too() {
        let yaml = |weights: &str| {
            format!(
                "
strategy:
  rolling:
    targets: [a, d]
    steps: [{{name: drain, traffic: {{haproxy: {{address: /s, backend: shop}}, weights: {weights}}}}}]
"
            )
        };
        let spread = plan(&yaml("{'{{target}}': '0', other: '50'}")).to_domain().unwrap();
        let written = ImplementationPlan::from_domain(&spread);
        let written = serde_json::to_string(&written.steps[1]).unwrap();
        assert!(written.contains("\"d\":"), "{written}");
        let twice = refused(&yaml("{'{{target}}': '0', a: '50'}"));
        assert!(twice.contains("`a` is there twice once its placeholders are filled"), "{twice}");
    }

    #[test]
    fn many_steps_for_many_targets_are_refused_before_they_are_made() {
        let targets: Vec<_> = (0..100).map(|number| format!("web-{number}")).collect();
        let rolling = |steps: &[String]| {
            format!(
                "strategy: {{rolling: {{targets: [{}], steps: [{}]}}}}",
                targets.join(","),
                steps.join(",")
            )
        };
        let three: Vec<_> = (0..3).map(|number| format!("{{name: s{number}, run: 'true'}}")).collect();
        let error = refused(&rolling(&three));
        assert!(error.contains("comes to more than 200 steps for 100 targets"), "{error}");
        let long = format!("{{name: long, run: 'echo {}'}}", "x".repeat(200_000));
        let error = refused(&rolling(&[long]));
        assert!(error.contains("at most 8388608 bytes for all targets"), "{error}");
    }

    #[test]
    fn mistakes_are_named_with_their_place() {
        let check = |yaml: &str, expected: &str| {
            let error = refused(yaml);
            assert!(error.contains(expected), "{error}");
        };
        check(&CANARY.replace("weight: 5%", "weight: 5"), "strategy.canary.stages[0].weight");
        check(&CANARY.replace("weight: 5%", "weight: 0.5%"), "`0.5` is no weight: expected a whole number");
        check(&CANARY.replace("hold: person", "hold: robot"), "expected `person`, or nothing");
        check(&CANARY.replace("undecided: ask", "undecided: pass"), "bake.undecided");
        check(&CANARY.replace("weight: 100%", "weight: 5%"), "expected weights that grow");
        check(&format!("{CANARY}stages: [{{name: a, steps: [retire]}}]"), "it says the stages itself");
        check(&format!("{CANARY}tolerance: {{max_failures: 1, targets: []}}"), "it has `max_failures`");
        check(&CANARY.replace("2.5x", "2.5"), "expected a ratio such as `2x`");
        // Two bakes cannot share what is the least that one may have.
        check(&CANARY.replace("{matters: 2.5x,", "{budget: 0.01%,"), "0.01% is too little for 2 bakes");
        check("strategy: {}\nsteps: []", "expected one of canary, rolling and blue_green");
        check("strategy: sometimes\nsteps: []", "sometimes");
        let error = crate::read::yaml::<ImplementationPlan>(b"strategy: {canary: {stage: []}}").unwrap_err();
        assert!(error.to_string().contains("stage"), "{error}");
    }
}

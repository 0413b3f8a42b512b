//! From policies and a property to an answer of the solver.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow};
use cedar_policy::{Policy, PolicyId, PolicySet, RequestEnv, Schema};
use cedar_policy_symcc::solver::LocalSolver;
use cedar_policy_symcc::{CedarSymCompiler, CompiledPolicySet};
use policy::PolicyInfo;
use tokio::process::Command;

use crate::counterexample::Counterexample;
use crate::property::Property;

/// The policies about which something is to be proved.
#[derive(Debug)]
pub(crate) struct Policies {
    schema: Schema,
    environments: Vec<RequestEnv>,
    set: PolicySet,
}

/// What the solver found.
#[derive(Debug)]
pub(crate) enum Finding {
    /// There is no request that the property speaks of and the policies allow.
    Proved,
    /// There is one.
    Disproved(Box<Counterexample>),
    /// It did not find out.
    Unknown(String),
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Proof {
    /// The answer.
    pub(crate) finding: Finding,
    /// How many kinds of request were asked about: an action with a type of resource each.
    pub(crate) environments: usize,
    /// How long that took.
    pub(crate) took: Duration,
}

/// The solver, as a process of its own.
#[derive(Debug)]
pub(crate) struct Solver {
    program: PathBuf,
    timeout: Duration,
    compiler: CedarSymCompiler<LocalSolver>,
}

impl Policies {
    pub(crate) fn new<'a>(policies: impl Iterator<Item = &'a PolicyInfo>) -> Result<Self> {
        let (schema, _) = Schema::from_cedarschema_str(policy::SCHEMA)?;
        let parsed = policies
            .map(|info| Ok(Policy::parse(Some(PolicyId::new(info.id.as_str())), &info.text)?))
            .collect::<Result<Vec<_>>>()?;
        let environments = schema.request_envs().collect();
        Ok(Self { schema, environments, set: PolicySet::from_policies(parsed)? })
    }
}

impl Solver {
    pub(crate) fn start(program: &Path, timeout: Duration) -> Result<Self> {
        Ok(Self { program: program.to_owned(), timeout, compiler: compiler(program, timeout)? })
    }

    /// Asks for each kind of request that the property speaks of, until one is found that is allowed.
    pub(crate) async fn prove(&mut self, policies: &Policies, property: &Property) -> Result<Proof> {
        let began = Instant::now();
        let (mut finding, mut environments) = (Finding::Proved, 0);
        for environment in policies.environments.iter().filter(|environment| property.is_about(environment)) {
            environments += 1;
            finding = self.ask(policies, property, environment).await?;
            if !matches!(finding, Finding::Proved) {
                break;
            }
        }
        if environments == 0 {
            return Err(anyhow!("the property `{}` speaks of no action that there is", property.id));
        }
        Ok(Proof { finding, environments, took: began.elapsed() })
    }

    async fn ask(
        &mut self,
        policies: &Policies,
        property: &Property,
        environment: &RequestEnv,
    ) -> Result<Finding> {
        let compile = |set: &PolicySet| -> Result<_> {
            Ok(CompiledPolicySet::compile(set, environment, &policies.schema)?)
        };
        let allowed = compile(&policies.set).context("the policies cannot be translated for the solver")?;
        let forbidden = compile(&property.forbidden)
            .with_context(|| format!("the property `{}` does not fit the schema", property.id))?;
        // The solver keeps its own limit; this one is for a solver that does not.
        let asking = self.compiler.check_disjoint_with_counterexample_opt(&allowed, &forbidden);
        match tokio::time::timeout(self.timeout * 2, asking).await {
            Ok(Ok(None)) => Ok(Finding::Proved),
            Ok(Ok(Some(found))) => {
                let example = Counterexample::new(&policies.set, property, &found)?;
                Ok(Finding::Disproved(Box::new(example)))
            }
            Ok(Err(error)) => self.restarted(error.to_string()),
            Err(_elapsed) => self.restarted("it took too long".to_owned()),
        }
    }

    /// A solver that failed is not asked again.
    fn restarted(&mut self, problem: String) -> Result<Finding> {
        self.compiler = compiler(&self.program, self.timeout)?;
        Ok(Finding::Unknown(problem))
    }
}

fn compiler(program: &Path, timeout: Duration) -> Result<CedarSymCompiler<LocalSolver>> {
    let limit = format!("--tlimit-per={}", timeout.as_millis());
    let mut command = Command::new(program);
    command.args(["--lang", "smt", &limit]).kill_on_drop(true);
    let solver = LocalSolver::from_command(&mut command).with_context(|| {
        format!("the solver `{}` does not start: install cvc5, or name it with --solver", program.display())
    })?;
    Ok(CedarSymCompiler::new(solver)?)
}

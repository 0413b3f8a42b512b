//! `implement --rehearse`: a change's plan and its way back on a target that stands in the place of production.
//!
//! Nothing runs before the target is known to keep every step away from production, and before there is a folder that
//! nothing else uses: a working copy of the commit, or one that the target names.

use std::path::{Path, PathBuf};

use adapters::git::{CommitId, Repository};
use api::change::Change;
use api::read;
use api::rehearsal::{RehearsalRequest, TargetFile};
use api::run::Assignment;
use domain::canonical::Digest;
use domain::change::{CommandName, Line, StateName};
use domain::id::ChangeId;
use domain::plan::rehearsal::{NotElsewhere, Target};
use domain::plan::{Rehearsable, Rehearsal};
use runner::{Place, Rehearsed};

use super::{How, Machine, MachineArgs, state_folder};
use crate::commands::Outcome;
use crate::exit::ExitStatus;
use crate::failure::Failure;
use crate::files::read_file_up_to;
use crate::render;
use crate::shell::{Format, Shell};

/// Below the folder for runs: one folder for each rehearsal under way.
const REHEARSALS_FOLDER: &str = "rehearsals";
/// Most faults of a target that are shown at once.
const FAULTS_SHOWN_MAX: usize = 20;

/// What a target's file says.
struct Directions {
    target: Target,
    digest: Digest,
    folder: Option<PathBuf>,
    /// The file as it was typed.
    shown: String,
}

/// The folders of one rehearsal; what was made for it goes when this does.
struct Scene<'a> {
    shell: &'a Shell,
    place: Place,
    made: PathBuf,
    /// The repository of the working copy, where there is one.
    copied_from: Option<Repository>,
}

/// Rehearses, hands the evidence in and says what came of it.
pub(crate) fn rehearse(id: ChangeId, file: &Path, args: &MachineArgs, shell: &Shell) -> Outcome {
    let directions = Directions::read(file, shell)?;
    let client = shell.client()?;
    let machine = Machine::new(client.clone(), args, shell)?;
    let (change, assignment) = shell.block_on(async {
        let change = client.change(&id.to_string()).await?;
        Ok::<_, Failure>((change, client.assignment(&id.to_string()).await?))
    })?;
    require_before_start(&change)?;
    let what = directions.sent(&assignment)?;
    machine.check_commit(&change)?;
    let scene = Scene::set(&machine, id, &change, &directions, args, shell)?;
    let rehearsed = machine.run(How::default(), async |runner, options| {
        let rehearsed = runner.rehearse(&what, &scene.place, options).await?;
        if options.stop.is_cancelled() {
            let said = "the rehearsal was stopped: what was begun was taken back, and nothing is recorded";
            return Err(Failure::new(said));
        }
        Ok(rehearsed)
    });
    drop(scene);
    let rehearsal = directions.evidence(&assignment, what, rehearsed?)?;
    let status = status(&rehearsal);
    let request = RehearsalRequest { rehearsal };
    let change = shell.block_on(async { Ok(client.hand_in_rehearsal(&id.to_string(), &request).await?) })?;
    match shell.format() {
        Format::Json => shell.json(&change)?,
        Format::Text => {
            let lines = change.rehearsal.iter().flat_map(render::rehearsal::in_lines);
            lines.for_each(|line| shell.say(line));
        }
    }
    Ok(status)
}

/// Evidence is for those who decide, so it is given before the start.
fn require_before_start(change: &Change) -> Result<(), Failure> {
    let state: StateName = change.state.parse().map_err(|error| Failure::of(&error))?;
    if CommandName::Rehearse.is_legal_in(state) {
        return Ok(());
    }
    let said = format!(
        "{} is {}: a rehearsal comes before the start",
        change.change_id,
        render::words(&change.state)
    );
    Err(Failure::new(said).with_status(ExitStatus::Refused))
}

/// 0 where everything went well, 5 where something failed and all was taken back, 6 where it was not.
fn status(rehearsal: &Rehearsal) -> ExitStatus {
    use domain::plan::{Outcome, Part};
    let is_back = |rehearsed: &domain::plan::RehearsedTask| {
        rehearsed.task.part == Part::Step || rehearsed.outcome == Outcome::Succeeded
    };
    if rehearsal.passed() {
        ExitStatus::Done
    } else if rehearsal.differing.is_empty() && rehearsal.tasks.iter().all(is_back) {
        ExitStatus::RolledBack
    } else {
        ExitStatus::NotRolledBack
    }
}

impl Directions {
    fn read(file: &Path, shell: &Shell) -> Result<Self, Failure> {
        let (path, shown) = (shell.environment.path(file), file.display().to_string());
        let bytes = read_file_up_to(&path, read::FILE_BYTES_MAX).map_err(|error| {
            Failure::new(format!("the rehearsal target `{shown}` cannot be read"))
                .caused_by(&error)
                .next("write one: see docs/rehearsals.md")
        })?;
        let said: TargetFile = read::yaml(&bytes).map_err(|error| Failure::unreadable(&shown, error))?;
        let target = said.to_domain().map_err(|error| {
            Failure::new(format!("`{shown}` cannot be used"))
                .at(format!("{shown}: {}", error.field), error.message)
        })?;
        let digest = said.digest().map_err(|error| Failure::of(&error))?;
        let own = path.parent().map(Path::to_owned).unwrap_or_default();
        Ok(Self { target, digest, folder: said.folder.map(|folder| own.join(folder)), shown })
    }

    /// What is rehearsed, with everything sent to the target; refused while anything would reach production.
    fn sent(&self, assignment: &Assignment) -> Result<Rehearsable, Failure> {
        let Some(plan) = &assignment.plan else { return Err(runner::RunnerError::NoPlan.into()) };
        let what = self.target.send(plan, assignment.rollback_plan.as_ref());
        let what = what.map_err(|faults| self.refused(&faults))?;
        if what.plan.steps.is_empty() {
            let said = "nothing of the plan can be rehearsed: every step is for a person or watches traffic";
            return Err(Failure::new(said));
        }
        Ok(what)
    }

    fn refused(&self, faults: &[NotElsewhere]) -> Failure {
        let said = format!(
            "the target `{}` does not keep {} parts of the plan away from production: nothing was run",
            self.target.name,
            faults.len()
        );
        let failure = Failure::new(said).with_status(ExitStatus::Refused);
        let shown = faults.iter().take(FAULTS_SHOWN_MAX);
        let failure = shown.fold(failure, |failure, fault| failure.at(fault.task.to_string(), &*fault.what));
        failure.next(format!("say in `{}` what stands in their place", self.shown))
    }

    fn evidence(
        &self,
        assignment: &Assignment,
        what: Rehearsable,
        rehearsed: Rehearsed,
    ) -> Result<Rehearsal, Failure> {
        let Rehearsed { host, duration, tasks, captures, differing, left_in_place } = rehearsed;
        Ok(Rehearsal {
            digest: assignment.digest,
            target: self.target.name.clone(),
            target_digest: self.digest,
            host: Line::new(host).map_err(|error| Failure::of(&error))?,
            duration_millis: u64::try_from(duration.as_millis()).unwrap_or(u64::MAX),
            tasks,
            left_out: what.left_out,
            captures,
            differing,
            left_in_place,
        })
    }
}

impl<'a> Scene<'a> {
    fn set(
        machine: &Machine<'_>,
        id: ChangeId,
        change: &Change,
        directions: &Directions,
        args: &MachineArgs,
        shell: &'a Shell,
    ) -> Result<Self, Failure> {
        let made =
            state_folder(args, shell)?.join(REHEARSALS_FOLDER).join(format!("{id}-{}", std::process::id()));
        std::fs::create_dir_all(&made).map_err(|error| {
            Failure::new(format!("`{}` cannot be made", made.display())).caused_by(&error)
        })?;
        let variables = directions.target.variables.clone();
        let (folder, saved) = (made.join("tree"), made.join("saved"));
        let place = Place { change: id, folder, saved, variables };
        let mut scene = Self { shell, place, made, copied_from: None };
        match &directions.folder {
            Some(folder) => scene.place.folder = other_folder(folder, machine)?,
            None => {
                let (repository, commit) = commit(machine, change, directions)?;
                let checked_out = repository.check_out(&commit, &scene.place.folder);
                scene.copied_from = Some(repository);
                checked_out.map_err(|error| Failure::of(&error))?;
            }
        }
        Ok(scene)
    }
}

/// The commit that is asked for, or the one that is checked out where the change names none.
fn commit(
    machine: &Machine<'_>,
    change: &Change,
    directions: &Directions,
) -> Result<(Repository, CommitId), Failure> {
    let Some(checkout) = machine.checkout() else {
        return Err(Failure::new(
            "there is no git checkout of which a rehearsal could have a copy of its own",
        )
        .next(format!("name a folder to work in as `folder` in `{}`", directions.shown)));
    };
    let named = change.request.source.as_ref().and_then(|source| source.commit.as_deref());
    let commit = named.and_then(CommitId::parse).unwrap_or_else(|| checkout.head().clone());
    Ok((checkout.repository().clone(), commit))
}

/// A folder that is not the one in which the change itself would be carried out.
fn other_folder(folder: &Path, machine: &Machine<'_>) -> Result<PathBuf, Failure> {
    let unusable = |path: &Path, error: &std::io::Error| {
        Failure::new(format!("the target's `folder` `{}` cannot be used", path.display())).caused_by(error)
    };
    let whole = |path: &Path| path.canonicalize().map_err(|error| unusable(path, &error));
    let (folder, own) = (whole(folder)?, whole(machine.folder())?);
    if folder == own {
        return Err(Failure::new(format!(
            "the target's `folder` `{}` is the one in which the change itself is carried out",
            folder.display()
        ))
        .with_status(ExitStatus::Refused)
        .next("name another folder, or none for a working copy of the commit"));
    }
    Ok(folder)
}

impl Drop for Scene<'_> {
    fn drop(&mut self) {
        let copy = self.copied_from.as_ref().map(|repository| repository.remove_copy(&self.place.folder));
        if let Some(Err(error)) = copy {
            self.shell.warn(format!("the working copy `{}` is left: {error}", self.place.folder.display()));
        }
        if let Err(error) = std::fs::remove_dir_all(&self.made) {
            self.shell.warn(format!("the folder `{}` is left: {error}", self.made.display()));
        }
    }
}

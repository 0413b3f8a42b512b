//! The `sql` step as users write it.

use domain::plan;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::convert::exactly_one;
use super::{FullStep, Undo};
use crate::field::FieldError;

/// A migration: exactly one of `file` and `statements`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Sql {
    /// A file of the working tree.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Statements of SQL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statements: Option<String>,
    /// The variable of the runner's environment that holds the address of the database; in an undo, that of its step when
    /// absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database: Option<String>,
    /// Whether the step's undo is tried first, in a transaction that is rolled back; `true` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub try_undo: Option<bool>,
}

impl Sql {
    /// The migration of a step, with the undo that is tried before it.
    pub(super) fn to_domain(&self, step: &FullStep) -> Result<plan::Sql, FieldError> {
        let undo = match &step.undo {
            Some(Undo::Full(undo)) => undo.sql.as_ref(),
            Some(Undo::Line(_)) | None => None,
        };
        // A trial runs both scripts in one transaction, so in one database.
        let is_here = |undo: &&Self| undo.database.is_none() || undo.database == self.database;
        let tried_undo = undo.filter(is_here).filter(|_| self.try_undo.unwrap_or(true));
        if self.try_undo == Some(true) && tried_undo.is_none() {
            let expected = "expected an undo that is a migration of the same database, which can be tried; or leave it out";
            return Err(FieldError::new("sql.try_undo", expected));
        }
        let tried_undo = tried_undo.map(|undo| undo.script("undo.sql")).transpose()?;
        Ok(plan::Sql { script: self.script("sql")?, database: self.database(None)?, tried_undo })
    }

    /// The migration that undoes a step.
    pub(super) fn to_undo(&self, step: &FullStep) -> Result<plan::Sql, FieldError> {
        if self.try_undo.is_some() {
            return Err(FieldError::new("sql.try_undo", "expected in the step, not in its undo"));
        }
        let database = self.database(step.sql.as_ref())?;
        Ok(plan::Sql { script: self.script("sql")?, database, tried_undo: None })
    }

    fn script(&self, field: &str) -> Result<plan::Script, FieldError> {
        let script = exactly_one(
            "file and statements",
            vec![
                self.file.clone().map(|path| Ok(plan::Script::File { path })),
                self.statements.clone().map(|statements| Ok(plan::Script::Inline { statements })),
            ],
        );
        script.map_err(|error| error.under(field))
    }

    fn database(&self, undone: Option<&Self>) -> Result<String, FieldError> {
        let database = self.database.clone().or_else(|| undone.and_then(|undone| undone.database.clone()));
        database.ok_or_else(|| {
            FieldError::new(
                "sql.database",
                "expected the variable that holds the address, such as `DATABASE_URL`",
            )
        })
    }

    /// As a step with this undo.
    pub(super) fn from_domain(sql: &plan::Sql, undo: Option<&plan::StepKind>) -> Self {
        let is_tried_by_itself =
            matches!(undo, Some(plan::StepKind::Sql(undo)) if undo.database == sql.database);
        let try_undo = (is_tried_by_itself && sql.tried_undo.is_none()).then_some(false);
        let (file, statements) = match &sql.script {
            plan::Script::File { path } => (Some(path.clone()), None),
            plan::Script::Inline { statements } => (None, Some(statements.clone())),
        };
        Self { file, statements, database: Some(sql.database.clone()), try_undo }
    }
}

#[cfg(test)]
mod tests {
    use domain::plan::StepKind;

    use crate::plan::ImplementationPlan;

    fn tried(yaml: &str) -> Result<bool, String> {
        let plan: ImplementationPlan = crate::read::yaml(yaml.as_bytes()).unwrap();
        let plan = plan.to_domain().map_err(|error| error.to_string())?;
        let written = ImplementationPlan::from_domain(&plan);
        assert_eq!(written.to_domain().unwrap(), plan);
        let StepKind::Sql(sql) = &plan.steps[0].kind else { panic!("{plan:?}") };
        Ok(sql.tried_undo.is_some())
    }

    #[test]
    fn an_undo_is_tried_only_in_the_database_in_which_it_runs() {
        let plan = |undone_in: &str, trial: &str| {
            format!(
                "strategy: all_at_once\nsteps: [{{name: add, sql: {{statements: create table a(), database: SHOP{trial}}}, \
                 undo: {{sql: {{statements: drop table a{undone_in}}}}}}}]"
            )
        };
        assert_eq!(tried(&plan("", "")), Ok(true));
        assert_eq!(tried(&plan(", database: SHOP", "")), Ok(true));
        assert_eq!(tried(&plan("", ", try_undo: false")), Ok(false));
        assert_eq!(tried(&plan(", database: BILLS", "")), Ok(false));
        let error = tried(&plan(", database: BILLS", ", try_undo: true")).unwrap_err();
        assert!(error.contains("a migration of the same database"), "{error}");
    }
}

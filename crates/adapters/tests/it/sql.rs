//! `sql` steps on a real PostgreSQL.

use std::time::{Duration, Instant};

use adapters::execute::{Execution, ExecutionContext};
use domain::plan::{Script, Sql, StepKind};
use testkit::PrivatePostgres;

use crate::execute_workbench::{AMPLE, SUCCEEDED, TIMED_OUT, Workbench, perform, reason};

/// A database of its own.
struct Shop {
    name: &'static str,
    address: String,
}

impl Shop {
    fn open(name: &'static str) -> Self {
        let address = PrivatePostgres::shared().unwrap().database(name).unwrap();
        let shop = Self { name, address };
        shop.ask(
            "create table item (id int primary key, name text not null); insert into item values (1, 'cup')",
        );
        shop
    }

    fn ask(&self, sql: &str) -> String {
        PrivatePostgres::shared().unwrap().sql(self.name, sql).unwrap()
    }

    fn context(&self, bench: &Workbench) -> ExecutionContext {
        bench.context_with(&[("DATABASE_URL", &self.address)])
    }

    async fn migrate(&self, bench: &Workbench, up: &str, down: Option<&str>) -> Execution {
        perform(&migration(up, down), AMPLE, &self.context(bench)).await
    }

    fn columns(&self) -> String {
        self.ask("select string_agg(attname, ' ' order by attnum) from pg_attribute where attrelid = 'item'::regclass and attnum > 0 and not attisdropped")
    }
}

fn inline(statements: &str) -> Script {
    Script::Inline { statements: statements.to_owned() }
}

fn migration(up: &str, down: Option<&str>) -> StepKind {
    let database = "DATABASE_URL".to_owned();
    StepKind::Sql(Sql { script: inline(up), database, tried_undo: down.map(inline) })
}

const UP: &str =
    "alter table item add column price int not null default 0; create index by_price on item (price) -- fast";
const DOWN: &str = "alter table item drop column if exists price";

#[tokio::test]
async fn a_migration_runs_wholly_or_not_at_all() {
    let (bench, shop) = (Workbench::new(), Shop::open("steps_whole"));
    let execution = shop.migrate(&bench, UP, Some(DOWN)).await;
    assert_eq!(execution.result, SUCCEEDED, "{execution:?}");
    assert_eq!(shop.columns(), "id name price");
    let undone = shop.migrate(&bench, DOWN, None).await;
    assert_eq!((undone.result, shop.columns().as_str()), (SUCCEEDED, "id name"));

    let failing = "insert into item values (2, 'jug'); insert into item values (1, 'twice')";
    let execution = shop.migrate(&bench, failing, None).await;
    assert!(reason(&execution).contains("duplicate key value"), "{execution:?}");
    assert_eq!(shop.ask("select count(*) from item"), "1");
}

#[tokio::test]
async fn scripts_in_files_are_read_from_the_working_folder() {
    let (bench, shop) = (Workbench::new(), Shop::open("steps_files"));
    bench.write("up.sql", UP);
    let file = |path: &str| {
        let script = Script::File { path: path.to_owned() };
        StepKind::Sql(Sql { script, database: "DATABASE_URL".to_owned(), tried_undo: Some(inline(DOWN)) })
    };
    let execution = perform(&file("up.sql"), AMPLE, &shop.context(&bench)).await;
    assert_eq!(execution.result, SUCCEEDED, "{execution:?}");
    assert!(execution.log.contains("up.sql (sha256 "), "{}", execution.log);
    let execution = perform(&file("gone.sql"), AMPLE, &shop.context(&bench)).await;
    assert!(reason(&execution).contains("`gone.sql` cannot be read"), "{execution:?}");
}

#[tokio::test]
async fn an_undo_that_does_not_bring_the_schema_back_is_found_before_anything_happens() {
    let (bench, shop) = (Workbench::new(), Shop::open("steps_trial"));
    for (up, down, expected) in [
        (UP, "drop index if exists by_price", "after the script and its undo the schema is not as before:"),
        (UP, "alter table item drop column price", "column \"price\" of relation \"item\" does not exist"),
        (
            UP,
            "alter table item drop column if exists price, drop column if exists name",
            "after the undo alone the schema",
        ),
        ("alter table item add column price int", "create table rest ()", "after the undo alone the schema"),
        (
            "create function f() returns int language sql as 'select 1'",
            "select 1",
            "after the script and its undo",
        ),
        (
            "create type mood as enum ('sad'); create view v as select 1 as one",
            "drop view if exists v",
            "after the script and its undo",
        ),
    ] {
        let execution = shop.migrate(&bench, up, Some(down)).await;
        assert!(reason(&execution).starts_with("trial of the undo"), "{execution:?}");
        assert!(reason(&execution).contains(expected), "{execution:?}");
        assert_eq!(shop.columns(), "id name");
    }
    let execution = shop.migrate(&bench, UP, Some("drop index if exists by_price")).await;
    assert!(
        execution.log.contains("new: column public.item.price 3 integer not null 0"),
        "{}",
        execution.log
    );
    assert_eq!(shop.ask("select count(*) from pg_class where relname in ('by_price', 'rest')"), "0");
}

/// The runner was killed after the commit and before its report.
#[tokio::test]
async fn a_migration_that_took_effect_is_repeated_with_its_undo_tried() {
    let (bench, shop) = (Workbench::new(), Shop::open("steps_again"));
    let up = "alter table item add column if not exists price int not null default 0";
    assert_eq!(shop.migrate(&bench, up, Some(DOWN)).await.result, SUCCEEDED);
    let repeat =
        async |down| perform(&migration(up, Some(down)), AMPLE, &shop.context(&bench).repeated()).await;
    let execution = repeat(DOWN).await;
    assert_eq!((execution.result, shop.columns().as_str()), (SUCCEEDED, "id name price"));
    let execution = repeat("select 1").await;
    assert_eq!(execution.result, SUCCEEDED, "nothing tells that this undo did not bring it back");
    let execution = repeat("alter table item drop column price").await;
    assert!(
        reason(&execution).contains("column \"price\" of relation \"item\" does not exist"),
        "{execution:?}"
    );
    assert_eq!(shop.columns(), "id name price");
}

#[tokio::test]
async fn a_script_that_is_more_than_one_transaction_is_not_begun() {
    let (bench, shop) = (Workbench::new(), Shop::open("steps_unfit"));
    for (up, expected) in [
        (
            "insert into item values (2, 'jug'); commit; select 1",
            "`commit; select 1` begins or ends a transaction",
        ),
        ("select 1 \\g | touch ran", "begins a command of psql"),
    ] {
        let execution = shop.migrate(&bench, up, None).await;
        assert!(reason(&execution).contains(expected), "{execution:?}");
    }
    // What hides from a reader does not get past the database.
    let execution =
        shop.migrate(&bench, "do $$ begin insert into item values (2, 'jug'); commit; end $$", None).await;
    assert!(reason(&execution).contains("invalid transaction termination"), "{execution:?}");
    assert_eq!((shop.ask("select count(*) from item").as_str(), bench.read("ran")), ("1", None));
}

#[tokio::test]
async fn a_migration_that_takes_too_long_leaves_nothing_and_the_server_stops_too() {
    let (bench, shop) = (Workbench::new(), Shop::open("steps_long"));
    let up = "insert into item values (2, 'jug'); select pg_sleep(300)";
    let began = Instant::now();
    let execution = perform(&migration(up, None), Duration::from_secs(1), &shop.context(&bench)).await;
    assert_eq!(execution.result, TIMED_OUT, "{execution:?}");
    while shop.ask("select count(*) from pg_stat_activity where query like '%pg_sleep(300)%' and pid <> pg_backend_pid()") != "0" {
        assert!(began.elapsed() < Duration::from_secs(20), "the statement goes on");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(shop.ask("select count(*) from item"), "1");
}

#[tokio::test]
async fn passwords_never_leave_and_a_missing_address_is_named() {
    let bench = Workbench::new();
    let address = "postgresql://postgres:very-secret-password@127.0.0.1:1/none";
    let context = bench.context_with(&[("DATABASE_URL", address)]);
    let execution = perform(&migration("select 1", None), AMPLE, &context).await;
    assert!(reason(&execution).contains("failed: "), "{execution:?}");
    assert!(!format!("{execution:?}").contains("very-secret"), "{execution:?}");
    let execution = perform(&migration("select 1", None), AMPLE, &bench.context()).await;
    assert!(
        reason(&execution).contains("the variable `DATABASE_URL` is not set where the runner runs"),
        "{execution:?}"
    );
}

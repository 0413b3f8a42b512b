//! Snapshots of real files and programs: taken, found after a restart, put back, compared.

use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

use adapters::snapshot::{
    FILE_BYTES_MAX, Item, RestoreReport, Restored, Snapshot, SnapshotError, SnapshotId, SnapshotStore,
};
use domain::canonical::Digest;
use domain::plan::definition::CAPTURES_TOTAL_MAX;
use domain::plan::{Capture, Command};
use tokio_util::sync::CancellationToken;

use crate::execute_workbench::{PATIENCE, Workbench, program, shell};

fn id(run: u64) -> SnapshotId {
    SnapshotId { change: "CHG-2026-000123".parse().unwrap(), run }
}

fn file(path: &str) -> Capture {
    Capture::File { path: path.to_owned() }
}

fn output(command: Command) -> Capture {
    Capture::Command { command, timeout_millis: 10_000 }
}

fn store(bench: &Workbench) -> SnapshotStore {
    SnapshotStore::open(bench.path("snapshots")).unwrap()
}

async fn take_run(bench: &Workbench, run: u64, captures: &[Capture]) -> Snapshot {
    store(bench).take(id(run), captures, &bench.context(), &CancellationToken::new()).await.unwrap()
}

async fn try_take(bench: &Workbench, captures: &[Capture]) -> Result<Snapshot, SnapshotError> {
    store(bench).take(id(1), captures, &bench.context(), &CancellationToken::new()).await
}

async fn take(bench: &Workbench, captures: &[Capture]) -> Snapshot {
    try_take(bench, captures).await.unwrap()
}

async fn restore(bench: &Workbench, snapshot: &Snapshot) -> RestoreReport {
    store(bench).restore(snapshot, &bench.context(), &CancellationToken::new()).await
}

fn results(report: RestoreReport) -> Vec<Restored> {
    report.items.into_iter().map(|item| item.result).collect()
}

#[track_caller]
fn reason(result: &Restored) -> &str {
    match result {
        Restored::Failed { reason } => reason,
        other => panic!("expected a failure, got {other:?}"),
    }
}

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o7777
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[tokio::test]
async fn changed_and_deleted_files_are_put_back_with_their_mode_and_new_ones_are_removed() {
    let bench = Workbench::new();
    bench.write("config", "old\n");
    set_mode(&bench.path("config"), 0o640);
    bench.write("deleted", "was here");
    bench.write("mode-only", "same");
    bench.write("untouched", "same");
    let captures = ["config", "deleted", "mode-only", "untouched", "new", "never"].map(file);
    let snapshot = take(&bench, &captures).await;

    bench.write("config", "new\n");
    std::fs::remove_file(bench.path("deleted")).unwrap();
    set_mode(&bench.path("mode-only"), 0o777);
    bench.write("new", "made by a step");
    let inode = bench.path("untouched").metadata().unwrap().ino();

    let report = restore(&bench, &snapshot).await;
    assert!(report.is_complete());
    use Restored::{PutBack, Removed, Unchanged};
    assert_eq!(results(report), [PutBack, PutBack, PutBack, Unchanged, Removed, Unchanged]);
    assert_eq!(bench.read("config").as_deref(), Some("old\n"));
    assert_eq!(mode(&bench.path("config")), 0o640);
    assert_eq!(bench.read("deleted").as_deref(), Some("was here"));
    assert_ne!(mode(&bench.path("mode-only")), 0o777);
    assert_eq!(bench.path("untouched").metadata().unwrap().ino(), inode, "not even rewritten");
    assert_eq!(bench.read("new"), None);

    assert_eq!(
        results(restore(&bench, &snapshot).await),
        vec![Unchanged; 6],
        "a second time changes nothing"
    );
    let left: Vec<_> =
        std::fs::read_dir(bench.path("")).unwrap().flatten().map(|entry| entry.file_name()).collect();
    assert_eq!(left.len(), 5, "no temporary file is left: {left:?}");
}

#[tokio::test]
async fn files_are_put_back_whole_in_place_of_what_a_step_left_there() {
    let bench = Workbench::new();
    bench.write("elsewhere", "must stay");
    for name in ["now-a-link", "now-a-folder", "in/gone/folder"] {
        std::fs::create_dir_all(bench.path(name).parent().unwrap()).unwrap();
        bench.write(name, name);
    }
    let snapshot = take(&bench, &["now-a-link", "now-a-folder", "in/gone/folder"].map(file)).await;
    std::fs::remove_file(bench.path("now-a-link")).unwrap();
    symlink(bench.path("elsewhere"), bench.path("now-a-link")).unwrap();
    std::fs::remove_file(bench.path("now-a-folder")).unwrap();
    std::fs::create_dir(bench.path("now-a-folder")).unwrap();
    std::fs::remove_dir_all(bench.path("in")).unwrap();

    let report = restore(&bench, &snapshot).await;
    assert!(!report.is_complete());
    let results = results(report);
    assert_eq!(results[0], Restored::PutBack);
    assert_eq!(bench.read("elsewhere").as_deref(), Some("must stay"));
    assert!(reason(&results[1]).contains("now-a-folder` cannot be put back"), "{results:?}");
    assert_eq!(results[2], Restored::PutBack);
    assert_eq!(bench.read("in/gone/folder").as_deref(), Some("in/gone/folder"));
}

#[tokio::test]
async fn a_file_behind_a_switched_link_is_put_back_where_it_was() {
    let bench = Workbench::new();
    for release in ["one", "two"] {
        std::fs::create_dir(bench.path(release)).unwrap();
        bench.write(&format!("{release}/config"), release);
    }
    symlink("one", bench.path("current")).unwrap();
    let snapshot = take(&bench, &[file("current/config")]).await;
    bench.write("one/config", "spoiled");
    std::fs::remove_file(bench.path("current")).unwrap();
    symlink("two", bench.path("current")).unwrap();
    assert_eq!(results(restore(&bench, &snapshot).await), [Restored::PutBack]);
    assert_eq!(bench.read("one/config").as_deref(), Some("one"));
    assert_eq!(bench.read("two/config").as_deref(), Some("two"));
}

#[tokio::test]
async fn the_owner_of_a_file_is_kept() {
    let bench = Workbench::new();
    bench.write("config", "old");
    if std::os::unix::fs::chown(bench.path("config"), Some(1234), Some(1235)).is_err() {
        println!("skipped: only a privileged user may give files away");
        return;
    }
    let snapshot = take(&bench, &[file("config")]).await;
    std::fs::remove_file(bench.path("config")).unwrap();
    bench.write("config", "new");
    assert_eq!(results(restore(&bench, &snapshot).await), [Restored::PutBack]);
    let found = bench.path("config").metadata().unwrap();
    assert_eq!((found.uid(), found.gid()), (1234, 1235));
}

#[tokio::test]
async fn what_is_not_a_regular_file_is_refused_and_nothing_is_kept() {
    let bench = Workbench::new();
    bench.write("target", "x");
    symlink("target", bench.path("link")).unwrap();
    std::fs::create_dir(bench.path("folder")).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(bench.path("pipe")).status().unwrap().success());
    for (name, expected) in [
        ("link", "is not a regular file but a symbolic link; capture the file it points to"),
        ("folder", "is not a regular file but a folder; capture its files"),
        ("pipe", "is not a regular file but a pipe"),
        ("/dev/null", "is not a regular file but a device"),
        ("no/such/../folder", "names no file"),
        ("/", "names no file"),
    ] {
        let error = try_take(&bench, &[file("target"), file(name)]).await.unwrap_err().to_string();
        assert!(error.contains(expected), "{name}: {error}");
    }
    assert_eq!(std::fs::read_dir(bench.path("snapshots/CHG-2026-000123")).unwrap().count(), 0);
}

#[tokio::test]
async fn too_much_is_refused() {
    let bench = Workbench::new();
    let sparse = |name: &str, bytes| std::fs::File::create(bench.path(name)).unwrap().set_len(bytes).unwrap();
    sparse("large", FILE_BYTES_MAX + 1);
    let error = try_take(&bench, &[file("large")]).await.unwrap_err();
    assert!(matches!(error, SnapshotError::FileTooLarge { .. }), "{error}");
    let names = ["a", "b", "c", "d", "e"];
    for name in names {
        sparse(name, FILE_BYTES_MAX);
    }
    let error = try_take(&bench, &names.map(file)).await.unwrap_err();
    assert!(matches!(error, SnapshotError::SnapshotTooLarge { .. }), "{error}");
    let count = CAPTURES_TOTAL_MAX + 1;
    let error = try_take(&bench, &vec![file("a"); count]).await.unwrap_err();
    assert!(matches!(error, SnapshotError::TooMany { .. }), "{error}");
}

#[tokio::test]
async fn a_snapshot_is_found_after_a_restart_by_change_and_run() {
    let bench = Workbench::new();
    bench.write("config", "old");
    let taken = take(&bench, &[file("config"), file("absent"), output(shell("echo hello"))]).await;
    let found = store(&bench).load(id(1)).await.unwrap();
    assert_eq!(found.as_ref(), Some(&taken));
    assert_eq!(found.unwrap().digest().unwrap(), taken.digest().unwrap());
    assert_eq!(store(&bench).load(id(2)).await.unwrap(), None);
    let error = try_take(&bench, &[file("config")]).await.unwrap_err().to_string();
    assert_eq!(error, "CHG-2026-000123 run 1 has a snapshot already: load it instead of taking another one");
    store(&bench).remove(id(1)).await.unwrap();
    store(&bench).remove(id(1)).await.unwrap();
    assert_eq!(store(&bench).load(id(1)).await.unwrap(), None);
}

#[tokio::test]
async fn a_snapshot_that_was_broken_off_is_taken_anew() {
    let bench = Workbench::new();
    bench.write("config", "old");
    std::fs::create_dir_all(bench.path("snapshots/CHG-2026-000123/1")).unwrap();
    bench.write("snapshots/CHG-2026-000123/1/0000", "half of something");
    assert_eq!(store(&bench).load(id(1)).await.unwrap(), None);
    let snapshot = take(&bench, &[file("config")]).await;
    bench.write("config", "new");
    assert_eq!(results(restore(&bench, &snapshot).await), [Restored::PutBack]);
    assert_eq!(bench.read("config").as_deref(), Some("old"));
}

#[tokio::test]
async fn what_is_kept_is_closed_to_others() {
    let bench = Workbench::new();
    bench.write("config", "secret");
    set_mode(&bench.path("config"), 0o666);
    std::fs::create_dir(bench.path("snapshots")).unwrap();
    set_mode(&bench.path("snapshots"), 0o777);
    take(&bench, &[file("config")]).await;
    for folder in ["snapshots", "snapshots/CHG-2026-000123", "snapshots/CHG-2026-000123/1"] {
        assert_eq!(mode(&bench.path(folder)), 0o700, "{folder}");
    }
    for kept in ["0000", "manifest.json"] {
        assert_eq!(mode(&bench.path(&format!("snapshots/CHG-2026-000123/1/{kept}"))), 0o600, "{kept}");
    }
}

#[tokio::test]
async fn a_damaged_copy_is_reported_and_not_put_back() {
    let bench = Workbench::new();
    bench.write("config", "old");
    let snapshot = take(&bench, &[file("config")]).await;
    bench.write("config", "new");
    bench.write("snapshots/CHG-2026-000123/1/0000", "olD");
    let report = restore(&bench, &snapshot).await;
    assert!(!report.is_complete());
    assert!(reason(&report.items[0].result).contains("is damaged"), "{report:?}");
    assert_eq!(bench.read("config").as_deref(), Some("new"));
}

#[tokio::test]
async fn a_damaged_manifest_is_refused() {
    let bench = Workbench::new();
    bench.write("config", "old");
    take(&bench, &[file("config")]).await;
    let manifest = "snapshots/CHG-2026-000123/1/manifest.json";
    let good = bench.read(manifest).unwrap();
    for (bad, expected) in [
        (good.replace("config", "confih"), "its digest is not the recorded one"),
        (good.replace("\"run\": 1", "\"run\": 2"), "its digest is not the recorded one"),
        (good.replace("\"format\": 1", "\"format\": 2"), "its format is not known to this version"),
        (good.replace("\"digest\"", "\"digits\""), "unknown field `digits`"),
        (good[..good.len() / 2].to_owned(), "EOF"),
    ] {
        bench.write(manifest, &bad);
        let error = store(&bench).load(id(1)).await.unwrap_err().to_string();
        assert!(error.contains("is damaged") && error.contains(expected), "{error}");
    }
    std::fs::create_dir(bench.path("snapshots/CHG-2026-000123/2")).unwrap();
    bench.write("snapshots/CHG-2026-000123/2/manifest.json", &good);
    let error = store(&bench).load(id(2)).await.unwrap_err().to_string();
    assert!(error.contains("it belongs to another run"), "{error}");
}

#[tokio::test]
async fn equal_captures_are_taken_once_and_each_has_its_item() {
    let bench = Workbench::new();
    std::fs::create_dir(bench.path("inner")).unwrap();
    bench.write("config", "old");
    let absolute = bench.path("config").to_str().unwrap().to_owned();
    let again = output(shell("echo x | tee -a ran"));
    let captures = [file("config"), again.clone(), file("inner/../config"), file(&absolute), again];
    let snapshot = take(&bench, &captures).await;
    assert_eq!(snapshot.items.len(), captures.len());
    assert_eq!(snapshot.items[0], snapshot.items[2]);
    assert_eq!(snapshot.items[0], snapshot.items[3]);
    assert_eq!(snapshot.items[1], snapshot.items[4]);
    assert_eq!(bench.read("ran").as_deref(), Some("x\n"));
    assert_eq!(snapshot.items[0].digest(), Some(Digest::of_bytes(b"old")));
    assert_eq!(snapshot.items[1].digest(), Some(Digest::of_bytes(b"x\n")));
    assert_eq!(take_run(&bench, 2, &[file("absent")]).await.items[0].digest(), None);
}

#[tokio::test]
async fn outputs_are_compared_after_files_have_been_put_back() {
    let bench = Workbench::new();
    bench.write("config", "old");
    bench.write("state", "old");
    let captures = [output(shell("cat config; exit 3")), output(shell("cat state")), file("config")];
    let snapshot = take(&bench, &captures).await;
    bench.write("config", "new");
    bench.write("state", "new");
    let report = restore(&bench, &snapshot).await;
    assert!(report.is_complete(), "other output is reported, not fatal");
    assert_eq!(report.items[0].name, "/bin/sh -c cat config; exit 3");
    let as_before: Vec<bool> = report.items.iter().map(|item| item.result.is_as_before()).collect();
    assert_eq!(as_before, [true, false, true]);
    let results = results(report);
    assert_eq!((&results[0], &results[2]), (&Restored::SameOutput, &Restored::PutBack));
    let Restored::OtherOutput { before, after } = &results[1] else { panic!("{results:?}") };
    assert_eq!((before.text.as_str(), after.text.as_str()), ("old", "new"));
}

#[tokio::test]
async fn a_program_without_an_output_is_no_snapshot() {
    let bench = Workbench::new();
    let hanging = Capture::Command { command: shell("sleep 300"), timeout_millis: 100 };
    for (capture, expected) in [
        (output(program(&["no-such-program"])), "`no-such-program` has no output:"),
        (output(shell("kill -TERM $$")), "ended by SIGTERM (15)"),
        (hanging, "did not end within 100 ms"),
    ] {
        let error = try_take(&bench, &[capture]).await.unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    assert_eq!(store(&bench).load(id(1)).await.unwrap(), None);
}

#[tokio::test]
async fn taking_can_be_cancelled() {
    let bench = Workbench::new();
    let cancel = CancellationToken::new();
    let (context, store) = (bench.context(), store(&bench));
    let captures = [output(shell("sleep 300"))];
    let (taken, ()) = tokio::join!(store.take(id(1), &captures, &context, &cancel), async {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        cancel.cancel();
    });
    assert!(matches!(taken, Err(SnapshotError::Cancelled)), "{taken:?}");
    assert_eq!(store.load(id(1)).await.unwrap(), None);
}

#[tokio::test]
async fn secrets_are_masked_in_outputs_and_names() {
    let bench = Workbench::new();
    let mut command = shell("echo $DB_PASSWORD; echo plan-secret");
    command.environment.insert("DB_PASSWORD".to_owned(), "plan-secret".to_owned());
    let snapshot = take(&bench, &[output(command)]).await;
    let Item::Output { output, .. } = &snapshot.items[0] else { panic!("{snapshot:?}") };
    assert_eq!(output.text, "***\n***\n");
    let report = tokio::time::timeout(PATIENCE, restore(&bench, &snapshot)).await.unwrap();
    assert_eq!(report.items[0].name, "/bin/sh -c echo $DB_PASSWORD; echo ***");
}

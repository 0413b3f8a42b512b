//! The CMDB from the command line: manifests in a folder become items of a real server, and are read back.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::world::World;

const CART: &str = "apiVersion: apps/v1
kind: Deployment
metadata:
  name: cart
  namespace: shop
spec:
  selector: {matchLabels: {app: cart}}
  template:
    metadata: {labels: {app: cart}}
    spec:
      containers:
        - name: cart
          image: registry.example/cart:1.2
          env:
            - name: DATABASE_HOST
              value: postgres.shop.svc.cluster.local
          envFrom:
            - configMapRef: {name: cart}
";
const POSTGRES: &str = "apiVersion: v1
kind: Service
metadata: {name: postgres, namespace: shop}
spec: {selector: {app: postgres}}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: postgres, namespace: shop}
spec:
  selector: {matchLabels: {app: postgres}}
  template:
    metadata: {labels: {app: postgres}}
    spec: {containers: [{name: postgres, image: 'registry.example/postgres:16'}]}
";
const TEMPLATE: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Release.Name }}\n";
const IMPORT: [&str; 7] = ["cmdb", "import", "deploy", "--from", "kubernetes", "--source", "kubernetes:shop"];

fn manifests(world: &World) -> Result<PathBuf> {
    let folder = world.folder().join("deploy");
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join("cart.yaml"), CART)?;
    std::fs::write(folder.join("postgres.yaml"), POSTGRES)?;
    std::fs::write(folder.join("template.yaml"), TEMPLATE)?;
    Ok(folder)
}

fn import(more: &[&'static str]) -> Vec<&'static str> {
    IMPORT.iter().chain(more).copied().collect()
}

fn json(text: &str) -> Result<Value> {
    Ok(serde_json::from_str(text)?)
}

#[test]
fn a_folder_of_manifests_is_imported_read_and_withdrawn() -> Result<()> {
    let world = World::start(None)?;
    let folder = manifests(&world)?;
    // Told first, without a trace.
    let told = world.run_as_admin(&import(&["--dry-run"]))?.ended_with(0);
    assert!(told.stdout.lines().any(|line| line == "+ Deployment/shop/cart"), "{}", told.stdout);
    told.said(&["template.yaml", "line 4", "kubernetes:shop: would be", "new"]);
    assert_eq!(json(&world.admin(&["cmdb", "list", "--output", "json"])?)?["items"], Value::Array(vec![]));
    // Then done, once.
    world
        .run_as_admin(&import(&["--strict"]))?
        .ended_with(1)
        .said(&["nothing was imported, because of 1 problem"]);
    let first = json(&world.run_as_admin(&import(&["--output", "json"]))?.ended_with(0).stdout)?;
    let new = first["edited"]["new"].as_u64().context("a count")?;
    assert!(new >= 5, "{first}");
    assert_eq!((first["problems"][0]["line"].as_u64(), first["files"].as_u64()), (Some(4), Some(3)));
    let unchanged = format!("0 new, 0 changed, 0 withdrawn, {new} unchanged");
    let again = world.run_as_admin(&import(&[]))?.ended_with(0).said(&[&unchanged]);
    assert_eq!(again.stdout, "");
    // Read back: what leans on the database, and why.
    let listed = world.admin(&["cmdb", "list", "--type", "workload"])?;
    assert!(listed.contains("Deployment/shop/cart") && listed.contains("kubernetes:shop"), "{listed}");
    let cart = world.admin(&["cmdb", "show", "Deployment/shop/cart"])?;
    assert!(cart.contains("Service/shop/postgres (hard)") && cart.contains("DATABASE_HOST"), "{cart}");
    assert!(cart.contains("ConfigMap/shop/cart (hard, only named)"), "{cart}");
    let impact = world.admin(&["cmdb", "impact", "StatefulSet/shop/postgres"])?;
    assert!(
        impact.contains("→ Service/shop/postgres") && impact.contains("→ Deployment/shop/cart"),
        "{impact}"
    );
    let named = world.admin(&["cmdb", "list", "--only-named"])?;
    assert!(named.contains("ConfigMap/shop/cart") && !named.contains("Deployment/shop/cart"), "{named}");
    let dot = world.admin(&["cmdb", "graph", "Deployment/shop/cart", "--format", "dot"])?;
    assert!(dot.contains("\"Deployment/shop/cart\" -> \"Service/shop/postgres\""), "{dot}");
    let missed = world.run_as_admin(&["cmdb", "show", "Deployment/shop/crat"])?.ended_with(1);
    missed.said(&[
        "there is no configuration item `Deployment/shop/crat`",
        "did you mean `Deployment/shop/cart`?",
    ]);
    // Withdrawn only when asked for, and never for what could not be read.
    std::fs::remove_file(folder.join("cart.yaml"))?;
    world.run_as_admin(&import(&[]))?.ended_with(0).said(&["0 withdrawn"]);
    let kept = world.run_as_admin(&import(&["--withdraw-missing"]))?.ended_with(0);
    kept.said(&["0 withdrawn", "nothing was withdrawn, because a part of the input could not be read"]);
    std::fs::remove_file(folder.join("template.yaml"))?;
    let gone = world.run_as_admin(&import(&["--withdraw-missing", "--dry-run"]))?.ended_with(0);
    assert!(gone.stdout.contains("- Deployment/shop/cart"), "{}", gone.stdout);
    world.run_as_admin(&import(&["--withdraw-missing"]))?.ended_with(0);
    let history = world.admin(&["cmdb", "history", "Deployment/shop/cart"])?;
    let lines: Vec<_> = history.lines().filter(|line| line.contains("described by")).collect();
    assert_eq!(lines.len(), 2, "{history}");
    assert!(
        lines[0].contains("no longer described by kubernetes:shop, written by bootstrap-admin"),
        "{history}"
    );
    Ok(())
}

#[test]
fn what_a_source_says_is_written_as_the_file_that_would_say_it() -> Result<()> {
    let world = World::start(None)?;
    manifests(&world)?;
    world.admin(&IMPORT)?;
    let file = world.admin(&["cmdb", "show", "Deployment/shop/cart", "--yaml"])?;
    std::fs::write(
        world.folder().join("cart.yaml"),
        file.replace("type: workload", "type: workload\n  tier: 0"),
    )?;
    let edited = world.run_as_admin(&["cmdb", "import", "cart.yaml", "--from", "yaml"])?.ended_with(0);
    edited.said(&["manual: 1 new"]);
    let item = json(&world.admin(&["cmdb", "show", "Deployment/shop/cart", "--output", "json"])?)?;
    assert_eq!((item["tier"]["value"].as_u64(), item["tier"]["source"].as_str()), (Some(0), Some("manual")));
    let said = |at: usize| item["sources"][at]["description"]["relations"].clone();
    assert_eq!(
        said(0).as_array().map(Vec::len),
        said(1).as_array().map(Vec::len),
        "every relation came along"
    );
    world
        .run_as_admin(&["cmdb", "show", "Deployment/shop/cart", "--yaml", "--source", "nobody"])?
        .ended_with(1)
        .said(&["no such source describes", "manual, kubernetes:shop"]);
    Ok(())
}

#[test]
fn what_cannot_be_meant_is_refused_before_anything_is_sent() -> Result<()> {
    let world = World::start(None)?;
    let check = |arguments: &[&str], status: i32, says: &str| -> Result<()> {
        world.run_as_admin(&[&["cmdb", "import"], arguments].concat())?.ended_with(status).said(&[says]);
        Ok(())
    };
    check(&["--from", "yaml"], 2, "name at least one file or folder")?;
    check(&["x", "--from", "cluster"], 2, "a cluster has no files")?;
    check(&["x", "--from", "csv"], 2, "needs `--mapping`")?;
    check(&["x", "--from", "yaml", "--context", "y"], 2, "go with `--from cluster`")?;
    check(&["x", "--from", "yaml", "--withdraw-missing"], 2, "--source")?;
    check(&["x", "--from", "yaml", "--source", " "], 2, "is not a source name")?;
    check(&["nowhere", "--from", "yaml"], 1, "nowhere")?;
    std::fs::create_dir(world.folder().join("empty"))?;
    check(&["empty", "--from", "kubernetes"], 1, "there is nothing to import")?;
    let catalog = ["empty/x.yaml", "--from", "yaml", "--source", "catalog"];
    std::fs::write(world.folder().join("empty/x.yaml"), "version: 1\nitems:\n  - {id: a, type: host}\n")?;
    check(&catalog, 1, "`catalog` is the file of services")?;
    Ok(())
}

/// Hundreds of real manifests, with templates and mistakes among them.
#[test]
fn real_manifests_are_imported_and_known_the_second_time() -> Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/gitops-manifests");
    if !folder.exists() {
        eprintln!("skipped: {} is not there", folder.display());
        return Ok(());
    }
    let world = World::start(None)?;
    let folder = folder.to_string_lossy().into_owned();
    let import =
        ["cmdb", "import", &folder, "--from", "kubernetes", "--source", "gitops", "--output", "json"];
    let first = json(&world.admin(&import)?)?;
    let new = first["edited"]["new"].as_u64().context("a count")?;
    assert!(new > 400, "{new}");
    let again = json(&world.admin(&import)?)?;
    assert_eq!(
        (again["edited"]["new"].as_u64(), again["edited"]["unchanged"].as_u64()),
        (Some(0), Some(new))
    );
    let page = json(&world.admin(&["cmdb", "list", "--all", "--source", "gitops", "--output", "json"])?)?;
    assert_eq!(page["items"].as_array().map(Vec::len), usize::try_from(new).ok());
    Ok(())
}

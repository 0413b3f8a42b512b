//! Every file that the CMDB is imported from: told first, imported once, and read back with its source.

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::world::World;

/// What one form of file says, and what must come of it.
struct Source {
    form: &'static str,
    file: &'static str,
    text: &'static str,
    mapping: Option<&'static str>,
    /// An item of it.
    item: &'static str,
    item_type: &'static str,
    /// To what that leans, and the kind of the relation.
    leans_on: (&'static str, &'static str),
}

const SOURCES: [Source; 5] = [
    Source {
        form: "backstage",
        file: "catalog-info.yaml",
        text: "apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata: {name: cart}\n\
               spec: {type: service, lifecycle: production, owner: team-cart, dependsOn: ['resource:carts']}\n---\n\
               apiVersion: backstage.io/v1alpha1\nkind: Resource\nmetadata: {name: carts}\n\
               spec: {type: database, owner: team-data}\n",
        mapping: None,
        item: "component:default/cart",
        item_type: "service",
        leans_on: ("resource:default/carts", "depends_on"),
    },
    Source {
        form: "terraform",
        file: "live.tfstate",
        text: r#"{"version": 4, "terraform_version": "1.9.0", "serial": 7, "lineage": "6f0c", "outputs": {}, "resources": [
            {"mode": "managed", "type": "aws_db_instance", "name": "carts", "provider": "provider[\"registry.terraform.io/hashicorp/aws\"]",
             "instances": [{"schema_version": 0, "attributes": {"id": "db-1", "engine": "postgres", "password": "hunter2"}}]},
            {"mode": "managed", "type": "aws_instance", "name": "cart", "provider": "provider[\"registry.terraform.io/hashicorp/aws\"]",
             "instances": [{"schema_version": 0, "attributes": {"id": "i-1", "tags": {"owner": "team-cart"}},
                            "dependencies": ["aws_db_instance.carts"]}]}]}"#,
        mapping: None,
        item: "live/aws_instance.cart",
        item_type: "host",
        leans_on: ("live/aws_db_instance.carts", "depends_on"),
    },
    Source {
        form: "cyclonedx",
        file: "cart.cdx.json",
        text: r#"{"bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1,
            "metadata": {"component": {"type": "application", "bom-ref": "cart", "name": "cart", "purl": "pkg:cargo/cart@2.4.0"}},
            "components": [{"type": "library", "bom-ref": "serde", "name": "serde", "version": "1.0.0", "purl": "pkg:cargo/serde@1.0.0"}],
            "dependencies": [{"ref": "cart", "dependsOn": ["serde"]}]}"#,
        mapping: None,
        item: "pkg:cargo/cart",
        item_type: "service",
        leans_on: ("pkg:cargo/serde", "depends_on"),
    },
    Source {
        form: "csv",
        file: "items.csv",
        text: "CI Name;Class;Criticality;Depends on\ncart;Application;1;carts\ncarts;Postgres;0;\n",
        mapping: Some(
            "delimiter = \";\"\nid_prefix = \"dc:\"\n\
             [columns]\nid = \"CI Name\"\ntype = \"Class\"\ntier = \"Criticality\"\n\
             [words.type]\nApplication = \"service\"\nPostgres = \"database\"\n\
             [[relations]]\ncolumn = \"Depends on\"\ntype = \"depends_on\"\n",
        ),
        item: "dc:cart",
        item_type: "service",
        leans_on: ("dc:carts", "depends_on"),
    },
    Source {
        form: "yaml",
        file: "items.yaml",
        text: "version: 1\nitems:\n  - {id: cart, type: service, relations: [{type: connects_to, to: carts}]}\n  - {id: carts, type: database}\n",
        mapping: None,
        item: "cart",
        item_type: "service",
        leans_on: ("carts", "connects_to"),
    },
];

fn json(text: &str) -> Result<Value> {
    Ok(serde_json::from_str(text)?)
}

#[test]
fn every_form_is_told_imported_once_and_read_back_with_its_source() -> Result<()> {
    let world = World::start(None)?;
    for source in &SOURCES {
        imported(&world, source).with_context(|| source.form)?;
    }
    let log = world.server_log()?;
    assert!(!log.contains("hunter2"), "a secret of a state is in the server's log");
    let everything = world.admin(&["cmdb", "show", "live/aws_db_instance.carts", "--output", "json"])?;
    assert!(!everything.contains("hunter2"), "{everything}");
    Ok(())
}

fn imported(world: &World, source: &Source) -> Result<()> {
    let Source { form, file, item, leans_on: (to, relation), .. } = source;
    std::fs::write(world.folder().join(file), source.text)?;
    // The id of a resource begins with the name of its state.
    let name = if *form == "terraform" { "live" } else { form };
    let mut import = vec!["cmdb", "import", file, "--from", form, "--source", name];
    if let Some(mapping) = source.mapping {
        std::fs::write(world.folder().join("mapping.toml"), mapping)?;
        import.extend(["--mapping", "mapping.toml"]);
    }
    let told = world.run_as_admin(&[import.as_slice(), &["--dry-run"]].concat())?.ended_with(0);
    assert!(told.stdout.contains(&format!("+ {item}")), "{}", told.stdout);
    world.run_as_admin(&["cmdb", "show", item])?.ended_with(1);
    let edited = json(&world.admin(&[import.as_slice(), &["--output", "json"]].concat())?)?;
    assert_eq!(edited["problems"], Value::Array(vec![]), "{edited}");
    let new = edited["edited"]["new"].as_u64().context("a count")?;
    let unchanged = format!("{name}: 0 new, 0 changed, 0 withdrawn, {new} unchanged");
    world.run_as_admin(&import)?.ended_with(0).said(&[&unchanged]);
    let shown = json(&world.admin(&["cmdb", "show", item, "--output", "json"])?)?;
    assert_eq!(shown["type"]["value"], source.item_type, "{shown}");
    assert_eq!(shown["type"]["source"], name, "{shown}");
    let relations = shown["sources"][0]["description"]["relations"].as_array().context("relations")?;
    let leans = relations.iter().any(|one| one["to"] == *to && one["type"] == *relation);
    assert!(leans, "{relations:?}");
    let impact = world.admin(&["cmdb", "impact", to])?;
    assert!(impact.contains(item), "{impact}");
    Ok(())
}

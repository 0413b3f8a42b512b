//! The CMDB: imports, sources, what a failure reaches, history, and what changes have to do with it.

use anyhow::{Context as _, Result};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::bad_input::{Case, case, check};
use crate::harness::{Database, Person, TestApp, eventually, on_both_databases, on_sqlite, small, text};
use crate::http::Ask;
use crate::team::team;

on_both_databases!(
    an_import_is_new_once_and_then_unchanged,
    two_sources_are_put_together_with_their_names,
    a_failure_reaches_dependents_by_the_way_that_explains_it,
    changes_that_named_an_item_are_found_from_it,
    rows_and_memory_follow_from_the_log,
);
on_sqlite!(
    a_dry_run_tells_every_difference_and_writes_nothing,
    what_is_only_named_is_listed_and_shown_as_such,
    lists_follow_filters_orders_and_pages,
    history_tells_who_said_what_since_when,
    the_file_of_services_is_a_source_like_others,
    bad_edits_get_a_problem_and_write_nothing,
    as_many_items_as_are_accepted_are_accepted,
    edits_at_once_are_all_kept,
    nobody_edits_without_the_right,
);

const EDIT: &str = "/api/v1/cmdb/edit";

/// A shop: a front end that calls a cart, which keeps its data in a database and reads a configuration; all of it in one
/// namespace that nobody describes.
fn shop() -> Value {
    let leans = |relation: &str, to: &str, strength: &str| json!({ "type": relation, "to": to, "strength": strength, "because": format!("{relation} {to}") });
    json!({
        "source": "kubernetes:shop",
        "describe": [
            {
                "id": "Deployment/shop/front", "type": "workload", "tier": 1, "owner": "shop-team",
                "environment": "production", "location": "shop/front.yaml:1",
                "relations": [leans("connects_to", "Deployment/shop/cart", "hard"), leans("runs_on", "Namespace/default/shop", "hard")],
            },
            {
                "id": "Deployment/shop/cart", "type": "workload", "attributes": { "kind": "Deployment" },
                "relations": [leans("connects_to", "StatefulSet/shop/postgres", "hard"), leans("uses", "ConfigMap/shop/cart", "soft")],
            },
            { "id": "StatefulSet/shop/postgres", "type": "database", "tier": 0, "compliance": ["PCI"] },
            { "id": "ConfigMap/shop/cart", "type": "configuration", "lifecycle": "deprecated" },
        ],
    })
}

/// The address of an item.
fn at(id: &str, rest: &str) -> String {
    format!("/api/v1/cmdb/items/{}{rest}", id.replace('/', "%2F"))
}

async fn ids(person: &Person, query: &str) -> Result<Vec<String>> {
    let page = person.get(&format!("/api/v1/cmdb/items?{query}")).await?;
    let items = page["items"].as_array().context("items")?;
    Ok(items.iter().map(|item| text(&item["id"]).to_owned()).collect())
}

/// How many items an edit made new, changed, left alone and withdrew.
fn counts(edited: &Value) -> [u64; 4] {
    ["new", "changed", "unchanged", "withdrawn"].map(|count| edited[count].as_u64().unwrap_or(u64::MAX))
}

async fn shopkeeper(database: Database) -> Result<(TestApp, Person)> {
    let app = TestApp::start_on(database, |_| {}).await?;
    let root = app.root();
    assert_eq!(counts(&root.post(EDIT, &shop()).await?), [4, 0, 0, 0]);
    Ok((app, root))
}

async fn an_import_is_new_once_and_then_unchanged(database: Database) -> Result<()> {
    let (app, root) = shopkeeper(database).await?;
    let before = app.log_size().await?;
    assert_eq!(counts(&root.post(EDIT, &shop()).await?), [0, 0, 4, 0]);
    // Another order of the same relations is no difference.
    let mut turned = shop();
    turned["describe"][1]["relations"].as_array_mut().context("relations")?.reverse();
    assert_eq!(counts(&root.post(EDIT, &turned).await?), [0, 0, 4, 0]);
    assert_eq!(app.log_size().await?, before, "nothing is written for what is known");
    turned["describe"][1]["tier"] = json!(2);
    let edited = root.post(EDIT, &turned).await?;
    assert_eq!(counts(&edited), [0, 1, 3, 0]);
    let expected = json!([{ "id": "Deployment/shop/cart", "difference": "changed",
        "fields": [{ "field": "tier", "before": null, "after": "2" }] }]);
    assert_eq!(edited["items"], expected);
    assert_eq!(app.log_size().await?, before + 2, "one event of the item, one of the CMDB");
    // Withdrawn once, absent afterwards.
    let gone = json!({ "source": "kubernetes:shop", "withdraw": ["ConfigMap/shop/cart"] });
    assert_eq!(counts(&root.post(EDIT, &gone).await?), [0, 0, 0, 1]);
    let again = root.post(EDIT, &gone).await?;
    assert_eq!((counts(&again), &again["absent"]), ([0, 0, 0, 0], &json!(1)));
    assert_eq!(again["items"][0]["difference"], "absent");
    assert_eq!(ids(&root, "").await?.len(), 3);
    let item = root.get(&at("ConfigMap/shop/cart", "")).await?;
    assert_eq!((&item["described"], &item["version"]), (&json!(false), &json!(2)));
    app.verified().await?;
    app.stop().await
}

async fn a_dry_run_tells_every_difference_and_writes_nothing(database: Database) -> Result<()> {
    let (app, root) = shopkeeper(database).await?;
    let before = app.log_size().await?;
    let cart = json!({
        "id": "Deployment/shop/cart", "type": "workload", "tier": 1, "attributes": { "kind": "Deployment" },
        "relations": [{ "type": "uses", "to": "ConfigMap/shop/cart", "because": "uses ConfigMap/shop/cart" }],
    });
    let edit = json!({
        "source": "kubernetes:shop",
        "describe": [cart, { "id": "Job/shop/migrate", "type": "job" }],
        "withdraw": ["StatefulSet/shop/postgres"],
    });
    let told = root.post(&format!("{EDIT}?dry_run=true"), &edit).await?;
    assert_eq!((counts(&told), &told["dry_run"]), ([1, 1, 0, 1], &json!(true)));
    let field = |field: &str, before: Value, after: Value| json!({ "field": field, "before": before, "after": after });
    let expected = json!([
        { "id": "Deployment/shop/cart", "difference": "changed", "fields": [
            field("relations.connects_to StatefulSet/shop/postgres", json!("hard, because of connects_to StatefulSet/shop/postgres"), Value::Null),
            field("relations.uses ConfigMap/shop/cart", json!("soft, because of uses ConfigMap/shop/cart"), json!("hard, because of uses ConfigMap/shop/cart")),
            field("tier", Value::Null, json!("1")),
        ] },
        { "id": "Job/shop/migrate", "difference": "new" },
        { "id": "StatefulSet/shop/postgres", "difference": "withdrawn" },
    ]);
    assert_eq!(told["items"], expected);
    assert_eq!(app.log_size().await?, before);
    assert_eq!(ids(&root, "").await?.len(), 4);
    let done = root.post(EDIT, &edit).await?;
    assert_eq!((counts(&done), &done["items"]), (counts(&told), &told["items"]), "it does what it told");
    app.stop().await
}

async fn two_sources_are_put_together_with_their_names(database: Database) -> Result<()> {
    let (app, root) = shopkeeper(database).await?;
    app.pass(SignedDuration::from_mins(5));
    let backstage = json!({ "source": "backstage", "describe": [{
        "id": "Deployment/shop/front", "type": "service", "tier": 2, "owner": "front-team",
        "relations": [{ "type": "connects_to", "to": "Deployment/shop/cart", "strength": "soft" }],
    }] });
    assert_eq!(counts(&root.post(EDIT, &backstage).await?), [1, 0, 0, 0]);
    let item = root.get(&at("Deployment/shop/front", "")).await?;
    // The one that spoke last is believed, what only the other one says still counts, and both are named.
    assert_eq!((&item["type"]["value"], &item["type"]["source"]), (&json!("service"), &json!("backstage")));
    assert_eq!((&item["tier"]["value"], &item["owner"]["value"]), (&json!(2), &json!("front-team")));
    assert_eq!(
        item["environment"],
        json!({ "value": "production", "source": "kubernetes:shop", "stated_at": "2026-03-02T09:00:00Z" })
    );
    let cart = &item["relations"]["items"][0];
    assert_eq!(
        (&cart["id"], &cart["strength"]),
        (&json!("Deployment/shop/cart"), &json!("hard")),
        "hard as soon as one says so"
    );
    assert_eq!(cart["stated"].as_array().map(Vec::len), Some(2));
    // A person is believed before all of them.
    let manual = json!({ "describe": [{ "id": "Deployment/shop/front", "type": "service", "tier": 0 }] });
    root.post(EDIT, &manual).await?;
    app.pass(SignedDuration::from_mins(5));
    let mut later = shop();
    later["describe"][0]["tier"] = json!(3);
    root.post(EDIT, &later).await?;
    let item = root.get(&at("Deployment/shop/front", "")).await?;
    assert_eq!((&item["tier"]["value"], &item["tier"]["source"]), (&json!(0), &json!("manual")));
    let sources: Vec<_> =
        item["sources"].as_array().context("sources")?.iter().map(|one| text(&one["source"])).collect();
    assert_eq!(sources, ["manual", "kubernetes:shop", "backstage"]);
    // What one source withdraws, the others still say.
    for (source, left) in [("manual", 2), ("kubernetes:shop", 1), ("backstage", 0)] {
        let gone = json!({ "source": source, "withdraw": ["Deployment/shop/front"] });
        assert_eq!(counts(&root.post(EDIT, &gone).await?), [0, 0, 0, 1]);
        let item = root.get(&at("Deployment/shop/front", "")).await?;
        assert_eq!(item["sources"].as_array().map(Vec::len), Some(left), "{source}");
    }
    app.stop().await
}

async fn what_is_only_named_is_listed_and_shown_as_such(database: Database) -> Result<()> {
    let (app, root) = shopkeeper(database).await?;
    assert_eq!(ids(&root, "described=false").await?, ["Namespace/default/shop"]);
    assert!(!ids(&root, "").await?.contains(&"Namespace/default/shop".to_owned()));
    let named = root.get(&at("Namespace/default/shop", "")).await?;
    assert_eq!((&named["described"], &named["version"]), (&json!(false), &json!(0)));
    assert_eq!(named["dependents"]["items"][0]["id"], "Deployment/shop/front");
    assert_eq!(named["dependents"]["items"][0]["relation"], "runs_on");
    let impact = root.get(&at("Namespace/default/shop", "/impact")).await?;
    assert_eq!((&impact["described"], &impact["reached"]), (&json!(false), &json!(1)));
    assert_eq!(root.get(&at("Namespace/default/shop", "/history")).await?["items"], json!([]));
    // Pages of them are complete too.
    let relations: Vec<_> = (0..23).map(|n| json!({ "to": format!("Secret/shop/{n:02}") })).collect();
    root.post(EDIT, &json!({ "describe": [{ "id": "vault", "type": "secret", "relations": relations }] }))
        .await?;
    let mut found = Vec::new();
    let mut query = "described=false&q=SECRET&limit=5".to_owned();
    loop {
        let page = root.get(&format!("/api/v1/cmdb/items?{query}")).await?;
        found.extend(
            page["items"].as_array().context("items")?.iter().map(|item| text(&item["id"]).to_owned()),
        );
        match page["next_cursor"].as_str() {
            Some(cursor) => query = format!("described=false&q=SECRET&limit=5&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(found, (0..23).map(|n| format!("Secret/shop/{n:02}")).collect::<Vec<_>>());
    // Described at last, it is no longer only named.
    root.post(EDIT, &json!({ "describe": [{ "id": "Namespace/default/shop", "type": "namespace" }] }))
        .await?;
    assert!(!ids(&root, "described=false").await?.contains(&"Namespace/default/shop".to_owned()));
    app.stop().await
}

async fn lists_follow_filters_orders_and_pages(database: Database) -> Result<()> {
    let (app, root) = shopkeeper(database).await?;
    let (front, cart) = ("Deployment/shop/front", "Deployment/shop/cart");
    let (postgres, config) = ("StatefulSet/shop/postgres", "ConfigMap/shop/cart");
    for (query, expected) in [
        ("", vec![config, cart, front, postgres]),
        ("type=workload", vec![cart, front]),
        ("type=workload,database&tier=0,1", vec![front, postgres]),
        ("owner=shop-team", vec![front]),
        ("environment=production", vec![front]),
        ("lifecycle=deprecated", vec![config]),
        ("source=kubernetes:shop", vec![config, cart, front, postgres]),
        ("source=elsewhere", vec![]),
        ("q=CART", vec![config, cart]),
        ("q=%25", vec![]),
        ("sort=-id", vec![postgres, front, cart, config]),
        ("sort=tier", vec![postgres, front, config, cart]),
        ("described=true&q=postgres", vec![postgres]),
    ] {
        assert_eq!(ids(&root, query).await?, expected, "{query}");
    }
    let first = root.get("/api/v1/cmdb/items?sort=tier&limit=3").await?;
    let cursor = first["next_cursor"].as_str().context("a cursor")?;
    assert_eq!(ids(&root, &format!("sort=tier&limit=3&cursor={cursor}")).await?, [cart]);
    let other = Ask::get(&format!("/api/v1/cmdb/items?sort=id&cursor={cursor}"));
    root.send(other).await?.refused(422, "invalid-cursor")?;
    app.stop().await
}

async fn a_failure_reaches_dependents_by_the_way_that_explains_it(database: Database) -> Result<()> {
    let (app, root) = shopkeeper(database).await?;
    let impact = root.get(&at("StatefulSet/shop/postgres", "/impact")).await?;
    assert_eq!((&impact["reached"], &impact["class"]), (&json!(2), &json!("single_service")), "{impact}");
    assert_eq!(impact["class_reason"], "it changes one service, and how much of it is not known");
    assert_eq!(impact["by_depth"], json!([{ "depth": 1, "items": 1 }, { "depth": 2, "items": 1 }]));
    assert_eq!(impact["by_tier"], json!([{ "tier": 1, "items": 1 }]));
    assert_eq!((&impact["compliance"], &impact["cut"]), (&json!(["PCI"]), &Value::Null));
    let way = json!([
        { "id": "Deployment/shop/cart", "relation": "connects_to", "strength": "hard" },
        { "id": "Deployment/shop/front", "relation": "connects_to", "strength": "hard" },
    ]);
    assert_eq!(impact["items"][1]["path"], way);
    let near = root.get(&at("StatefulSet/shop/postgres", "/impact?depth=1")).await?;
    assert_eq!((&near["reached"], &near["cut"]), (&json!(1), &json!("depth")));
    // A soft relation is followed when asked for, and never in the classification.
    let hard = root.get(&at("ConfigMap/shop/cart", "/impact")).await?;
    let soft = root.get(&at("ConfigMap/shop/cart", "/impact?soft=true")).await?;
    assert_eq!((&hard["reached"], &soft["reached"]), (&json!(0), &json!(2)));
    assert_eq!(hard["class"], soft["class"]);
    let graph = root.get(&at("Deployment/shop/cart", "/graph?depth=1")).await?;
    let nodes: Vec<_> =
        graph["nodes"].as_array().context("nodes")?.iter().map(|node| text(&node["id"])).collect();
    let expected =
        ["Deployment/shop/cart", "ConfigMap/shop/cart", "StatefulSet/shop/postgres", "Deployment/shop/front"];
    assert_eq!(nodes, expected);
    assert_eq!((graph["edges"].as_array().map(Vec::len), &graph["cut"]), (Some(3), &json!(false)));
    let down = root.get(&at("Deployment/shop/front", "/graph?direction=dependencies&depth=8")).await?;
    assert_eq!(down["nodes"].as_array().map(Vec::len), Some(5), "{down}");
    // In circles it ends as well.
    let circle = json!({ "describe": [
        { "id": "a", "type": "host", "relations": [{ "to": "b" }] },
        { "id": "b", "type": "host", "relations": [{ "to": "a" }] },
    ] });
    root.post(EDIT, &circle).await?;
    assert_eq!(root.get(&at("a", "/impact")).await?["reached"], 1);
    assert_eq!(root.get(&at("a", "/graph?depth=8")).await?["edges"].as_array().map(Vec::len), Some(2));
    app.stop().await
}

async fn history_tells_who_said_what_since_when(database: Database) -> Result<()> {
    let (app, root) = shopkeeper(database).await?;
    let keeper = app.person("keeper", &["administrator"]).await?;
    let describe = |tier: u8| json!({ "describe": [{ "id": "Deployment/shop/cart", "type": "workload", "tier": tier }] });
    for tier in [2, 1] {
        app.pass(SignedDuration::from_mins(1));
        keeper.post(EDIT, &describe(tier)).await?;
    }
    keeper.post(EDIT, &json!({ "withdraw": ["Deployment/shop/cart"] })).await?;
    let history = root.get(&at("Deployment/shop/cart", "/history")).await?;
    let entries = history["items"].as_array().context("entries")?;
    let told = |entry: &Value| {
        format!(
            "{} {} {} by {}",
            entry["version"],
            text(&entry["action"]),
            text(&entry["source"]),
            text(&entry["actor"])
        )
    };
    let expected = [
        "4 withdrawn manual by keeper",
        "3 described manual by keeper",
        "2 described manual by keeper",
        "1 described kubernetes:shop by bootstrap-admin",
    ];
    assert_eq!(entries.iter().map(told).collect::<Vec<_>>(), expected);
    assert_eq!(entries[1]["fields"], json!([{ "field": "tier", "before": "2", "after": "1" }]));
    assert_eq!(entries[1]["timestamp"], "2026-03-02T09:02:00Z");
    let first = root.get(&at("Deployment/shop/cart", "/history?limit=3")).await?;
    assert_eq!(first["next_cursor"], "2");
    let rest = root.get(&at("Deployment/shop/cart", "/history?limit=3&cursor=2")).await?;
    assert_eq!((rest["items"].as_array().map(Vec::len), &rest["next_cursor"]), (Some(1), &Value::Null));
    // The log says the same, for everybody who may read.
    let log = app.root().get("/api/v1/audit?limit=500").await?;
    let entries = log["items"].as_array().context("entries")?;
    let last =
        entries.iter().rfind(|entry| entry["stream"] == "ci/Deployment/shop/cart").context("an entry")?;
    assert_eq!(last["details"], "No longer described by manual");
    app.stop().await
}

async fn changes_that_named_an_item_are_found_from_it(database: Database) -> Result<()> {
    let (app, ann, _) = team(database).await?;
    app.root().post(EDIT, &shop()).await?;
    let mut request = small("greeter");
    request["affected_cis"] = json!(["Deployment/shop/cart"]);
    let change = ann.create(&request).await?;
    assert_eq!(change["state"], "awaiting_approval", "it reaches a Tier 1 front end: {}", change["risk"]);
    ann.create(&small("greeter")).await?;
    let id = &change["change_id"];
    let of = async |id: &str| -> Result<Vec<Value>> {
        let item = ann.get(&at(id, "")).await?;
        Ok(item["changes"]
            .as_array()
            .context("changes")?
            .iter()
            .map(|change| change["change_id"].clone())
            .collect())
    };
    assert_eq!(of("Deployment/shop/cart").await?, std::slice::from_ref(id));
    assert_eq!(of("greeter").await?.len(), 2, "a service is an item like others");
    assert!(of("Deployment/shop/front").await?.is_empty());
    let listed = ann.get("/api/v1/changes?ci=Deployment/shop/cart").await?;
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(1));
    // An item that nobody describes is named in the assessment, with what was probably meant.
    request["affected_cis"] = json!(["Deployment/shop/crat"]);
    let unknown = ann.create(&request).await?;
    let missing = unknown["risk"]["missing"].to_string();
    assert!(
        missing.contains("Deployment/shop/crat") && missing.contains("Deployment/shop/cart"),
        "{missing}"
    );
    app.stop().await
}

async fn rows_and_memory_follow_from_the_log(database: Database) -> Result<()> {
    let (mut app, root) = shopkeeper(database).await?;
    root.post(EDIT, &json!({ "describe": [{ "id": "Deployment/shop/cart", "type": "service", "tier": 0 }] }))
        .await?;
    root.post(EDIT, &json!({ "source": "kubernetes:shop", "withdraw": ["ConfigMap/shop/cart"] })).await?;
    app.services(&[("greeter", 2), ("identity", 0)]).await?;
    let look = async || -> Result<Vec<Value>> {
        let mut seen =
            vec![root.get("/api/v1/cmdb/items?limit=500").await?, root.get("/api/v1/catalog").await?];
        for id in ["Deployment/shop/cart", "StatefulSet/shop/postgres", "ConfigMap/shop/cart", "greeter"] {
            for rest in ["", "/history", "/impact", "/graph"] {
                seen.push(root.get(&at(id, rest)).await?);
            }
        }
        Ok(seen)
    };
    let before = look().await?;
    app.halt().await?;
    let store = app.store().await?;
    let comparison = store.compare(server::project::stream).await?;
    assert_eq!((comparison.differences, comparison.rows), (0, 6), "{:?}", comparison.first);
    store.rebuild(server::project::stream).await?;
    store.close().await;
    app.revive().await?;
    assert_eq!(look().await?, before);
    // And it goes on from there.
    assert_eq!(
        counts(&root.post(EDIT, &json!({ "describe": [{ "id": "new", "type": "host" }] })).await?),
        [1, 0, 0, 0]
    );
    app.stop().await
}

async fn the_file_of_services_is_a_source_like_others(database: Database) -> Result<()> {
    let (app, root) = shopkeeper(database).await?;
    let file = json!({ "services": [
        { "name": "shop", "tier": 1, "owner": "shop-team", "depends_on": ["Deployment/shop/front"] },
        { "name": "mail", "tier": 3 },
    ] });
    let applied = root.post("/api/v1/catalog", &file).await?;
    assert_eq!(applied["declared"], json!(["shop", "mail"]));
    assert_eq!(root.post("/api/v1/catalog", &file).await?["unchanged"], 2);
    let shown = root.get("/api/v1/catalog").await?;
    assert_eq!(
        (shown["services"].as_array().map(Vec::len), &shown["services"][1]["name"]),
        (Some(2), &json!("shop"))
    );
    assert_eq!(ids(&root, "source=catalog").await?, ["mail", "shop"]);
    let impact = root.get(&at("StatefulSet/shop/postgres", "/impact")).await?;
    assert_eq!((&impact["services_total"], &impact["services"][0]["id"]), (&json!(1), &json!("shop")));
    // What leans on a service keeps it, be it a service or not.
    let leaning =
        json!({ "describe": [{ "id": "newsletter", "type": "job", "relations": [{ "to": "mail" }] }] });
    root.post(EDIT, &leaning).await?;
    let retire = json!({ "services": [], "retire": ["mail"] });
    let problem = root.refused("/api/v1/catalog", &retire, 422, "catalog-refused").await?;
    assert!(text(&problem["detail"]).contains("newsletter"), "{problem}");
    root.post(EDIT, &json!({ "withdraw": ["newsletter"] })).await?;
    assert_eq!(root.post("/api/v1/catalog", &retire).await?["retired"], json!(["mail"]));
    app.stop().await
}

#[rustfmt::skip]
async fn bad_edits_get_a_problem_and_write_nothing(database: Database) -> Result<()> {
    let (app, root) = shopkeeper(database).await?;
    let edit = |body: Value| Ask::post(EDIT, &body);
    let one = |item: Value| edit(json!({ "source": "x", "describe": [item] }));
    let field = |ask, says: &str| case(ask, 422, "invalid-field", says);
    let refused = |ask, says: &str| case(ask, 422, "cmdb-refused", says);
    let unreadable = |ask, says: &str| case(ask, 400, "unreadable-body", says);
    let host = || json!({ "id": "a", "type": "host" });
    let with = |name: &str, value: Value| { let mut item = host(); item[name] = value; item };
    let many = |count: usize| (0..count).map(|n| json!({ "to": format!("b{n}") })).collect::<Vec<_>>();
    let reasons: Vec<_> = (0..600).map(|n| json!({ "to": format!("b{n}"), "because": "x".repeat(200) })).collect();
    let cases: Vec<Case> = vec![
        unreadable(edit(json!({ "describe": 7 })), "expected a sequence"),
        unreadable(edit(json!({ "sourse": "x" })), "unknown field `sourse`"),
        unreadable(one(with("colour", json!("red"))), "unknown field `colour`"),
        unreadable(one(with("tier", json!("NaN"))), "`describe[0].tier`: invalid type"),
        unreadable(one(with("tier", json!(-1))), "`describe[0].tier`: invalid value"),
        unreadable(one(with("tier", json!(1.5))), "`describe[0].tier`: invalid type"),
        unreadable(one(json!({ "id": "a" })), "missing field `type`"),
        field(one(with("tier", json!(4))), "`describe[0].tier`: `4` is not a tier"),
        field(one(with("type", json!("toaster"))), "`describe[0].type`: "),
        field(one(with("id", json!(""))), "`describe[0].id`: "),
        field(one(with("id", json!("x".repeat(385)))), "`describe[0].id`: "),
        field(one(with("id", json!("naïve"))), "`describe[0].id`: "),
        field(one(with("owner", json!("two\nlines"))), "`describe[0].owner`: "),
        field(one(with("lifecycle", json!("zombie"))), "`describe[0].lifecycle`: "),
        field(one(with("compliance", json!(["x".repeat(33)]))), "`describe[0].compliance[0]`: "),
        field(one(with("attributes", json!({ "a": "\u{7}" }))), "`describe[0].attributes.a`: "),
        field(one(with("relations", json!([{ "to": "b", "strength": "brittle" }]))), "`describe[0].relations[0].strength`: "),
        field(edit(json!({ "source": " ", "describe": [host()] })), "`source`: "),
        field(edit(json!({ "source": "catalog", "describe": [host()] })), "`source`: `catalog` is the file of services"),
        field(edit(json!({ "withdraw": ["a", "-b"] })), "`withdraw[1]`: "),
        field(edit(json!({ "describe": [host()], "withdraw": ["a"] })), "`a` is described and withdrawn"),
        field(edit(json!({ "withdraw": (0..501).map(|n| format!("a{n}")).collect::<Vec<_>>() })), "501 items at once: at most 500"),
        field(one(with("relations", json!(reasons))), "`a`: event has"),
        refused(edit(json!({ "describe": [host(), host()] })), "`a` is described twice"),
        refused(one(with("relations", json!([{ "to": "a" }]))), "`a` has the relation depends_on to itself"),
        refused(one(with("relations", json!([{ "to": "b" }, { "to": "b", "strength": "soft" }]))), "`a` has the relation depends_on to `b` twice"),
        refused(one(with("relations", json!(many(1_001)))), "`a` has 1001 relations"),
        refused(one(with("attributes", json!((0..65).map(|n| (format!("k{n}"), json!("v"))).collect::<serde_json::Map<_, _>>()))), "`a` has 65 attributes"),
        refused(one(with("compliance", json!((0..17).map(|n| format!("R{n}")).collect::<Vec<_>>()))), "`a` falls under 17 rule books"),
        case(Ask::get(&at("Deployment/shop/crat", "")), 404, "not-found", "there is no configuration item `Deployment/shop/crat`"),
        case(Ask::get(&at("nothing-like-it", "/history")), 404, "not-found", "there is no configuration item"),
        case(Ask::get(&at("nothing-like-it", "/impact")), 404, "not-found", "there is no configuration item"),
        case(Ask::get(&at("nothing-like-it", "/graph")), 404, "not-found", "there is no configuration item"),
        case(Ask::get("/api/v1/cmdb/items/%2D"), 404, "not-found", "there is no configuration item `-`"),
        case(Ask::get("/api/v1/cmdb/items/Deployment/shop/cart"), 404, "not-found", "there is no address"),
        field(Ask::get(&at("Deployment/shop/cart", "/impact?depth=0")), "`depth`: 0 is out of range: expected 1 to 64"),
        field(Ask::get(&at("Deployment/shop/cart", "/impact?depth=65")), "`depth`: 65 is out of range"),
        field(Ask::get(&at("Deployment/shop/cart", "/impact?soft=perhaps")), "`query`: "),
        field(Ask::get(&at("Deployment/shop/cart", "/graph?depth=9")), "`depth`: 9 is out of range: expected 1 to 8"),
        field(Ask::get(&at("Deployment/shop/cart", "/graph?direction=up")), "`direction`: `up` is not a direction"),
        field(Ask::get(&at("Deployment/shop/cart", "/history?cursor=x")), "`query`: "),
        field(Ask::get("/api/v1/cmdb/items?type=toaster"), "`type`: "),
        field(Ask::get("/api/v1/cmdb/items?tier=4"), "`tier`: `4` is not a tier"),
        field(Ask::get("/api/v1/cmdb/items?tier=high"), "`tier`: "),
        field(Ask::get("/api/v1/cmdb/items?sort=luck"), "`sort`: `luck` is not an order"),
        field(Ask::get("/api/v1/cmdb/items?limit=501"), "`limit`: 501 is out of range"),
        field(Ask::get("/api/v1/cmdb/items?described=false&tier=1"), "`tier`: items that are only named"),
        field(Ask::get("/api/v1/cmdb/items?cursor=x"), "`cursor`: "),
    ];
    check(&app, &root, cases).await?;
    let missed = root.send(Ask::get(&at("Deployment/shop/crat", ""))).await?.refused(404, "not-found")?;
    assert!(text(&missed["next_step"]).contains("did you mean `Deployment/shop/cart`?"), "{missed}");
    app.stop().await
}

async fn as_many_items_as_are_accepted_are_accepted(database: Database) -> Result<()> {
    let (app, root) = shopkeeper(database).await?;
    let id = |n: usize| format!("{}{n:03}", "x".repeat(381));
    let describe: Vec<_> = (0..500)
        .map(|n| json!({ "id": id(n), "type": "component", "relations": [{ "to": id((n + 1) % 500) }] }))
        .collect();
    let edited = root.post(EDIT, &json!({ "source": "sbom", "describe": describe })).await?;
    assert_eq!(counts(&edited), [500, 0, 0, 0]);
    assert_eq!(ids(&root, "source=sbom&limit=500").await?.len(), 500);
    let impact = root.get(&at(&id(7), "/impact?depth=64")).await?;
    assert_eq!((&impact["reached"], &impact["cut"]), (&json!(64), &json!("depth")));
    // A file of services may be as large as a request, but not change more than one append holds.
    let services = |count: usize| json!({ "services": (0..count).map(|n| json!({ "name": format!("s{n}"), "tier": 3 })).collect::<Vec<_>>() });
    let problem = root.refused("/api/v1/catalog", &services(1_000), 422, "invalid-field").await?;
    assert!(text(&problem["detail"]).contains("1000 items would change at once: at most 999"), "{problem}");
    assert_eq!(
        root.post("/api/v1/catalog", &services(999)).await?["declared"].as_array().map(Vec::len),
        Some(999)
    );
    assert_eq!(root.post("/api/v1/catalog", &services(1_000)).await?["unchanged"], 999);
    assert_eq!(root.get("/api/v1/catalog").await?["services"].as_array().map(Vec::len), Some(1_000));
    app.verified().await?;
    app.stop().await
}

async fn edits_at_once_are_all_kept(database: Database) -> Result<()> {
    let (app, ann, _) = team(database).await?;
    let root = app.root();
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..4 {
        let (root, ann) = (root.clone(), ann.clone());
        writers.spawn(async move {
            for n in 0..10 {
                let item = json!({ "id": format!("host-{writer}-{n}"), "type": "host", "relations": [{ "to": "rack" }] });
                let edit = json!({ "source": format!("writer-{writer}"), "describe": [item] });
                // Whoever keeps losing is told so, and tries again as the problem says.
                eventually("an edit is through", async || {
                    let answer = root.send(Ask::post(EDIT, &edit)).await?;
                    Ok((answer.status == 200).then_some(()))
                })
                .await?;
                ann.create(&small("greeter")).await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(done) = writers.join_next().await {
        done??;
    }
    assert_eq!(ids(&root, "q=host-&limit=500").await?.len(), 40);
    assert_eq!(root.get(&at("rack", "/impact")).await?["reached"], 40);
    app.verified().await?;
    app.stop().await
}

async fn nobody_edits_without_the_right(database: Database) -> Result<()> {
    let (app, ann, _) = team(database).await?;
    ann.refused(EDIT, &shop(), 403, "refused-by-policy").await?;
    let reader = app.token("bootstrap-admin", &["read", "request"]).await?;
    reader.refused(EDIT, &shop(), 403, "refused-by-policy").await?;
    let bot = app.agent("bot", &ann).await?;
    bot.refused(&format!("{EDIT}?dry_run=true"), &shop(), 403, "refused-by-policy").await?;
    assert!(ids(&ann, "q=shop").await?.is_empty());
    app.root().post(EDIT, &shop()).await?;
    assert_eq!(ids(&ann, "q=shop").await?.len(), 4, "everybody reads");
    app.stop().await
}

/// What is edited on one server, the other one decides by at once, and shows as soon as it has heard of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_server_knows_of_an_edit() -> Result<()> {
    let (app, ann, _) = team(Database::postgres()?).await?;
    let folder = tempfile::tempdir()?;
    let (second, root_there) = crate::faults::second_server(&app, folder.path()).await?;
    let ann_there = Person { address: root_there.address, ..ann.clone() };
    let root = app.root();
    root.post(EDIT, &shop()).await?;
    assert_eq!(ids(&ann_there, "q=shop").await?.len(), 4);
    let mut request = small("greeter");
    request["affected_cis"] = json!(["StatefulSet/shop/postgres"]);
    let change = ann_there.create(&request).await?;
    assert_eq!(change["risk"]["dependents_count"], 2, "{}", change["risk"]);
    // Both edit, in turn and at once: the second plans on what the first one wrote.
    for (person, tier) in [(&root_there, 1), (&root, 2), (&root_there, 3)] {
        let edit =
            json!({ "describe": [{ "id": "Deployment/shop/cart", "type": "workload", "tier": tier }] });
        person.post(EDIT, &edit).await?;
        let item = person.get(&at("Deployment/shop/cart", "")).await?;
        assert_eq!(item["tier"]["value"], tier);
    }
    let leaning = json!({ "describe": [{ "id": "report", "type": "job", "relations": [{ "to": "Deployment/shop/front" }] }] });
    root_there.post(EDIT, &leaning).await?;
    eventually("the first server has heard of it", async || {
        let impact = root.get(&at("StatefulSet/shop/postgres", "/impact")).await?;
        Ok((impact["reached"] == 3).then_some(()))
    })
    .await?;
    app.verified().await?;
    second.shutdown();
    second.stopped().await?;
    app.stop().await
}

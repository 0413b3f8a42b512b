//! Lists: filters, orders, and pages that are complete while others write.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::harness::{Database, Person, TestApp, on_both_databases, on_sqlite, small, text};
use crate::team::team;

on_both_databases!(filters_find_what_they_name, every_order_is_total_and_pages_are_complete);
on_sqlite!(pages_are_complete_while_others_write, incidents_are_paged_too,);

/// Changes that differ in everything a list can be filtered and ordered by.
async fn varied(app: &TestApp, ann: &Person, bob: &Person) -> Result<Vec<Value>> {
    let mut changes = Vec::new();
    let services = ["greeter", "identity", "billing", "reports"];
    for number in 0..12_usize {
        let mut request = small(services[number % 4]);
        request["title"] = json!(format!("Change number {number} of 12"));
        request["type"] = json!(if number % 5 == 0 { "emergency" } else { "normal" });
        request["category"] = json!(["deployment", "security", "data"][number % 3]);
        request["impact"] = json!(["low", "medium", "high", "critical"][number % 4]);
        request["environment"] = json!(if number < 6 { "production" } else { "staging" });
        request["evidence"]["churn"]["lines"] = json!(10_usize.pow(u32::try_from(number)? % 5));
        request["draft"] = json!(number == 11);
        let person = if number % 2 == 0 { ann } else { bob };
        changes.push(person.create(&request).await?);
        app.pass(SignedDuration::from_secs(60));
    }
    Ok(changes)
}

async fn ids(person: &Person, query: &str) -> Result<BTreeSet<String>> {
    let page = person.get(&format!("/api/v1/changes?limit=500&{query}")).await?;
    let items = page["items"].as_array().context("items")?;
    Ok(items.iter().map(|item| text(&item["change_id"]).to_owned()).collect())
}

async fn filters_find_what_they_name(database: Database) -> Result<()> {
    let (app, ann, _) = team(database).await?;
    let bob = app.person("bob", &[]).await?;
    let changes = varied(&app, &ann, &bob).await?;
    type Test = Box<dyn Fn(usize, &Value) -> bool>;
    let is = |field: &'static str, wanted: &'static str| -> Test {
        Box::new(move |_, change| change[field] == wanted)
    };
    let cases: Vec<(&str, Test)> = vec![
        ("", Box::new(|_, _| true)),
        ("state=draft", is("state", "draft")),
        (
            "state=draft,approved",
            Box::new(|_, change| change["state"] == "draft" || change["state"] == "approved"),
        ),
        ("type=emergency", is("type", "emergency")),
        ("category=security,data", Box::new(|_, change| change["category"] != "deployment")),
        ("level=low", Box::new(|_, change| change["risk"]["level"] == "low")),
        ("requester=bob", is("created_by", "bob")),
        ("service=billing", Box::new(|_, change| change["affected_services"] == json!(["billing"]))),
        ("environment=staging", is("environment", "staging")),
        ("q=number%201", Box::new(|_, change| text(&change["title"]).contains("number 1"))),
        ("q=NUMBER%207", Box::new(|number, _| number == 7)),
        ("q=100%25", Box::new(|_, _| false)),
        ("created_after=2026-03-02T09:05:00Z", Box::new(|number, _| number >= 5)),
        ("created_before=2026-03-02T09:05:00Z", Box::new(|number, _| number < 5)),
        (
            "requester=ann&type=normal&environment=production",
            Box::new(|number, _| number == 2 || number == 4),
        ),
    ];
    for (query, wanted) in cases {
        let fitting = changes.iter().enumerate().filter(|(number, change)| wanted(*number, change));
        let expected =
            fitting.map(|(_, change)| text(&change["change_id"]).to_owned()).collect::<BTreeSet<_>>();
        assert_eq!(ids(&ann, query).await?, expected, "{query}");
    }
    app.stop().await
}

/// Every item of a list, page by page.
async fn pages(person: &Person, path: &str, query: &str, limit: usize) -> Result<Vec<Value>> {
    let (mut items, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = person.get(&format!("{path}?limit={limit}&{query}{cursor}")).await?;
        let found = page["items"].as_array().context("items")?;
        anyhow::ensure!(found.len() <= limit, "a page of {}", found.len());
        items.extend(found.iter().cloned());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return Ok(items),
        }
    }
}

async fn every_order_is_total_and_pages_are_complete(database: Database) -> Result<()> {
    let (app, ann, _) = team(database).await?;
    let bob = app.person("bob", &[]).await?;
    let changes = varied(&app, &ann, &bob).await?;
    // Something happens to an early one, so that `updated` is another order than `created`.
    let first = text(&changes[0]["change_id"]);
    ann.act(first, "comments", &json!({ "text": "once more" })).await?;
    let key = |order: &str, item: &Value| match order {
        "created" => text(&item["created_at"]).to_owned(),
        "updated" => text(&item["updated_at"]).to_owned(),
        "priority" => text(&item["priority"]).to_owned(),
        "risk" => format!("{:03}", item["risk"]["score"].as_u64().unwrap_or(0)),
        _ => text(&item["change_id"]).to_owned(),
    };
    for order in ["created", "updated", "risk", "priority", "id"] {
        for descending in [false, true] {
            let sort = format!("sort={}{order}", if descending { "-" } else { "" });
            let items = pages(&ann, "/api/v1/changes", &sort, 5).await?;
            let known: BTreeSet<_> = items.iter().map(|item| text(&item["change_id"])).collect();
            assert_eq!((items.len(), known.len()), (12, 12), "{sort}");
            let mut keys: Vec<_> = items.iter().map(|item| key(order, item)).collect();
            if descending {
                keys.reverse();
            }
            // The most urgent priority has the smallest number.
            let is_sorted = keys.is_sorted() || (order == "priority" && keys.iter().rev().is_sorted());
            assert!(is_sorted, "{sort}: {keys:?}");
            let whole = pages(&ann, "/api/v1/changes", &sort, 500).await?;
            assert_eq!(whole, items, "{sort}: other pages, another order");
        }
    }
    let ascending = pages(&ann, "/api/v1/changes", "sort=priority", 500).await?;
    let descending = pages(&ann, "/api/v1/changes", "sort=-priority", 500).await?;
    assert_ne!(ascending[0]["priority"], descending[0]["priority"]);
    // A cursor belongs to its list.
    let page = ann.get("/api/v1/changes?limit=5&sort=id").await?;
    let cursor = page["next_cursor"].as_str().context("a cursor")?;
    let elsewhere = crate::http::Ask::get(&format!("/api/v1/changes?limit=5&sort=risk&cursor={cursor}"));
    ann.send(elsewhere).await?.refused(422, "invalid-cursor")?;
    app.stop().await
}

async fn pages_are_complete_while_others_write(database: Database) -> Result<()> {
    const CHANGES: usize = 30;
    let (app, ann, _) = team(database).await?;
    let mut before = BTreeSet::new();
    for _ in 0..CHANGES {
        before.insert(text(&ann.create(&small("greeter")).await?["change_id"]).to_owned());
    }
    for sort in ["id", "-id", "created", "-risk"] {
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = ann.get(&format!("/api/v1/changes?limit=7&sort={sort}{cursor}")).await?;
            seen.extend(
                page["items"]
                    .as_array()
                    .context("items")?
                    .iter()
                    .map(|item| text(&item["change_id"]).to_owned()),
            );
            // Between any two pages somebody creates a change and another one moves on.
            let new = ann.create(&small("greeter")).await?;
            ann.act(text(&new["change_id"]), "comments", &json!({ "text": "hello" })).await?;
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
            app.pass(SignedDuration::from_secs(1));
        }
        let unique: BTreeSet<_> = seen.iter().cloned().collect();
        assert_eq!(unique.len(), seen.len(), "{sort}: something is listed twice");
        assert!(unique.is_superset(&before), "{sort}: something is missing");
    }
    app.stop().await
}

async fn incidents_are_paged_too(database: Database) -> Result<()> {
    let (app, ann, lead) = team(database).await?;
    let mut opened = BTreeSet::new();
    for _ in 0..5 {
        let id = crate::audit::taken_back(&ann, &lead).await?;
        opened.insert(text(&ann.change(&id).await?["incidents"][0]).to_owned());
        app.pass(SignedDuration::from_secs(1));
    }
    let items = pages(&ann, "/api/v1/incidents", "", 2).await?;
    let ids: Vec<_> = items.iter().map(|item| text(&item["incident_id"]).to_owned()).collect();
    assert_eq!(ids, opened.into_iter().rev().collect::<Vec<_>>(), "the newest first");
    let none = ann.get("/api/v1/incidents?state=closed").await?;
    assert_eq!(none, json!({ "items": [], "next_cursor": null }));
    app.stop().await
}

//! Exports of `change_request`, as CSV and as JSON.

use adapters::history::Form;
use domain::change::{Category, ChangeType, Outcome};

use super::Export;

const BY_LABEL: &str = "\
Number,Type,Category,Short description,Configuration item,Service,Requested by,State,Opened,Actual start date,Closed,Close code,Risk\n\
CHG0030045,Normal,Applications Software,Roll out cart 2.4,SAP ERP (Prod),Online Shop,Ada Byron,Closed,2025-03-01 09:00:00,2025-03-02 20:00:00,2025-03-02 21:30:00,Successful,Moderate\n\
CHG0030046,Emergency,Network,Fail over,,,Bob,Closed,2025-03-01 09:00:00,,2025-03-02 21:30:00,Unsuccessful,High\n\
CHG0030047,Standard,Other,Patch,,,Bob,Closed,2025-03-01 09:00:00,,2025-03-02 21:30:00,Successful with issues,Low\n\
CHG0030048,Normal,Hardware,Swap disk,,,Bob,Canceled,2025-03-01 09:00:00,,2025-03-02 21:30:00,,Low\n\
CHG0030049,Normal,Hardware,Swap disk,,,Bob,Scheduled,2025-03-01 09:00:00,,,,Low\n";

#[test]
fn a_table_with_labels_is_read() {
    let told = Export::new(Form::ServiceNow, "change_request.csv", BY_LABEL).read();
    assert!(told.bad.is_empty() && told.stopped.is_none(), "{told:?}");
    assert_eq!(told.open, 1);
    let outcomes: Vec<_> = told.ended.iter().map(|record| record.change.outcome).collect();
    assert_eq!(outcomes, [Outcome::Successful, Outcome::Failed, Outcome::Partial, Outcome::Cancelled]);
    let first = &told.ended[0];
    assert_eq!(first.id.as_str(), "CHG0030045");
    let change = &first.change;
    assert_eq!((change.change_type, change.category), (ChangeType::Normal, Category::Deployment));
    assert_eq!(change.cis.iter().next().unwrap().as_str(), "SAP-ERP-Prod");
    assert_eq!(change.services.iter().next().unwrap().as_str(), "Online-Shop");
    assert_eq!(change.requester.as_ref().unwrap().as_str(), "Ada Byron");
    assert_eq!(change.submitted_at.to_string(), "2025-03-01T09:00:00Z");
    assert_eq!(change.started_at.unwrap().to_string(), "2025-03-02T20:00:00Z");
    assert_eq!(change.outcome_known_at, change.closed_at);
    assert_eq!(told.ended[1].change.change_type, ChangeType::Emergency);
}

#[test]
fn both_forms_of_json_are_read_with_references_and_the_zone_of_the_mapping() {
    let records = r#"[
        {"number": "CHG1", "type": "normal", "category": "database", "short_description": "Add index", "cmdb_ci": {"display_value": "orders db", "link": "x"},
         "business_service": "", "requested_by": {"link": "x", "value": "6816f79cc0a8016401c5a33be04be441"}, "state": "3",
         "opened_at": "2025-03-01 09:00:00", "closed_at": "2025-03-02 21:30:00", "close_code": "successful_issues"},
        {"number": "CHG2", "type": "normal", "state": "-1", "opened_at": "2025-03-01 09:00:00", "closed_at": "", "close_code": ""}
    ]"#;
    for export in
        [format!("{{\"records\": {records}}}"), format!("{{ \"result\":{records} }}"), records.to_owned()]
    {
        let export = Export::new(Form::ServiceNow, "change_request.json", export)
            .mapped("[times]\nform = \"%Y-%m-%d %H:%M:%S\"\nzone = \"Europe/Vienna\"\n");
        let told = export.read();
        assert!(told.bad.is_empty() && told.stopped.is_none(), "{told:?}");
        assert_eq!((told.ended.len(), told.open), (1, 1));
        let change = &told.ended[0].change;
        assert_eq!((change.category, change.outcome), (Category::Data, Outcome::Partial));
        assert_eq!(change.cis.iter().next().unwrap().as_str(), "orders-db");
        assert_eq!(change.closed_at.to_string(), "2025-03-02T20:30:00Z");
    }
}

#[test]
fn words_and_columns_of_ones_own_are_mapped() {
    let export = BY_LABEL
        .replace("Applications Software", "Telephony")
        .replace(",Risk\n", ",Backed out\n")
        .replace(",High\n", ",true\n")
        .replace(",Moderate\n", ",\n")
        .replace(",Low\n", ",\n");
    let unmapped = Export::new(Form::ServiceNow, "change_request.csv", &export).bad();
    assert!(unmapped.contains("line 2, `Category`: `telephony` is not a category"), "{unmapped}");
    assert!(unmapped.contains("under `[words]` of the mapping"), "{unmapped}");
    let mapping = "[columns]\nrolled_back = \"Backed out\"\n[words.category]\n\"*\" = \"other\"\n[words.services]\n\"Online Shop\" = \"shop\"\n";
    let told = Export::new(Form::ServiceNow, "change_request.csv", &export).mapped(mapping).read();
    assert!(told.bad.is_empty() && told.stopped.is_none(), "{told:?}");
    assert_eq!(told.ended[0].change.category, Category::Other);
    assert_eq!(told.ended[0].change.services.iter().next().unwrap().as_str(), "shop");
    assert_eq!(told.ended[1].change.outcome, Outcome::RolledBack);
}

#[test]
fn a_closed_record_that_does_not_say_how_it_ended_is_not_taken_for_a_success() {
    let export = BY_LABEL.replace(",Successful,", ",,");
    let bad = Export::new(Form::ServiceNow, "change_request.csv", export).bad();
    assert!(bad.contains("line 2, `State`: missing: expected `outcome`"), "{bad}");
}

#[test]
fn what_is_no_export_is_refused() {
    let refusal = |text: &str| Export::new(Form::ServiceNow, "change_request.json", text).refusal();
    for text in [
        "",
        "{\"error\": {}}",
        "{}",
        "12",
        "{\"records\": {}}",
        "[1]",
        "[{\"number\": 1} {}]",
        "[{\"number\":",
    ] {
        let refusal = refusal(text);
        assert!(
            refusal.contains("not an export of `change_request`: expected an object"),
            "{text}: {refusal}"
        );
    }
    assert!(refusal("{\n\"records\":\n[\n{\"a\": 1},\nx]}").contains("line 5"));
    let header = Export::new(Form::ServiceNow, "incident.csv", "Number,Opened\n").refusal();
    assert!(header.contains("no column is `closed_at`"), "{header}");
}

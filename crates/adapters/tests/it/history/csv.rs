//! Tables, packed and plain, right and wrong.

use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};

use adapters::history::Form;
use domain::change::{Category, ChangeType, Outcome};
use domain::history::ChangedBy;

use super::Export;

const MAPPING: &str = r#"
delimiter = ";"
separator = ","
agents = ["Deploy-Bot"]

[columns]
id = "number"
title = "short"
requester = "who"
by = "who"
services = "apps"
files = "paths"
lines_added = "la"
lines_deleted = "ld"
coverage_percent = "cov"
closed_at = "done"
outcome = "failed"

[always]
type = "normal"
category = "configuration"

[words.outcome]
"1" = "failed"
"0" = "successful"
"" = "open"
[words.by]
"deploy-bot" = "agent"
"*" = "human"
[words.services]
"n/a" = ""

[times]
form = "epoch_seconds"
outcome_known_after = "7d"

[paths]
"conf/" = "platform"
"conf/cart/" = "cart"
"#;

fn table(text: &str) -> Export {
    Export::new(Form::Csv, "past.csv", text)
}

#[test]
fn a_mapping_says_what_columns_and_words_mean() {
    let told = table(concat!(
        "number;short;who;apps;paths;la;ld;cov;done;failed;other\n",
        "7;\"Raise limits; again\";Ada;N/A;conf/cart/a.yaml,conf/b.yaml;12.0;3;81.5;1740951000;1;x\n",
        "8;Fix typo;Deploy-Bot;search, index;;;;;1740951000.0;0;x\n",
        "9;Not yet;Ada;;;;;;;;x\n",
    ))
    .mapped(MAPPING)
    .read();
    assert!(told.bad.is_empty() && told.stopped.is_none(), "{told:?}");
    assert_eq!((told.ended.len(), told.open), (2, 1));
    let [failed, fixed] = told.ended.as_slice() else { panic!("{told:?}") };
    let change = &failed.change;
    assert_eq!(failed.id.as_str(), "7");
    assert_eq!(change.title.as_ref().unwrap().as_str(), "Raise limits; again");
    assert_eq!(change.requester.as_ref().unwrap().as_str(), "Ada");
    assert_eq!((change.change_type, change.category), (ChangeType::Normal, Category::Configuration));
    assert_eq!(change.services.iter().map(|name| name.as_str()).collect::<Vec<_>>(), ["cart", "platform"]);
    let churn = change.churn;
    assert_eq!((churn.lines_added, churn.lines_deleted), (Some(12), Some(3)));
    assert_eq!((churn.files, churn.directories, churn.cis), (Some(2), Some(2), None));
    assert_eq!(change.coverage.unwrap().get(), 8_150);
    assert_eq!((change.outcome, change.by), (Outcome::Failed, Some(ChangedBy::Human)));
    assert_eq!(change.closed_at.to_string(), "2025-03-02T21:30:00Z");
    assert_eq!(change.submitted_at, change.closed_at);
    assert_eq!(change.outcome_known_at.to_string(), "2025-03-09T21:30:00Z");
    let change = &fixed.change;
    assert_eq!(
        (change.outcome, change.by, change.is_fix),
        (Outcome::Successful, Some(ChangedBy::Agent), true)
    );
    assert_eq!(change.services.iter().map(|name| name.as_str()).collect::<Vec<_>>(), ["index", "search"]);
    assert_eq!(change.churn, domain::history::Churn::default());
}

#[test]
fn packed_tables_and_byte_order_marks_are_read_and_folders_in_order() {
    let plain = "\u{feff}id,closed_at,outcome\r\n1,2025-03-02T21:30:00Z,Successful\r\n";
    let export = table(plain);
    let folder = export.folder.path();
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(plain.replace("\n1,", "\n2,").as_bytes()).unwrap();
    fs::write(folder.join("past.csv.gz"), gz.finish().unwrap()).unwrap();
    fs::write(folder.join("notes.txt"), "not a table").unwrap();
    let told = super::read(folder, Form::Csv, &export.mapping);
    assert!(told.bad.is_empty() && told.stopped.is_none(), "{told:?}");
    let ids: Vec<_> = told.ended.iter().map(|record| record.id.as_str()).collect();
    assert_eq!(ids, ["1", "2"]);
}

#[test]
fn a_table_packed_with_zstd_is_read() {
    let export = table("id,closed_at,outcome\n1,2025-03-02T21:30:00Z,failed\n");
    let packed = export.folder.path().join("packed.csv.zst");
    let ran =
        Command::new("zstd").arg("-q").arg(&export.file).arg("-o").arg(&packed).stdin(Stdio::null()).status();
    if !ran.is_ok_and(|status| status.success()) {
        eprintln!("skipped: the program zstd is not installed");
        return;
    }
    assert_eq!(super::read(&packed, Form::Csv, &export.mapping).ended.len(), 1);
    let bytes = fs::read(&packed).unwrap();
    fs::write(&packed, &bytes[..bytes.len() - 6]).unwrap();
    let told = super::read(&packed, Form::Csv, &export.mapping);
    assert!(told.stopped.unwrap().to_string().contains("if packed, complete"));
}

#[test]
fn what_is_no_utf8_is_named_with_line_and_column() {
    let row = b"id,title,closed_at,outcome\n1,ok,2025-03-02T21:30:00Z,failed\n2,Gr\xfc\xdfe,2025-03-02T21:30:00Z,failed\n";
    let bad = Export::new(Form::Csv, "past.csv", row).bad();
    let expected = "past.csv, line 3, `title`: not UTF-8 at byte 3: convert the file, for example with `iconv -f LATIN1 -t UTF-8`";
    assert_eq!(bad, expected);
    let utf16: Vec<u8> = "id,closed_at\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let refusal = Export::new(Form::Csv, "past.csv", utf16).refusal();
    assert!(refusal.starts_with("`past.csv` is in UTF-16LE: expected UTF-8"), "{refusal}");
    let header = Export::new(Form::Csv, "past.csv", b"id,Gr\xfc\xdfe\n").refusal();
    assert!(header.starts_with("`past.csv`, line 1: the name of column 2 is not UTF-8"), "{header}");
}

#[test]
fn a_row_that_does_not_fit_is_named_with_the_accepted_form_and_the_others_are_read() {
    let check = |columns: &str, cells: &str, says: &[&str]| {
        let at = "2025-03-02T21:30:00Z";
        let text = format!(
            "id,closed_at,outcome,{columns}\na,{at},failed,{}\n{cells}\nb,{at},failed,{}\n",
            ",".repeat(columns.matches(',').count()),
            ",".repeat(columns.matches(',').count())
        );
        let export = table(&text);
        assert_eq!(export.read().ended.len(), 2, "{:?}", export.read());
        let bad = export.bad();
        assert!(bad.starts_with("past.csv, line 3"), "{bad}");
        assert!(says.iter().all(|part| bad.contains(part)), "{bad}");
    };
    let ended = "x,2025-03-02T21:30:00Z,failed";
    check("lines_added", &format!("{ended},-5"), &["`lines_added`", "`-5`", "whole number from 0"]);
    check("lines_added", &format!("{ended},NaN"), &["`lines_added`", "`NaN`", "or nothing"]);
    check("coverage_percent", &format!("{ended},NaN"), &["`coverage_percent`", "0 to 100"]);
    check("title", &format!("{ended},a,b"), &["the row has 5 cells, the header 4"]);
    check("title", ended, &["the row has 3 cells"]);
    check("title", "x,02.03.2025,failed,t", &["`closed_at`", "RFC 3339", "[times]"]);
    check("title", "x,2027-03-02T21:30:00Z,failed,t", &["`closed_at`", "in the future"]);
    check("title", "x,,failed,t", &["`closed_at`", "missing", "when it ended"]);
    check("title", "x,2025-03-02T21:30:00Z,,t", &["`outcome`", "missing"]);
    check("title", "x,2025-03-02T21:30:00Z,meh,t", &["`meh`", "rolled_back", "[words.outcome]"]);
    check("title", ",2025-03-02T21:30:00Z,failed,t", &["`id`", "1 to 256 bytes"]);
    check("services", &format!("{ended},a b"), &["`services`", "`a b`", "[words.services]"]);
    check("type", &format!("{ended},urgent"), &["`type`", "emergency", "[words]"]);
    check(
        "submitted_at",
        &format!("{ended},2025-03-03T00:00:00Z"),
        &["`closed_at`", "lies before submitted_at"],
    );
    check("files_changed,files", &format!("{ended},1,a;b"), &["`files_changed`", "2 are named"]);
}

#[test]
fn a_header_that_does_not_fit_is_refused() {
    let refusal = |text: &str| table(text).refusal();
    assert!(refusal("").contains("line 1: the file is empty"));
    assert!(refusal("id,closed_at\n").contains("no column is `outcome`"));
    assert!(
        refusal("id,closed_at,outcome,sevices\n").contains("`sevices` is not a fact: expected some of id,")
    );
    assert!(refusal("id,id,outcome\n").contains("column `id` appears twice"));
    let mapped = table("nr;done\n").mapped(MAPPING).refusal();
    assert!(mapped.contains("there is no column") && mapped.contains("the columns are nr, done"), "{mapped}");
}

#[test]
fn a_quote_that_is_never_closed_does_not_fill_the_memory() {
    let open = format!("id,closed_at,outcome\n\"1,{}", "2025-03-02T21:30:00Z,failed\n".repeat(200_000));
    let refusal = table(&open).refusal();
    assert!(refusal.starts_with("`past.csv`, line 2: a record has more than"), "{refusal}");
}

#[test]
fn what_holds_for_all_is_checked_once() {
    let refusal = table("id,closed_at,outcome\n").mapped("[always]\ntype = \"urgent\"\n").refusal();
    assert!(refusal.starts_with("the mapping, under `[always]`, `type`: `urgent` is not"), "{refusal}");
}

#[test]
fn long_texts_and_lists_are_cut_and_all_are_counted() {
    let files: Vec<_> = (0..1_000).map(|number| format!("folder/{number:04}")).collect();
    let cis: Vec<_> = (0..10_000).map(|number| format!("Pod/shop/{number}")).collect();
    let told = table(&format!(
        "id,closed_at,outcome,title,files,cis\n1,2025-03-02T21:30:00Z,failed,{},{},{}\n",
        "é".repeat(500),
        files.join(";"),
        cis.join(";")
    ))
    .read();
    assert!(told.bad.is_empty(), "{:?}", told.bad);
    let change = &told.ended[0].change;
    assert!(change.title.as_ref().unwrap().as_str().ends_with('…'));
    assert_eq!(
        (change.files.len(), change.churn.files, change.churn.directories),
        (200, Some(1_000), Some(1))
    );
    assert_eq!((change.cis.len(), change.churn.cis), (200, Some(10_000)));
}

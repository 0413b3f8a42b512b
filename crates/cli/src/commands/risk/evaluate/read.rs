//! Reading a table of past changes from a CSV file, packed or not.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use csv::{ByteRecord, ReaderBuilder};
use flate2::read::MultiGzDecoder;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use prediction::history::DAY_SECONDS;
use prediction::{Cell, Column, ColumnKind, Row, Table};
use ruzstd::decoding::StreamingDecoder;

use super::mapping::{Mapping, Outcome, TimeUnit};
use crate::failure::Failure;

/// Most bytes of a file, unpacked.
const CSV_BYTES_MAX: u64 = 4 * 1024 * 1024 * 1024;
/// Most columns of a file.
const HEADER_MAX: usize = 4096;
/// Most characters of a cell that an error repeats.
const SHOWN_MAX: usize = 40;

/// What was read.
#[derive(Debug)]
pub(crate) struct Data {
    pub(crate) table: Table,
    pub(crate) mapping: Mapping,
    /// Rows that the mapping leaves out.
    pub(crate) left_out: u64,
    /// Columns of the mapping that the file lacks.
    pub(crate) lacking: Vec<String>,
}

/// Where each thing stands in a record.
struct Places {
    time: usize,
    outcome: usize,
    group: Option<usize>,
    keep: Vec<(usize, String)>,
    cells: Vec<(usize, Column)>,
    keys: Vec<(usize, String)>,
}

/// Reads a file by a mapping, or by the shipped one that fits it.
pub(crate) fn read(path: &Path, mapping: Option<&Mapping>) -> Result<Data, Failure> {
    let unreadable = |error: &dyn std::error::Error| {
        Failure::new(format!("`{}` cannot be read", path.display())).caused_by(error)
    };
    let file = BufReader::new(File::open(path).map_err(|error| unreadable(&error))?);
    let unpacked: Box<dyn Read> = match path.extension().and_then(|extension| extension.to_str()) {
        Some("gz") => Box::new(MultiGzDecoder::new(file)),
        Some("zst") => Box::new(StreamingDecoder::new(file).map_err(|error| unreadable(&error))?),
        _ => Box::new(file),
    };
    let delimiter = mapping.and_then(|mapping| u8::try_from(mapping.delimiter).ok()).unwrap_or(b',');
    let mut builder = ReaderBuilder::new();
    builder.has_headers(false).delimiter(delimiter);
    let mut reader = builder.from_reader(unpacked.take(CSV_BYTES_MAX));
    let mut record = ByteRecord::new();
    let in_file = |failure: Failure| failure.at(path.display().to_string(), "this file");
    if !reader.read_byte_record(&mut record).map_err(|error| unreadable(&error))? {
        return Err(Failure::new(format!("`{}` is empty: a header is needed", path.display())));
    }
    let header = header(&record).map_err(in_file)?;
    let mapping = mapping.cloned().or_else(|| Mapping::for_header(&header)).ok_or_else(|| {
        Failure::new(format!("the columns of `{}` are not known", path.display()))
            .accepted("a mapping that says which column is what, with `--mapping FILE`")
            .next("docs/risk-evaluation.md shows one")
    })?;
    let (places, lacking) = places(&mapping, &header).map_err(in_file)?;
    let columns = places.cells.iter().map(|(_, column)| column.clone()).collect();
    let keys: Vec<String> = places.keys.iter().map(|(_, name)| name.clone()).collect();
    let mut table = Table::new(columns, &keys).map_err(|error| in_file(Failure::of(&error)))?;
    let mut left_out = 0;
    while reader.read_byte_record(&mut record).map_err(|error| unreadable(&error))? {
        let line = record.position().map_or(0, csv::Position::line);
        match row(&record, line, &places, &mapping).map_err(in_file)? {
            Some(row) => table.push(line, row).map_err(|error| in_file(Failure::of(&error)))?,
            None => left_out += 1,
        }
    }
    if reader.position().byte() >= CSV_BYTES_MAX {
        return Err(Failure::new(format!("`{}` has more than {CSV_BYTES_MAX} bytes", path.display()))
            .next("split it by time"));
    }
    Ok(Data { table, mapping, left_out, lacking })
}

fn header(record: &ByteRecord) -> Result<Vec<String>, Failure> {
    if record.len() > HEADER_MAX {
        return Err(Failure::new(format!("the header has more than {HEADER_MAX} columns")));
    }
    let mut names: Vec<String> = Vec::new();
    for (place, field) in record.iter().enumerate() {
        let field = if place == 0 { field.strip_prefix(b"\xef\xbb\xbf").unwrap_or(field) } else { field };
        let name = std::str::from_utf8(field).ok().filter(|name| !name.contains('\0')).ok_or_else(|| {
            Failure::new(format!("line 1: the name of column {} is not UTF-8", place + 1))
                .next("save the file as UTF-8")
        })?;
        if names.iter().any(|known| known == name) {
            return Err(Failure::new(format!("line 1: column `{name}` appears twice"))
                .next("give each column a name of its own"));
        }
        names.push(name.to_owned());
    }
    Ok(names)
}

fn places(mapping: &Mapping, header: &[String]) -> Result<(Places, Vec<String>), Failure> {
    let place = |name: &str| header.iter().position(|known| known == name);
    let needed = |name: &str| {
        place(name).ok_or_else(|| {
            Failure::new(format!("there is no column `{name}`"))
                .accepted("a header with the columns that the mapping names")
        })
    };
    let mut lacking = Vec::new();
    let mut found = |name: &String| {
        let place = place(name);
        if place.is_none() {
            lacking.push(name.clone());
        }
        place
    };
    let mut cells = Vec::new();
    for name in &mapping.columns.numbers {
        let at_least = mapping.columns.not_negative.contains(name).then_some(0.0);
        let kind = ColumnKind::Number { at_least };
        cells.extend(found(name).map(|place| (place, Column { name: name.clone(), kind })));
    }
    for name in &mapping.columns.words {
        let kind = ColumnKind::Word;
        cells.extend(found(name).map(|place| (place, Column { name: name.clone(), kind })));
    }
    let keys = mapping.columns.keys.iter();
    let keys = keys.filter_map(|name| found(name).map(|place| (place, name.clone()))).collect();
    let keep = mapping.keep.iter().map(|keep| Ok((needed(&keep.column)?, keep.equals.clone())));
    let places = Places {
        time: needed(&mapping.time.column)?,
        outcome: needed(&mapping.outcome.column)?,
        group: mapping.group.as_ref().map(|group| needed(&group.column)).transpose()?,
        keep: keep.collect::<Result<_, Failure>>()?,
        cells,
        keys,
    };
    Ok((places, lacking))
}

/// One row; none when the mapping leaves it out.
fn row(record: &ByteRecord, line: u64, places: &Places, mapping: &Mapping) -> Result<Option<Row>, Failure> {
    let text = |place: usize, name: &str| {
        let field = record.get(place).unwrap_or_default();
        std::str::from_utf8(field).map(str::trim).map_err(|_| {
            Failure::new(format!("line {line}, column `{name}`: not UTF-8")).next("save the file as UTF-8")
        })
    };
    for (keep, (place, equals)) in mapping.keep.iter().zip(&places.keep) {
        if text(*place, &keep.column)? != equals {
            return Ok(None);
        }
    }
    let at = time(text(places.time, &mapping.time.column)?, line, mapping)?;
    let failed = outcome(text(places.outcome, &mapping.outcome.column)?, line, &mapping.outcome)?;
    let group = match (places.group, &mapping.group) {
        (Some(place), Some(group)) => text(place, &group.column)?.to_owned(),
        (None | Some(_), _) => String::new(),
    };
    let mut cells = Vec::with_capacity(places.cells.len());
    for (place, column) in &places.cells {
        cells.push(cell(text(*place, &column.name)?, line, column, &mapping.columns.missing)?);
    }
    let keys = places.keys.iter().map(|(place, name)| text(*place, name).map(str::to_owned));
    let wait = i64::from(mapping.outcome.known_after_days) * DAY_SECONDS;
    Ok(Some(Row {
        at,
        known_at: at.saturating_add(wait),
        failed,
        group,
        keys: keys.collect::<Result<_, _>>()?,
        cells,
    }))
}

fn time(text: &str, line: u64, mapping: &Mapping) -> Result<i64, Failure> {
    let wrong = |accepted: &str| {
        let column = &mapping.time.column;
        Failure::new(format!("line {line}, column `{column}`: `{}` is no time", shown(text)))
            .accepted(accepted)
    };
    let whole = || {
        let whole = text.split_once('.').map_or(text, |(whole, _)| whole);
        whole.parse::<i64>().map_err(|_| wrong("a whole number, as the mapping's `time.unit` says"))
    };
    match mapping.time.unit {
        TimeUnit::Seconds | TimeUnit::Position => whole(),
        TimeUnit::Milliseconds => Ok(whole()?.div_euclid(1_000)),
        TimeUnit::Timestamp => {
            // Most tables say nothing of zones; their order is the same in any.
            let in_utc = |local: DateTime| TimeZone::UTC.to_timestamp(local);
            let parsed = text.parse::<Timestamp>().or_else(|_| text.parse().and_then(in_utc));
            let parsed =
                parsed.map_err(|_| wrong("a timestamp such as 2026-03-01T12:00:00Z or 2026-03-01"))?;
            Ok(parsed.as_second())
        }
    }
}

fn outcome(text: &str, line: u64, mapping: &Outcome) -> Result<bool, Failure> {
    let Outcome { column, failed, succeeded, .. } = mapping;
    let is_among = |words: &[String]| words.iter().any(|word| word.eq_ignore_ascii_case(text));
    if !failed.is_empty() {
        return match (is_among(failed), is_among(succeeded)) {
            (true, _) => Ok(true),
            (false, true) => Ok(false),
            (false, false) => {
                Err(Failure::new(format!("line {line}, column `{column}`: `{}` is no outcome", shown(text)))
                    .accepted(format!(
                        "{} for a failure; {} otherwise",
                        failed.join(", "),
                        succeeded.join(", ")
                    )))
            }
        };
    }
    match text.to_ascii_lowercase().as_str() {
        "1" | "1.0" | "true" | "yes" => Ok(true),
        "0" | "0.0" | "false" | "no" => Ok(false),
        _ => Err(Failure::new(format!("line {line}, column `{column}`: `{}` is no outcome", shown(text)))
            .accepted("1, true or yes for a failure; 0, false or no otherwise")
            .next("name the words in the mapping, as `outcome.failed` and `outcome.succeeded`")),
    }
}

fn cell(text: &str, line: u64, column: &Column, missing: &[String]) -> Result<Cell, Failure> {
    if text.is_empty() || missing.iter().any(|word| word == text) {
        return Ok(Cell::Missing);
    }
    match column.kind {
        ColumnKind::Word => Ok(Cell::Word(text.to_owned())),
        ColumnKind::Number { .. } => match text.to_ascii_lowercase().as_str() {
            "true" => Ok(Cell::Number(1.0)),
            "false" => Ok(Cell::Number(0.0)),
            number => number.parse().map(Cell::Number).map_err(|_| {
                let name = &column.name;
                Failure::new(format!("line {line}, column `{name}`: `{}` is not a number", shown(text)))
                    .accepted("a number, or nothing when it is unknown")
            }),
        },
    }
}

fn shown(text: &str) -> String {
    text.chars().take(SHOWN_MAX).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write as _;

    use super::*;

    const MAPPING: &str = r#"
        name = "ours"
        time = { column = "at", unit = "timestamp" }
        outcome = { column = "failed", known_after_days = 2 }
        keep = [{ column = "env", equals = "production" }]
        [columns]
        numbers = ["churn", "coverage", "gone"]
        words = ["team"]
        keys = ["author"]
        not_negative = ["churn"]
        missing = ["NA"]
    "#;
    const HEADER: &str = "at,failed,env,churn,coverage,team,author,more\n";

    fn read_bytes(name: &str, bytes: &[u8]) -> Result<Data, String> {
        read_by(MAPPING, name, bytes)
    }

    fn read_by(mapping_text: &str, name: &str, bytes: &[u8]) -> Result<Data, String> {
        let folder = tempfile::tempdir().unwrap();
        let (file, mapping) = (folder.path().join(name), folder.path().join("mapping.toml"));
        fs::write(&file, bytes).unwrap();
        fs::write(&mapping, mapping_text).unwrap();
        let mapping = Mapping::read(&mapping).map_err(|failure| format!("{failure:?}"))?;
        read(&file, Some(&mapping)).map_err(|failure| format!("{failure:?}"))
    }

    #[track_caller]
    fn refused(rows: &[u8], expected: &str) {
        let error = read_bytes("changes.csv", &[HEADER.as_bytes(), rows].concat()).unwrap_err();
        assert!(error.contains(expected), "{error}");
    }

    fn table() -> String {
        format!(
            "{HEADER}1970-01-01T00:00:10Z,true,production,12,NA,red,ann,é\n\
             1970-01-01T00:00:11Z,1,test,x,x,x,x,x\n\
             1970-01-01T00:00:12Z,no,production,,0.5,blue,,\"a, b\"\n"
        )
    }

    fn check(data: &Data) {
        let table = &data.table;
        assert_eq!((table.len(), data.left_out), (2, 1));
        assert_eq!(data.lacking, ["gone"]);
        assert_eq!(table.at(), [10, 12]);
        assert_eq!(table.known_at(), [10 + 2 * DAY_SECONDS, 12 + 2 * DAY_SECONDS]);
        assert_eq!(table.failed(), [true, false]);
        assert!(table.values(0)[0] == 12.0 && table.values(0)[1].is_nan());
        assert!(table.values(1)[0].is_nan() && table.values(1)[1] == 0.5);
        assert_eq!(table.words(2), ["red", "blue"]);
        let authors: Vec<_> = table.keys().flat_map(|(_, authors)| authors.to_vec()).collect();
        assert_eq!(authors, [Some(0), None]);
    }

    #[test]
    fn a_table_is_read_packed_or_not() {
        check(&read_bytes("changes.csv", table().as_bytes()).unwrap());
        check(&read_bytes("changes.csv", format!("\u{feff}{}", table()).as_bytes()).unwrap());
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        gzip.write_all(table().as_bytes()).unwrap();
        check(&read_bytes("changes.csv.gz", &gzip.finish().unwrap()).unwrap());
        let level = ruzstd::encoding::CompressionLevel::Fastest;
        check(
            &read_bytes("changes.csv.zst", &ruzstd::encoding::compress_to_vec(table().as_bytes(), level))
                .unwrap(),
        );
    }

    #[test]
    fn a_table_in_other_words_is_read_as_its_mapping_says() {
        let words = r#"failed = ["failed", "Backed Out"], succeeded = ["ok"]"#;
        let mapping = |unit: &str, outcome: &str| {
            format!(
                "name = \"theirs\"\ndelimiter = \";\"\ntime = {{ column = \"at\", unit = \"{unit}\" }}\n\
                 outcome = {{ column = \"status\", {outcome} }}\n[columns]\nnumbers = [\"churn\"]\n"
            )
        };
        let days =
            "at;status;churn\n1970-01-02;FAILED;1\n1970-01-02 00:01;backed out;2\n1970-01-03T00:00Z;Ok;3\n";
        let data = read_by(&mapping("timestamp", words), "changes.csv", days.as_bytes()).unwrap();
        assert_eq!(
            (data.table.at(), data.table.failed()),
            (&[86_400, 86_460, 172_800][..], &[true, true, false][..])
        );
        let millis = b"at;status;churn\n1500;ok;1\n";
        let data = read_by(&mapping("milliseconds", words), "changes.csv", millis).unwrap();
        assert_eq!(data.table.at(), [1]);
        let error = |outcome: &str, rows: &str| {
            read_by(&mapping("timestamp", outcome), "a.csv", rows.as_bytes()).unwrap_err()
        };
        assert!(
            error(words, "at;status;churn\n1970-01-02;yes;1\n")
                .contains("line 2, column `status`: `yes` is no outcome")
        );
        assert!(error("failed = [\"no\"]", "").contains("belong together"));
        assert!(
            error("failed = [\"x\"], succeeded = [\"X\"]", "").contains("`x` is among the words of both")
        );
    }

    #[test]
    fn what_cannot_be_meant_is_refused_by_line_and_column() {
        let start = "1970-01-01T00:00:10Z,1,production";
        let row = |rest: &str| format!("{start},{rest}\n").into_bytes();
        refused(&row("1,NaN,red,ann,"), "line 2, column `coverage`: `NaN` is not a finite number");
        refused(&row("-4,1,red,ann,"), "line 2, column `churn`: -4 is less than 0");
        refused(&row("many,1,red,ann,"), "line 2, column `churn`: `many` is not a number");
        refused(&row("1,1,red"), "found record with 6 fields");
        refused(b"1970-01-01T00:00:10Z,maybe,production,1,1,red,ann,\n", "`maybe` is no outcome");
        refused(b"yesterday,1,production,1,1,red,ann,\n", "line 2, column `at`: `yesterday` is no time");
        let latin = [start.as_bytes(), b",1,1,r\xe9d,ann,\n"].concat();
        refused(&latin, "line 2, column `team`: not UTF-8");
    }

    #[test]
    fn a_header_that_misleads_is_refused() {
        let error = |header: &[u8]| read_bytes("changes.csv", header).unwrap_err();
        assert!(error(b"at,failed,at\n").contains("line 1: column `at` appears twice"));
        assert!(error(b"at,env\n").contains("there is no column `failed`"));
        assert!(error(b"").contains("is empty"));
        let utf16: Vec<u8> = HEADER.encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert!(error(&utf16).contains("is not UTF-8"));
    }
}

//! The few places where the two databases speak differently.

use crate::table::{Kind, OnConflict, Table};

/// Which SQL is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    Sqlite,
    Postgres,
}

impl Dialect {
    /// Opens a transaction that writes. SQLite takes its single write lock at once: taking it later could fail half-way.
    pub(crate) fn begin_write(self) -> &'static str {
        match self {
            Self::Sqlite => "BEGIN IMMEDIATE",
            // Every statement sees what others have committed by then, also where the server's default is stricter:
            // the lock on the log's head comes first and keeps all of it from changing.
            Self::Postgres => "BEGIN ISOLATION LEVEL READ COMMITTED",
        }
    }

    /// Opens a transaction that reads one unchanging state.
    pub(crate) fn begin_snapshot(self) -> &'static str {
        match self {
            Self::Sqlite => "BEGIN",
            Self::Postgres => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        }
    }

    /// The database's clock in microseconds. SQLite's ticks in milliseconds.
    pub(crate) fn now_micros(self) -> &'static str {
        match self {
            Self::Sqlite => "CAST(ROUND(unixepoch('now', 'subsec') * 1000) AS INTEGER) * 1000",
            Self::Postgres => "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)",
        }
    }

    /// Whether a column equals one of the values of a list parameter.
    pub(crate) fn any(self, column: &str, placeholder: &str) -> String {
        match self {
            Self::Sqlite => format!("{column} IN (SELECT value FROM json_each({placeholder}))"),
            Self::Postgres => format!("{column} = ANY({placeholder})"),
        }
    }

    /// Takes the log for the transaction: nobody else writes anything until it ends. On SQLite it is taken already.
    pub(crate) fn take_log(self) -> Option<&'static str> {
        match self {
            Self::Sqlite => None,
            Self::Postgres => Some("SELECT 1 FROM log_head WHERE id = 1 FOR UPDATE"),
        }
    }

    /// Text of a migration in this dialect. Migrations write `BIGINT`, `TEXT` and `BYTES` for the three column types and
    /// `CLUSTERED` after a table whose rows lie in the order of its primary key.
    pub(crate) fn migration(self, text: &str) -> String {
        match self {
            // Strict tables refuse values of another type, which SQLite would otherwise store as they are.
            Self::Sqlite => text
                .replace("BIGINT", "INTEGER")
                .replace("BYTES", "BLOB")
                .replace(") CLUSTERED;", ") STRICT, WITHOUT ROWID;")
                .replace("\n);", "\n) STRICT;"),
            // Byte order, whatever the server's locale: both databases then sort and compare names alike.
            Self::Postgres => text
                .replace("TEXT", "TEXT COLLATE \"C\"")
                .replace("BYTES", "BYTEA")
                .replace(") CLUSTERED;", ");"),
        }
    }
}

/// Inserts one row on SQLite, where a call costs nothing.
pub(crate) fn sqlite_insert(table: &Table, on_conflict: OnConflict) -> String {
    let values: Vec<String> = (1..=table.columns.len()).map(|at| format!("${at}")).collect();
    insert(table, &format!("VALUES ({})", values.join(", ")), on_conflict)
}

/// Inserts many rows into all tables at once on PostgreSQL, where a call costs a round trip. Every column is a
/// parameter, an array. With `tells`, one more parameter is told to every server on the same database when the
/// transaction commits. There is no such statement for no tables.
pub(crate) fn postgres_inserts<'a>(
    tables: impl Iterator<Item = (&'a Table, OnConflict)>,
    tells: bool,
) -> Option<String> {
    let mut placeholder = 0;
    let mut inserts: Vec<String> = Vec::new();
    for (table, on_conflict) in tables {
        let arrays = table.columns.iter().map(|(_, kind)| {
            placeholder += 1;
            format!("${placeholder}::{}[]", postgres_type(*kind))
        });
        let arrays = arrays.collect::<Vec<_>>().join(", ");
        inserts.push(insert(table, &format!("SELECT * FROM UNNEST({arrays})"), on_conflict));
    }
    if tells {
        inserts.push(format!("SELECT pg_notify('cortex_change_log', ${})", placeholder + 1));
    }
    let last = inserts.pop()?;
    if inserts.is_empty() {
        return Some(last);
    }
    let before: Vec<String> =
        inserts.iter().enumerate().map(|(at, insert)| format!("part_{at} AS ({insert})")).collect();
    Some(format!("WITH {} {last}", before.join(", ")))
}

/// Both texts come from the same list of columns.
fn insert(table: &Table, source: &str, on_conflict: OnConflict) -> String {
    let names: Vec<&str> = table.columns.iter().map(|(name, _)| *name).collect();
    format!(
        "INSERT INTO {} ({}) {source}{}",
        table.name,
        names.join(", "),
        conflict_clause(table, on_conflict)
    )
}

fn postgres_type(kind: Kind) -> &'static str {
    match kind {
        Kind::Int => "bigint",
        Kind::Text => "text",
        Kind::Bytes => "bytea",
    }
}

fn conflict_clause(table: &Table, on_conflict: OnConflict) -> String {
    match on_conflict {
        OnConflict::Fail => String::new(),
        OnConflict::Ignore => " ON CONFLICT DO NOTHING".to_owned(),
        OnConflict::Replace { key, constant } => {
            let changing = table.columns.iter().map(|(name, _)| *name);
            let changing = changing.filter(|name| !key.contains(name) && !constant.contains(name));
            let assignments: Vec<String> = changing.map(|name| format!("{name} = excluded.{name}")).collect();
            format!(" ON CONFLICT ({}) DO UPDATE SET {}", key.join(", "), assignments.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: Table = Table {
        name: "t",
        columns: &[("id", Kind::Int), ("name", Kind::Text), ("made_at", Kind::Int), ("body", Kind::Bytes)],
        order: "id",
        on_conflict: OnConflict::Replace { key: &["id"], constant: &["made_at"] },
    };

    /// Tables with rows that may be there already.
    fn own<const N: usize>(tables: [&Table; N]) -> impl Iterator<Item = (&Table, OnConflict)> {
        tables.into_iter().map(|table| (table, table.on_conflict))
    }

    #[test]
    fn rows_that_are_new_are_inserted_plainly() {
        let columns = "INSERT INTO t (id, name, made_at, body)";
        assert_eq!(sqlite_insert(&TABLE, OnConflict::Fail), format!("{columns} VALUES ($1, $2, $3, $4)"));
        let new = postgres_inserts([(&TABLE, OnConflict::Fail)].into_iter(), false).unwrap();
        assert!(new.starts_with(columns) && !new.contains("CONFLICT"), "{new}");
    }

    #[test]
    fn both_inserts_come_from_one_list_of_columns() {
        let on_conflict = " ON CONFLICT (id) DO UPDATE SET name = excluded.name, body = excluded.body";
        let columns = "INSERT INTO t (id, name, made_at, body) ";
        assert_eq!(
            sqlite_insert(&TABLE, TABLE.on_conflict),
            format!("{columns}VALUES ($1, $2, $3, $4){on_conflict}")
        );
        assert_eq!(
            postgres_inserts(own([&TABLE]), false).unwrap(),
            format!(
                "{columns}SELECT * FROM UNNEST($1::bigint[], $2::text[], $3::bigint[], $4::bytea[]){on_conflict}"
            )
        );
    }

    #[test]
    fn several_tables_are_filled_by_one_statement() {
        const OTHER: Table = Table {
            name: "u",
            columns: &[("word", Kind::Text)],
            order: "word",
            on_conflict: OnConflict::Ignore,
        };
        let other =
            |at| format!("INSERT INTO u (word) SELECT * FROM UNNEST(${at}::text[]) ON CONFLICT DO NOTHING");
        let first = postgres_inserts(own([&TABLE]), false).unwrap();
        assert_eq!(
            postgres_inserts(own([&TABLE, &OTHER]), false).unwrap(),
            format!("WITH part_0 AS ({first}) {}", other(5))
        );
        assert_eq!(postgres_inserts(own([&OTHER]), false).unwrap(), other(1));
        assert_eq!(postgres_inserts(own([]), false), None);
        assert_eq!(
            postgres_inserts(own([&TABLE]), true).unwrap(),
            format!("WITH part_0 AS ({first}) SELECT pg_notify('cortex_change_log', $5)")
        );
    }

    #[test]
    fn migrations_are_one_text() {
        let text =
            "CREATE TABLE a (\n    k TEXT,\n    b BYTES\n) CLUSTERED;\nCREATE TABLE c (\n    n BIGINT\n);\n";
        assert_eq!(
            Dialect::Sqlite.migration(text),
            "CREATE TABLE a (\n    k TEXT,\n    b BLOB\n) STRICT, WITHOUT ROWID;\nCREATE TABLE c (\n    n INTEGER\n) STRICT;\n"
        );
        assert_eq!(
            Dialect::Postgres.migration(text),
            "CREATE TABLE a (\n    k TEXT COLLATE \"C\",\n    b BYTEA\n);\nCREATE TABLE c (\n    n BIGINT\n);\n"
        );
    }
}

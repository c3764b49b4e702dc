//! `.sqlx/` holds what the compiler believes about every statement. The migrations decide.

use std::path::{Path, PathBuf};

use serde_json::Value;
use sqlx::{AssertSqlSafe, Column as _, Either, Executor as _, SqlSafeStr as _, Statement as _};
use sqlx::{TypeInfo as _, postgres::PgTypeInfo};

use crate::support::database::Database;

fn stored() -> Vec<(PathBuf, Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(".sqlx");
    let files = std::fs::read_dir(&folder).expect(".sqlx");
    let stored: Vec<_> = files
        .map(|file| {
            let path = file.expect("an entry").path();
            let text = std::fs::read_to_string(&path).expect("a file");
            let json = serde_json::from_str(&text).expect("JSON");
            (path, json)
        })
        .collect();
    assert!(!stored.is_empty(), "{} is empty", folder.display());
    stored
}

/// `TEXT[]` as PostgreSQL says it, `TextArray` as it is stored.
fn same_type(ours: &PgTypeInfo, stored: &Value) -> bool {
    let ours = ours.name().to_lowercase().replace("[]", "array");
    stored.as_str().is_some_and(|stored| stored.to_lowercase() == ours)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_stored_statement_has_the_same_types_on_the_migrated_schema() {
    let database = Database::fresh().await;
    let mut connection = database.pool.acquire().await.expect("a connection");
    let mut wrong = Vec::new();
    for (path, json) in stored() {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let query = json["query"].as_str().expect("a query").to_owned();
        let prepared = connection.prepare(AssertSqlSafe(query).into_sql_str()).await;
        let statement = match prepared {
            Ok(statement) => statement,
            Err(error) => {
                wrong.push(format!("{name}: {error}"));
                continue;
            }
        };
        let described = &json["describe"];
        let columns = described["columns"].as_array().expect("columns");
        let same_columns = statement.columns().len() == columns.len()
            && statement.columns().iter().zip(columns).all(|(ours, stored)| {
                stored["name"] == ours.name() && same_type(ours.type_info(), &stored["type_info"])
            });
        let parameters = described["parameters"]["Left"].as_array().expect("parameters");
        let same_parameters = match statement.parameters() {
            Some(Either::Left(ours)) => {
                ours.len() == parameters.len()
                    && ours.iter().zip(parameters).all(|(ours, stored)| same_type(ours, stored))
            }
            _ => false,
        };
        if !same_columns || !same_parameters {
            wrong.push(format!("{name}: other columns or parameters"));
        }
    }
    assert!(wrong.is_empty(), "`make prepare` mends this:\n{}", wrong.join("\n"));
}

#[test]
fn every_stored_statement_is_one_of_the_source() {
    let source = source_of(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store"));
    let words =
        |text: &str| text.replace('\\', " ").split_whitespace().collect::<Vec<_>>().join(" ");
    let parts: Vec<String> = source
        .split("r#\"")
        .skip(1)
        .filter_map(|text| text.split_once("\"#"))
        .map(|(text, _)| words(text))
        .filter(|part| !part.is_empty())
        .collect();
    let source = words(&source);
    for (path, json) in stored() {
        let query = words(json["query"].as_str().expect("a query"));
        let is_there = source.contains(&query) || is_made_of(&query, &parts);
        assert!(is_there, "{} is left over: {query}", path.display());
    }
}

/// True for a statement that is put together of texts of the source.
fn is_made_of(query: &str, parts: &[String]) -> bool {
    let query = query.trim_start();
    query.is_empty()
        || parts.iter().any(|part| {
            query.strip_prefix(part.as_str()).is_some_and(|rest| is_made_of(rest, parts))
        })
}

/// Everything that stands in the files of a folder and of the folders in it.
fn source_of(folder: &Path) -> String {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let text = |path: PathBuf| {
        if path.is_dir() {
            source_of(&path)
        } else {
            std::fs::read_to_string(path).expect("a file")
        }
    };
    paths.map(text).collect()
}

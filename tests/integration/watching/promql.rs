//! As much of Prometheus' query language as it takes to see which series are meant.

use std::collections::BTreeSet;

/// A metric's name and what its labels must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selector {
    /// As written, `_bucket` and its like included.
    pub metric: String,
    /// Label, operator, value.
    pub matchers: Vec<(String, String, String)>,
}

/// Every selector of one of the wallet's metrics.
pub fn selectors(query: &str) -> Vec<Selector> {
    let mut found = Vec::new();
    let mut rest = query;
    while let Some(at) = rest.find("wallet_") {
        let inside_a_word = rest[..at].ends_with(|letter: char| letter.is_alphanumeric());
        let word = &rest[at..];
        let end = word.find(|letter: char| !(letter.is_alphanumeric() || letter == '_'));
        let (metric, after) = word.split_at(end.unwrap_or(word.len()));
        rest = after;
        if inside_a_word {
            continue;
        }
        let matchers = after
            .strip_prefix('{')
            .and_then(|inner| inner.split_once('}'))
            .map(|(inner, _)| inner.split(',').filter_map(matcher).collect())
            .unwrap_or_default();
        found.push(Selector { metric: metric.to_owned(), matchers });
    }
    found
}

fn matcher(text: &str) -> Option<(String, String, String)> {
    let (head, value) = text.trim().split_once('"')?;
    let label = head.trim_end_matches(['=', '~', '!']);
    let operator = &head[label.len()..];
    Some((label.to_owned(), operator.to_owned(), value.trim_end_matches('"').to_owned()))
}

/// The labels that its aggregations keep.
pub fn grouped_by(query: &str) -> BTreeSet<String> {
    let lists = query.split("by (").skip(1).filter_map(|rest| rest.split_once(')'));
    lists
        .flat_map(|(list, _)| list.split(','))
        .map(|label| label.trim().to_owned())
        .filter(|label| !label.is_empty())
        .collect()
}

#[test]
fn what_a_query_means_is_found_however_it_is_wrapped() {
    let query = "sum by (a, le) (rate(wallet_x_bucket{b=\"c\", d=~\"e|f\"}[5m])) > max(wallet_y)";
    let found = selectors(query);
    assert_eq!(found.len(), 2);
    assert_eq!(found[0].metric, "wallet_x_bucket");
    let words = |(a, b, c): &(String, String, String)| format!("{a}{b}{c}");
    assert_eq!(found[0].matchers.iter().map(words).collect::<Vec<_>>(), ["b=c", "d=~e|f"]);
    assert_eq!((found[1].metric.as_str(), found[1].matchers.len()), ("wallet_y", 0));
    assert_eq!(grouped_by(query).into_iter().collect::<Vec<_>>(), ["a", "le"]);
}

//! Paths, spelled in one way: a slash is a slash however often it stands there, and one at the end
//! says nothing. Base URLs are configured by hand, with a slash at the end or without.

use axum::http::Uri;
use axum::http::uri::PathAndQuery;

/// The page whose links are relative to it.
const PAGE: &str = "/docs/";

/// The path and query as they were sent, where they were spelled in another way: signatures may
/// cover them.
#[derive(Clone, Debug)]
pub struct Sent(pub PathAndQuery);

/// The same target in the one way; `None` where it is.
pub fn plain(uri: &Uri) -> Option<Uri> {
    let path = uri.path();
    let ends = path.len() > 1 && path.ends_with('/') && path != PAGE;
    if !ends && !path.contains("//") {
        return None;
    }
    let mut plain = String::with_capacity(path.len());
    for part in path.split('/').filter(|part| !part.is_empty()) {
        plain.push('/');
        plain.push_str(part);
    }
    if plain.is_empty() || path.ends_with('/') && format!("{plain}/") == PAGE {
        plain.push('/');
    }
    if let Some(query) = uri.query() {
        plain.push('?');
        plain.push_str(query);
    }
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(plain.parse().ok()?);
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slash_is_a_slash_however_often_it_is_there() {
        for (sent, wanted) in [
            ("/", None),
            ("/a/b", None),
            ("/a/b?c=//d/", None),
            ("/docs/", None),
            ("//", Some("/")),
            ("/a/", Some("/a")),
            ("//a///b//?c=//d/", Some("/a/b?c=//d/")),
            ("//docs//", Some("/docs/")),
            ("/a%2F/", Some("/a%2F")),
        ] {
            let uri: Uri = sent.parse().expect("a path");
            let is = plain(&uri).map(|uri| uri.to_string());
            assert_eq!(is.as_deref(), wanted, "{sent}");
        }
    }
}

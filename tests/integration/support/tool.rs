//! Programs that only some tests need.

use std::path::{Path, PathBuf};

/// Where it is, on the search path or where Debian puts servers; `None` where it is not, and
/// then the test's output says that nothing was tested.
pub fn optional(program: &str) -> Option<PathBuf> {
    let search = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&search)
        .chain([PathBuf::from("/usr/sbin")])
        .map(|folder| folder.join(program))
        .find(|path| Path::is_file(path));
    if found.is_none() {
        eprintln!("SKIPPED: there is no {program} here, which a Debian package has");
    }
    found
}

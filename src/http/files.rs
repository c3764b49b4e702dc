//! Files that the process may have open: each connection is one.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Files beside connections of callers: databases, listeners, the log.
const OTHERS: usize = 256;

/// How many connections there may be of the `wanted` ones, in order, once the system has been asked
/// for as many files as it gives. Where there are fewer than wanted, each gets its part, and the log
/// says so: a node that takes connections for which it has no files takes none in the end.
pub fn connections(wanted: &[usize]) -> Vec<usize> {
    let all: usize = wanted.iter().sum();
    let files = raise(all.saturating_add(OTHERS));
    let room = files.saturating_sub(OTHERS).max(files / 2);
    if room >= all {
        return wanted.to_vec();
    }
    let part = |wanted: &usize| (wanted * room / all.max(1)).max(1);
    let parts: Vec<usize> = wanted.iter().map(part).collect();
    tracing::warn!(
        files,
        connections_max = all,
        taken = parts.iter().sum::<usize>(),
        "the process may open fewer files (ulimit -n) than it would need for http.connections_max \
         and grpc.connections_max: fewer connections are taken"
    );
    parts
}

/// The files that there may be, raised to `wanted` as far as the system lets it.
fn raise(wanted: usize) -> usize {
    let now = getrlimit(Resource::Nofile);
    let wanted = u64::try_from(wanted).unwrap_or(u64::MAX);
    let (current, maximum) = (now.current.unwrap_or(u64::MAX), now.maximum.unwrap_or(u64::MAX));
    let raised = wanted.min(maximum);
    let is_raised = raised > current
        && setrlimit(Resource::Nofile, Rlimit { current: Some(raised), ..now }).is_ok();
    usize::try_from(if is_raised { raised } else { current }).unwrap_or(usize::MAX)
}

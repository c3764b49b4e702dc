//! Child processes and folders that end with the test, also when the test run is killed.

use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A shell that runs a script when this process dies without having dismissed it. It notices
/// by the end of its standard input.
struct Caretaker(Child);

impl Caretaker {
    fn hire(script: &str) -> Self {
        let child = Command::new("sh")
            .args(["-c", &format!("trap '' INT TERM HUP; read -r _ || {{ {script}; }}")])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("sh");
        Self(child)
    }
}

impl Drop for Caretaker {
    fn drop(&mut self) {
        use std::io::Write as _;
        if let Some(mut input) = self.0.stdin.take() {
            let _ = input.write_all(b"dismissed\n");
        }
        let _ = self.0.wait();
    }
}

/// A process of our own. It is killed by its id when it is dropped.
pub struct Process {
    child: Mutex<Child>,
    id: u32,
    /// What it starts is killed with it.
    leads: bool,
    _caretaker: Caretaker,
}

impl Process {
    /// Starts it.
    pub fn start(command: &mut Command) -> Self {
        Self::begin(command, false)
    }

    /// Starts one that starts others: all of them are killed together.
    pub fn lead(command: &mut Command) -> Self {
        Self::begin(command.process_group(0), true)
    }

    /// Starts one that reads something.
    pub fn reading(command: &mut Command, input: impl Into<Stdio>) -> Self {
        Self::begin_with(command.stdin(input), false)
    }

    fn begin(command: &mut Command, leads: bool) -> Self {
        Self::begin_with(command.stdin(Stdio::null()), leads)
    }

    fn begin_with(command: &mut Command, leads: bool) -> Self {
        let child =
            command.spawn().unwrap_or_else(|error| panic!("{:?}: {error}", command.get_program()));
        let id = child.id();
        let group = if leads { "-" } else { "" };
        let script = format!("kill -CONT -- {group}{id}; kill -KILL -- {group}{id}");
        Self { child: Mutex::new(child), id, leads, _caretaker: Caretaker::hire(&script) }
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Sends a signal, such as `TERM`. Nothing happens when the process has ended.
    pub fn signal(&self, name: &str) {
        // Held, so that the id cannot be given to another process meanwhile.
        let mut child = self.child();
        if matches!(child.try_wait(), Ok(None)) {
            signal(self.id, name);
        }
    }

    /// Ends it as a crash would.
    pub fn kill9(&self) {
        if self.leads {
            // Its id is its group's, which is nobody else's as long as one of them lives.
            let group = format!("-{}", self.id);
            let _ = Command::new("kill")
                .args(["-KILL", "--", &group])
                .stderr(Stdio::null())
                .status()
                .expect("kill");
        }
        self.signal("CONT");
        self.signal("KILL");
        let _ = self.child().wait();
    }

    /// How it ended, if it has.
    pub fn ended(&self) -> Option<ExitStatus> {
        self.child().try_wait().expect("a child of ours")
    }

    /// Waits for its end; `None` when it has not come within that time.
    pub fn wait(&self, at_most: Duration) -> Option<ExitStatus> {
        let started = Instant::now();
        loop {
            match self.ended() {
                None if started.elapsed() < at_most => {
                    std::thread::sleep(Duration::from_millis(5));
                }
                ended => return ended,
            }
        }
    }

    fn child(&self) -> MutexGuard<'_, Child> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill9();
    }
}

/// Sends a signal to a process of our own.
pub fn signal(id: u32, name: &str) {
    let _ = Command::new("kill")
        .args([&format!("-{name}"), &id.to_string()])
        .stderr(Stdio::null())
        .status()
        .expect("kill");
}

/// The ids of a process's children.
pub fn children(parent: u32) -> Vec<u32> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok())
        .filter(|id| {
            let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
            // id (name) state parent …, and the name may hold anything.
            let parent_of = stat.rsplit(") ").next().and_then(|rest| rest.split(' ').nth(1));
            parent_of == Some(parent.to_string().as_str())
        })
        .collect()
}

/// A folder in the temporary one, short enough for a socket. It goes when it is dropped.
pub struct Folder {
    path: PathBuf,
    _caretaker: Caretaker,
}

impl Folder {
    /// Makes one.
    pub fn new(what: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name =
            format!("{what}-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).expect("a folder in the temporary one");
        // Processes that still write into it end a moment after us.
        let script = format!("sleep 1; rm -rf '{}'", path.display());
        Self { path, _caretaker: Caretaker::hire(&script) }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

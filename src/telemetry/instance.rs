//! What this process is called where several are told apart.

use uuid::Uuid;

/// A name that says where the process is; unique each time.
pub fn instance_name() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = match host.trim() {
        "" => "node",
        name => name,
    };
    let unique = Uuid::new_v4().simple().to_string();
    let unique = unique.get(..8).unwrap_or_default();
    format!("{host}/{}/{unique}", std::process::id())
}

//! The section of the background jobs.

use serde::Deserialize;

use super::sections::Section;

/// `[jobs]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "every key is explained in defaults.toml")]
pub struct Jobs {
    pub enabled: bool,
    pub lease_ttl_ms: u64,
    pub busy_percent: u32,
    pub reconcile_every_s: u64,
    pub reconcile_chunk: u16,
    pub reconcile_grace_ms: u64,
    pub reapply_every_s: u64,
    pub reapply_batch: u16,
    pub reapply_backoff_s: u64,
    pub reapply_backoff_max_s: u64,
    pub reapply_attempts: u32,
    pub cleanup_every_s: u64,
    pub cleanup_batch: u16,
    pub sessions_kept_h: u64,
    pub reports_kept_d: u64,
}

impl Section for Jobs {
    fn check(&self, must: &mut dyn FnMut(bool, &str)) {
        must(self.lease_ttl_ms >= 300, "lease_ttl_ms: must be at least 300");
        must((1..=100).contains(&self.busy_percent), "busy_percent: must be 1 to 100");
        must(self.reconcile_every_s > 0, "reconcile_every_s: must be at least 1");
        let chunk = 1..=10_000;
        must(chunk.contains(&self.reconcile_chunk), "reconcile_chunk: must be 1 to 10000");
        must(self.reapply_every_s > 0, "reapply_every_s: must be at least 1");
        must(chunk.contains(&self.reapply_batch), "reapply_batch: must be 1 to 10000");
        must(self.reapply_attempts > 0, "reapply_attempts: must be at least 1");
        must(self.reapply_backoff_s > 0, "reapply_backoff_s: must be at least 1");
        must(
            self.reapply_backoff_max_s >= self.reapply_backoff_s,
            "reapply_backoff_max_s: must be at least reapply_backoff_s",
        );
        must(self.cleanup_every_s > 0, "cleanup_every_s: must be at least 1");
        must(chunk.contains(&self.cleanup_batch), "cleanup_batch: must be 1 to 10000");
    }
}

//! How far a long run has come, for a person who watches.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar on the terminal, or nothing.
pub struct Progress(Option<ProgressBar>);

impl Progress {
    /// Nobody watches.
    pub const fn none() -> Self {
        Self(None)
    }

    /// On standard error, if that is a terminal.
    pub fn on_terminal() -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template("{elapsed_precise} {pos} {msg}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(250));
        Self(Some(bar))
    }

    /// True when there is somebody to be told.
    pub const fn is_watched(&self) -> bool {
        self.0.is_some()
    }

    /// So many there are of what.
    pub fn begin(&self, total: u64, what: &'static str) {
        let Some(bar) = &self.0 else { return };
        let template = "{elapsed_precise} [{bar:40}] {pos}/{len} {msg}, {eta} left";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_length(total);
        bar.set_message(what);
    }

    /// So many are done.
    pub fn at(&self, done: u64) {
        if let Some(bar) = &self.0 {
            bar.set_position(done);
        }
    }

    /// Takes the bar away.
    pub fn end(&self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}

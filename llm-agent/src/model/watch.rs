//! How a piece of work is watched and called off, from other threads.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use super::ModelError;

/// Shared between who wants a plan and the model that makes it.
#[derive(Debug, Default)]
pub struct Watch {
    is_cancelled: AtomicBool,
    generated_tokens: AtomicU32,
    deadline: Option<Instant>,
}

impl Watch {
    /// For work that is worthless after `deadline`.
    #[must_use]
    pub fn until(deadline: Instant) -> Self {
        Self {
            deadline: Some(deadline),
            ..Self::default()
        }
    }

    /// Calls the work off.
    pub fn cancel(&self) {
        self.is_cancelled.store(true, Ordering::Relaxed);
    }

    /// Notes how far the model is.
    pub fn note_generated(&self, tokens: usize) {
        self.generated_tokens
            .store(u32::try_from(tokens).unwrap_or(u32::MAX), Ordering::Relaxed);
    }

    /// How many tokens the model has written.
    #[must_use]
    pub fn generated_tokens(&self) -> u32 {
        self.generated_tokens.load(Ordering::Relaxed)
    }

    /// The time until the work is worthless, if there is such a time.
    #[must_use]
    pub fn time_left(&self) -> Option<Duration> {
        self.deadline
            .map(|deadline| deadline.saturating_duration_since(Instant::now()))
    }

    /// Fine as long as the work is still wanted.
    ///
    /// # Errors
    /// [`ModelError::Cancelled`] or [`ModelError::TooLate`] if it is not.
    pub fn check(&self) -> Result<(), ModelError> {
        if self.is_cancelled.load(Ordering::Relaxed) {
            return Err(ModelError::Cancelled);
        }
        match self.deadline {
            Some(deadline) if Instant::now() >= deadline => Err(ModelError::TooLate),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_ends_when_called_off_or_late() {
        let watch = Watch::default();
        assert!(watch.check().is_ok());
        watch.cancel();
        assert!(matches!(watch.check(), Err(ModelError::Cancelled)));
        assert!(matches!(
            Watch::until(Instant::now()).check(),
            Err(ModelError::TooLate)
        ));
    }
}

//! How fast it goes: over the last seconds, so that a change shows and a hiccup does not.

use std::collections::VecDeque;
use std::time::Duration;

/// The time that a rate is measured over.
const WINDOW: Duration = Duration::from_secs(10);

/// What was done when, within the window.
#[derive(Debug, Default)]
pub(crate) struct Rate(VecDeque<(Duration, u64)>);

impl Rate {
    /// Notes that `amount` was done after so much time.
    pub(crate) fn note(&mut self, elapsed: Duration, amount: u64) {
        self.0.push_back((elapsed, amount));
        // The oldest is kept as long as the window does not begin after the one that follows it.
        while self.0.get(1).is_some_and(|(second, _)| elapsed.saturating_sub(*second) >= WINDOW) {
            self.0.pop_front();
        }
    }

    /// What is done in a second; 0 while that is not known.
    pub(crate) fn per_second(&self) -> u64 {
        let (Some((begin, first)), Some((end, last))) = (self.0.front(), self.0.back()) else {
            return 0;
        };
        let seconds = end.saturating_sub(*begin).as_secs_f64();
        if seconds < 0.5 { 0 } else { (last.saturating_sub(*first) as f64 / seconds) as u64 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_that_of_the_last_seconds() {
        let mut rate = Rate::default();
        assert_eq!(rate.per_second(), 0);
        for second in 0..=100 {
            rate.note(Duration::from_secs(second), second * 50);
        }
        assert_eq!(rate.per_second(), 50);
        for second in 101..=200 {
            rate.note(Duration::from_secs(second), 5000);
        }
        assert_eq!(rate.per_second(), 0);
        assert!(rate.0.len() <= 12, "{}", rate.0.len());
    }
}

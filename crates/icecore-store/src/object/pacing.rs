//! How many calls run at the same time: fewer when the service says "slow down", and slowly more again.
//!
//! As connections share a line: each answer that is none of these adds a little, so that a full round
//! of them adds one call; one that is halves the number. Many calls that are told so at once were begun
//! at the same number, so they halve it once. It begins at the limit, which most services take. A service
//! that says how long to wait is asked nothing for so long.
//!
//! Specified in docs/object-storage.md, "What is asked again".

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

/// Calls that run at the same time at most, of all requests together. Enough to hide the way to the
/// service, few enough for a home's router.
pub(super) const CALLS_MAX: u32 = 32;

/// For how long a service can have us wait at a time: one that is gone for longer is better asked now and
/// then, and found to be back.
const REST_MAX: Duration = Duration::from_mins(1);

/// What a call was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// Something, whatever it was.
    Answer,
    /// To slow down; or nothing, for so long that the service may be busy.
    SlowDown,
}

/// Lets calls begin; clones share it.
#[derive(Clone, Debug)]
pub(super) struct Pace(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    window: Mutex<Window>,
    /// A call ended, or more may run.
    room: Notify,
}

/// The rule: how many calls may run, and how many do.
#[derive(Debug)]
struct Window {
    /// How many may run. A part of one counts for nothing until it is whole.
    calls: f64,
    calls_max: f64,
    running: u32,
    /// How often the number was halved.
    round: u64,
    /// Before then none may begin.
    rests_until: Option<Instant>,
}

/// Why a call may not begin.
#[derive(Debug)]
enum Wait {
    ForRoom,
    Until(Instant),
}

/// A call that runs. What it is told counts once; ended without, it changes nothing.
#[derive(Debug)]
pub(super) struct Turn {
    shared: Arc<Shared>,
    round: u64,
}

impl Window {
    fn new(calls_max: u32) -> Self {
        let calls_max = f64::from(calls_max);
        Self { calls: calls_max, calls_max, running: 0, round: 0, rests_until: None }
    }

    fn has_room(&self) -> bool {
        f64::from(self.running + 1) <= self.calls
    }

    /// A call that was begun in `round` was told something.
    fn note(&mut self, told: Told, round: u64) {
        match told {
            Told::Answer => self.calls = (self.calls + 1.0 / self.calls).min(self.calls_max),
            Told::SlowDown if round == self.round => {
                self.calls = (self.calls / 2.0).max(1.0);
                self.round += 1;
            }
            // What it was begun with is halved already.
            Told::SlowDown => {}
        }
    }
}

impl Pace {
    /// Lets so many calls run at most.
    pub(super) fn new(calls_max: u32) -> Self {
        let window = Mutex::new(Window::new(calls_max));
        Self(Arc::new(Shared { window, room: Notify::new() }))
    }

    /// Waits until a call may begin.
    pub(super) async fn turn(&self) -> Turn {
        loop {
            // A call that ends after the look below is not missed: it leaves a notice.
            let room = self.0.room.notified();
            match self.try_turn() {
                Ok(turn) => return turn,
                Err(Wait::ForRoom) => room.await,
                Err(Wait::Until(moment)) => sleep_until(moment).await,
            }
        }
    }

    fn try_turn(&self) -> Result<Turn, Wait> {
        let mut window = self.0.window();
        if let Some(moment) = window.rests_until.filter(|moment| *moment > Instant::now()) {
            return Err(Wait::Until(moment));
        }
        if !window.has_room() {
            return Err(Wait::ForRoom);
        }
        window.running += 1;
        if window.has_room() {
            // There is for the next one who waits, too.
            self.0.room.notify_one();
        }
        Ok(Turn { shared: self.0.clone(), round: window.round })
    }
}

impl Shared {
    fn window(&self) -> MutexGuard<'_, Window> {
        self.window.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn {
    /// The call was told something.
    pub(super) fn note(&self, told: Told) {
        self.shared.window().note(told, self.round);
    }

    /// The service wants to be asked nothing for so long.
    pub(super) fn note_rest(&self, rest: Duration) {
        let moment = Instant::now() + rest.min(REST_MAX);
        let mut window = self.shared.window();
        window.rests_until = window.rests_until.max(Some(moment));
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.shared.window().running -= 1;
        self.shared.room.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt as _;

    #[test]
    fn a_full_round_of_answers_adds_about_one_call_and_never_more_than_the_limit() {
        let mut window = Window::new(8);
        window.calls = 4.0;
        for _ in 0..4 {
            window.note(Told::Answer, 0);
        }
        assert!((4.8..=5.0).contains(&window.calls), "{}", window.calls);
        for _ in 0..1000 {
            window.note(Told::Answer, 0);
        }
        assert!((7.99..=8.0).contains(&window.calls), "{}", window.calls);
    }

    #[test]
    fn those_that_were_begun_together_halve_the_number_once_and_one_call_is_always_let_in() {
        let mut window = Window::new(32);
        for _ in 0..20 {
            window.note(Told::SlowDown, 0);
        }
        assert!((15.99..=16.0).contains(&window.calls), "{}", window.calls);
        for round in 1..20 {
            window.note(Told::SlowDown, round);
        }
        assert!(window.calls < 2.0 && window.has_room(), "{}", window.calls);
    }

    #[test]
    fn against_any_capacity_few_calls_are_told_to_slow_down() {
        // Rounds of as many calls as may run, of which a service takes so many.
        for capacity in [1, 2, 3, 5, 8, 13, 21, 31, 32, 40] {
            let mut window = Window::new(32);
            let (mut taken, mut refused) = (0, 0);
            while taken < 1000 {
                let (calls, round) = (window.calls as u32, window.round);
                for call in 0..calls {
                    let told = if call < capacity { Told::Answer } else { Told::SlowDown };
                    window.note(told, round);
                    *(if told == Told::Answer { &mut taken } else { &mut refused }) += 1;
                }
                assert!((1.0..=32.0).contains(&window.calls));
            }
            // A service that takes one at a time refuses each second try for a second one.
            let most = if capacity == 1 { taken } else { taken / 3 };
            assert!(refused <= most, "{capacity}: {refused}");
        }
    }

    #[tokio::test]
    async fn calls_wait_for_room_and_go_on_when_there_is_some() {
        let pace = Pace::new(2);
        let (one, two) = (pace.turn().await, pace.turn().await);
        let mut third = Box::pin(pace.turn());
        assert!(third.as_mut().now_or_never().is_none());
        one.note(Told::SlowDown);
        drop(one);
        // Only one may run now.
        assert!(third.as_mut().now_or_never().is_none());
        two.note(Told::Answer);
        drop(two);
        let third = third.await;
        // Two may again.
        let fourth = pace.turn().await;
        assert!(pace.turn().now_or_never().is_none());
        drop((third, fourth));
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_begins_before_the_service_wants_to_be_asked_again() {
        let pace = Pace::new(8);
        let began = Instant::now();
        let turn = pace.turn().await;
        turn.note_rest(Duration::from_secs(7));
        // What others were told before that does not count.
        turn.note_rest(Duration::from_secs(3));
        drop(turn);
        let turns = futures::join!(pace.turn(), pace.turn());
        assert_eq!(began.elapsed().as_secs(), 7);
        // Nobody is kept waiting for a day.
        turns.0.note_rest(Duration::MAX);
        pace.turn().await;
        assert_eq!(began.elapsed().as_secs(), 7 + REST_MAX.as_secs());
    }

    #[tokio::test]
    async fn who_gives_up_waiting_passes_its_notice_on() {
        let pace = Pace::new(1);
        let running = pace.turn().await;
        let mut given_up = Box::pin(pace.turn());
        let mut next = Box::pin(pace.turn());
        assert!(given_up.as_mut().now_or_never().is_none());
        assert!(next.as_mut().now_or_never().is_none());
        drop(running);
        drop(given_up);
        drop(next.await);
    }
}

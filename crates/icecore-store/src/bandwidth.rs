//! How many bytes may go each way in a second, for everything that shares the limit.
//!
//! Bytes go in pieces that take a twentieth of a second, and each piece waits until those before it
//! are through: no object is a burst, however long it is. What is not used is not saved up.
//!
//! Specified in docs/object-storage.md, "Bandwidth".

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Longest piece, in bytes: how much a client hands on at a time anyway.
pub(crate) const PIECE_BYTES_MAX: usize = 64 << 10;

/// Pieces a second: so many that a line which others use, too, seems even to them.
const PIECES_PER_SECOND: u64 = 20;

/// How late a piece may be and still be made up for: timers wake a little too late, each time.
const LATENESS_MAX: Duration = Duration::from_millis(20);

/// Limits of all stores that they are given to; clones share them.
#[derive(Clone, Debug, Default)]
pub struct Bandwidth {
    pub(crate) upload: Lane,
    pub(crate) download: Lane,
}

impl Bandwidth {
    /// The least limit: with less, a request would wait for so long that it seemed dead.
    pub const BYTES_PER_SECOND_MIN: u64 = 1 << 10;

    /// Limits in bytes a second; there is none where there is no number. A limit that is less than the
    /// least is the least.
    pub fn new(upload: Option<u64>, download: Option<u64>) -> Self {
        Self { upload: Lane::new(upload), download: Lane::new(download) }
    }
}

/// One way.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lane(Option<Arc<Rate>>);

#[derive(Debug)]
struct Rate {
    bytes_per_second: u64,
    /// When all that was let in is through.
    free_at: Mutex<Option<Instant>>,
}

impl Lane {
    fn new(bytes_per_second: Option<u64>) -> Self {
        Self(bytes_per_second.map(|bytes| {
            let bytes_per_second = bytes.max(Bandwidth::BYTES_PER_SECOND_MIN);
            Arc::new(Rate { bytes_per_second, free_at: Mutex::default() })
        }))
    }

    /// How much goes at a time at most; `None` where there is no limit.
    pub(crate) fn piece_bytes(&self) -> Option<usize> {
        let rate = self.0.as_ref()?;
        let even = usize::try_from(rate.bytes_per_second / PIECES_PER_SECOND);
        Some(even.unwrap_or(usize::MAX).clamp(1, PIECE_BYTES_MAX))
    }

    /// Takes the place of so many bytes; when they are through, if that is not at once.
    pub(crate) fn reserve(&self, bytes: usize) -> Option<Instant> {
        Some(self.0.as_ref()?.reserve(bytes, Instant::now()))
    }

    /// Waits until so many bytes are through.
    #[cfg(any(feature = "object-storage", feature = "sftp"))]
    pub(crate) async fn pass(&self, bytes: usize) {
        if let Some(through) = self.reserve(bytes) {
            tokio::time::sleep_until(through).await;
        }
    }

    /// The same on a thread that may block.
    #[cfg(feature = "local")]
    pub(crate) fn pass_blocking(&self, bytes: usize) {
        if let Some(through) = self.reserve(bytes) {
            std::thread::sleep(through.saturating_duration_since(Instant::now()));
        }
    }
}

impl Rate {
    fn reserve(&self, bytes: usize, now: Instant) -> Instant {
        let mut free_at = self.free_at.lock().unwrap_or_else(PoisonError::into_inner);
        // In whole nanoseconds, so that nothing is lost in the sum of many pieces.
        let nanoseconds = bytes as u128 * 1_000_000_000 / u128::from(self.bytes_per_second);
        let takes = Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX));
        let begins = free_at.map_or(now, |free_at| free_at.max(now - LATENESS_MAX));
        let through = begins + takes;
        *free_at = Some(through);
        through
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::{ObjectName, Store};

    /// Puts and reads an object within limits of which `open` makes a store.
    pub(crate) async fn assert_keeps_to_limits(open: impl FnOnce(Bandwidth) -> Box<dyn Store>) {
        let (upload, download, bytes) = (200_000, 400_000, 100_000);
        let store = open(Bandwidth::new(Some(upload), Some(download)));
        let name: ObjectName = "packs/limited".parse().unwrap();
        let content: Vec<u8> = (0..bytes).map(|number: u64| (number * 7) as u8).collect();
        let least = |bytes: u64, rate: u64| Duration::from_secs_f64(bytes as f64 / rate as f64);

        let began = Instant::now();
        store.put_new(&name, content.clone().into()).await.unwrap();
        assert!(began.elapsed() >= least(bytes, upload), "{:?}", began.elapsed());
        let began = Instant::now();
        assert_eq!(store.get(&name, bytes).await.unwrap(), content);
        assert!(began.elapsed() >= least(bytes, download), "{:?}", began.elapsed());
        let began = Instant::now();
        assert_eq!(store.get_range(&name, 10..50_010).await.unwrap(), content[10..50_010]);
        assert!(began.elapsed() >= least(40_000, download), "{:?}", began.elapsed());
        store.delete(&name).await.unwrap();
    }

    fn rate(bytes_per_second: u64) -> Rate {
        Rate { bytes_per_second, free_at: Mutex::default() }
    }

    #[test]
    fn bytes_are_through_when_their_rate_says_and_all_that_were_before_them_are() {
        let (rate, now) = (rate(1000), Instant::now());
        let milliseconds = |through: Instant| (through - now).as_millis();
        assert_eq!(milliseconds(rate.reserve(500, now)), 500);
        // Whoever asks at the same time is next.
        assert_eq!(milliseconds(rate.reserve(500, now)), 1000);
        assert_eq!(milliseconds(rate.reserve(1, now + Duration::from_millis(900))), 1001);
    }

    #[test]
    fn what_was_not_used_is_not_saved_up_but_a_timer_that_was_late_is_made_up_for() {
        let (rate, now) = (rate(1000), Instant::now());
        rate.reserve(100, now);
        let late = now + Duration::from_millis(110);
        assert_eq!(rate.reserve(100, late), now + Duration::from_millis(200));
        let much_later = now + Duration::from_mins(1);
        let through = rate.reserve(100, much_later);
        assert_eq!(through, much_later + Duration::from_millis(100) - LATENESS_MAX);
    }

    #[test]
    fn pieces_take_a_twentieth_of_a_second_and_are_never_long() {
        let piece = |bytes| Lane::new(Some(bytes)).piece_bytes();
        assert_eq!(piece(100_000), Some(5_000));
        assert_eq!(piece(u64::MAX), Some(PIECE_BYTES_MAX));
        assert_eq!(piece(0), Some(51));
        assert_eq!(Lane::new(None).piece_bytes(), None);
        assert!(Lane::new(None).reserve(1000).is_none());
    }
}

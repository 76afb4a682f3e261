//! When a failed delivery is tried again (Svix docs, "Retry schedule").

use std::time::Duration;

/// Seconds between a failure and the next attempt; with the first, immediate one that makes eight attempts.
const STEPS_S: [u64; 7] = [5, 5 * 60, 30 * 60, 2 * 3_600, 5 * 3_600, 10 * 3_600, 10 * 3_600];

/// How long to wait after attempt number `failed` (the first is 1), or `None` if that was the last.
///
/// `jitter` between 0 and 1 spreads the wait by ±20 %; the receiver's `Retry-After` is honoured between one and two
/// steps; everything is `speed` times faster than the real schedule.
pub(crate) fn wait(
    failed: usize,
    jitter: f64,
    retry_after: Option<Duration>,
    speed: f64,
) -> Option<Duration> {
    let step = STEPS_S.get(failed.checked_sub(1)?)?;
    let step = Duration::from_secs(*step).div_f64(speed);
    let wait = step.mul_f64(0.8 + 0.4 * jitter.clamp(0.0, 1.0));
    Some(match retry_after {
        Some(asked) => asked.clamp(step, step * 2),
        None => wait,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn middle(failed: usize) -> Option<u64> {
        wait(failed, 0.5, None, 1.0).map(|wait| wait.as_secs_f64().round() as u64)
    }

    #[test]
    fn follows_svix_schedule() {
        let waits: Vec<_> = (1..=7).filter_map(middle).collect();
        assert_eq!(waits, [5, 300, 1_800, 7_200, 18_000, 36_000, 36_000]);
        assert_eq!(middle(8), None);
        assert_eq!(middle(0), None);
    }

    #[test]
    fn jitter_stays_within_a_fifth_and_speed_divides() {
        assert_eq!(wait(1, 0.0, None, 1.0), Some(Duration::from_secs(4)));
        assert_eq!(wait(1, 1.0, None, 1.0).map(|wait| wait.as_secs_f64().round()), Some(6.0));
        assert_eq!(wait(2, 0.5, None, 60.0).map(|wait| wait.as_secs_f64().round()), Some(5.0));
    }

    #[test]
    fn retry_after_counts_between_one_and_two_steps() {
        let asked = |seconds| wait(1, 0.0, Some(Duration::from_secs(seconds)), 1.0).unwrap().as_secs();
        assert_eq!([asked(1), asked(7), asked(60)], [5, 7, 10]);
    }
}

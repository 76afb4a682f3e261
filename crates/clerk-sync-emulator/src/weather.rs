//! What goes wrong, and how often. Nothing here acts: it only decides, from a seed.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde::{Deserialize, Serialize};

use crate::state::MAX_AGE_MS;

/// The conditions the emulator runs under; the default is fair weather. Probabilities are between 0 and 1.
///
/// In JSON every member may be left out and then means fair weather.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Weather {
    /// Every webhook waits a time between these two, in milliseconds, before its first attempt.
    pub webhook_delay_ms: [u64; 2],
    /// How likely a webhook is never delivered at all.
    pub webhook_drop: f64,
    /// How likely a webhook is delivered twice at the same time.
    pub webhook_duplicate: f64,
    /// How likely a webhook waits an extra time, so that later ones overtake it.
    pub webhook_reorder: f64,
    /// No webhook is ever sent; those that come due meanwhile are dropped.
    pub webhooks_off: bool,
    /// How likely the sender misses a good answer to a webhook and tries again.
    pub answer_lost: f64,
    /// Every Backend API call takes a time between these two, in milliseconds, before it is looked at.
    pub api_latency_ms: [u64; 2],
    /// How likely a Backend API call is answered with 429, whatever the rate.
    pub api_429: f64,
    /// How likely a Backend API call is answered with 500, 502 (as HTML) or 503.
    pub api_5xx: f64,
    /// Users, read by id, listed, counted or put into tokens, are shown as they were up to this many milliseconds
    /// ago; at most 60 000.
    pub stale_ms: u64,
    /// Backend API calls are accepted and hung up on without an answer.
    pub api_outage: bool,
    /// `updated_at` is cut to a multiple of this many milliseconds, so that different versions tie.
    pub version_grain_ms: u64,
}

/// A weather that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("weather: {field} must be {rule}")]
pub struct InvalidWeather {
    field: &'static str,
    rule: &'static str,
}

/// Longest delay weather can ask for, in milliseconds.
const MAX_DELAY_MS: u64 = 3_600_000;

impl Weather {
    /// Checks every field.
    ///
    /// # Errors
    /// Names the first field that is out of its range.
    pub fn validate(&self) -> Result<(), InvalidWeather> {
        let probabilities = [
            ("webhook_drop", self.webhook_drop),
            ("webhook_duplicate", self.webhook_duplicate),
            ("webhook_reorder", self.webhook_reorder),
            ("answer_lost", self.answer_lost),
            ("api_429", self.api_429),
            ("api_5xx", self.api_5xx),
        ];
        if let Some((field, _)) = probabilities.into_iter().find(|(_, value)| !(0.0..=1.0).contains(value)) {
            return Err(InvalidWeather { field, rule: "a probability between 0 and 1" });
        }
        let ranges = [("webhook_delay_ms", self.webhook_delay_ms), ("api_latency_ms", self.api_latency_ms)];
        if let Some((field, _)) = ranges.into_iter().find(|(_, [min, max])| min > max || *max > MAX_DELAY_MS)
        {
            return Err(InvalidWeather { field, rule: "[least, most], at most an hour" });
        }
        if self.stale_ms > MAX_AGE_MS.unsigned_abs() {
            return Err(InvalidWeather { field: "stale_ms", rule: "at most 60000" });
        }
        if self.version_grain_ms > MAX_DELAY_MS {
            return Err(InvalidWeather { field: "version_grain_ms", rule: "at most an hour" });
        }
        Ok(())
    }
}

/// What befalls one call to the Backend API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Served,
    TooManyRequests,
    InternalError,
    BadGateway,
    ServiceUnavailable,
}

/// The present weather and the dice.
#[derive(Debug)]
pub(crate) struct Sky {
    pub(crate) weather: Weather,
    rng: StdRng,
}

impl Sky {
    pub(crate) fn new(weather: Weather, seed: u64) -> Self {
        Self { weather, rng: StdRng::seed_from_u64(seed) }
    }

    /// How long a call takes and how it ends.
    pub(crate) fn call(&mut self) -> (Duration, Fate) {
        let latency = self.between(self.weather.api_latency_ms);
        let fate = if self.chance(self.weather.api_429) {
            Fate::TooManyRequests
        } else if self.chance(self.weather.api_5xx) {
            [Fate::InternalError, Fate::BadGateway, Fate::ServiceUnavailable][self.rng.random_range(0..3)]
        } else {
            Fate::Served
        };
        (latency, fate)
    }

    /// The moment a read shows, if it is not the present one.
    pub(crate) fn read_as_of(&mut self, now_ms: i64) -> Option<i64> {
        let stale_ms = i64::try_from(self.weather.stale_ms).unwrap_or(MAX_AGE_MS);
        (stale_ms > 0).then(|| now_ms - self.rng.random_range(0..=stale_ms))
    }

    /// When each copy of a new webhook is first tried; empty if it never is.
    pub(crate) fn copies(&mut self) -> Vec<Duration> {
        if self.weather.webhooks_off || self.chance(self.weather.webhook_drop) {
            return Vec::new();
        }
        let mut delay = self.between(self.weather.webhook_delay_ms);
        if self.chance(self.weather.webhook_reorder) {
            // Long enough for webhooks with the longest ordinary delay to overtake.
            let most = self.weather.webhook_delay_ms[1].max(100);
            delay += self.between([most, most * 3]);
        }
        let copies = if self.chance(self.weather.webhook_duplicate) { 2 } else { 1 };
        vec![delay; copies]
    }

    /// Whether the sender misses this answer.
    pub(crate) fn loses_answer(&mut self) -> bool {
        self.chance(self.weather.answer_lost)
    }

    fn chance(&mut self, probability: f64) -> bool {
        // Fair weather takes nothing from the dice, so that turning one knob does not move the others.
        probability > 0.0 && self.rng.random::<f64>() < probability
    }

    fn between(&mut self, [min, max]: [u64; 2]) -> Duration {
        Duration::from_millis(if max > min { self.rng.random_range(min..=max) } else { min })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_cannot_be() {
        let field = |weather: Weather| weather.validate().unwrap_err().field;
        assert_eq!(field(Weather { answer_lost: 1.5, ..Weather::default() }), "answer_lost");
        assert_eq!(field(Weather { api_429: f64::NAN, ..Weather::default() }), "api_429");
        assert_eq!(field(Weather { webhook_delay_ms: [2, 1], ..Weather::default() }), "webhook_delay_ms");
        assert_eq!(field(Weather { stale_ms: 60_001, ..Weather::default() }), "stale_ms");
        Weather::default().validate().unwrap();
    }

    #[test]
    fn a_seed_repeats_its_weather() {
        let rough = Weather {
            webhook_drop: 0.3,
            webhook_duplicate: 0.3,
            webhook_delay_ms: [0, 50],
            ..Weather::default()
        };
        let rolls = |seed| {
            let mut sky = Sky::new(rough.clone(), seed);
            (0..50).map(|_| sky.copies()).collect::<Vec<_>>()
        };
        assert_eq!(rolls(1), rolls(1));
        assert_ne!(rolls(1), rolls(2));
        assert!(rolls(1).iter().any(Vec::is_empty));
        assert!(rolls(1).iter().any(|copies| copies.len() == 2));
    }

    #[test]
    fn certain_events_happen_and_impossible_ones_do_not() {
        let mut sky = Sky::new(Weather { api_429: 1.0, webhook_reorder: 1.0, ..Weather::default() }, 1);
        assert_eq!(sky.call().1, Fate::TooManyRequests);
        assert!(sky.copies()[0] >= Duration::from_millis(100));
        let mut fair = Sky::new(Weather::default(), 1);
        assert_eq!(fair.call(), (Duration::ZERO, Fate::Served));
        assert_eq!(fair.copies(), [Duration::ZERO]);
        assert_eq!(fair.read_as_of(5), None);
    }

    #[test]
    fn json_may_leave_everything_out_but_misspell_nothing() {
        assert_eq!(serde_json::from_str::<Weather>("{}").unwrap(), Weather::default());
        assert!(serde_json::from_str::<Weather>(r#"{"webhook_drops": 1}"#).is_err());
    }
}

use std::sync::atomic::Ordering;
use std::time::Duration;

use clerk_sync_core::DirectoryError;
use clerk_sync_core::port::Lane;
use http::HeaderValue;
use http::header::{ACCEPT, AUTHORIZATION, DATE};

use super::answer::{Answer, Shape, classify};
use super::breaker::Pass;
use super::{API_VERSION, CallOutcome, ClerkApi};
use crate::clerk::transport::{BodyError, bounded_body};

impl ClerkApi {
    /// Asks for `path` until there is an answer, an error that stays, or no attempt left.
    pub(super) async fn call(&self, path: &str, shape: Shape, lane: Lane) -> Result<Answer, DirectoryError> {
        let result = self.attempts(path, shape, lane).await;
        self.counters.count(match &result {
            Ok(Answer::NotFound) => CallOutcome::NotFound,
            Ok(_) => CallOutcome::Found,
            Err(error) => CallOutcome::of(error),
        });
        result
    }

    async fn attempts(&self, path: &str, shape: Shape, lane: Lane) -> Result<Answer, DirectoryError> {
        let mut attempt = 1;
        loop {
            let last = attempt >= self.settings.max_attempts;
            let pass = self.admit(lane).await?;
            self.counters.attempt();
            let answer = self.ask(path, shape).await;
            let now = self.clock.now();
            match answer {
                Answer::Throttled { retry_after_ms } => {
                    pass.neutral();
                    self.budget.block_until(now.plus_millis(as_i64(retry_after_ms)));
                    // A wait that is too long ends the next round, before anything leaves.
                    if last {
                        return Err(DirectoryError::Throttled { retry_after_ms });
                    }
                }
                Answer::Failed { reason, retry_after_ms, again } => {
                    pass.failed(now);
                    if let Some(retry_after_ms) = retry_after_ms {
                        self.budget.block_until(now.plus_millis(as_i64(retry_after_ms)));
                    }
                    let wait_ms = retry_after_ms.unwrap_or_else(|| self.backoff_ms(attempt));
                    if last || !again || wait_ms > self.settings.max_wait_ms {
                        let retry_after_ms = wait_ms.max(self.breaker.wait_ms(now)).max(1_000);
                        return Err(DirectoryError::Unavailable { retry_after_ms, reason: reason.into() });
                    }
                    self.clock.sleep(wait_ms).await;
                }
                Answer::RefusedKey => {
                    pass.answered();
                    return Err(DirectoryError::RefusedKey);
                }
                Answer::Refused { status, code } => {
                    pass.answered();
                    return Err(DirectoryError::Refused { status, code });
                }
                answer => {
                    pass.answered();
                    return Ok(answer);
                }
            }
            attempt += 1;
        }
    }

    /// Waits for its turn: `Retry-After`, then the breaker, then the budget.
    async fn admit(&self, lane: Lane) -> Result<Pass<'_>, DirectoryError> {
        let max_wait_ms = self.settings.max_wait_ms;
        loop {
            let blocked_ms = self.budget.blocked_ms(self.clock.now());
            if blocked_ms == 0 {
                break;
            }
            if blocked_ms > max_wait_ms {
                return Err(DirectoryError::Throttled { retry_after_ms: blocked_ms });
            }
            self.clock.sleep(blocked_ms).await;
        }
        let open = |retry_after_ms| DirectoryError::Unavailable {
            retry_after_ms,
            reason: String::from("the circuit breaker is open"),
        };
        // Asked twice, so that an open breaker costs no budget.
        match self.breaker.wait_ms(self.clock.now()) {
            0 => {}
            wait_ms => return Err(open(wait_ms)),
        }
        match self.budget.take(lane, self.clock.now(), max_wait_ms) {
            Ok(0) => {}
            Ok(wait_ms) => self.clock.sleep(wait_ms).await,
            Err(retry_after_ms) => {
                self.counters.count(CallOutcome::HeldBack);
                return Err(DirectoryError::Throttled { retry_after_ms });
            }
        }
        self.breaker.enter(self.clock.now()).map_err(open)
    }

    /// One attempt.
    async fn ask(&self, path: &str, shape: Shape) -> Answer {
        let (timeout_ms, max_bytes) = match shape {
            Shape::Object => (self.settings.attempt_timeout_ms, self.settings.max_body_bytes),
            Shape::List => (self.settings.page_timeout_ms, self.settings.max_page_bytes),
        };
        let request = self
            .client
            .get(format!("{}/v1{path}", self.base))
            .timeout(Duration::from_millis(timeout_ms))
            .header(AUTHORIZATION, self.authorization.clone())
            .header(ACCEPT, "application/json")
            .header("clerk-api-version", API_VERSION);
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) if error.is_timeout() => return Answer::failed("no answer in time"),
            Err(error) if error.is_connect() => return Answer::failed("no connection"),
            Err(_) => return Answer::failed("the connection broke"),
        };
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        self.note_clock(headers.get(DATE));
        match bounded_body(response, max_bytes).await {
            Ok(body) => classify(status, &headers, body, shape),
            Err(BodyError::CutOff) => Answer::failed("the answer was cut off"),
            Err(BodyError::TooLarge) => Answer::failed_for_good("the answer is too large"),
        }
    }

    fn note_clock(&self, date: Option<&HeaderValue>) {
        let text = date.and_then(|date| date.to_str().ok());
        let Some(time) = text.and_then(|text| httpdate::parse_http_date(text).ok()) else { return };
        let Ok(since_epoch) = time.duration_since(std::time::UNIX_EPOCH) else { return };
        let millis = i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX);
        // The second named is half over on average.
        let offset_ms = millis.saturating_add(500).saturating_sub(self.clock.now().as_millis());
        self.clock_offset_ms.store(offset_ms, Ordering::Relaxed);
    }

    /// Doubling from a quarter of a second, with jitter.
    fn backoff_ms(&self, attempt: u32) -> u64 {
        self.jitter.spread(250_u64 << (attempt.clamp(1, 6) - 1))
    }
}

fn as_i64(millis: u64) -> i64 {
    i64::try_from(millis).unwrap_or(i64::MAX)
}

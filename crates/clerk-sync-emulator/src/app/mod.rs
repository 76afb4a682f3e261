//! The instance: its state, its key, its weather and its endpoint, behind one handle that every door shares.

mod actions;
mod clients;
mod events;
mod reads;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use serde_json::{Map, Value};

pub(crate) use actions::EmailChange;
pub(crate) use events::Origin;
pub use reads::TokenError;

use crate::calls::Calls;
use crate::clock::{lock, now_ms};
use crate::deliver::Deliver;
use crate::id::IdMaker;
use crate::limit::Limits;
use crate::state::{State, Tick};
use crate::timeline::{Event, Timeline};
use crate::token::SigningKey;
use crate::weather::{InvalidWeather, Sky, Weather};

/// What does not change while the instance runs.
#[derive(Debug)]
pub(crate) struct Identity {
    pub(crate) instance_id: String,
    pub(crate) secret_key: String,
    pub(crate) publishable_key: String,
    pub(crate) webhook_secret: String,
    pub(crate) issuer: String,
    pub(crate) authorized_party: Option<String>,
    pub(crate) session_claims: Map<String, Value>,
    /// Where the SDK's files are, if it is served from here.
    pub(crate) clerk_js: Option<PathBuf>,
    pub(crate) multi_session: bool,
    pub(crate) token_lifetime_s: i64,
    pub(crate) jwt_templates: BTreeMap<String, Map<String, Value>>,
    pub(crate) key: SigningKey,
}

/// The instance.
///
/// Locks are taken one at a time and never over an await, except that the timeline's may be taken with the
/// delivery queue's held.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) identity: Identity,
    pub(crate) deliver: Arc<Deliver>,
    pub(crate) timeline: Arc<Mutex<Timeline>>,
    pub(crate) calls: Mutex<Calls>,
    pub(crate) limits: Mutex<Limits>,
    /// Apart from the state's ids, so that these do not depend on how often somebody asked.
    numbers: Mutex<IdMaker>,
    sky: Arc<Mutex<Sky>>,
    state: Mutex<State>,
}

impl App {
    pub(crate) fn new(
        identity: Identity,
        state: State,
        sky: Arc<Mutex<Sky>>,
        timeline: Arc<Mutex<Timeline>>,
        deliver: Arc<Deliver>,
        limits: Limits,
        numbers: IdMaker,
    ) -> Self {
        Self {
            identity,
            deliver,
            timeline,
            calls: Mutex::new(Calls::default()),
            limits: Mutex::new(limits),
            numbers: Mutex::new(numbers),
            sky,
            state: Mutex::new(state),
        }
    }

    pub(crate) fn weather(&self) -> Weather {
        lock(&self.sky).weather.clone()
    }

    /// Changes the weather from the next call and the next attempt on.
    pub(crate) fn set_weather(&self, weather: Weather) -> Result<(), InvalidWeather> {
        weather.validate()?;
        lock(&self.sky).weather = weather.clone();
        self.note(Event::WeatherChanged { weather });
        Ok(())
    }

    pub(crate) fn sky(&self) -> std::sync::MutexGuard<'_, Sky> {
        lock(&self.sky)
    }

    /// A number for a trace or a token.
    pub(crate) fn fresh_hex(&self) -> String {
        lock(&self.numbers).hex()
    }

    pub(crate) fn note(&self, event: Event) {
        lock(&self.timeline).record(now_ms(), event);
    }

    fn tick(&self) -> Tick {
        let grain_ms = i64::try_from(lock(&self.sky).weather.version_grain_ms).unwrap_or(0);
        Tick { now_ms: now_ms(), grain_ms }
    }
}

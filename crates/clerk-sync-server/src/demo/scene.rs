//! What a scenario is played with, and what it notes.

use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use clerk_sync_emulator::{Event, NewUser, Options, UserPatch, Weather};

use crate::rig::{Answer, DatabaseUrl, Person, Rig, Rows, Server, ServerSettings, Wire};

/// How much faster webhooks are retried than in real life: five minutes become a third of a second.
const SPEED: f64 = 1_000.0;

/// Something that happened.
pub(crate) struct Step {
    pub(crate) at_ms: u128,
    pub(crate) who: &'static str,
    pub(crate) what: String,
}

/// One scenario's stage.
pub(crate) struct Scene {
    database: DatabaseUrl,
    seed: u64,
    started: Instant,
    started_ms: i64,
    steps: Vec<Step>,
    rig: Option<Rig>,
    replicas: Vec<Server>,
    seen: u64,
}

impl Scene {
    pub(crate) fn new(database: DatabaseUrl, seed: u64) -> Self {
        Self {
            database,
            seed,
            started: Instant::now(),
            started_ms: 0,
            steps: vec![],
            rig: None,
            replicas: vec![],
            seen: 0,
        }
    }

    /// Starts Clerk and the server, in this weather.
    pub(crate) async fn open(&mut self, weather: Weather) -> Result<()> {
        self.open_with(Options { weather, ..self.options() }, ServerSettings::default()).await
    }

    pub(crate) fn options(&self) -> Options {
        Options { seed: self.seed, speed: SPEED, ..Options::default() }
    }

    pub(crate) async fn open_with(&mut self, options: Options, settings: ServerSettings) -> Result<()> {
        let served = self.database.clone();
        self.open_over(options, settings, &served).await
    }

    /// Opens with the server reaching the database over a wire that can be cut, if there can be one.
    pub(crate) async fn open_cuttable(&mut self) -> Result<Option<Wire>> {
        let (served, wire) = match self.database.over_a_wire().await? {
            Some((served, wire)) => (served, Some(wire)),
            None => (self.database.clone(), None),
        };
        self.open_over(self.options(), ServerSettings::default(), &served).await?;
        Ok(wire)
    }

    async fn open_over(
        &mut self,
        options: Options,
        settings: ServerSettings,
        served: &DatabaseUrl,
    ) -> Result<()> {
        let rig = Rig::start_over(options, settings, self.database.clone(), served).await?;
        self.started = Instant::now();
        self.started_ms = unix_ms();
        self.rig = Some(rig);
        Ok(())
    }

    pub(crate) const fn database(&self) -> &DatabaseUrl {
        &self.database
    }

    pub(crate) fn rig(&self) -> Result<&Rig> {
        self.rig.as_ref().context("the scene is not open")
    }

    pub(crate) fn rig_mut(&mut self) -> Result<&mut Rig> {
        self.rig.as_mut().context("the scene is not open")
    }

    /// One more server on the same database; answers its address.
    pub(crate) async fn add_replica(&mut self, settings: ServerSettings) -> Result<String> {
        let clerk = self.rig()?.clerk.url().to_owned();
        self.add_server(settings, &clerk).await
    }

    /// The same, reaching Clerk's Backend API at `api_url`.
    pub(crate) async fn add_server(&mut self, mut settings: ServerSettings, api_url: &str) -> Result<String> {
        settings.at_clerk(&self.rig()?.clerk, api_url);
        let server = Server::start(&settings, &self.database).await?;
        let url = server.url();
        self.replicas.push(server);
        Ok(url)
    }

    pub(crate) fn note(&mut self, who: &'static str, what: impl Into<String>) {
        let at_ms = self.started.elapsed().as_millis();
        self.steps.push(Step { at_ms, who, what: what.into() });
    }

    /// Changes the weather.
    pub(crate) fn weather(&mut self, weather: Weather, what: &str) -> Result<()> {
        self.rig()?.clerk.set_weather(weather)?;
        self.note("weather", what);
        Ok(())
    }

    pub(crate) fn sign_up(&mut self, new: NewUser) -> Result<Person> {
        let person = self.rig()?.sign_up(new)?;
        self.note("browser", "signs up with Clerk");
        Ok(person)
    }

    /// A change of the first name in Clerk.
    pub(crate) fn rename(&mut self, person: &Person, name: &str) -> Result<()> {
        let patch = UserPatch { first_name: Some(Some(name.to_owned())), ..UserPatch::default() };
        self.rig()?.clerk.update_user(&person.id, patch)?;
        self.note("clerk", format!("the first name is {name} now"));
        Ok(())
    }

    pub(crate) fn delete(&mut self, person: &Person) -> Result<()> {
        self.rig()?.clerk.delete_user(&person.id)?;
        self.note("clerk", "the user is deleted");
        Ok(())
    }

    /// `GET /me`, with the answer in the timeline.
    pub(crate) async fn me(&mut self, person: &Person) -> Result<Answer> {
        let answer = self.rig()?.me(person).await?;
        self.note("browser", format!("GET /me: {}", answer.shown()));
        Ok(answer)
    }

    pub(crate) async fn expect_me(&mut self, person: &Person, status: u16) -> Result<Answer> {
        let answer = self.me(person).await?;
        ensure!(answer.status == status, "GET /me was answered {}, not {status}", answer.shown());
        Ok(answer)
    }

    /// Resolves once every webhook has come to its end, retries included.
    pub(crate) async fn quiet(&mut self) -> Result<()> {
        let rig = self.rig()?;
        tokio::time::timeout(std::time::Duration::from_secs(60), rig.clerk.quiet())
            .await
            .context("webhooks did not come to rest within a minute")?;
        Ok(())
    }

    /// Resolves once no record is dirty and no delivery waits.
    pub(crate) async fn settled(&mut self) -> Result<Rows> {
        self.quiet().await?;
        for _ in 0..300 {
            let rows = self.rig()?.rows().await?;
            if rows.dirty() == 0 && rows.unprocessed().await? == 0 {
                return Ok(rows);
            }
            // Another process settles them; it has no way to tell us.
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        bail!("records stayed dirty or deliveries unprocessed for 15 s")
    }

    /// Sends a message again, and waits for its end.
    pub(crate) async fn deliver(&mut self, message_id: &str) -> Result<()> {
        ensure!(self.rig()?.clerk.resend(message_id), "the message is not kept any more");
        self.quiet().await
    }

    /// The messages of an event type about a user, oldest first, by `svix-id`.
    pub(crate) fn messages(&self, person: &Person, wanted: &str) -> Result<Vec<String>> {
        let entries = self.rig()?.clerk.timeline(0);
        Ok(entries
            .iter()
            .filter_map(|entry| match &entry.event {
                Event::WebhookQueued { message_id, event_type, user_id, .. }
                    if *event_type == wanted && user_id.as_deref() == Some(&*person.id) =>
                {
                    Some(message_id.to_string())
                }
                _ => None,
            })
            .collect())
    }

    /// The one message of an event type about a user.
    pub(crate) fn message(&self, person: &Person, wanted: &str) -> Result<String> {
        self.messages(person, wanted)?.into_iter().next().with_context(|| format!("there is no {wanted}"))
    }

    /// Exactly these people have a row, each one, as Clerk has them, and nobody else has.
    pub(crate) async fn expect_rows(&mut self, people: &[&Person]) -> Result<Rows> {
        let rows = self.settled().await?;
        let live = rows.live().count();
        ensure!(live == people.len(), "there are {live} rows, not {}", people.len());
        for person in people {
            let record = rows.record(&person.id).context("somebody has no row")?;
            let user = self.rig()?.clerk.user(&person.id)?;
            let name = record.profile.first_name.as_deref();
            ensure!(name == user.first_name.as_deref(), "the row has another first name than Clerk");
            let claimed = record.profile.email.as_ref().map(|claim| claim.address.as_str());
            let email = user.primary_email().map(|email| email.email_address.as_str());
            ensure!(claimed == email, "the row has another e-mail address than Clerk");
            ensure!(record.username.is_some(), "the row has no username");
        }
        self.note("database", format!("{live} row(s), equal to Clerk; {} tombstone(s)", rows.tombstones()));
        Ok(rows)
    }

    /// How often Clerk was asked for this user.
    pub(crate) fn calls(&self, person: &Person) -> Result<u64> {
        Ok(self.rig()?.clerk.calls().user_reads.get(&*person.id).copied().unwrap_or(0))
    }

    /// Ends what is running and takes over what Clerk noted.
    pub(crate) async fn end(&mut self) -> Result<()> {
        self.take_over();
        for replica in self.replicas.drain(..) {
            replica.stop().await?;
        }
        match self.rig.take() {
            Some(rig) => rig.stop().await,
            None => Ok(()),
        }
    }

    fn take_over(&mut self) {
        let Some(rig) = &self.rig else { return };
        let entries = rig.clerk.timeline(self.seen);
        for entry in entries {
            self.seen = entry.seq;
            let what = match &entry.event {
                Event::ApiCall { route, status, .. } => ("server", format!("asks Clerk, {route}: {status}")),
                Event::ApiHungUp => ("server", "asks Clerk: no answer".to_owned()),
                Event::WebhookAttempt { event_type, attempt, status, .. } => {
                    let answer = status.map_or("no answer".to_owned(), |status| status.to_string());
                    ("webhook", format!("{event_type}, attempt {attempt}: {answer}"))
                }
                Event::WebhookQueued { event_type, copies: 0, .. } => {
                    ("webhook", format!("{event_type} is lost"))
                }
                _ => continue,
            };
            let at_ms = u128::try_from(entry.at_ms - self.started_ms).unwrap_or(0);
            self.steps.push(Step { at_ms, who: what.0, what: what.1 });
        }
        self.steps.sort_by_key(|step| step.at_ms);
    }

    pub(crate) fn steps(&self) -> &[Step] {
        &self.steps
    }
}

fn unix_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

//! `clerk-sync demo`: each failure there is, over real HTTP, with its verdict.

mod clashes;
mod deletions;
mod equality;
mod faults;
mod late;
mod report;
mod scene;

use std::pin::Pin;

use anyhow::Result;

use crate::rig::DatabaseUrl;
pub(crate) use report::Style;
use report::{Report, Verdict};
use scene::Scene;

type Play = for<'a> fn(&'a mut Scene) -> Pin<Box<dyn Future<Output = Result<()>> + 'a>>;

/// A failure, and how it is played.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    /// What happens, and what must come of it.
    pub(crate) about: &'static str,
    play: Play,
}

macro_rules! scenario {
    ($module:ident :: $name:ident, $about:literal) => {
        Scenario { name: stringify!($name), about: $about, play: |scene| Box::pin($module::$name(scene)) }
    };
}

/// Every scenario, in the order they are played.
pub(crate) const SCENARIOS: &[Scenario] = &[
    scenario!(late::race, "/me is called before the webhook has arrived"),
    scenario!(late::webhook_failure, "the server is down when the webhook comes"),
    scenario!(
        faults::database_write_failure,
        "the database is locked, or out of reach, while webhooks and new users come"
    ),
    scenario!(late::webhook_not_sent, "the webhook never comes"),
    scenario!(late::duplicate_webhook, "the webhook comes twice at once, and again later"),
    scenario!(late::out_of_order, "three webhooks of one user come in the wrong order"),
    scenario!(late::update_before_create, "user.updated comes before user.created"),
    scenario!(deletions::delete_before_create, "user.deleted comes before user.created"),
    scenario!(
        deletions::late_update_after_delete,
        "user.updated comes after user.deleted, and all again later"
    ),
    scenario!(deletions::fetch_overtaken_by_delete, "the user is deleted while being fetched just in time"),
    scenario!(
        clashes::email_reused,
        "an e-mail address moves to a new user before the old one's deletion arrives"
    ),
    scenario!(clashes::two_first_users, "twenty first users at once: one of them becomes administrator"),
    scenario!(faults::killed_between_steps, "the server is killed at random moments while a user signs up"),
    scenario!(faults::two_replicas, "two servers on one database get every webhook at the same time"),
    scenario!(faults::clerk_down, "Clerk is down: known users are served, new ones asked to wait"),
    scenario!(late::no_call_at_all, "the token says enough: a record without asking Clerk"),
    scenario!(late::held_request, "a held /me is answered by the commit of the webhook"),
    scenario!(late::held_elsewhere, "a held /me is answered by the commit of another server"),
    scenario!(clashes::phone_only, "somebody with a phone number and no e-mail address"),
    scenario!(clashes::two_johns, "two people named John without usernames"),
    scenario!(clashes::same_version, "two changes carry the same version"),
    scenario!(
        equality::webhooks_lost,
        "every webhook is lost while users come, change and go: polling finds it, the silence is told of"
    ),
    scenario!(
        equality::another_instance,
        "the secret key of another, empty instance: nobody is deleted, nothing starts"
    ),
    scenario!(
        equality::mass_deletion,
        "a sweep finds 30 % deleted: held back until exactly that is confirmed"
    ),
];

/// What to play, and how.
pub(crate) struct Program {
    pub(crate) seed: u64,
    pub(crate) database_url: Option<String>,
    /// Names; empty: all.
    pub(crate) only: Vec<String>,
    pub(crate) style: Style,
}

/// Plays them; answers whether all went well.
pub(crate) async fn run(program: &Program) -> Result<bool> {
    let unknown: Vec<_> =
        program.only.iter().filter(|name| !SCENARIOS.iter().any(|s| s.name == name.as_str())).collect();
    if !unknown.is_empty() {
        let known: Vec<_> = SCENARIOS.iter().map(|scenario| scenario.name).collect();
        anyhow::bail!("no scenario is called {unknown:?}; there are: {}", known.join(", "));
    }
    let folder = tempfile::tempdir()?;
    let mut report = Report::new(program.style);
    let chosen = SCENARIOS
        .iter()
        .filter(|scenario| program.only.is_empty() || program.only.iter().any(|name| name == scenario.name));
    for scenario in chosen {
        let database = match &program.database_url {
            Some(url) => DatabaseUrl::beside(url, scenario.name).await?,
            None => DatabaseUrl::sqlite(&folder.path().join(format!("{}.db", scenario.name))),
        };
        let mut scene = Scene::new(database, program.seed);
        let played = (scenario.play)(&mut scene).await;
        let ended = scene.end().await;
        let verdict = match played.and(ended) {
            Ok(()) => Verdict::Holds,
            Err(error) => Verdict::Fails(format!("{error:#}")),
        };
        report.tell(scenario, &scene, &verdict);
    }
    Ok(report.close())
}

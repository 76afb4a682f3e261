//! What no webhook told of, and what must not be believed.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use clerk_sync::clerk::snapshot_from_user;
use clerk_sync_emulator::{Options, Weather};

use super::scene::Scene;
use crate::rig::{Person, Rows, ServerSettings, somebody};

/// Catching up, thirty times faster than by default: ten minutes of it are twenty seconds.
const PERIOD_MS: u64 = 1_000;
/// For how long every webhook is lost: the ten minutes.
const LOST: Duration = Duration::from_secs(20);
/// One period and one confirmation: a sweep, and two questions by id with the staleness bound before each. And as much
/// again for a slow machine.
const WITHIN: Duration = Duration::from_secs(8);
/// How long the silence may take to be told of, or to end.
const ALARM: Duration = Duration::from_secs(20);

fn watchful() -> ServerSettings {
    ServerSettings::default()
        .with("CLERK_SYNC_CATCH_UP_MS", PERIOD_MS.to_string())
        // Polling thirty times as often must not use up what the key of a development instance may ask.
        .with("CLERK_SYNC_API_LIMIT", "1000")
        .with("CLERK_SYNC_SILENCE_S", "3")
        .with("CLERK_SYNC_LEASE_MS", "1000")
}

async fn people(scene: &mut Scene, count: usize) -> Result<Vec<Person>> {
    let mut people = vec![];
    for number in 0..count {
        people.push(scene.sign_up(somebody("Ada", &format!("ada{number}@example.com")))?);
    }
    let everybody: Vec<_> = people.iter().collect();
    scene.expect_rows(&everybody).await?;
    Ok(people)
}

/// Whether the rows are these people, each with Clerk's content.
async fn is_equal(scene: &Scene, people: &[Person]) -> Result<bool> {
    let rows = scene.rig()?.rows().await?;
    let clerk = &scene.rig()?.clerk;
    let mut equal = rows.live().count() == people.len() && rows.dirty() == 0;
    for person in people {
        let user = snapshot_from_user(clerk.user_json(&person.id)?.to_string().as_bytes())?;
        equal &= rows.record(&person.id).is_some_and(|record| record.profile == user.profile);
    }
    Ok(equal)
}

async fn readiness(scene: &Scene) -> Result<String> {
    let rig = scene.rig()?;
    Ok(rig.browser.get(format!("{}/readyz", rig.server.url())).send().await?.text().await?)
}

/// Waits until readiness speaks of silence, or no longer does.
async fn until_silent(scene: &mut Scene, silent: bool) -> Result<()> {
    let started = Instant::now();
    loop {
        let text = readiness(scene).await?;
        if text.contains("no webhook comes") == silent {
            scene.note("server", format!("GET /readyz: {}", text.trim().replace('\n', "; ")));
            return Ok(());
        }
        ensure!(started.elapsed() < ALARM, "/readyz still says {text:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

pub(super) async fn webhooks_lost(scene: &mut Scene) -> Result<()> {
    scene.open_with(scene.options(), watchful()).await?;
    let mut people = people(scene, 8).await?;
    scene
        .weather(Weather { webhook_drop: 1.0, ..Weather::default() }, "every webhook is lost from now on")?;
    let lost_since = Instant::now();
    for round in 0_usize.. {
        if lost_since.elapsed() >= LOST {
            break;
        }
        people.push(scene.sign_up(somebody("Bea", &format!("bea{round}@example.com")))?);
        scene.rename(people.get(round % 3).context("nobody")?, &format!("Augusta {round}"))?;
        let gone = people.remove(3);
        scene.delete(&gone)?;
        let changed = Instant::now();
        while !is_equal(scene, &people).await? {
            if changed.elapsed() >= WITHIN {
                let rows = scene.rig()?.rows().await?;
                bail!(
                    "the rows are not Clerk's users after {WITHIN:?}: {} rows for {} users, {} to be compared, {} not there",
                    rows.live().count(),
                    people.len(),
                    rows.dirty(),
                    people.iter().filter(|person| rows.record(&person.id).is_none()).count()
                );
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        scene.note("database", format!("equal to Clerk {} ms later", changed.elapsed().as_millis()));
    }
    until_silent(scene, true).await?;
    scene.weather(Weather::default(), "webhooks come again")?;
    people.push(scene.sign_up(somebody("Cid", "cid@example.com"))?);
    until_silent(scene, false).await?;
    ensure!(is_equal(scene, &people).await? || scene.settled().await?.dirty() == 0, "somebody differs");
    Ok(())
}

pub(super) async fn another_instance(scene: &mut Scene) -> Result<()> {
    scene.open_with(scene.options(), watchful()).await?;
    people(scene, 10).await?;
    let other = Options { seed: scene.options().seed + 1, ..scene.options() };
    let other = clerk_sync_emulator::start(other).await?;
    let mut settings = watchful();
    settings.at_clerk(&other, other.url());
    scene.note("operator", "starts a server with the secret key of another, empty instance");
    for words in [&["serve"][..], &["sweep"], &["backfill"], &["prove"]] {
        let output = settings.command(scene.database(), words)?.output();
        let output = tokio::time::timeout(Duration::from_secs(20), output).await;
        let Ok(output) = output else { bail!("{words:?} did not end") };
        let output = output?;
        let why = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(!output.status.success(), "{words:?} went well");
        ensure!(why.contains(other.instance_id()) && why.contains("mirrors"), "{words:?} said {why:?}");
        scene.note("server", format!("{}: {}", words.join(" "), why.lines().next().unwrap_or_default()));
    }
    other.shutdown().await;
    let rows = scene.rig()?.rows().await?;
    ensure!(rows.live().count() == 10 && rows.tombstones() == 0, "somebody was deleted");
    scene.note("database", "10 row(s), nobody was deleted");
    Ok(())
}

/// A command on the scene's database; answers its exit code.
async fn command(scene: &mut Scene, words: &[&str]) -> Result<i32> {
    let mut settings = ServerSettings::default();
    let clerk = &scene.rig()?.clerk;
    settings.at_clerk(clerk, clerk.url());
    let output = settings.command(scene.database(), words)?.output().await?;
    let code = output.status.code().context("it was killed")?;
    let said = if code == 0 { &output.stdout } else { &output.stderr };
    let said = String::from_utf8_lossy(said).trim().replace('\n', "; ");
    scene.note("operator", format!("clerk-sync {}: {said} (exit code {code})", words.join(" ")));
    Ok(code)
}

fn counts(rows: &Rows) -> (usize, usize) {
    (rows.live().count(), rows.tombstones())
}

pub(super) async fn mass_deletion(scene: &mut Scene) -> Result<()> {
    scene.open(Weather::default()).await?;
    let people = people(scene, 20).await?;
    scene
        .weather(Weather { webhook_drop: 1.0, ..Weather::default() }, "every webhook is lost from now on")?;
    for person in people.iter().take(6) {
        scene.delete(person)?;
    }
    // Whoever was recorded a moment ago cannot be missed yet.
    tokio::time::sleep(Duration::from_millis(300)).await;
    ensure!(command(scene, &["sweep"]).await? == 3, "30 % deletions were not held back");
    ensure!(counts(&scene.rig()?.rows().await?) == (20, 0), "somebody was deleted");
    let text = readiness(scene).await?;
    ensure!(text.contains("6 of 20 users are missing in Clerk"), "/readyz says {text:?}");
    scene.note("server", format!("GET /readyz: {}", text.trim().replace('\n', "; ")));
    ensure!(command(scene, &["sweep", "--confirm-deletions", "7"]).await? == 1, "7 were never held back");
    ensure!(command(scene, &["sweep", "--confirm-deletions", "6"]).await? == 0, "what was confirmed failed");
    let rows = scene.settled().await?;
    ensure!(counts(&rows) == (14, 6), "there are {:?} rows and tombstones", counts(&rows));
    ensure!(!readiness(scene).await?.contains("missing"), "the brake is still on");
    scene.note("database", "14 row(s), 6 tombstone(s)");
    Ok(())
}

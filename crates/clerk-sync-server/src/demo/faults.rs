//! The database, Clerk or the server itself fails.

use std::time::Duration;

use anyhow::{Result, bail, ensure};
use clerk_sync_emulator::Weather;
use futures_util::future::join_all;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::scene::Scene;
use crate::rig::{Gate, ServerSettings, somebody};

pub(super) async fn database_write_failure(scene: &mut Scene) -> Result<()> {
    let wire = scene.open_cuttable().await?;
    let known = scene.sign_up(somebody("Ada", "ada@example.com"))?;
    scene.expect_rows(&[&known]).await?;
    let lock = scene.rig()?.database.lock().await?;
    match (&lock, &wire) {
        (Some(_), _) => scene.note("database", "is locked by somebody else"),
        (None, Some(wire)) => {
            wire.cut();
            scene.note("database", "cannot be reached");
        }
        (None, None) => bail!("this database can be neither locked nor cut off"),
    }
    // As long as reading works, known users are served; without it nobody can be decided on.
    let known_status = if lock.is_some() { 200 } else { 503 };
    let unknown = scene.sign_up(somebody("Bea", "bea@example.com"))?;
    scene.expect_me(&known, known_status).await?;
    let answer = scene.expect_me(&unknown, 503).await?;
    ensure!(answer.retry_after.is_some(), "the 503 has no Retry-After");
    scene.expect_me(&known, known_status).await?;
    drop(lock);
    if let Some(wire) = &wire {
        wire.mend();
    }
    scene.note("database", "is free again");
    scene.expect_rows(&[&known, &unknown]).await?;
    scene.expect_me(&unknown, 200).await?;
    Ok(())
}

pub(super) async fn clerk_down(scene: &mut Scene) -> Result<()> {
    scene.open(Weather { webhook_delay_ms: [0, 10], ..Weather::default() }).await?;
    let known = scene.sign_up(somebody("Ada", "ada@example.com"))?;
    scene.expect_rows(&[&known]).await?;
    let down = Weather { api_outage: true, webhooks_off: true, ..Weather::default() };
    scene.weather(down, "Clerk's Backend API is down and sends no webhooks")?;
    let unknown = scene.sign_up(somebody("Bea", "bea@example.com"))?;
    scene.expect_me(&known, 200).await?;
    let answer = scene.expect_me(&unknown, 503).await?;
    ensure!(answer.retry_after.is_some(), "the 503 has no Retry-After");
    scene.weather(Weather::default(), "Clerk is back")?;
    // The circuit breaker lets a probe through after its pause; the answer says when.
    let mut answer = scene.me(&unknown).await?;
    for _ in 0..20 {
        if answer.status != 503 {
            break;
        }
        let wait = answer.retry_after.as_deref().and_then(|s| s.parse().ok()).unwrap_or(1);
        tokio::time::sleep(Duration::from_secs(wait)).await;
        answer = scene.me(&unknown).await?;
    }
    ensure!(answer.status == 200, "after the outage /me was answered {}", answer.shown());
    scene.expect_rows(&[&known, &unknown]).await?;
    Ok(())
}

pub(super) async fn killed_between_steps(scene: &mut Scene) -> Result<()> {
    scene.open(Weather { webhook_duplicate: 0.5, ..Weather::default() }).await?;
    let mut dice = StdRng::seed_from_u64(scene.options().seed);
    let mut people = vec![];
    for round in 0..12 {
        let person = scene.sign_up(somebody("Ada", &format!("ada{round}@example.com")))?;
        let rig = scene.rig()?;
        let token = rig.clerk.session_token(&person.session)?;
        let (browser, url) = (rig.browser.clone(), rig.server.url());
        let asking = tokio::spawn(async move { crate::rig::me(&browser, &url, &token, 0).await });
        tokio::time::sleep(Duration::from_micros(dice.random_range(0..6_000))).await;
        scene.rig_mut()?.server.kill().await?;
        scene.note("server", "is killed");
        // Cut off or answered: both are right, a wrong answer is not.
        if let Ok(answer) = asking.await? {
            ensure!(answer.status == 200, "/me was answered {}", answer.shown());
        }
        scene.rig_mut()?.server.restart().await?;
        people.push(person);
    }
    for person in &people {
        scene.expect_me(person, 200).await?;
    }
    let everybody: Vec<_> = people.iter().collect();
    let rows = scene.expect_rows(&everybody).await?;
    ensure!(rows.admins() == 1, "there are {} administrators", rows.admins());
    Ok(())
}

pub(super) async fn two_replicas(scene: &mut Scene) -> Result<()> {
    scene.open(Weather { webhook_delay_ms: [0, 20], ..Weather::default() }).await?;
    let first = scene.rig()?.server.url();
    let second = scene.add_replica(ServerSettings::default()).await?;
    let both = Gate::open(vec![first.clone(), second.clone()]).await?;
    scene.rig()?.clerk.set_webhook_url(Some(&format!("{}/webhooks/clerk", both.url())))?;
    scene.note("server", "two of them, each gets every webhook");
    let mut people = vec![];
    for number in 0..20 {
        people.push(scene.sign_up(somebody("Ada", &format!("ada{number}@example.com")))?);
    }
    let rig = scene.rig()?;
    let asking = people.iter().flat_map(|person| [(person, &first), (person, &second)]);
    let answers = join_all(asking.map(async |(person, url)| {
        let token = rig.clerk.session_token(&person.session)?;
        rig.me_at(url, &token, 0).await
    }))
    .await;
    for answer in answers {
        let answer = answer?;
        ensure!(answer.status == 200, "/me was answered {}", answer.shown());
    }
    let everybody: Vec<_> = people.iter().collect();
    let rows = scene.expect_rows(&everybody).await?;
    ensure!(rows.admins() == 1, "there are {} administrators", rows.admins());
    for person in &people {
        let message = scene.message(person, "user.created")?;
        let delivery = rows.delivery(&message).await?;
        ensure!(delivery.is_some_and(|d| d.attempts == 1), "a webhook was applied other than once");
    }
    scene.note("database", "one administrator, each webhook applied once");
    Ok(())
}

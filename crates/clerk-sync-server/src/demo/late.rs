//! Webhooks that come late, twice, out of order, or not at all.

use anyhow::{Context, Result, ensure};
use clerk_sync_emulator::{Options, Weather};
use serde_json::{Map, json};

use super::scene::Scene;
use crate::rig::{ServerSettings, somebody};

pub(super) async fn race(scene: &mut Scene) -> Result<()> {
    scene.open(Weather { webhook_delay_ms: [700, 700], ..Weather::default() }).await?;
    let ada = scene.sign_up(somebody("Ada", "ada@example.com"))?;
    let answer = scene.expect_me(&ada, 200).await?;
    ensure!(answer.body["data"]["email"] == "ada@example.com", "the answer has another e-mail address");
    scene.expect_me(&ada, 200).await?;
    scene.expect_rows(&[&ada]).await?;
    ensure!(scene.calls(&ada)? == 1, "Clerk was asked {} times, not once", scene.calls(&ada)?);
    Ok(())
}

pub(super) async fn webhook_failure(scene: &mut Scene) -> Result<()> {
    scene.open(Weather::default()).await?;
    scene.rig_mut()?.server.kill().await?;
    scene.note("server", "is down");
    let ada = scene.sign_up(somebody("Ada", "ada@example.com"))?;
    let mut attempts = 0;
    while attempts == 0 {
        tokio::task::yield_now().await;
        attempts = scene.rig()?.clerk.deliveries().attempts;
    }
    scene.rig_mut()?.server.restart().await?;
    scene.note("server", "is up again");
    scene.expect_me(&ada, 200).await?;
    scene.expect_rows(&[&ada]).await?;
    let message = scene.message(&ada, "user.created")?;
    let delivery = scene.rig()?.rows().await?.delivery(&message).await?;
    ensure!(delivery.is_some(), "the webhook is not in the event log");
    Ok(())
}

pub(super) async fn webhook_not_sent(scene: &mut Scene) -> Result<()> {
    scene.open(Weather { webhooks_off: true, ..Weather::default() }).await?;
    let ada = scene.sign_up(somebody("Ada", "ada@example.com"))?;
    scene.expect_me(&ada, 200).await?;
    scene.expect_rows(&[&ada]).await?;
    Ok(())
}

pub(super) async fn duplicate_webhook(scene: &mut Scene) -> Result<()> {
    // Half the answers are lost, so some messages need most of their attempts; they come quickly.
    let weather = Weather { webhook_duplicate: 1.0, answer_lost: 0.5, ..Weather::default() };
    let options = Options { weather, speed: 10_000.0, ..scene.options() };
    scene.open_with(options, ServerSettings::default()).await?;
    let ada = scene.sign_up(somebody("Ada", "ada@example.com"))?;
    let before = scene.expect_rows(&[&ada]).await?.record(&ada.id).context("no row")?.rev;
    let sent = scene.rig()?.clerk.replay();
    scene.note("clerk", format!("sends all {sent} messages again"));
    let after = scene.expect_rows(&[&ada]).await?.record(&ada.id).context("no row")?.rev;
    ensure!(before == after, "the repeated webhooks had an effect: revision {} became {}", before.0, after.0);
    scene.expect_me(&ada, 200).await?;
    Ok(())
}

/// Every message is made, none arrives by itself: the scenario hands them over in its own order.
fn by_hand() -> Weather {
    Weather { webhook_drop: 1.0, ..Weather::default() }
}

pub(super) async fn out_of_order(scene: &mut Scene) -> Result<()> {
    scene.open(by_hand()).await?;
    let ada = scene.sign_up(somebody("Ada", "ada@example.com"))?;
    scene.rename(&ada, "Augusta")?;
    scene.rename(&ada, "Ada Augusta")?;
    let created = scene.message(&ada, "user.created")?;
    let updates = scene.messages(&ada, "user.updated")?;
    for message in updates.iter().rev().chain([&created]) {
        scene.deliver(message).await?;
    }
    scene.expect_rows(&[&ada]).await?;
    let answer = scene.expect_me(&ada, 200).await?;
    ensure!(answer.body["data"]["first_name"] == "Ada Augusta", "an older change won");
    ensure!(scene.calls(&ada)? == 0, "Clerk was asked although the webhooks said everything");
    Ok(())
}

pub(super) async fn update_before_create(scene: &mut Scene) -> Result<()> {
    scene.open(by_hand()).await?;
    let ada = scene.sign_up(somebody("Ada", "ada@example.com"))?;
    scene.rename(&ada, "Augusta")?;
    let created = scene.message(&ada, "user.created")?;
    let updated = scene.messages(&ada, "user.updated")?.pop().context("there is no user.updated")?;
    scene.deliver(&updated).await?;
    scene.expect_rows(&[&ada]).await?;
    scene.deliver(&created).await?;
    scene.expect_rows(&[&ada]).await?;
    scene.expect_me(&ada, 200).await?;
    Ok(())
}

pub(super) async fn no_call_at_all(scene: &mut Scene) -> Result<()> {
    let claims: Map<_, _> = [
        ("email".to_owned(), json!("{{user.primary_email_address}}")),
        ("email_verified".to_owned(), json!("{{user.email_verified}}")),
        ("first_name".to_owned(), json!("{{user.first_name}}")),
    ]
    .into_iter()
    .collect();
    let options = Options { session_claims: claims, ..scene.options() };
    let settings = ServerSettings::default().with("CLERK_SYNC_CLAIMS", "email,email_verified,first_name");
    scene.open_with(options, settings).await?;
    let bea = scene.sign_up(somebody("Bea", "bea@example.com"))?;
    scene.expect_me(&bea, 200).await?;
    let weather = Weather { api_outage: true, webhook_delay_ms: [500, 500], ..Weather::default() };
    scene.weather(weather, "Clerk's Backend API is down, webhooks take half a second")?;
    let ada = scene.sign_up(somebody("Ada", "ada@example.com"))?;
    let answer = scene.expect_me(&ada, 200).await?;
    ensure!(answer.body["data"]["email"] == "ada@example.com", "the record lacks the address of the token");
    scene.quiet().await?;
    scene.weather(Weather::default(), "Clerk's Backend API is back")?;
    scene.expect_rows(&[&ada, &bea]).await?;
    Ok(())
}

pub(super) async fn held_request(scene: &mut Scene) -> Result<()> {
    scene.open(Weather::default()).await?;
    let bea = scene.sign_up(somebody("Bea", "bea@example.com"))?;
    scene.expect_me(&bea, 200).await?;
    let weather = Weather { api_outage: true, webhook_delay_ms: [1_000, 1_000], ..Weather::default() };
    scene.weather(weather, "Clerk's Backend API is down, webhooks take a second")?;
    let ada = scene.sign_up(somebody("Ada", "ada@example.com"))?;
    let rig = scene.rig()?;
    let token = rig.clerk.session_token(&ada.session)?;
    let answer = rig.me_at(&rig.server.url(), &token, 10).await?;
    scene.note("browser", format!("GET /me with Prefer: wait=10: {}", answer.shown()));
    ensure!(answer.status == 200, "the held request was answered {}", answer.shown());
    ensure!(answer.took.as_millis() < 5_000, "the commit did not wake the held request");
    scene.weather(Weather::default(), "Clerk's Backend API is back")?;
    scene.expect_rows(&[&ada, &bea]).await?;
    Ok(())
}

pub(super) async fn held_elsewhere(scene: &mut Scene) -> Result<()> {
    scene.open(Weather::default()).await?;
    let elsewhere = scene.add_replica(ServerSettings::default()).await?;
    let bea = scene.sign_up(somebody("Bea", "bea@example.com"))?;
    let rig = scene.rig()?;
    // Both servers have the keys of tokens before Clerk goes down.
    let token = rig.clerk.session_token(&bea.session)?;
    for url in [rig.server.url(), elsewhere.clone()] {
        let answer = rig.me_at(&url, &token, 0).await?;
        ensure!(answer.status == 200, "/me was answered {}", answer.shown());
    }
    let weather = Weather { api_outage: true, webhook_delay_ms: [1_000, 1_000], ..Weather::default() };
    scene.weather(weather, "Clerk's Backend API is down, webhooks take a second")?;
    let ada = scene.sign_up(somebody("Ada", "ada@example.com"))?;
    let rig = scene.rig()?;
    let token = rig.clerk.session_token(&ada.session)?;
    let answer = rig.me_at(&elsewhere, &token, 10).await?;
    scene.note("browser", format!("GET /me with Prefer: wait=10 at the other server: {}", answer.shown()));
    ensure!(answer.status == 200, "the held request was answered {}", answer.shown());
    ensure!(answer.took.as_millis() < 5_000, "the commit of the other server did not end the wait");
    scene.weather(Weather::default(), "Clerk's Backend API is back")?;
    scene.expect_rows(&[&ada, &bea]).await?;
    Ok(())
}

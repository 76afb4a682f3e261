//! Deleted is final.

use anyhow::{Result, ensure};
use clerk_sync_emulator::Weather;

use super::scene::Scene;
use crate::rig::{Gate, Person, ServerSettings, me, somebody};

async fn expect_gone(scene: &mut Scene, person: &Person, token: &str) -> Result<()> {
    let rig = scene.rig()?;
    let answer = rig.me_at(&rig.server.url(), token, 0).await?;
    scene.note("browser", format!("GET /me with a token that still holds: {}", answer.shown()));
    ensure!(answer.status == 401 && answer.code() == "user_deleted", "answered {}", answer.shown());
    let rows = scene.expect_rows(&[]).await?;
    ensure!(rows.is_gone(&person.id), "there is no tombstone");
    Ok(())
}

fn by_hand() -> Weather {
    Weather { webhook_drop: 1.0, ..Weather::default() }
}

pub(super) async fn delete_before_create(scene: &mut Scene) -> Result<()> {
    scene.open(by_hand()).await?;
    let ada = scene.sign_up(somebody("Ada", "ada@example.com"))?;
    let token = scene.rig()?.clerk.session_token(&ada.session)?;
    scene.delete(&ada)?;
    let deleted = scene.message(&ada, "user.deleted")?;
    let created = scene.message(&ada, "user.created")?;
    scene.deliver(&deleted).await?;
    scene.deliver(&created).await?;
    expect_gone(scene, &ada, &token).await
}

pub(super) async fn late_update_after_delete(scene: &mut Scene) -> Result<()> {
    scene.open(by_hand()).await?;
    let ada = scene.sign_up(somebody("Ada", "ada@example.com"))?;
    let token = scene.rig()?.clerk.session_token(&ada.session)?;
    scene.rename(&ada, "Augusta")?;
    scene.delete(&ada)?;
    for event in ["user.created", "user.deleted", "user.updated"] {
        for message in scene.messages(&ada, event)? {
            scene.deliver(&message).await?;
        }
    }
    expect_gone(scene, &ada, &token).await?;
    // A replay by an operator may come a day later: same ids, fresh signatures.
    let sent = scene.rig()?.clerk.replay();
    scene.quiet().await?;
    scene.note("clerk", format!("an operator replays all {sent} messages"));
    expect_gone(scene, &ada, &token).await
}

pub(super) async fn fetch_overtaken_by_delete(scene: &mut Scene) -> Result<()> {
    // The creation never arrives, so the user is fetched; the deletion overtakes the answer.
    scene.open(by_hand()).await?;
    let mut gate = Gate::open(vec![scene.rig()?.clerk.url().to_owned()]).await?;
    let url = scene.add_server(ServerSettings::default(), gate.url()).await?;
    let ada = scene.sign_up(somebody("Ada", "ada@example.com"))?;
    let rig = scene.rig()?;
    let token = rig.clerk.session_token(&ada.session)?;
    gate.shut();
    let (browser, asked_at, asked_with) = (rig.browser.clone(), url.clone(), token.clone());
    let asking = tokio::spawn(async move { me(&browser, &asked_at, &asked_with, 0).await });
    gate.holds_one().await?;
    scene.note("server", "fetches the user; the answer is under way");
    scene.delete(&ada)?;
    let deleted = scene.message(&ada, "user.deleted")?;
    scene.deliver(&deleted).await?;
    gate.release();
    let answer = asking.await??;
    scene.note("browser", format!("GET /me: {}", answer.shown()));
    ensure!(answer.status == 401 && answer.code() == "user_deleted", "answered {}", answer.shown());
    expect_gone(scene, &ada, &token).await
}

//! What lies between the server and the others fails.

use std::time::{Duration, Instant};

use anyhow::Result;
use clerk_sync_emulator::Weather;

use super::stage::{Setup, Stage, last};
use super::{Finding, Ground};
use crate::rig::{Condition, Person, somebody};

/// Longer than any time-out of ours.
const SLOW: Duration = Duration::from_secs(11);
/// How long a wire that loses answers carries them in between, and how long it does not.
const FLICKER: Duration = Duration::from_millis(200);

pub(super) async fn database_slow(ground: &Ground<'_>) -> Result<Finding> {
    to_database(ground, Condition::Slow(SLOW), ground.pick(30, 12)).await
}

pub(super) async fn database_black_hole(ground: &Ground<'_>) -> Result<Finding> {
    to_database(ground, Condition::BlackHole, ground.pick(30, 8)).await
}

pub(super) async fn database_cut(ground: &Ground<'_>) -> Result<Finding> {
    to_database(ground, Condition::Cut, ground.pick(15, 3)).await
}

pub(super) async fn database_reply_lost(ground: &Ground<'_>) -> Result<Finding> {
    to_database(ground, Condition::ReplyLost, ground.pick(15, 3)).await
}

pub(super) async fn clerk_black_hole(ground: &Ground<'_>) -> Result<Finding> {
    to_clerk(ground, Condition::BlackHole, ground.pick(30, 8)).await
}

pub(super) async fn clerk_cut(ground: &Ground<'_>) -> Result<Finding> {
    to_clerk(ground, Condition::Cut, ground.pick(15, 3)).await
}

pub(super) async fn clerk_reply_lost(ground: &Ground<'_>) -> Result<Finding> {
    to_clerk(ground, Condition::ReplyLost, ground.pick(15, 3)).await
}

async fn to_database(ground: &Ground<'_>, condition: Condition, seconds: u64) -> Result<Finding> {
    let mut stage = Stage::open(ground, Setup { wired: true, ..Setup::default() }).await?;
    stage.load().await;
    let wire = stage.database_wire()?;
    if condition == Condition::ReplyLost {
        // A wire that loses every answer carries no new connection: in between it must be whole.
        let until = Instant::now() + Duration::from_secs(seconds);
        while Instant::now() < until {
            wire.set(condition);
            tokio::time::sleep(FLICKER).await;
            wire.mend();
            tokio::time::sleep(FLICKER).await;
        }
    } else {
        wire.set(condition);
        last(seconds).await;
        wire.mend();
    }
    stage.healed();
    let mut finding =
        stage.close(format!("{condition:?} between server and database for {seconds} s")).await?;
    let noticed = finding.webhooks.contains_key("503") || condition == Condition::ReplyLost;
    finding.check(noticed, || "no webhook was refused: the fault was not there".to_owned());
    Ok(finding)
}

/// Known users do not depend on Clerk; only who is new has to wait.
async fn to_clerk(ground: &Ground<'_>, condition: Condition, seconds: u64) -> Result<Finding> {
    let mut stage = Stage::open(ground, Setup::default()).await?;
    let (id, session) = stage.clerk.sign_up(somebody("Eve", "eve@example.com"))?;
    let known = Person { id, session };
    // New users ask before their webhook comes, or nobody would need Clerk.
    let late = Weather { webhook_delay_ms: [0, 2_000], ..stage.clerk.weather() };
    stage.clerk.set_weather(late)?;
    stage.load().await;
    let answer = stage.me(&known).await?;
    anyhow::ensure!(
        answer.status == 200,
        "the known user was not served before the fault: {}",
        answer.shown()
    );
    stage.to_clerk.set(condition);
    let until = Instant::now() + Duration::from_secs(seconds);
    let mut refused = vec![];
    while Instant::now() < until {
        let answer = stage.me(&known).await?;
        if answer.status != 200 {
            refused.push(answer.shown());
        }
        tokio::time::sleep(FLICKER).await;
    }
    stage.to_clerk.mend();
    stage.healed();
    stage.clerk.delete_user(&known.id)?;
    let mut finding = stage.close(format!("{condition:?} between server and Clerk for {seconds} s")).await?;
    finding.check(refused.is_empty(), || format!("a known user was answered {refused:?}"));
    let noticed = finding.answers.contains_key("503 with Retry-After");
    finding.check(noticed, || "nobody had to wait: the fault was not there".to_owned());
    Ok(finding)
}

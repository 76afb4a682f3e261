use anyhow::Result;

use super::load::Allowed;
use super::stage::{Setup, Stage, last};
use super::{Finding, Ground};

/// A server is stopped in the middle of its work and goes on long after its leases ended and others took it over.
pub(super) async fn pause(ground: &Ground<'_>) -> Result<Finding> {
    // Leases last a minute.
    let seconds = ground.pick(70, 4);
    let allowed = Allowed { no_answer: true, ..Allowed::default() };
    let mut stage = Stage::open(ground, Setup { servers: 2, allowed, ..Setup::default() }).await?;
    stage.load().await;
    stage.servers[0].signal("STOP").await?;
    // A balancer would notice as well.
    stage.clerk.set_webhook_url(Some(&stage.servers[1].webhook_url()))?;
    last(seconds).await;
    stage.servers[0].signal("CONT").await?;
    stage.healed();
    last(1).await;
    stage.close(format!("one of two servers was stopped for {seconds} s")).await
}

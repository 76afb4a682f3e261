use std::time::{Duration, Instant};

use anyhow::Result;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::load::Allowed;
use super::stage::{Setup, Stage};
use super::{Finding, Ground};
use crate::cli::say;

/// Between a start and the next kill, at most, in milliseconds.
const LIFE_MS: u64 = 150;
/// The log is read after every so many kills, while no server has the database open.
const LOOK_EVERY: usize = 10;
/// How often the progress is told.
const SAY_EVERY: Duration = Duration::from_secs(10);

pub(super) async fn kill(ground: &Ground<'_>) -> Result<Finding> {
    let rounds = ground.settings.rounds.unwrap_or(ground.pick(1_000, 20));
    let allowed = Allowed { no_answer: true, ..Allowed::default() };
    let mut stage = Stage::open(ground, Setup { allowed, ..Setup::default() }).await?;
    stage.load().await;
    let mut dice = StdRng::seed_from_u64(ground.settings.seed);
    let (began, mut said, mut lost, mut resent) = (Instant::now(), Instant::now(), 0, 0);
    for round in 1..=rounds {
        // The moment is the point: anywhere between the first request and well after it.
        tokio::time::sleep(Duration::from_millis(dice.random_range(0..LIFE_MS))).await;
        stage.servers[0].kill().await?;
        if round % LOOK_EVERY == 0 {
            lost += stage.lost_since().await?;
            // Whoever is cut off eight times in a row is given up on; an operator would see to it.
            resent += stage.resend_given_up();
        }
        stage.servers[0].restart().await?;
        if said.elapsed() > SAY_EVERY && !ground.settings.json {
            said = Instant::now();
            let left = began.elapsed().as_secs_f64() / round as f64 * (rounds - round) as f64;
            say(&format!("     killed {round} of {rounds} times, {lost} events lost, {left:.0} s left"));
        }
    }
    stage.healed();
    let each = began.elapsed().as_secs_f64() / rounds.max(1) as f64;
    let done = format!("killed {rounds} times, {each:.2} s each; {resent} events resent on the way");
    let mut finding = stage.close(done).await?;
    finding.check(lost == 0, || format!("{lost} events were acknowledged and not there after a kill"));
    Ok(finding)
}

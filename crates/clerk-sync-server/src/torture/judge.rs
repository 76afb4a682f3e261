//! What must hold after every fault.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clerk_sync::clerk::snapshot_from_user;
use clerk_sync::core::{Delivery, Outcome, Record, Source};
use clerk_sync_emulator::Emulator;
use futures_util::{StreamExt, TryStreamExt};

use super::Finding;
use super::load::Crowd;
use super::stage::Stage;
use crate::rig::Rows;

/// How long everything may take to come to rest; more than the longest wait between two attempts of Clerk's.
const REST: Duration = Duration::from_secs(150);
/// The longest `/me` may take: five seconds, and what a busy machine adds.
const SLOWEST: Duration = Duration::from_secs(10);
/// Deliveries looked up at once.
const AT_ONCE: usize = 16;
/// Outcomes that move a record's revision by one, exactly.
const MOVING: [Outcome; 6] = [
    Outcome::Created,
    Outcome::Updated,
    Outcome::Unchanged,
    Outcome::Tie,
    Outcome::Unversioned,
    Outcome::SignedIn,
];

/// Waits until nothing moves any more, then compares everything.
pub(super) async fn judge(
    stage: &Stage,
    crowd: &Crowd,
    healed: Instant,
    finding: &mut Finding,
) -> Result<()> {
    let resent = rest(stage).await?;
    let rows = settled(stage).await?;
    finding.caught_up_s = healed.elapsed().as_secs_f64();
    if resent > 0 {
        finding.done = format!("{}; {resent} events sent once more by hand", finding.done);
    }

    let (acknowledged, by_status) = {
        let acks = stage.acks();
        (acks.acknowledged.clone(), acks.by_status.clone())
    };
    finding.acknowledged = acknowledged.len();
    finding.check(!acknowledged.is_empty(), || "no event was acknowledged: there was no load".to_owned());
    answers(stage, crowd, finding);
    let allowed = stage.allowed();
    let wrong = by_status.keys().filter(|status| match status.as_str() {
        "200" | "503" => false,
        "401" => !allowed.unauthenticated,
        "no answer" => !allowed.no_answer,
        _ => true,
    });
    let wrong: Vec<_> = wrong.cloned().collect();
    finding.check(wrong.is_empty(), || format!("webhooks were answered {wrong:?}"));
    finding.webhooks = by_status;

    let log = &rows;
    let messages: Vec<_> = acknowledged.into_iter().collect();
    let deliveries: Vec<(String, Option<Delivery>)> = futures_util::stream::iter(messages)
        .map(|(message, user)| async move { anyhow::Ok((user, log.delivery(&message).await?)) })
        .buffer_unordered(AT_ONCE)
        .try_collect()
        .await?;
    let moves = log_of(&deliveries, finding);
    people(&stage.clerk, crowd, &rows, finding)?;
    let asked = stage.clerk.calls().user_reads;
    for record in rows.live() {
        let moved = moves.get(record.id.as_str()).copied().unwrap_or(0);
        let fetched = asked.get(record.id.as_str()).copied().unwrap_or(0);
        finding.twice += usize::from(!accounts_for(record, moved, fetched));
    }
    let (twice, missing) = (finding.twice, finding.missing);
    finding.check(twice == 0, || format!("{twice} records were not written once by each of their events"));
    finding.check(missing == 0, || format!("{missing} rows are not as Clerk has them"));
    Ok(())
}

/// Resolves once no webhook waits; answers how many Clerk had given up on and was made to send again.
async fn rest(stage: &Stage) -> Result<usize> {
    let until = Instant::now() + REST;
    let mut resent = 0;
    while Instant::now() < until {
        let quiet = tokio::time::timeout(Duration::from_millis(100), stage.clerk.quiet()).await.is_ok();
        let again = stage.resend_given_up();
        resent += again;
        if quiet && again == 0 {
            return Ok(resent);
        }
    }
    bail!("webhooks did not come to rest within {} s: {:?}", REST.as_secs(), stage.clerk.deliveries())
}

/// Resolves once no record is dirty and no delivery waits.
async fn settled(stage: &Stage) -> Result<Rows> {
    let until = Instant::now() + REST;
    loop {
        let rows = stage.rows().await?;
        let (dirty, waiting) = (rows.dirty(), rows.unprocessed().await?);
        if dirty == 0 && waiting == 0 {
            return Ok(rows);
        }
        if Instant::now() >= until {
            bail!(
                "{dirty} records stayed dirty and {waiting} deliveries unprocessed for {} s",
                REST.as_secs()
            );
        }
        // Another process settles them; it has no way to tell us.
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn answers(stage: &Stage, crowd: &Crowd, finding: &mut Finding) {
    finding.answers.clone_from(&crowd.answers);
    finding.check(crowd.wrong.is_empty(), || format!("/me was answered {:?}", crowd.wrong));
    if !stage.allowed().no_answer {
        let slowest = crowd.slowest;
        finding.check(slowest <= SLOWEST, || format!("/me took {:.1} s", slowest.as_secs_f64()));
        finding.done = format!("{}; slowest /me {:.1} s", finding.done, slowest.as_secs_f64());
    }
}

/// The acknowledged events in the log; answers how many moved each user's record.
fn log_of(deliveries: &[(String, Option<Delivery>)], finding: &mut Finding) -> HashMap<String, u64> {
    let mut moves: HashMap<String, u64> = HashMap::new();
    let mut without_effect = 0;
    for (user, delivery) in deliveries {
        let Some(delivery) = delivery else {
            finding.lost += 1;
            continue;
        };
        let outcome = delivery.outcome.as_deref().unwrap_or_default();
        without_effect += usize::from(outcome.is_empty());
        if MOVING.iter().any(|moving| moving.as_str() == outcome) {
            *moves.entry(user.clone()).or_default() += 1;
        }
    }
    let lost = finding.lost;
    finding.check(lost == 0, || format!("{lost} acknowledged events are not in the log"));
    finding.check(without_effect == 0, || format!("{without_effect} acknowledged events had no effect"));
    moves
}

/// A record is written once by what created it, once by each event that moved it, and at most once by each fetch.
fn accounts_for(record: &Record, moved: u64, fetched: u64) -> bool {
    let created = u64::from(record.source != Source::Webhook);
    let least = moved + created;
    (least..=least + fetched).contains(&record.rev.0)
}

/// Exactly those who live in Clerk have a row, each as Clerk has them.
fn people(clerk: &Emulator, crowd: &Crowd, rows: &Rows, finding: &mut Finding) -> Result<()> {
    let mut living = 0;
    for member in &crowd.members {
        if member.is_gone() {
            finding.missing += usize::from(!rows.is_gone(&member.id));
            continue;
        }
        living += 1;
        let same = match rows.record(&member.id) {
            Some(record) => same(record, clerk, &member.id)?,
            None => false,
        };
        finding.missing += usize::from(!same);
    }
    let live = rows.live().count();
    finding.check(live == living, || format!("there are {live} rows for {living} users"));
    Ok(())
}

/// Field by field, and twice: the e-mail address and the name without any code of ours in between.
fn same(record: &Record, clerk: &Emulator, id: &str) -> Result<bool> {
    let user = clerk.user(id)?;
    let snapshot = snapshot_from_user(&serde_json::to_vec(&user)?).context("Clerk's user cannot be read")?;
    let address = record.profile.email.as_ref().map(|claim| claim.address.as_str());
    Ok(record.profile == snapshot.profile
        && record.version == snapshot.version
        && record.profile.first_name == user.first_name
        && address == user.primary_email().map(|email| email.email_address.as_str())
        && record.email.as_ref() == record.profile.email.as_ref().map(|claim| &claim.address))
}

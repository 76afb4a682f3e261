//! A proof: every mapped field of every user compared, differences repaired, all compared again, and a certificate.

use std::collections::BTreeMap;

use aws_lc_rs::digest::{Context, SHA256};
use clerk_sync_core::{Entry, Record, Timestamp};
use serde::{Deserialize, Serialize};

use super::compared::{Compared, Rigour};
use super::lease::Lease;
use super::sweep::{LEASE, SETTLE_MS, Seen};
use super::{EqualError, Equality, Told};

pub(super) const NOTE: &str = "proof";
/// How often everything is compared at most: users who change meanwhile differ for a moment.
const PASSES: u32 = 4;
/// Entries read at once.
const PAGE: u32 = 1_000;

/// What a proof says. All times are milliseconds since the Unix epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    /// Whether every row was found equal to Clerk, at last.
    pub equal: bool,
    /// The version of clerk-sync that compared.
    pub clerk_sync: String,
    /// The Clerk instance.
    pub instance: String,
    /// When it began.
    pub started_at_ms: i64,
    /// When it ended.
    pub finished_at_ms: i64,
    /// Users Clerk listed in the last pass.
    pub users: u64,
    /// Rows in the database at the end.
    pub rows: u64,
    /// SHA-256 over all rows in the order of their ids, each as a JSON array of its mapped fields and a line end.
    pub digest: String,
    /// How often everything was compared; once, where nothing differed.
    pub passes: u32,
    /// What was found.
    pub drift: Drift,
    /// Users who differed at first and no longer do.
    pub repaired: u64,
    /// Users who still differ.
    pub unrepaired: u64,
    /// No row was compared longer ago than this: the beginning of the last pass.
    pub oldest_verified_at_ms: i64,
}

/// Differences found by the first pass.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Drift {
    /// Users without a row.
    pub created: u64,
    /// Rows older than Clerk's users.
    pub updated: u64,
    /// Rows that differed otherwise.
    pub differing: u64,
    /// Rows of users Clerk did not list.
    pub missing: u64,
    /// Differences by column.
    pub fields: BTreeMap<String, u64>,
}

impl Drift {
    fn users(&self) -> u64 {
        self.created + self.updated + self.differing + self.missing
    }
}

/// One comparison of everything.
struct Pass {
    found: Compared,
    missing: u64,
    started: Timestamp,
}

impl Pass {
    fn drift(&self) -> Drift {
        Drift {
            created: self.found.created,
            updated: self.found.updated,
            differing: self.found.differing,
            missing: self.missing,
            fields: self.found.fields.iter().map(|(field, n)| (field.as_str().to_owned(), *n)).collect(),
        }
    }
}

impl Equality {
    /// Proves that the table is equal to Clerk, or makes it so.
    pub(crate) async fn prove(&self, told: Told<'_>) -> Result<Certificate, EqualError> {
        let instance = self.verify_instance().await?;
        let lease = self.lease(LEASE).await?;
        let proved = self.prove_under(&lease, instance, told).await;
        if !matches!(proved, Err(EqualError::Superseded)) {
            self.let_go(lease).await;
        }
        proved
    }

    async fn prove_under(
        &self,
        lease: &Lease,
        instance: String,
        told: Told<'_>,
    ) -> Result<Certificate, EqualError> {
        let started = self.engine.clock.now();
        let mut pass = self.compare_all(lease, told).await?;
        let drift = pass.drift();
        let mut passes = 1;
        while pass.drift().users() > 0 && passes < PASSES {
            self.under(lease, self.settle(pass.found.touched, SETTLE_MS)).await?;
            pass = self.compare_all(lease, told).await?;
            passes += 1;
        }
        let (rows, digest) = self.digest(lease).await?;
        let unrepaired = pass.drift().users();
        let certificate = Certificate {
            equal: unrepaired == 0,
            clerk_sync: env!("CARGO_PKG_VERSION").to_owned(),
            instance,
            started_at_ms: started.as_millis(),
            finished_at_ms: self.engine.clock.now().as_millis(),
            users: pass.found.users,
            rows,
            digest,
            passes,
            repaired: drift.users().saturating_sub(unrepaired),
            unrepaired,
            drift,
            oldest_verified_at_ms: pass.started.as_millis(),
        };
        self.note_end(NOTE, certificate.clone(), |proof| proof.finished_at_ms).await?;
        Ok(certificate)
    }

    async fn compare_all(&self, lease: &Lease, told: Told<'_>) -> Result<Pass, EqualError> {
        let started = self.engine.clock.now();
        let mut seen = Seen::new();
        let mut found = self.walk_all(lease, Rigour::Settle, &mut seen, told).await?;
        let (missing, users) = self.missing(lease, &seen, started).await?;
        let count = missing.len() as u64;
        self.pass(count, users, 0).await?;
        self.doubt(lease, &missing).await?;
        found.touched.extend(missing);
        self.engine.metrics.drifted(&found.fields);
        Ok(Pass { found, missing: count, started })
    }

    /// The rows there are, and their digest.
    async fn digest(&self, lease: &Lease) -> Result<(u64, String), EqualError> {
        let (mut context, mut rows, mut after) = (Context::new(&SHA256), 0, None);
        loop {
            let page = self.inspect.entries(after.as_ref(), PAGE).await?;
            after = page.last().map(|entry| entry.id().clone());
            for record in page.iter().filter_map(Entry::live) {
                rows += 1;
                context.update(canonical(record).as_bytes());
            }
            self.keep(lease, vec![]).await?;
            if (page.len() as u64) < u64::from(PAGE) {
                let digest = context.finish();
                return Ok((rows, digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()));
            }
        }
    }
}

/// A row's mapped fields as one line.
fn canonical(record: &Record) -> String {
    let profile = &record.profile;
    let millis = |time: Option<Timestamp>| time.map(Timestamp::as_millis);
    let row = serde_json::json!([
        record.id.as_str(),
        record.email.as_ref().map(|email| email.as_str()),
        profile.email.as_ref().map(|claim| (claim.address.as_str(), claim.verified)),
        record.username.as_ref().map(|name| name.as_str()),
        profile.username.as_ref().map(|name| name.as_str()),
        profile.first_name,
        profile.last_name,
        profile.image_url,
        profile.phone,
        profile.external_id,
        profile.public_metadata,
        profile.banned,
        profile.locked,
        profile.deprovisioned,
        millis(profile.created_at),
        millis(record.version),
        millis(record.last_sign_in_at),
    ]);
    format!("{row}\n")
}

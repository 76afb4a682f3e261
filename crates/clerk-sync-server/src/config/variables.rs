/// A setting: one row of `docs/configuration.md`.
pub(crate) struct Variable {
    /// Name in the environment.
    pub(crate) name: &'static str,
    /// Key in the file.
    pub(crate) key: &'static str,
    /// What is used when it is not set.
    pub(crate) default: &'static str,
    /// What it is for.
    pub(crate) doc: &'static str,
}

const fn row(name: &'static str, key: &'static str, default: &'static str, doc: &'static str) -> Variable {
    Variable { name, key, default, doc }
}

/// Every setting there is. The page of the documentation is generated from this, and a test compares them.
pub(crate) const VARIABLES: &[Variable] = &[
    row(
        "CLERK_SECRET_KEY",
        "clerk_secret_key",
        "required",
        "Clerk's secret key, `sk_test_…` or `sk_live_…`. It selects the instance.",
    ),
    row(
        "CLERK_PUBLISHABLE_KEY",
        "clerk_publishable_key",
        "none",
        "Clerk's publishable key, `pk_test_…` or `pk_live_…`. Gives the issuer of session tokens and the name of the session cookie.",
    ),
    row(
        "CLERK_JWT_KEY",
        "clerk_jwt_key",
        "none",
        "Public key of session tokens as PEM; `\\n` may stand for line breaks. Without it the keys are fetched from Clerk.",
    ),
    row("CLERK_API_URL", "clerk_api_url", "https://api.clerk.com", "Clerk's Backend API, without `/v1`."),
    row(
        "CLERK_WEBHOOK_SIGNING_SECRET",
        "clerk_webhook_signing_secret",
        "none",
        "The webhook endpoint's signing secret, `whsec_…`. Several, separated by spaces or commas, while one is being rotated. Without any, webhooks are answered 503.",
    ),
    row(
        "CLERK_WEBHOOK_SECRET",
        "clerk_webhook_secret",
        "none",
        "Older name of the same; both may be set, all secrets count.",
    ),
    row(
        "DATABASE_URL",
        "database_url",
        "sqlite:clerk-sync.db",
        "Where the users are. `sqlite:` and a path; `?durability=normal` gives up surviving a power cut for speed on slow disks. `postgres://user:password@host/database`; after `?` may stand `schema=NAME` (default `clerk_sync`) and `pgbouncer=true` (a pooler in transaction mode: no named statements). `mongodb://host/database?replicaSet=NAME` or `mongodb+srv://…`: a replica set or sharded cluster, one node is enough.",
    ),
    row("CLERK_SYNC_LISTEN", "listen", "127.0.0.1:8787", "Address and port to listen on."),
    row(
        "CLERK_SYNC_ISSUER",
        "issuer",
        "from the publishable key",
        "Issuer (`iss`) of session tokens, where it is not the one in the publishable key (proxied or custom Frontend API).",
    ),
    row(
        "CLERK_SYNC_AUTHORIZED_PARTIES",
        "authorized_parties",
        "none",
        "Origins (`azp`) whose tokens are accepted, separated by spaces or commas, such as `https://app.example.com`. Recommended.",
    ),
    row(
        "CLERK_SYNC_ALLOWED_ORIGINS",
        "allowed_origins",
        "none",
        "Origins whose pages may ask `GET /me` of another origin (CORS), separated by spaces or commas, such as `https://app.example.com`. No wildcards. Not needed behind the app's own origin.",
    ),
    row(
        "CLERK_SYNC_ALLOW_MISSING_AZP",
        "allow_missing_azp",
        "false",
        "With authorized parties set: whether a token without `azp` (native apps) passes.",
    ),
    row(
        "CLERK_SYNC_CLAIMS",
        "claims",
        "none",
        "Claims that make a record without asking Clerk, if a token carries all of them: names out of `email`, `email_verified`, `username`, `first_name`, `last_name`, `image_url`, `ext`. None: off.",
    ),
    row(
        "CLERK_SYNC_ROLES",
        "roles",
        "first-user-admin",
        "How a new record gets its role: `first-user-admin`, `none`, `metadata:FIELD` of public metadata, or `admins:` and ids or verified e-mail addresses separated by commas.",
    ),
    row(
        "CLERK_SYNC_API_LIMIT",
        "api_limit",
        "1000, or 100 for a test key",
        "Clerk's rate limit for the Backend API: calls in ten seconds.",
    ),
    row(
        "CLERK_SYNC_API_SHARE",
        "api_share",
        "80",
        "The share of that limit used over time, in percent, 1 to 99; the rest is the app's own.",
    ),
    row(
        "CLERK_SYNC_API_SWEEP_SHARE",
        "api_sweep_share",
        "50",
        "The part of that share pages of users may take (backfill, sweep, proof), in percent, 1 to 100.",
    ),
    row(
        "CLERK_SYNC_CATCH_UP_MS",
        "catch_up_ms",
        "30000",
        "How often Clerk is asked for its newest changes and its number of users, in milliseconds: a third of it while webhooks are silent, twice as long while they flow. `0`: never, and no sweep because of the numbers.",
    ),
    row(
        "CLERK_SYNC_SILENCE_S",
        "silence_s",
        "600",
        "How many seconds after a sign-up without any webhook the webhooks count as silent.",
    ),
    row(
        "CLERK_SYNC_SWEEP_EVERY_S",
        "sweep_every_s",
        "86400",
        "How often every user is compared with Clerk, in seconds; `0`: only when the numbers of users differ.",
    ),
    row(
        "CLERK_SYNC_BRAKE_USERS",
        "brake_users",
        "5",
        "How many users one sweep may find deleted before it stops and asks for confirmation; the larger of this and the percentage counts.",
    ),
    row("CLERK_SYNC_BRAKE_PERCENT", "brake_percent", "1", "The same in percent of all users, 0 to 100."),
    row(
        "CLERK_SYNC_LEASE_MS",
        "lease_ms",
        "15000",
        "After how many milliseconds without a sign of life another process takes over a backfill or a sweep.",
    ),
    row(
        "CLERK_SYNC_STALENESS_BOUND_MS",
        "staleness_bound_ms",
        "2000",
        "How stale an answer of Clerk's may be, in milliseconds. An unknown id is asked again after this.",
    ),
    row(
        "CLERK_SYNC_UNCONFIRMED_AFTER_S",
        "unconfirmed_after_s",
        "600",
        "After how many seconds a user created just in time and still without a webhook is counted as unconfirmed.",
    ),
    row("CLERK_SYNC_WEBHOOK_MAX_BYTES", "webhook_max_bytes", "1048576", "The largest webhook body."),
    row(
        "CLERK_SYNC_WEBHOOKS_AT_ONCE",
        "webhooks_at_once",
        "1024",
        "Webhooks worked on at once; more are answered 503.",
    ),
    row(
        "CLERK_SYNC_USERS_AT_ONCE",
        "users_at_once",
        "4096",
        "Requests for a user worked on at once; more are answered 503.",
    ),
    row(
        "CLERK_SYNC_HELD_AT_ONCE",
        "held_at_once",
        "4096",
        "Requests held at once for `Prefer: wait`; more are answered without waiting.",
    ),
    row(
        "CLERK_SYNC_KEEP_PROCESSED_DAYS",
        "keep_processed_days",
        "30",
        "How many days the bodies of processed deliveries are kept; `0`: for ever. Their ids stay.",
    ),
    row("CLERK_SYNC_KEEP_DEAD_DAYS", "keep_dead_days", "0", "The same for dead letters."),
    row(
        "CLERK_SYNC_DRAIN_S",
        "drain_s",
        "30",
        "How many seconds requests under way have to end when the program is told to stop.",
    ),
    row(
        "CLERK_SYNC_MIGRATE",
        "migrate",
        "true",
        "Whether to migrate the database at start; otherwise pending migrations are a reason not to start.",
    ),
];

/// The settings as a page: `docs/configuration.md`, and what `clerk-sync settings` prints.
pub(crate) fn page() -> String {
    let mut page = String::from(
        "# Configuration\n\n\
         Printed by `clerk-sync settings`.\n\n\
         Every setting can stand in the environment or, under its key, in a TOML file: `clerk-sync.toml` in the\n\
         working folder, or the one named by `--config`. Flags go over the environment, the environment over the\n\
         file. Unknown keys are refused, and all wrong values are told at once, each with its fix.\n\n\
         | variable | key in the file | default | what it is for |\n|---|---|---|---|\n",
    );
    for Variable { name, key, default, doc } in VARIABLES {
        page.push_str(&format!("| `{name}` | `{key}` | {default} | {doc} |\n"));
    }
    page
}

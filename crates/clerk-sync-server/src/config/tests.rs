use super::check::check;
use super::*;

const REQUIRED: &[(&str, &str)] = &[
    ("CLERK_SECRET_KEY", "sk_test_b2ZmbGluZS5jbGVyay5leGFtcGxlLmtleQ"),
    ("CLERK_PUBLISHABLE_KEY", "pk_live_Y2xlcmsuZXhhbXBsZS5jb20k"),
];

fn raw(variables: &[(&str, &str)]) -> Raw {
    let all: Vec<_> = variables.iter().chain(REQUIRED).collect();
    Raw::from_environment(|name| all.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned()))
}

fn faults(variables: &[(&str, &str)]) -> Vec<Fault> {
    check(raw(variables)).unwrap_err().0
}

#[test]
fn two_keys_are_enough() {
    let config = check(raw(&[])).unwrap();
    assert_eq!(config.listen.to_string(), "127.0.0.1:8787");
    assert_eq!(config.issuer, "https://clerk.example.com");
    assert_eq!(config.database, Database::Sqlite { path: "clerk-sync.db".into(), durable: true });
    assert_eq!(config.budget, clerk_sync::clerk::api::BudgetSettings::DEVELOPMENT);
    assert_eq!((config.api_url.as_str(), config.migrate), ("https://api.clerk.com", true));
    assert!(config.webhook_secrets.is_none() && config.authorized_parties.is_empty());
}

#[test]
fn every_wrong_value_is_told_at_once_with_its_fix() {
    // (variable, wrong value): each is one fault, named.
    let rows = [
        ("CLERK_SECRET_KEY", "whatever"),
        ("CLERK_PUBLISHABLE_KEY", "pk_live_x"),
        ("CLERK_JWT_KEY", "no pem"),
        ("CLERK_API_URL", "https://api.clerk.com/v1"),
        ("CLERK_WEBHOOK_SIGNING_SECRET", "whsec_c2hvcnQ="),
        ("CLERK_WEBHOOK_SECRET", "whsec_!!!"),
        ("DATABASE_URL", "mysql://user:password@host/db"),
        ("CLERK_SYNC_LISTEN", "8787"),
        ("CLERK_SYNC_ISSUER", "https://clerk.example.com/"),
        ("CLERK_SYNC_ALLOWED_ORIGINS", "*"),
        ("CLERK_SYNC_ALLOW_MISSING_AZP", "yes"),
        ("CLERK_SYNC_CLAIMS", "email,shoe_size"),
        ("CLERK_SYNC_ROLES", "admins:"),
        ("CLERK_SYNC_API_LIMIT", "0"),
        ("CLERK_SYNC_API_SHARE", "100"),
        ("CLERK_SYNC_API_SWEEP_SHARE", "0"),
        ("CLERK_SYNC_CATCH_UP_MS", "-1"),
        ("CLERK_SYNC_SILENCE_S", "0"),
        ("CLERK_SYNC_SWEEP_EVERY_S", "daily"),
        ("CLERK_SYNC_BRAKE_USERS", "-1"),
        ("CLERK_SYNC_BRAKE_PERCENT", "101"),
        ("CLERK_SYNC_LEASE_MS", "5"),
        ("CLERK_SYNC_STALENESS_BOUND_MS", "-1"),
        ("CLERK_SYNC_UNCONFIRMED_AFTER_S", "0"),
        ("CLERK_SYNC_WEBHOOK_MAX_BYTES", "10"),
        ("CLERK_SYNC_WEBHOOKS_AT_ONCE", "0"),
        ("CLERK_SYNC_USERS_AT_ONCE", "many"),
        ("CLERK_SYNC_HELD_AT_ONCE", "-5"),
        ("CLERK_SYNC_KEEP_PROCESSED_DAYS", "-1"),
        ("CLERK_SYNC_KEEP_DEAD_DAYS", "1.5"),
        ("CLERK_SYNC_DRAIN_S", "99999"),
        ("CLERK_SYNC_MIGRATE", "maybe"),
    ];
    for row in rows {
        let found = faults(&[row]);
        let names: Vec<_> = found.iter().map(|fault| fault.variable).collect();
        assert_eq!(names, [row.0], "{row:?}");
        assert!(!found[0].fix.is_empty());
    }
    let all = Faults(faults(&rows));
    assert_eq!(all.0.len(), rows.len());
    let text = all.to_string();
    for (name, _) in rows {
        assert!(text.contains(name), "{name} is not named");
    }
    let checked: Vec<_> = rows.iter().map(|(name, _)| *name).collect();
    for variable in VARIABLES {
        let free = ["CLERK_SYNC_AUTHORIZED_PARTIES"].contains(&variable.name);
        assert!(free || checked.contains(&variable.name), "{} has no wrong value here", variable.name);
    }
}

#[test]
fn allowed_origins_are_as_browsers_send_them() {
    let config =
        check(raw(&[("CLERK_SYNC_ALLOWED_ORIGINS", "https://a.example.com, http://localhost:5173")]));
    assert_eq!(config.unwrap().allowed_origins, ["https://a.example.com", "http://localhost:5173"]);
    for wrong in [
        "*",
        "null",
        "https://*.example.com",
        "https://a.example.com/",
        "a.example.com",
        "https://a.example.com:443",
    ] {
        let found = faults(&[("CLERK_SYNC_ALLOWED_ORIGINS", wrong)]);
        assert!(found[0].seen.contains(wrong), "{found:?}");
    }
}

#[test]
fn secrets_are_never_repeated() {
    let rows = [
        ("CLERK_SECRET_KEY", "wrong_but_secret"),
        ("CLERK_JWT_KEY", "wrong_but_secret"),
        ("CLERK_WEBHOOK_SIGNING_SECRET", "wrong_but_secret"),
        ("DATABASE_URL", "mysql://wrong_but_secret@host/db"),
    ];
    let text = Faults(faults(&rows)).to_string();
    assert!(!text.contains("wrong_but_secret"), "{text}");
    let config = check(raw(&[("CLERK_WEBHOOK_SECRET", "whsec_4fEGV3usnRG5+3SJvRNfGZaECx11ApCR")])).unwrap();
    let debug = format!("{config:?}");
    assert!(!debug.contains("4fEGV3") && !debug.contains("b2ZmbGluZS5"), "{debug}");
}

#[test]
fn nothing_given_names_what_is_missing() {
    let found = check(Raw::default()).unwrap_err().0;
    let names: Vec<_> = found.iter().map(|fault| fault.variable).collect();
    assert_eq!(names, ["CLERK_SECRET_KEY", "CLERK_PUBLISHABLE_KEY"]);
}

#[test]
fn flags_go_over_the_environment_and_that_over_the_file() {
    let file =
        Raw::from_toml("listen = \"127.0.0.1:1\"\ndrain_s = 7\nauthorized_parties = [\"a\", \"b\"]").unwrap();
    let environment = raw(&[("CLERK_SYNC_LISTEN", "127.0.0.1:2"), ("CLERK_SYNC_HELD_AT_ONCE", "9")]);
    let flags = Raw::default().with("listen", Some("127.0.0.1:3".into())).with("drain_s", None);
    let config = check(flags.or(environment).or(file)).unwrap();
    assert_eq!(config.listen.port(), 3);
    assert_eq!((config.drain_s, config.http.held_at_once), (7, 9));
    assert_eq!(config.authorized_parties, ["a", "b"]);
}

#[test]
fn a_file_with_unknown_keys_or_no_toml_is_refused_without_repeating_it() {
    let unknown = Raw::from_toml("listn = \"secret\"").unwrap_err().to_string();
    assert!(unknown.contains("listn") && !unknown.contains("secret"), "{unknown}");
    let broken = Raw::from_toml("clerk_secret_key = \"sk_live_secret").unwrap_err().to_string();
    assert!(!broken.contains("sk_live_secret"), "{broken}");
    assert!(Raw::from_toml("listen = { a = 1 }").is_err());
}

#[test]
fn both_names_of_the_webhook_secret_count_and_several_in_one() {
    let config = check(raw(&[
        (
            "CLERK_WEBHOOK_SIGNING_SECRET",
            "whsec_4fEGV3usnRG5+3SJvRNfGZaECx11ApCR whsec_jZ/eQ/XXJQgI7RgUpbm4MSAWf0MRT4ep",
        ),
        ("CLERK_WEBHOOK_SECRET", "whsec_b2ZmbGluZS1jbGVyay13ZWJob29rLWtl"),
    ]))
    .unwrap();
    let names: Vec<_> = config.webhook_secrets.as_ref().unwrap().names().collect();
    assert_eq!(
        names,
        ["CLERK_WEBHOOK_SIGNING_SECRET", "CLERK_WEBHOOK_SIGNING_SECRET", "CLERK_WEBHOOK_SECRET"]
    );
}

#[test]
fn roles_and_databases_are_read() {
    let roles = |text: &str| check(raw(&[("CLERK_SYNC_ROLES", text)])).unwrap().roles;
    assert_eq!(roles("none"), RolePolicy::None);
    assert_eq!(roles("metadata:role"), RolePolicy::PublicMetadata { field: "role".into() });
    let RolePolicy::AllowList { ids, emails } = roles("admins:user_1, Boss@Example.com") else { panic!() };
    assert!(ids.len() == 1 && emails.contains("boss@example.com"));
    let rows = [
        ("sqlite:a.db", Some(("a.db", true))),
        ("sqlite:///tmp/a.db", Some(("/tmp/a.db", true))),
        ("sqlite:a.db?durability=normal", Some(("a.db", false))),
        ("sqlite:a.db?durability=low", None),
        ("sqlite:", None),
        ("sqlite::memory:", None),
        ("a.db", None),
        ("mysql://host/db", None),
    ];
    for (url, expected) in rows {
        let expected = expected.map(|(path, durable)| Database::Sqlite { path: path.into(), durable });
        assert_eq!(Database::parse(url).ok(), expected, "{url}");
    }
}

#[test]
fn the_page_of_the_documentation_is_what_the_program_prints() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/configuration.md");
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    assert_eq!(kept, page(), "run: cargo run -- settings > docs/configuration.md");
}

#[test]
fn addresses_of_servers_are_read_and_never_shown() {
    let read = |url: &str| Database::parse(url).unwrap();
    let plain = read("postgres://app:secret@host/app?sslmode=require&schema=sync&pgbouncer=true");
    let expected = Database::Postgres {
        url: "postgres://app:secret@host/app?sslmode=require".into(),
        schema: "sync".into(),
        pooler: true,
    };
    assert_eq!(plain, expected);
    let Database::Postgres { schema, pooler, .. } = read("postgresql://host/app") else { panic!() };
    assert_eq!((schema.as_str(), pooler), ("clerk_sync", false));
    assert!(Database::parse("postgres://host/app?pgbouncer=yes").is_err());
    let uri = "mongodb://app:secret@host/users?replicaSet=rs0";
    assert_eq!(read(uri), Database::Mongodb { uri: uri.into() });
    for url in [uri, "postgres://app:secret@host/app"] {
        assert!(!format!("{:?}", read(url)).contains("secret"));
    }
}

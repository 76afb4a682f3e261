use super::program::{program, run, text};

/// The commands `--help` names.
fn commands() -> Vec<String> {
    let all = text(&run(&["--help"], &[]).stdout);
    let list = all.split("Commands:").nth(1).unwrap().split("Options:").next().unwrap();
    // A command stands two spaces in, what it does further.
    let names = list.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    names.map(|line| line.split_whitespace().next().unwrap().to_owned()).collect()
}

#[test]
fn every_command_has_examples_in_its_help() {
    let commands = commands();
    assert!(commands.iter().any(|name| name == "serve"), "{commands:?}");
    for command in commands.iter().filter(|name| *name != "help") {
        let output = run(&[command, "--help"], &[]);
        assert!(output.status.success(), "{command}");
        assert!(text(&output.stdout).contains("Examples:"), "{command} --help has no examples");
    }
    for words in [
        ["events", "list"],
        ["events", "show"],
        ["events", "replay"],
        ["users", "list"],
        ["users", "show"],
        ["users", "refetch"],
        ["users", "erase"],
    ] {
        let help = text(&run(&[words[0], words[1], "--help"], &[]).stdout);
        assert!(help.contains("Examples:"), "{words:?} --help has no examples");
    }
    assert_eq!(
        text(&run(&["--version"], &[]).stdout),
        concat!("clerk-sync ", env!("CARGO_PKG_VERSION"), "\n")
    );
}

/// They are named in documents, so their words stay.
#[test]
fn drills_with_a_name_of_their_own_take_their_words() {
    let kill = ["bench", "kill", "--rounds", "1", "--database-url", "oracle:x"];
    let outage = [
        "bench",
        "outage",
        "--seconds",
        "1",
        "--stop",
        "true",
        "--start",
        "true",
        "--database-url",
        "oracle:x",
    ];
    for words in [&kill[..], &outage[..]] {
        let output = run(words, &[]);
        // Wrong words would be 2; these get as far as the database.
        assert_eq!(output.status.code(), Some(1), "{words:?}: {}", text(&output.stderr));
        assert!(text(&output.stderr).contains("such as sqlite:"), "{words:?}: {}", text(&output.stderr));
        assert!(text(&run(&[words[0], words[1], "--help"], &[]).stdout).contains("Examples:"), "{words:?}");
    }
}

#[test]
fn the_description_kept_is_what_the_program_prints() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openapi.json");
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    let printed = text(&run(&["openapi"], &[]).stdout);
    assert!(kept == printed, "run: cargo run -- openapi > docs/openapi.json");
}

#[test]
fn wrong_settings_are_refused_together_each_with_its_fix() {
    let output = run(
        &["serve"],
        &[("CLERK_SECRET_KEY", "nonsense"), ("CLERK_SYNC_LISTEN", "here"), ("DATABASE_URL", "oracle:x")],
    );
    assert_eq!(output.status.code(), Some(1));
    let error = text(&output.stderr);
    for name in ["CLERK_SECRET_KEY", "CLERK_SYNC_LISTEN", "DATABASE_URL", "CLERK_PUBLISHABLE_KEY"] {
        assert!(error.contains(name), "{name} is not named in {error}");
    }
    assert_eq!(error.matches("fix:").count(), 4, "{error}");
    assert!(!error.contains("nonsense"), "{error}");
}

#[test]
fn migrations_are_applied_once_and_checked() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("users.db").display());
    let migrate = |words: &[&str]| {
        let mut all = vec!["migrate", "--database-url", &url];
        all.extend(words);
        let output = run(&all, &[]);
        (output.status.code(), text(&output.stdout))
    };
    let (code, said) = migrate(&["--check"]);
    assert!(code == Some(1) && said.starts_with("pending: 0001"), "{said}");
    let keys = [
        ("CLERK_SECRET_KEY", "sk_test_b2ZmbGluZS5jbGVyay5leGFtcGxlLmtleQ"),
        ("CLERK_PUBLISHABLE_KEY", "pk_live_Y2xlcmsuZXhhbXBsZS5jb20k"),
        ("CLERK_SYNC_MIGRATE", "false"),
        ("DATABASE_URL", url.as_str()),
    ];
    let refused = run(&["serve"], &keys);
    assert_eq!(refused.status.code(), Some(1), "it served on a database that is not migrated");
    let (code, said) = migrate(&[]);
    assert!(code == Some(0) && said.starts_with("applied: 0001"), "{said}");
    assert_eq!(migrate(&[]), (Some(0), "nothing is pending\n".to_owned()));
    assert_eq!(migrate(&["--check"]).0, Some(0));
}

#[test]
fn migrate_finds_the_database_where_serve_does() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("clerk-sync.toml"), "database_url = \"sqlite:from-the-file.db\"")
        .unwrap();
    let migrate = |variables: &[(&str, &str)]| {
        let output = program(&["migrate"], variables).current_dir(folder.path()).output().unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
    };
    migrate(&[]);
    assert!(folder.path().join("from-the-file.db").is_file());
    migrate(&[("DATABASE_URL", "sqlite:from-the-environment.db")]);
    assert!(folder.path().join("from-the-environment.db").is_file());
    assert!(!folder.path().join("clerk-sync.db").exists());
}

#[test]
fn the_demo_tells_a_script_scenario_verdict_and_timeline() {
    let output = run(&["demo", "--json", "--only", "race", "--only", "webhook_not_sent", "--seed", "3"], &[]);
    assert!(output.status.success(), "{}", text(&output.stdout));
    let lines: Vec<serde_json::Value> =
        text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let names: Vec<_> = lines.iter().map(|line| line["scenario"].as_str().unwrap()).collect();
    assert_eq!(names, ["race", "webhook_not_sent"]);
    for line in &lines {
        assert_eq!(line["verdict"], "holds");
        let timeline = line["timeline"].as_array().unwrap();
        assert!(timeline.iter().any(|step| step["what"].as_str().unwrap().starts_with("GET /me: 200")));
    }
    let unknown = run(&["demo", "--only", "no_such"], &[]);
    assert!(unknown.status.code() == Some(1) && text(&unknown.stderr).contains("webhook_not_sent"));
}

#[test]
fn a_failing_scenario_fails_the_demo() {
    // A database that cannot be made: the scenario cannot hold.
    let output = run(&["demo", "--only", "race", "--database-url", "sqlite:/no/such/folder/x.db"], &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).contains("FAILS  race"), "{}", text(&output.stdout));
}

use std::fmt;
use std::path::PathBuf;

/// Where the users are.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Database {
    /// A file.
    Sqlite {
        path: PathBuf,
        /// Whether an acknowledged webhook survives a power cut.
        durable: bool,
    },
    /// A PostgreSQL server.
    Postgres {
        /// Without what is ours to know.
        url: String,
        schema: String,
        /// Whether a pooler in transaction mode stands between.
        pooler: bool,
    },
    /// A MongoDB deployment.
    Mongodb { uri: String },
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite { path, durable } => {
                f.debug_struct("Sqlite").field("path", path).field("durable", durable).finish()
            }
            // The address may hold a password.
            Self::Postgres { schema, pooler, .. } => f
                .debug_struct("Postgres")
                .field("schema", schema)
                .field("pooler", pooler)
                .finish_non_exhaustive(),
            Self::Mongodb { .. } => f.debug_struct("Mongodb").finish_non_exhaustive(),
        }
    }
}

/// What a `DATABASE_URL` should have been.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct DatabaseFix(pub(super) String);

impl Database {
    /// Reads a `DATABASE_URL`.
    pub(crate) fn parse(url: &str) -> Result<Self, DatabaseFix> {
        match url.split_once(':').map(|(scheme, _)| scheme) {
            Some("sqlite") => sqlite(url),
            Some("postgres" | "postgresql") => postgres(url),
            Some("mongodb" | "mongodb+srv") => Ok(Self::Mongodb { uri: url.to_owned() }),
            _ => fix("give sqlite: and a path, postgres:// or mongodb://, such as sqlite:clerk-sync.db"),
        }
    }
}

fn fix<T>(text: &str) -> Result<T, DatabaseFix> {
    Err(DatabaseFix(text.to_owned()))
}

fn sqlite(url: &str) -> Result<Database, DatabaseFix> {
    let rest = url.strip_prefix("sqlite:").unwrap_or(url);
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let path = path.strip_prefix("//").unwrap_or(path);
    let durable = match query {
        "" | "durability=full" => true,
        "durability=normal" => false,
        _ => return fix("after ? only durability=full or durability=normal is known"),
    };
    if path.is_empty() || path == ":memory:" {
        return fix("give a path after sqlite:; users kept in memory would be gone with the program");
    }
    Ok(Database::Sqlite { path: PathBuf::from(path), durable })
}

/// `schema=NAME` and `pgbouncer=true` are ours; everything else is the driver's.
fn postgres(url: &str) -> Result<Database, DatabaseFix> {
    let (address, query) = url.split_once('?').unwrap_or((url, ""));
    let (mut schema, mut pooler, mut rest) = ("clerk_sync", false, vec![]);
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=') {
            Some(("schema", name)) => schema = name,
            Some(("pgbouncer", "true")) => pooler = true,
            Some(("pgbouncer", "false")) => pooler = false,
            Some(("pgbouncer", _)) => return fix("pgbouncer is true or false"),
            _ => rest.push(pair),
        }
    }
    let url = if rest.is_empty() { address.to_owned() } else { format!("{address}?{}", rest.join("&")) };
    Ok(Database::Postgres { url, schema: schema.to_owned(), pooler })
}

//! Statements, and the connections that run them.

use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Error, Row, Statement};

use crate::error::Failure;
use crate::name::Schema;
use crate::pool::Connection;
use crate::value::Value;

/// A statement with the schema filled in, and the types of its parameters.
///
/// The types are written down, so that a statement needs no round trip to be told them.
#[derive(Debug)]
pub(crate) struct Sql {
    text: String,
    types: Vec<Type>,
}

impl Sql {
    pub(crate) fn new(schema: &Schema, text: &str, types: &[Type]) -> Self {
        Self { text: schema.fill(text), types: types.to_vec() }
    }

    #[cfg(test)]
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    #[cfg(test)]
    pub(crate) fn types(&self) -> &[Type] {
        &self.types
    }
}

/// A statement a connection can run at once.
pub(crate) enum Ready<'a> {
    /// Prepared under a name.
    Named(Statement),
    /// Sent as text each time.
    Unnamed(&'a Sql),
}

impl Connection {
    /// Makes `sql` ready; a round trip at most once for each connection.
    pub(crate) async fn ready<'a>(&self, sql: &'a Sql) -> Result<Ready<'a>, Error> {
        if self.prepares() {
            self.client().prepare_typed_cached(&sql.text, &sql.types).await.map(Ready::Named)
        } else {
            Ok(Ready::Unnamed(sql))
        }
    }

    /// Runs a statement and answers how many rows it has changed.
    pub(crate) async fn execute(&self, ready: &Ready<'_>, values: &[Value<'_>]) -> Result<u64, Error> {
        match ready {
            Ready::Named(statement) => self.client().execute_raw(statement, values).await,
            Ready::Unnamed(sql) => self.client().execute_typed(&sql.text, &typed(sql, values)).await,
        }
    }

    /// Runs one statement and answers its rows.
    pub(crate) async fn rows(&self, sql: &Sql, values: &[Value<'_>]) -> Result<Vec<Row>, Failure> {
        let rows = match self.ready(sql).await? {
            Ready::Named(statement) => self.client().query(&statement, &parameters(values)).await?,
            Ready::Unnamed(sql) => self.client().query_typed(&sql.text, &typed(sql, values)).await?,
        };
        Ok(rows)
    }

    /// Runs statements without parameters.
    pub(crate) async fn batch(&self, text: &str) -> Result<(), Error> {
        self.client().batch_execute(text).await
    }
}

fn parameters<'a>(values: &'a [Value<'_>]) -> Vec<&'a (dyn ToSql + Sync)> {
    values.iter().map(|value| value as &(dyn ToSql + Sync)).collect()
}

fn typed<'a>(sql: &Sql, values: &'a [Value<'_>]) -> Vec<(&'a (dyn ToSql + Sync), Type)> {
    parameters(values).into_iter().zip(sql.types.iter().cloned()).collect()
}

//! Connections that are shared, each by one at a time.

use std::time::Duration;

use clerk_sync_core::StoreError;
use deadpool_postgres::{
    Client, Hook, HookError, Manager, ManagerConfig, Object, Pool as Connections, RecyclingMethod, Runtime,
};

use crate::Options;
use crate::connection::{Server, Settings};
use crate::error::{pool_error, schema};

/// The connections of a store.
#[derive(Debug, Clone)]
pub(crate) struct Pool {
    connections: Connections,
    settings: Settings,
    deadline: Duration,
}

impl Pool {
    /// A pool of `size` connections; `recycling_method` says whether each is asked before it is used again.
    pub(crate) fn new(
        server: &Server,
        size: usize,
        recycling_method: RecyclingMethod,
        options: &Options,
    ) -> Result<Self, StoreError> {
        let config = ManagerConfig { recycling_method };
        let manager = Manager::from_config(server.config.clone(), server.tls.clone(), config);
        let settings = Settings::of(options);
        let prepare = settings.clone();
        let builder = Connections::builder(manager)
            .max_size(size)
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(options.wait_timeout))
            .create_timeout(Some(options.connect_timeout))
            .recycle_timeout(Some(options.connect_timeout))
            .post_create(Hook::async_fn(move |client, _| {
                let of_session = prepare.of_session();
                Box::pin(async move { client.batch_execute(&of_session).await.map_err(HookError::Backend) })
            }));
        let connections = builder.build().map_err(|error| schema("the pool's settings").caused_by(error))?;
        Ok(Self { connections, settings, deadline: options.deadline })
    }

    /// A connection, sooner or not at all.
    pub(crate) async fn get(&self, doing: &str) -> Result<Connection, StoreError> {
        let client = self.connections.get().await.map_err(|error| pool_error(doing, error))?;
        Ok(Connection { client, settings: self.settings.clone() })
    }

    /// How long an operation may take.
    pub(crate) fn deadline(&self) -> Duration {
        self.deadline
    }
}

/// A connection, while one has it.
pub(crate) struct Connection {
    client: Client,
    settings: Settings,
}

impl Connection {
    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    pub(crate) fn prepares(&self) -> bool {
        self.settings.prepares()
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// Closes the connection, whatever it is doing; the server rolls back what it had begun.
    pub(crate) fn discard(self) {
        drop(Object::take(self.client));
    }
}

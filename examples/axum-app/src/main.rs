//! Starts the service; see the library for what it is.

use anyhow::{Context, Result};
use axum_app::{Notes, Settings, app, sync};

#[tokio::main]
async fn main() -> Result<()> {
    tracing_subscriber::fmt().init();
    let settings = Settings::from_env()?;
    let sync = sync(&settings)?;
    let app = app(&sync, Notes::open(&settings.database)?);
    let listener = tokio::net::TcpListener::bind(settings.listen)
        .await
        .with_context(|| format!("LISTEN={}: the port cannot be had", settings.listen))?;
    tracing::info!("webhooks at http://{}/api/webhooks/clerk", settings.listen);

    let told_to_stop = async {
        let _ = tokio::signal::ctrl_c().await;
    };
    // The workers end with the server: what they were at has a lease, and is taken up again at the next start.
    let workers = tokio::spawn(async move { sync.run(std::future::pending()).await });
    axum::serve(listener, app).with_graceful_shutdown(told_to_stop).await?;
    workers.abort();
    Ok(())
}

use std::path::Path;
use std::time::Duration;

use anyhow::Result;

use super::say;
use crate::config::{Config, Raw};
use crate::{compose, listen};

/// Serves until told to stop, then drains.
pub(super) async fn serve(flags: Raw, file: Option<&Path>, until_input_ends: bool) -> Result<()> {
    let config = Config::load(flags, file)?;
    let sync = compose::sync(&config).await?;
    let listener = listen::bind(config.listen).await?;
    let address = listener.local_addr()?;
    if config.webhook_secrets.is_none() {
        tracing::warn!("CLERK_WEBHOOK_SIGNING_SECRET is not set: webhooks are answered 503");
    }
    if config.authorized_parties.is_empty() {
        tracing::warn!(
            "CLERK_SYNC_AUTHORIZED_PARTIES is not set: tokens of any origin of the instance are accepted"
        );
    }
    say(&format!("clerk-sync listens on http://{address}"));
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let workers = tokio::spawn({
        let (sync, mut stopped) = (sync.clone(), stopped.clone());
        async move {
            sync.run(async move {
                // A dropped sender says stop as well.
                let _ = stopped.wait_for(|stop| *stop).await;
            })
            .await;
        }
    });
    let app = compose::app(&sync, &config);
    let told = async {
        tokio::select! {
            () = listen::told_to_stop() => {}
            () = listen::input_ended(), if until_input_ends => {}
        }
    };
    listen::serve(listener, app, told, Duration::from_secs(config.drain_s)).await;
    // Workers last: requests under way may leave them something to do.
    stop.send_replace(true);
    workers.await?;
    tracing::info!("stopped");
    Ok(())
}

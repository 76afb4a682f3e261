use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use clerk_sync::{ClerkSync, EqualError};

use super::say;
use crate::config::{Config, Raw};
use crate::{compose, listen};

/// How long Clerk may take to say whose secret key it is before the server starts all the same.
const INSTANCE_TIME: Duration = Duration::from_secs(3);

/// Serves until told to stop, then drains.
pub(super) async fn serve(flags: Raw, file: Option<&Path>, until_input_ends: bool) -> Result<()> {
    let config = Config::load(flags, file)?;
    let sync = compose::sync(&config).await?;
    verify_instance(&sync).await?;
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

/// Refuses to serve a database with another instance's key: everybody would look deleted. Where Clerk cannot be
/// asked now, the server starts, and goes on asking before it repairs or compares anything.
async fn verify_instance(sync: &ClerkSync) -> Result<()> {
    match tokio::time::timeout(INSTANCE_TIME, sync.verify_instance()).await {
        Ok(Err(error @ EqualError::WrongInstance { .. })) => {
            let help = error.help();
            Err(anyhow::Error::new(error).context(format!("not started, so that nobody is deleted; {help}")))
        }
        Ok(Ok(_)) => Ok(()),
        Ok(Err(_)) | Err(_) => {
            tracing::warn!(
                "Clerk did not say whose secret key it is; it is asked again before anything is compared"
            );
            Ok(())
        }
    }
}

use anyhow::Result;
use clap::Args;
#[derive(Debug, Args)]
pub(crate) struct Settings {}
pub(crate) async fn run(_: Settings) -> Result<()> {
    Ok(())
}

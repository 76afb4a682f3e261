//! Files as the program sees them, and as they would be found after a cut.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::recording::Call;

/// Files by the end of their name: nothing for the database, `-wal` and `-journal`.
#[derive(Default)]
pub(super) struct Disk {
    files: HashMap<String, File>,
}

#[derive(Default)]
struct File {
    written: Vec<u8>,
    /// What a sync under way will have kept.
    syncing: Option<Vec<u8>>,
    /// What has to be there after a cut: the bytes of the last sync, where there was one.
    kept: Option<Vec<u8>>,
}

impl Disk {
    pub(super) fn take(&mut self, call: Call) {
        match call {
            Call::Write { file, offset, bytes } => {
                let written = &mut self.files.entry(file).or_default().written;
                let end = offset + bytes.len();
                if written.len() < end {
                    written.resize(end, 0);
                }
                written[offset..end].copy_from_slice(&bytes);
            }
            Call::Truncate { file, length } => {
                self.files.entry(file).or_default().written.resize(length, 0);
            }
            Call::SyncBegan { file, .. } => {
                let file = self.files.entry(file).or_default();
                file.syncing = Some(file.written.clone());
            }
            Call::SyncEnded { file } => {
                let file = self.files.entry(file).or_default();
                file.kept = file.syncing.take().or(file.kept.take());
            }
            // Kept at once: a journal that comes back would only roll back more.
            Call::Remove { file } => drop(self.files.remove(&file)),
        }
    }

    /// Writes down what a cut would leave; answers where the database is.
    pub(super) fn write_kept(&self, folder: &Path) -> Result<PathBuf> {
        let database = folder.join("cut.db");
        for (end, file) in &self.files {
            if let Some(kept) = &file.kept {
                std::fs::write(folder.join(format!("cut.db{end}")), kept)
                    .context("a cut cannot be played")?;
            }
        }
        Ok(database)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_synced_is_found_after_a_cut() {
        let mut disk = Disk::default();
        let write = |offset, bytes: &[u8]| Call::Write { file: "-wal".into(), offset, bytes: bytes.into() };
        disk.take(write(0, b"kept"));
        disk.take(Call::SyncBegan { file: "-wal".into(), at: 1.0 });
        disk.take(write(2, b"lost and longer"));
        disk.take(Call::SyncEnded { file: "-wal".into() });
        let folder = tempfile::tempdir().unwrap();
        disk.write_kept(folder.path()).unwrap();
        assert_eq!(std::fs::read(folder.path().join("cut.db-wal")).unwrap(), b"kept");
        assert!(!folder.path().join("cut.db").exists());
    }
}

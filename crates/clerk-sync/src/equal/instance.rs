//! Which Clerk instance the database mirrors: recorded at first sight, compared from then on.

use serde::{Deserialize, Serialize};

use super::{EqualError, Equality};

const NOTE: &str = "instance";

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Instance {
    id: String,
}

impl Equality {
    /// The instance the database mirrors, if that is known yet.
    pub(crate) async fn recorded_instance(&self) -> Result<Option<String>, EqualError> {
        let recorded = self.note::<Instance>(NOTE).await?.value.map(|instance| instance.id);
        Ok(recorded.or_else(|| self.expected_instance.clone()))
    }

    /// Asks Clerk whose secret key it is, and refuses any instance but the recorded one. The first is recorded.
    pub(crate) async fn verify_instance(&self) -> Result<String, EqualError> {
        let found = match &self.expected_instance {
            Some(id) => id.clone(),
            None => self.engine.directory.instance_id().await?,
        };
        self.update(NOTE, |known: Option<&Instance>| known.is_none().then(|| Instance { id: found.clone() }))
            .await?;
        let recorded = self.recorded_instance().await?;
        match recorded {
            Some(recorded) if recorded != found => Err(EqualError::WrongInstance { recorded, found }),
            _ => Ok(found),
        }
    }
}

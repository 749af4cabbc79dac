//! Storing index runs.

use super::SessionError;
use super::packer::StoredPack;
use crate::layout::ObjectRole;
use crate::repository::Repository;
use crate::storage::{self, Put};
use icecore_format::RunId;
use icecore_format::envelope::{self, EnvelopeKind};
use icecore_format::index_run::IndexRun;
use icecore_store::Content;

/// Stores the run of these packs, which are stored; its bytes, and what it says.
pub(super) async fn store_packs(
    repository: &Repository,
    id: RunId,
    packs: Vec<StoredPack>,
) -> Result<(Content, IndexRun), SessionError> {
    let listed = repository.environment.compute(move || {
        let mut run = IndexRun::default();
        for (pack, directory) in &packs {
            run.add(*pack, directory);
        }
        run
    });
    store(repository, id, listed.await).await
}

/// Stores a run; its bytes, and what it says, sorted.
pub(crate) async fn store(
    repository: &Repository,
    id: RunId,
    mut run: IndexRun,
) -> Result<(Content, IndexRun), SessionError> {
    let name = ObjectRole::IndexRun(id).object_name();
    let (keys, random) = (repository.keys.clone(), repository.environment.random.clone());
    let (cipher, own_name) = (repository.config.cipher, name.clone());
    let sealed = repository.environment.compute(move || {
        run.sort();
        let (kind, key, plaintext) = (EnvelopeKind::IndexRun, &keys.ledger_key, run.encode());
        let sealed = envelope::seal(kind, cipher, key, own_name.as_str(), &plaintext, &*random);
        (Content::from(sealed), run)
    });
    let (content, run) = sealed.await;
    match storage::put(&*repository.store, &name, &content).await? {
        Put::Done => Ok((content, run)),
        Put::Taken(_) => Err(SessionError::NameTaken { object: name }),
    }
}

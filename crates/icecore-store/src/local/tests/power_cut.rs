//! A power cut: what the disk holds at one moment is copied, and mounted as after a reboot.
//!
//! The copy has what the file system has sent to its disk, and nothing of what it still keeps in
//! memory.

use std::fs::{self, File};
use std::process::Command;

use super::mount::Mount;
use super::{WAYS, name, skip};
use crate::{LocalStore, Store, StoreErrorKind};

const IMAGE_BYTES: u64 = 32 << 20;

#[tokio::test]
async fn what_was_acknowledged_survives_a_power_cut() {
    for way in WAYS {
        let directory = tempfile::tempdir().unwrap();
        let image = directory.path().join("disk");
        let after = directory.path().join("disk-after-the-cut");
        File::create(&image).unwrap().set_len(IMAGE_BYTES).unwrap();
        let made = Command::new("mkfs.ext4").args(["-q", "-F"]).arg(&image).status();
        if !made.is_ok_and(|status| status.success()) {
            return skip("there is no mkfs.ext4");
        }
        let Some(mount) = Mount::image(&image) else { return };
        LocalStore::create(mount.path().join("store")).unwrap();
        let store = way.open(&mount.path().join("store"));

        // Whatever was acknowledged last has had nobody after it who would sync it in passing.
        let content = vec![7; 100_000];
        store.put_new(&name("packs/0f/1"), content.clone().into()).await.unwrap();
        fs::copy(&image, &after).unwrap();
        {
            let mount = Mount::image(&after).unwrap();
            let store = LocalStore::open(mount.path().join("store")).unwrap();
            assert!(store.get(&name("packs/0f/1"), 100_000).await.unwrap() == content, "{way:?}");
        }

        store.delete(&name("packs/0f/1")).await.unwrap();
        fs::copy(&image, &after).unwrap();
        let mount = Mount::image(&after).unwrap();
        let store = LocalStore::open(mount.path().join("store")).unwrap();
        let error = store.get(&name("packs/0f/1"), 100_000).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::NotFound, "{way:?}");
    }
}

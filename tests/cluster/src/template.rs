//! A data directory that is made once and copied for each cluster: making one takes much longer
//! than copying it.

use crate::ClusterOptions;
use crate::binaries::{command, command_as_runner, run};
use crate::directory::Directory;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// The superuser of every cluster.
pub(crate) const SUPERUSER: &str = "postgres";

/// By encoding and locale. They go with the last cluster that was made from them.
static TEMPLATES: Mutex<BTreeMap<(String, String), Weak<Directory>>> = Mutex::new(BTreeMap::new());

/// The template for these options.
pub(crate) fn template(options: &ClusterOptions) -> Arc<Directory> {
    let mut templates = TEMPLATES.lock().unwrap_or_else(PoisonError::into_inner);
    let key = (options.encoding.clone(), options.locale.clone());
    if let Some(template) = templates.get(&key).and_then(Weak::upgrade) {
        return template;
    }
    let template = Arc::new(create(options));
    templates.insert(key, Arc::downgrade(&template));
    template
}

/// Copies a template into a directory.
pub(crate) fn copy(template: &Directory, directory: &Path) {
    let mut copy = command_as_runner(OsStr::new("cp"), directory);
    copy.args(["-a", "--reflink=auto"]).arg(template.path().join("data")).arg(directory);
    run(&mut copy);
}

fn create(options: &ClusterOptions) -> Directory {
    let directory = Directory::create();
    let mut initdb = command("initdb", directory.path());
    initdb.args(["--no-sync", "--no-instructions", "--auth=trust"]);
    initdb.arg(format!("--username={SUPERUSER}"));
    initdb.arg(format!("--encoding={}", options.encoding));
    initdb.arg(format!("--locale={}", options.locale));
    initdb.arg("--pgdata").arg(directory.path().join("data"));
    run(&mut initdb);
    directory
}

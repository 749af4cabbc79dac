//! Service files: parameters under a name.
//!
//! Source: <https://www.postgresql.org/docs/18/libpq-pgservice.html>.

use super::environment::Environment;
use super::parameters::{self, Parameters};
use super::settings_error::SettingsError;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// What a service is, and the file that says so.
pub(super) struct Service {
    pub(super) parameters: Parameters,
    pub(super) path: PathBuf,
}

/// Looks a service up: in `named`, which must be there, or in the home directory's file, and then
/// in the system's.
pub(super) fn find(
    service: &str,
    named: Option<&str>,
    environment: &Environment,
) -> Result<Service, SettingsError> {
    let own = named.map(PathBuf::from).or_else(|| environment.home_file(".pg_service.conf"));
    let system = environment.variable("PGSYSCONFDIR");
    let system = system.map(|directory| Path::new(directory).join("pg_service.conf"));
    let files: Vec<PathBuf> = own.into_iter().chain(system).collect();
    for (index, path) in files.iter().enumerate() {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(source) => {
                let must_be_there = index == 0 && named.is_some();
                if source.kind() == io::ErrorKind::NotFound && !must_be_there {
                    continue;
                }
                let path = path.clone();
                return Err(SettingsError::Read { what: "service file", path, source });
            }
        };
        if let Some(parameters) = section(&text, service, path)? {
            return Ok(Service { parameters, path: path.clone() });
        }
    }
    let looked: Vec<String> = files.iter().map(|path| path.display().to_string()).collect();
    let looked = if looked.is_empty() { "no file".to_owned() } else { looked.join(", ") };
    Err(SettingsError::NoService { service: service.to_owned(), looked })
}

/// What a file says about a service.
fn section(text: &str, service: &str, path: &Path) -> Result<Option<Parameters>, SettingsError> {
    let mut found: Option<Parameters> = None;
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            if found.is_some() {
                break;
            }
            found = (name == service).then(Parameters::default);
            continue;
        }
        let Some(parameters) = &mut found else { continue };
        let (line_number, path) = (index + 1, path.to_owned());
        let wrong =
            |what| SettingsError::ServiceLine { path: path.clone(), line: line_number, what };
        let (name, value) = line.split_once('=').ok_or_else(|| wrong("there is no '='"))?;
        if name == "service" || name == "servicefile" {
            return Err(wrong("a service cannot refer to another"));
        }
        // The first of two holds.
        let added = parameters::name(name)
            .and_then(|name| parameters.insert_missing(name, value.to_owned()));
        added.map_err(|source| {
            let source = Box::new(source);
            SettingsError::ServiceParameter { path: path.clone(), line: line_number, source }
        })?;
    }
    Ok(found)
}

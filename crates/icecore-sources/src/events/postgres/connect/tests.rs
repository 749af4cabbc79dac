//! Settings from texts and files, and connections to real servers.

mod certificates;
mod encrypted;
mod names;
mod passwords;
mod services;
mod sessions;
mod support;
mod texts;
mod unencrypted;

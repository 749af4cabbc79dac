//! Stores in real servers.

mod choice;
mod chosen;
mod definitions;
mod eventcore;
mod increments;
mod links;
mod mapping;
mod reading;
mod refused;
mod schemas;
mod stores;
mod support;

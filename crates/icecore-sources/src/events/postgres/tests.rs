//! Stores in real servers.

mod choice;
mod chosen;
mod definitions;
mod eventcore;
mod follow;
mod histories;
mod increments;
mod links;
mod mapping;
mod reading;
mod refused;
mod schemas;
mod servers;
mod stores;
mod support;
mod values;

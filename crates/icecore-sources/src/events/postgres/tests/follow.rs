//! Following by what the server decodes: every transaction once, whatever happens to the slot.

mod changes;
mod following;
mod interruptions;
mod requirements;
mod schemas;
mod transactions;

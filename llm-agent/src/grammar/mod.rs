//! What the model may say: grammars made for one request.

pub mod actions;
pub mod expr;
pub mod matcher;
mod mentioned;
pub mod schema;
mod targets;
#[cfg(test)]
mod tests;
mod values;

pub use actions::plans;
pub use expr::Grammar;

//! A plan: one to eight actions, carried out together or not at all.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::action::Action;
use crate::bounded::{List, TooLong};

/// The most actions in one plan.
pub const MAX_ACTIONS: usize = 8;

/// What the planner proposes for one request.
///
/// A value of this type is well typed and bounded, nothing more: that it makes
/// sense, or may be done, is what the kernel's admission decides.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The actions in the order in which they take effect.
    #[serde(rename = "plan")]
    pub actions: List<Action, MAX_ACTIONS>,
}

impl Plan {
    /// A plan of these actions.
    ///
    /// # Errors
    /// [`TooLong`] if there are more than [`MAX_ACTIONS`].
    pub fn new(actions: impl Into<Vec<Action>>) -> Result<Self, TooLong> {
        List::new(actions).map(|actions| Self { actions })
    }
}

impl From<Action> for Plan {
    fn from(action: Action) -> Self {
        let mut actions = List::default();
        // One action always fits.
        let _ = actions.push(action);
        Self { actions }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_json_form_is_an_object_with_a_plan() {
        let text = r#"{"plan":[{"action":"status"},{"action":"answer","text":"ok"}]}"#;
        let plan: Plan = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&plan).unwrap(), text);
        let wire = postcard::to_allocvec(&plan).unwrap();
        assert_eq!(postcard::from_bytes::<Plan>(&wire).unwrap(), plan);
    }

    #[test]
    fn nine_actions_are_too_many() {
        let nine = std::vec![Action::Status {}; 9];
        assert!(Plan::new(nine).is_err());
        let text = std::format!(
            r#"{{"plan":[{}]}}"#,
            [r#"{"action":"status"}"#; 9].join(",")
        );
        assert!(serde_json::from_str::<Plan>(&text).is_err());
    }
}

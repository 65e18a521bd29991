//! The second round: a plan that the kernel refused, with what it would admit.
//!
//! Where all that has to change is an amount, code takes the kernel's nearest
//! alternative; no model is asked again. The kernel judges the changed plan like
//! any other and asks the person before it does other than they said.

use proviso_abi::{Action, Plan, Rejection};
use serde_json::{Map, Value};

/// The fields that hold an amount.
const AMOUNTS: [&str; 4] = ["count", "bytes", "times", "percent"];

/// The plan with the kernel's alternatives in the place of what it refused;
/// nothing, if one of them is more than another amount.
#[must_use]
pub fn revised(plan: &Plan, rejections: &[Rejection]) -> Option<Plan> {
    let mut actions = plan.actions.to_vec();
    for rejection in rejections {
        let refused = actions.get_mut(usize::from(rejection.action?))?;
        let instead = rejection.instead.as_ref()?;
        if !is_another_amount(refused, instead) {
            return None;
        }
        *refused = instead.clone();
    }
    Plan::new(actions).ok().filter(|revised| revised != plan)
}

fn is_another_amount(refused: &Action, instead: &Action) -> bool {
    let beside_amounts = |action: &Action| -> Option<Map<String, Value>> {
        let Ok(Value::Object(mut fields)) = serde_json::to_value(action) else {
            return None;
        };
        fields.retain(|name, _| !AMOUNTS.contains(&name.as_str()));
        Some(fields)
    };
    beside_amounts(refused).is_some_and(|fields| Some(fields) == beside_amounts(instead))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proviso_abi::{Reason, Text};

    fn plan(actions: &str) -> Plan {
        serde_json::from_str(&format!("{{\"plan\":{actions}}}")).unwrap()
    }

    fn rejection(action: u8, instead: Option<&str>) -> Rejection {
        Rejection {
            action: Some(action),
            reason: Reason::OverQuota,
            text: Text::cut("too much"),
            instead: instead.map(|text| serde_json::from_str(text).unwrap()),
        }
    }

    const GRANT: &str = r#"{"action":"grant_memory","target":"hog","bytes":67108864}"#;

    #[test]
    fn another_amount_is_proposed() {
        let less = r#"{"action":"grant_memory","target":"hog","bytes":12582912}"#;
        let asked = plan(&format!(r#"[{{"action":"status"}},{GRANT}]"#));
        let wanted = plan(&format!(r#"[{{"action":"status"}},{less}]"#));
        assert_eq!(revised(&asked, &[rejection(1, Some(less))]), Some(wanted));
        let doubled = r#"{"action":"set_memory_limit","target":7,"times":2}"#;
        let fixed = r#"{"action":"set_memory_limit","target":7,"bytes":8192}"#;
        let revised = revised(&plan(&format!("[{doubled}]")), &[rejection(0, Some(fixed))]);
        assert_eq!(revised, Some(plan(&format!("[{fixed}]"))));
    }

    #[test]
    fn anything_more_than_an_amount_is_left_to_the_person() {
        let asked = plan(&format!("[{GRANT},{GRANT}]"));
        for instead in [
            None,
            Some(GRANT),
            Some(r#"{"action":"grant_memory","target":"counter","bytes":4096}"#),
            Some(r#"{"action":"kill","target":"hog"}"#),
        ] {
            assert_eq!(
                revised(&asked, &[rejection(0, instead)]),
                None,
                "{instead:?}"
            );
        }
        let less = r#"{"action":"grant_memory","target":"hog","bytes":4096}"#;
        let one_of_two = [rejection(0, Some(less)), rejection(1, None)];
        assert_eq!(revised(&asked, &one_of_two), None);
        assert_eq!(revised(&asked, &[rejection(9, Some(less))]), None);
        let whole = Rejection {
            action: None,
            ..rejection(0, Some(less))
        };
        assert_eq!(revised(&asked, &[whole]), None);
    }
}

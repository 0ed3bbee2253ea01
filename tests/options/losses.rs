//! Every loss, with each of its settings otherwise.

use dml_models::dml_losses::LossConfig;
use toml::{Table, Value};

/// A loss with its settings, and each of them otherwise.
pub(super) struct Settings {
    pub(super) loss: String,
    pub(super) others: Vec<String>,
}

/// Every loss at its defaults, with each number and each yes or no of it otherwise; its words stand
/// in `OPTIONS`.
pub(super) fn losses() -> Vec<Settings> {
    let of_loss = |loss: &LossConfig| {
        let table = Table::try_from(loss).unwrap();
        let other = |(key, value): (&String, &Value)| match value {
            Value::Float(x) => Some(format!("{key} = {:?}", if *x == 0.0 { 0.1 } else { x / 2.0 })),
            Value::Boolean(yes) => Some(format!("{key} = {}", !yes)),
            _ => None,
        };
        Settings { loss: inline(loss), others: table.iter().filter_map(other).collect() }
    };
    // Its only setting is a list of losses: that stands in OPTIONS.
    let all = LossConfig::all().into_iter().filter(|loss| !matches!(loss, LossConfig::Weighted(_)));
    all.map(|loss| of_loss(&loss)).collect()
}

/// Losses that learn nothing for a class, which alone can be an instance term's.
pub(super) fn pair_losses() -> Vec<LossConfig> {
    let mut all = LossConfig::all();
    all.retain(|loss| loss.check().is_ok() && loss.parameters(2, 2).is_empty());
    all
}

/// The loss as a value of TOML.
pub(super) fn inline(loss: &LossConfig) -> String {
    Value::try_from(loss).unwrap().to_string()
}

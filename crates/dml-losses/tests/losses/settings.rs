//! Losses as they stand in a trial file.

use dml_losses::{
    Center, Circle, Contrastive, LossConfig, LossError, MultiSimilarity, Nca, ProxyAnchor, SupCon, Weighted,
    WeightedTerm,
};
use serde_json::json;

use crate::loops::every_case;

fn from_json(value: serde_json::Value) -> Result<LossConfig, String> {
    serde_json::from_value(value).map_err(|error| error.to_string())
}

#[test]
fn every_loss_is_written_and_read_back() {
    for case in every_case() {
        let written = serde_json::to_value(&case.config).expect("settings are JSON");
        assert_eq!(from_json(written), Ok(case.config));
    }
}

#[test]
fn the_default_settings_of_every_loss_are_in_range() {
    for loss in LossConfig::all() {
        assert_eq!(loss.check(), Ok(()), "{loss:?}");
    }
}

#[test]
fn a_trial_file_names_losses_and_settings_in_snake_case_and_keeps_their_order() {
    for written in [
        r#"{"kind":"triplet","margin":0.2,"mining":"semi_hard","distance":"squared_euclidean","normalized":true}"#,
        r#"{"kind":"sup_con","temperature":0.1}"#,
        r#"{"kind":"multi_similarity","alpha":2.0,"beta":50.0,"lambda":1.0,"epsilon":0.1}"#,
        r#"{"kind":"weighted","terms":[{"weight":1.0,"loss":{"kind":"nca","temperature":1.0}}]}"#,
    ] {
        let loss: LossConfig = serde_json::from_str(written).expect("a loss as in a trial file");
        assert_eq!(serde_json::to_string(&loss).expect("settings are JSON"), written);
    }
}

#[test]
fn a_missing_or_unknown_setting_is_an_error_that_names_it() {
    let missing = from_json(json!({"kind": "sup_con"})).expect_err("temperature is missing");
    assert!(missing.contains("temperature"), "{missing}");
    let unknown = from_json(json!({"kind": "sup_con", "temperature": 1.0, "margin": 1.0}))
        .expect_err("margin is too much");
    assert!(unknown.contains("margin"), "{unknown}");
}

#[test]
fn a_setting_out_of_range_is_an_error_that_says_what_would_be_right() {
    let out_of_range: [LossConfig; 7] = [
        SupCon { temperature: 0.0 }.into(),
        SupCon { temperature: 1e-46 }.into(),
        Center { lambda: -1.0 }.into(),
        Center { lambda: 1e39 }.into(),
        Contrastive { margin: f64::NAN, normalized: false }.into(),
        Circle { gamma: 1.0, m: 1.5 }.into(),
        MultiSimilarity { alpha: 1.0, beta: 1.0, lambda: 2.0, epsilon: 0.0 }.into(),
    ];
    for config in out_of_range {
        let error = config.check().expect_err("the setting is out of range");
        assert!(matches!(error, LossError::OutOfRange { .. }), "{error}");
    }
    let several = MultiSimilarity { alpha: 0.0, beta: -1.0, lambda: 2.0, epsilon: 0.1 };
    assert_eq!(LossConfig::from(several).mistakes().len(), 3, "all that is wrong");
    let error = Nca { temperature: -2.5 }.check().expect_err("negative");
    assert_eq!(
        error.to_string(),
        "temperature of the loss nca is -2.5, but has to be above 0, from 1.2e-38 to 3.4e38"
    );
}

#[test]
fn a_combination_needs_terms_that_learn_different_things() {
    let weighted = |losses: Vec<LossConfig>| {
        let terms = losses.into_iter().map(|loss| WeightedTerm { weight: 1.0, loss }).collect();
        let loss = Weighted { terms };
        loss.check().map(|()| loss.parameters(2, 2).len())
    };
    let center = LossConfig::from(Center { lambda: 0.1 });
    let proxies = ProxyAnchor { alpha: 32.0, delta: 0.1 }.into();
    assert_eq!(weighted(vec![]), Err(LossError::NoTerms));
    assert_eq!(weighted(vec![center.clone(), proxies]), Ok(4));
    assert_eq!(
        weighted(vec![center.clone(), center.clone()]),
        Err(LossError::SharedParameter { name: "head_weight" })
    );
    let within =
        LossConfig::from(Weighted { terms: vec![WeightedTerm { weight: 0.0, loss: center.clone() }] });
    assert_eq!(weighted(vec![within.clone()]), Ok(3));
    assert_eq!(weighted(vec![within, center]), Err(LossError::SharedParameter { name: "head_weight" }));
}

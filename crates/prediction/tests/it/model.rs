use prediction::{
    Candidate, Cell, Doubt, LogisticSettings, MODEL_FORMAT, Model, Moment, SplitRule, TreesSettings, train,
};

use crate::world::{Quiet, history, history_without};

const NOW: Moment = Moment { at: 4_000, group: 0 };

fn candidates() -> Vec<(String, Candidate)> {
    let trees = TreesSettings { trees: 30, leaf_rows_min: 20.0, seeds: 2, ..TreesSettings::small() };
    let logistic = LogisticSettings { l2: 1.0 };
    vec![
        ("regression".to_owned(), Candidate::Logistic(logistic.clone())),
        ("both".to_owned(), Candidate::Blend(logistic, trees)),
    ]
}

fn model(seed: u64) -> Model {
    train(&history(4_000, seed), SplitRule::protocol(false), &candidates(), &Quiet).unwrap().0
}

fn typical() -> Vec<Cell> {
    vec![Cell::Number(50.0), Cell::Number(0.0), Cell::Number(0.5), Cell::Word("blue".to_owned())]
}

#[test]
fn the_same_data_give_the_same_model_and_others_another() {
    assert_eq!(model(1).digest().unwrap(), model(1).digest().unwrap());
    assert_ne!(model(1).digest().unwrap(), model(2).digest().unwrap());
    assert_ne!(model(1).origin().data_digest, model(2).origin().data_digest);
}

#[test]
fn a_model_that_was_written_predicts_the_same_when_read() {
    let model = model(1);
    let read = Model::from_bytes(&model.to_bytes().unwrap()).unwrap();
    assert_eq!(read.digest().unwrap(), model.digest().unwrap());
    assert_eq!(read.predict(&typical(), NOW).unwrap(), model.predict(&typical(), NOW).unwrap());
}

#[test]
fn what_is_not_known_or_damaged_is_refused() {
    let both = &candidates()[1..];
    let (model, _) = train(&history(4_000, 1), SplitRule::protocol(false), both, &Quiet).unwrap();
    let text = String::from_utf8(model.to_bytes().unwrap()).unwrap();
    let refused = |text: &str| Model::from_bytes(text.as_bytes()).unwrap_err().to_string();
    let other = text.replace(MODEL_FORMAT, "cortex-change/prediction/model/v9");
    assert_eq!(
        refused(&other),
        format!(
            "the model has format `cortex-change/prediction/model/v9`, this version reads `{MODEL_FORMAT}`: train it again"
        )
    );
    assert!(refused(&text[..text.len() / 2]).contains("cannot be read"));
    assert!(
        refused(&text.replacen("\"calibration\"", "\"more\":1,\"calibration\"", 1))
            .contains("cannot be read")
    );
    // A fork that leads back to the root would be followed for ever.
    let endless = text.replacen("\"left\":1,", "\"left\":0,", 1);
    assert_ne!(endless, text);
    assert_eq!(refused(&endless), "the model is damaged");
}

#[test]
fn a_prediction_adds_up_and_lies_in_its_interval() {
    let prediction = model(1).predict(&typical(), NOW).unwrap();
    let sum = prediction.base + prediction.contributions.iter().sum::<f64>() + prediction.calibration;
    assert!((sum - prediction.log_odds).abs() < 1e-10);
    let expected = 1.0 / (1.0 + (-prediction.log_odds).exp());
    assert!((prediction.probability - expected).abs() < 1e-12);
    assert!(prediction.low < prediction.probability && prediction.probability < prediction.high);
    assert_eq!(prediction.doubts, []);
}

#[test]
fn facts_that_no_past_change_had_change_nothing_and_raise_no_doubt() {
    let table = history_without(4_000, 1, &["tier", "dependents"]);
    let (model, _) = train(&table, SplitRule::protocol(false), &candidates(), &Quiet).unwrap();
    let told = |tier| {
        let mut cells = typical();
        cells.extend([tier, Cell::Number(40.0)]);
        model.predict(&cells, NOW).unwrap()
    };
    let (known, unknown) = (told(Cell::Number(0.0)), told(Cell::Missing));
    assert_eq!((known.probability, &known.doubts), (unknown.probability, &vec![]));
}

#[test]
fn a_row_unlike_all_others_is_doubted_by_name() {
    let model = model(1);
    let mut cells = typical();
    cells[3] = Cell::Word("green".to_owned());
    cells[0] = Cell::Number(1e9);
    let doubts = model.predict(&cells, NOW).unwrap().doubts;
    let columns = vec!["size".to_owned(), "team".to_owned()];
    assert!(doubts.contains(&Doubt::OutsideTraining { columns }), "{doubts:?}");
    assert_eq!(model.predict(&vec![Cell::Missing; 4], NOW).unwrap().contributions.len(), 4);
    assert!(model.predict(&cells[..3], NOW).is_err());
}

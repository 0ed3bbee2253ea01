//! What a sweep file asks of its report: which tables, verdicts and figures, of which trials.
//!
//! Data, its checks, and the request that the program `dml-report` reads. What makes a report of it
//! is `dml-report`, which this crate does not know: who reads sweep files needs no charts.
//!
//! ```
//! use dml_spec::TableSpec;
//!
//! let text = "name = 't'\ntitle = 'T'\nrows = ['model.system']\nscores = ['test_folds.knn.ami']";
//! let table: TableSpec = toml::from_str(text)?;
//! assert!(table.select.matches(&toml::Table::new()), "it selects every trial");
//! # Ok::<(), toml::de::Error>(())
//! ```

mod request;
mod select;
mod spec;

pub use request::Request;
pub use select::{Selection, alternatives, is_in, number, same, value_text};
pub use spec::{
    ChoiceSpec, EffectsSpec, EquivalenceSpec, FigureSpec, Ignore, PUBLISHED, PredictionSpec, ReportSpecs,
    SpecError, TableSpec, VerdictSpec,
};

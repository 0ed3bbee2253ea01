//! The run store, tables, figures and the report.

//! Which prior, as it stands in a trial file.

/// Makes [`PriorConfig`](crate::PriorConfig) of a list of priors.
macro_rules! priors {
    ($($file:ident::$Prior:ident,)+) => {
        $(pub use $file::$Prior;)+

        /// A prior and all its settings; nothing has a default here.
        #[derive(Debug, Clone, serde::Serialize, serde::Deserialize, PartialEq)]
        #[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
        #[non_exhaustive]
        pub enum PriorConfig {
            $(
                #[doc = concat!("See [`", stringify!($Prior), "`].")]
                $Prior($Prior),
            )+
        }

        impl PriorConfig {
            /// Every prior there is, each with its default settings.
            pub fn all() -> Vec<Self> {
                vec![$(Self::$Prior($Prior::default()),)+]
            }

            /// The prior of these settings.
            pub fn settings(&self) -> &dyn Prior {
                match self {
                    $(Self::$Prior(prior) => prior,)+
                }
            }
        }
    };
}

pub(crate) use priors;

#[cfg(test)]
mod tests {
    use crate::{Estimator, Hypercube, Mixture, Prior, PriorConfig, PriorError, PseudoInputs, Unit, Vamp};

    #[test]
    fn a_trial_file_names_the_kind_and_every_field() {
        for (text, expected) in [
            ("kind = \"unit\"\n", PriorConfig::Unit(Unit {})),
            (
                "kind = \"hypercube\"\nside = 2.0\nlogvar = 1.0\nestimator = \"monte_carlo\"\n",
                PriorConfig::Hypercube(Hypercube::default()),
            ),
            ("kind = \"vamp\"\ncomponents = 500\ninit = \"data\"\n", PriorConfig::Vamp(Vamp::default())),
            ("kind = \"mixture\"\ncomponents = 10\n", PriorConfig::Mixture(Mixture::default())),
        ] {
            assert_eq!(toml::from_str::<PriorConfig>(text).unwrap(), expected);
            assert_eq!(toml::to_string(&expected).unwrap(), text);
        }
        assert!(toml::from_str::<PriorConfig>("kind = \"unit\"\nside = 2.0").is_err());
        assert!(toml::from_str::<PriorConfig>("kind = \"mixture\"").is_err());
        let cube = "kind = \"hypercube\"\nside = 2.0\nlogvar = 1.0\n";
        let message = |text: &str| toml::from_str::<PriorConfig>(text).unwrap_err().to_string();
        assert!(message(cube).contains("missing field `estimator`"));
        assert!(message(&format!("{cube}estimator = \"exact\"\nedge = 1")).contains("unknown field `edge`"));
    }

    #[test]
    fn values_out_of_range_are_refused_by_name() {
        let told =
            |prior: &dyn Prior| -> Vec<String> { prior.mistakes().iter().map(ToString::to_string).collect() };
        let cube = |side, logvar| told(&Hypercube { side, logvar, estimator: Estimator::Exact });
        assert!(cube(2.0, 30.0).is_empty());
        assert_eq!(cube(-1.0, 0.0), ["hypercube side -1 must be in [0, 1000]"]);
        assert_eq!(cube(f64::NAN, 0.0), ["hypercube side NaN must be in [0, 1000]"]);
        assert_eq!(cube(2.0, 31.0), ["hypercube logvar 31 must be in [-30, 30]"]);
        let both = Hypercube { side: -1.0, logvar: 31.0, estimator: Estimator::Exact };
        assert_eq!(both.mistakes(), [PriorError::Side(-1.0), PriorError::Logvar(31.0)]);
        let vamp = |components| told(&Vamp { components, init: PseudoInputs::Data });
        assert!(vamp(10_000).is_empty());
        assert_eq!(vamp(0), ["the prior's components = 0 must be in 1 to 10000"]);
        let mixture = told(&Mixture { components: 1_000_000 });
        assert_eq!(mixture, ["the prior's components = 1000000 must be in 1 to 10000"]);
    }
}

//! How much of the classes a read-out can know through an embedding that holds so much.

/// The largest adjusted mutual information that labels can have with balanced classes of `entropy`
/// nats if they have `information` nats in common with them.
///
/// Adjusting for chance only lowers it: AMI ≤ I / ((H(ŷ) + H(y)) / 2), and H(ŷ) is at least I. It
/// is 1 once the information is the whole entropy.
pub(crate) fn largest_ami(information: f64, entropy: f64) -> f64 {
    let information = information.clamp(0.0, entropy);
    2.0 * information / (information + entropy)
}

/// The most information above chance that labels of this AMI can have with classes of at most
/// `entropy` nats, in nats, where the labels have no more of them than there are classes.
///
/// I - E\[I\] = AMI · ((H(ŷ) + H(y)) / 2 - E\[I\]), and neither entropy is above `entropy`.
pub(crate) fn most_information(ami: f64, entropy: f64) -> f64 {
    ami.max(0.0) * entropy
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_goes_from_nothing_to_all_and_no_labelling_is_above_it() {
        let entropy = 10.0_f64.ln();
        for (information, expected) in [(0.0, 0.0), (entropy, 1.0), (40.0, 1.0)] {
            assert!((largest_ami(information, entropy) - expected).abs() < 1e-15);
        }
        // Labels that tell two groups of five classes apart: I = H(ŷ) = ln 2, which is on the
        // bound.
        let halves = 2.0_f64.ln();
        let ami = halves / f64::midpoint(halves, entropy);
        assert!((largest_ami(halves, entropy) - ami).abs() < 1e-15);
        // Labels of ten values that are right with probability a, else any: as evenly spread as y.
        for a in [0.2_f64, 0.5, 0.9] {
            let off = (1.0 - a) / 9.0;
            let information = entropy + a * a.ln() + 9.0 * off * off.ln();
            assert!(information / entropy < largest_ami(information, entropy));
            assert!((most_information(information / entropy, entropy) - information).abs() < 1e-15);
        }
        assert!(most_information(-0.001, entropy).abs() < 1e-15);
    }
}

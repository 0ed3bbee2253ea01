//! Curves of the terms of the loss over epochs.

use std::collections::BTreeMap;

use tch::{Device, Kind, Tensor, no_grad_guard};

use crate::objective::Terms;
use crate::stack::{Member, Stack};

/// Names of the curves.
const CURVES: [&str; 5] = ["supervised", "reconstruction", "kl", "instance", "unsupervised"];

/// Sums of terms over an epoch, kept on the device so that no step waits for it.
pub(crate) struct Sums {
    /// Whether a curve is kept: that of the instance term only where there is one.
    kept: [bool; 5],
    values: Tensor,        // [5, M]
    counts: Vec<Vec<u32>>, // [5][M]
}

impl Sums {
    pub(crate) fn new(members: &[Member], device: Device) -> Self {
        let values = Tensor::zeros([CURVES.len() as i64, members.len() as i64], (Kind::Double, device));
        let kept = CURVES.map(|name| name != "instance" || members[0].config.instance.weight > 0.0);
        Self { kept, values, counts: vec![vec![0; members.len()]; CURVES.len()] }
    }

    /// Adds the terms of a step, of the members that asked for the supervised and for the
    /// unsupervised ones; `weights` `[2, M]` are 0 for the others.
    pub(crate) fn add(&mut self, terms: &Terms, [supervised, unsupervised]: [&[bool]; 2], weights: &Tensor) {
        let _guard = no_grad_guard();
        let all = [&terms.supervised, &terms.reconstruction, &terms.kl, &terms.instance, &terms.unsupervised];
        for (i, term) in all.into_iter().enumerate() {
            let Some(term) = term else { continue };
            let asked = if i == 0 { supervised } else { unsupervised };
            let mut sum = self.values.get(i as i64);
            if asked.contains(&false) {
                let mask = weights.get(i64::from(i != 0)).ne(0.0);
                let _ = sum.g_add_(&term.detach().where_self(&mask, &term.zeros_like()));
            } else {
                let _ = sum.g_add_(&term.detach());
            }
            for (count, &asked) in self.counts[i].iter_mut().zip(asked) {
                *count += u32::from(asked);
            }
        }
    }

    pub(crate) fn means(&self) -> Vec<BTreeMap<String, Option<f64>>> {
        let members = self.counts[0].len();
        let sums =
            Vec::<f64>::try_from(&self.values.to_device(Device::Cpu).view([-1])).expect("a flat tensor");
        let mean = |i: usize, m: usize| {
            let count = self.counts[i][m];
            (count > 0).then(|| sums[i * members + m] / f64::from(count))
        };
        let kept = || CURVES.iter().enumerate().filter(|&(i, _)| self.kept[i]);
        let of_member = |m| kept().map(|(i, name)| ((*name).into(), mean(i, m))).collect();
        (0..members).map(of_member).collect()
    }
}

/// Puts an epoch on the members' curves, and notes who is no longer finite.
pub(crate) fn record(stack: &mut Stack, terms: &[BTreeMap<String, Option<f64>>]) {
    let finite: Vec<Tensor> =
        stack.parameters.tensors.iter().map(|t| t.isfinite().flatten(1, -1).all_dim(1, false)).collect();
    let finite = Tensor::stack(&finite, 0).all_dim(0, false).to_device(Device::Cpu); // [M]
    for (m, (member, terms)) in stack.members.iter_mut().zip(terms).enumerate() {
        if member.diverged.is_some() {
            continue;
        }
        let bad = terms.iter().find(|(_, value)| value.is_some_and(|v| !v.is_finite()));
        for (name, value) in terms {
            // JSON has no NaN: an epoch that was not finite is a hole in the curve.
            member.curves.entry(name.clone()).or_default().push(value.filter(|v| v.is_finite()));
        }
        if let Some((name, _)) = bad {
            member.diverged = Some((stack.epoch, format!("the {name} loss is not finite")));
        } else if finite.int64_value(&[m as i64]) == 0 {
            member.diverged = Some((stack.epoch, "a weight is not finite".into()));
        }
    }
}

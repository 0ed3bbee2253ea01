//! Members of a stack against models trained alone.

use dml_losses::Center;
use dml_models::{
    DistanceConfig, LabelledEpoch, RoutineConfig, Rule, Schedule, Stack, System, TrainConfig, Way,
};
use dml_priors::{Estimator, Hypercube, Mixture, PriorConfig, PseudoInputs, Vamp};
use tch::Tensor;

use crate::common::{
    conv, data, device, images, neighbours, next_epoch, rows, run, same_bits, stack, trained, trial,
};

#[test]
fn a_rate_that_follows_a_members_own_pass_is_not_shared() {
    let mut config = trial(System::Dml, RoutineConfig::JointAlpha { alpha: 0.5 });
    config.training.schedule = Schedule::OneCycle;
    assert!(config.stacks_with(&config));
    config.sampling.labelled_epoch = LabelledEpoch::Pass;
    assert!(!config.stacks_with(&config));
    config.training.schedule = Schedule::Constant;
    assert!(config.stacks_with(&config));
}

#[test]
fn a_pass_over_the_labels_is_whole_where_batches_alternate() {
    let routine = |alpha| RoutineConfig::AlternateBatches { rule: Rule::Mixed, alpha };
    let seen = |alphas: &[f64]| {
        let configs = alphas.iter().map(|&alpha| {
            let mut config = trial(System::DmlAutoencoder, routine(alpha));
            (config.sampling.labelled_epoch, config.training.epochs) = (LabelledEpoch::Pass, 1);
            config.sampling.batch_size = 5; // four batches, of which each other step takes one
            config
        });
        let mut stack = stack(configs.collect(), &vec![rows(20); alphas.len()]);
        run(&mut stack);
        stack.parameters.tensors.iter().map(|t| t.get(0)).collect::<Vec<_>>()
    };
    // A bias moves no distance, so that its gradient is rounding, which Adam makes as large as any.
    let weights = |tensors: Vec<Tensor>| tensors.into_iter().filter(|t| t.dim() == 2);
    for (a, b) in weights(seen(&[0.0])).zip(weights(seen(&[0.0, 0.5]))) {
        let apart = (a - b).abs().max().double_value(&[]);
        assert!(apart < 1e-5, "{apart}: what the rounding of a stack may change");
    }
}

#[test]
fn a_stack_of_mixed_trials_equals_single_runs() {
    let routine = |alpha| RoutineConfig::AlternateEpochs { rule: Rule::Mixed, alpha };
    // With one pass over the labels, members with few labels are done early: what the loss itself
    // learns then stays as it is.
    let center = Center { lambda: 0.1 }.into();
    let plain = |system| trial(system, routine(1.0));
    let mut metric_vae = plain(System::MetricVae);
    (metric_vae.loss, metric_vae.sampling.labelled_epoch) = (center, LabelledEpoch::Pass);
    let mut vamp = conv(plain(System::MetricVae));
    vamp.prior = PriorConfig::Vamp(Vamp { components: 5, init: PseudoInputs::Data });
    let mut cube = plain(System::DmlPrior);
    cube.prior =
        PriorConfig::Hypercube(Hypercube { side: 2.0, logvar: -1.0, estimator: Estimator::MonteCarlo });
    let [line, mut graph] = [Way::Line, Way::Graph].map(crate::distance::trial);
    // All nodes are joined, and the steps are short: which nodes are near changes at once, and what
    // differs by rounding would not stay so where the graph is renewed in each step, as here.
    if let DistanceConfig::PullBack(settings) = &mut graph.distance {
        settings.neighbours = settings.nodes - 1;
    }
    graph.training.learning_rate /= 10.0;
    let bases =
        [(plain(System::DmlAutoencoder), 8), (metric_vae, 8), (vamp, 3), (cube, 3), (line, 3), (graph, 3)];
    for (base, members) in bases {
        let configs: Vec<TrainConfig> = (0..members)
            .map(|i| {
                let mut config = base.clone();
                config.routine = routine([0.25, 0.5, 0.75, 1.0][i % 4]);
                config.seed = i as u64 / 2; // twins of one seed and two learning rates
                config.training.learning_rate *= [1.0, 3.0][i % 2];
                config.kl.beta = 1.0 + i as f64;
                config.training.epochs = 2;
                config
            })
            .collect();
        // Different numbers of labels too, so that batches are padded.
        let masks: Vec<Vec<usize>> = (0..members).map(|i| rows(6 + 10 * i)).collect();
        let mut together = stack(configs.clone(), &masks);
        run(&mut together);
        for (m, config) in configs.iter().enumerate() {
            let mut alone = stack(vec![config.clone()], &masks[m..=m]);
            run(&mut alone);
            assert_member(&together, m, &alone);
        }
    }
}

/// A member of a stack has the weights, curves and embeddings of a model alone, to f32's rounding
/// over two epochs.
fn assert_member(together: &Stack, m: usize, alone: &Stack) {
    let (a, b) =
        (neighbours(&together.embed(m, images().view())), neighbours(&alone.embed(0, images().view())));
    let same = a.iter().zip(&b).filter(|(a, b)| a == b).count();
    assert!(same as f64 >= 0.99 * a.len() as f64, "member {m}: kNN agrees on {same} of {} points", a.len());
    for (name, (a, b)) in together
        .parameters
        .names
        .iter()
        .zip(together.parameters.tensors.iter().zip(&alone.parameters.tensors))
    {
        let (a, b) = (a.get(m as i64), b.get(0));
        let relative = (&a - &b).norm().double_value(&[]) / b.norm().double_value(&[]).max(1e-12);
        assert!(relative < 1e-4, "member {m}, {name}: {relative:e}, rounding of f32 over two epochs");
    }
    for (name, curve) in &alone.members[0].curves {
        for (a, b) in together.members[m].curves[name].iter().zip(curve) {
            assert_eq!(a.is_some(), b.is_some(), "{name}");
            if let (Some(a), Some(b)) = (a, b) {
                assert!((a - b).abs() <= 1e-4 * b.abs().max(1e-3), "{name}: {a} against {b}");
            }
        }
    }
}

#[test]
fn the_seconds_of_the_members_add_up_to_those_of_the_stack() {
    let begun = std::time::Instant::now();
    let config = trial(System::Dml, RoutineConfig::JointAlpha { alpha: 0.5 });
    let mut together = stack(vec![config; 4], &vec![rows(60); 4]);
    run(&mut together);
    let sum: f64 = (0..4).map(|m| together.seconds(m)).sum();
    assert!(sum > 0.0 && sum <= begun.elapsed().as_secs_f64(), "{sum}");
}

#[test]
fn a_member_that_diverges_does_not_touch_its_neighbours() {
    let mut bad = trial(System::MetricVae, RoutineConfig::JointGamma { gamma: 1.0 });
    bad.training.learning_rate = 1e30;
    let mut good = bad.clone();
    good.training.learning_rate = 1e-3;
    let masks = [rows(60), rows(60)];
    let mut together = stack(vec![bad, good.clone()], &masks);
    run(&mut together);
    assert_eq!(together.members[0].diverged.as_ref().map(|d| d.0), Some(1));
    assert_eq!(together.members[1].diverged, None);
    assert_eq!(together.epoch, good.training.epochs, "the neighbour goes on to its end");
    let alone = trained(&good);
    for (a, b) in together.parameters.tensors.iter().zip(&alone.parameters.tensors) {
        assert!(a.get(1).allclose(&b.get(0), 1e-3, 1e-5, false));
    }
}

#[test]
fn of_a_stack_the_checkpoint_before_the_latest_is_kept_and_puts_a_member_back() {
    let config = trial(System::Dml, RoutineConfig::JointAlpha { alpha: 0.5 });
    let other = dml_models::TrainConfig { seed: 8, ..config.clone() };
    let all = vec![config, other];
    let masks = [rows(60), rows(40)];
    let folder = tempfile::tempdir().unwrap();
    let mut first = stack(all.clone(), &masks);
    let mut after_two = None;
    for epoch in 1..=3 {
        next_epoch(&mut first).unwrap();
        first.save_checkpoint(1, folder.path()).unwrap();
        if epoch == 2 {
            after_two = Some(first.parameters.tensors[0].get(1).copy());
        }
    }
    assert_eq!(dml_models::Stack::checkpoint_epochs(folder.path()).unwrap(), [3, 2]);
    let mut names: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(
        names,
        ["checkpoint-2.safetensors", "checkpoint-3.safetensors", "checkpoint.before.json", "checkpoint.json"]
    );
    let mut second = stack(all, &masks);
    second.load_checkpoint(1, folder.path(), 2).unwrap();
    assert_eq!(second.epoch, 2);
    assert!(same_bits(&second.parameters.tensors[0].get(1), &after_two.unwrap()));
    let refused = second.load_checkpoint(1, folder.path(), 1).unwrap_err().to_string();
    assert_eq!(refused, format!("{}: is not of epoch 1", folder.path().join("checkpoint.json").display()));
}

#[test]
fn a_staged_stack_resumes_with_each_member_at_its_own_mixture_and_a_diverged_one_does_not_stop_it() {
    let mut config = trial(System::MetricVae, RoutineConfig::Staged { dml_epochs: 1, gamma: 1.0 });
    config.prior = PriorConfig::Mixture(Mixture { components: 3 });
    let mut other = config.clone();
    other.seed = 8;
    let mut diverging = config.clone();
    diverging.training.learning_rate = 1e30;
    let masks = [rows(60), rows(40), rows(60)];
    let all = vec![config, other, diverging];
    let mut whole = stack(all.clone(), &masks);
    run(&mut whole);
    let folders: Vec<_> = (0..3).map(|_| tempfile::tempdir().unwrap()).collect();
    let mut first = stack(all.clone(), &masks);
    for epoch in 1..=2 {
        assert_eq!(next_epoch(&mut first).unwrap().epoch, epoch);
        for (member, folder) in folders.iter().enumerate() {
            first.save_checkpoint(member, folder.path()).unwrap();
        }
    }
    let mut second = stack(all, &masks);
    for (member, folder) in folders.iter().enumerate() {
        second.load_checkpoint(member, folder.path(), 2).unwrap();
    }
    run(&mut second);
    assert_ne!(whole.prior_components(0), whole.prior_components(1), "each member fitted its own");
    for member in 0..2 {
        assert_eq!(whole.members[member].diverged, None);
        assert_eq!(whole.prior_components(member), second.prior_components(member));
        assert_eq!(whole.members[member].curves, second.members[member].curves);
    }
    assert_eq!(whole.members[2].diverged.as_ref().map(|d| d.0), Some(1));
    assert_eq!(whole.members[2].diverged, second.members[2].diverged);
    for (a, b) in whole.parameters.tensors.iter().zip(&second.parameters.tensors) {
        assert!(same_bits(&a.narrow(0, 0, 2), &b.narrow(0, 0, 2)));
    }
}

#[test]
fn a_cross_batch_memory_is_not_stacked() {
    let mut config = trial(System::Dml, RoutineConfig::JointAlpha { alpha: 0.5 });
    config.sampling.memory = 8;
    let masks = [rows(60), rows(60)];
    let masks: Vec<&[usize]> = masks.iter().map(Vec::as_slice).collect();
    let two = Stack::new(vec![config.clone(), config], &masks, &data(device()), device());
    assert!(two.unwrap_err().to_string().contains("sampling.memory"));
}

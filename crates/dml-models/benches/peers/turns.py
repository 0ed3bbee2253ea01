"""Runs the work of this project and that of its peers in turn, and says what each took: one JSON object a line.

    turns.py --dml DML --xtask XTASK --step STEP --mnist FOLDER [--rounds 3] [trial] [steps] [adam] [sweep]

`cargo xtask bench peers` calls it, and makes ratios of what it says. Everything computes with one thread; a sweep has two processes.

trial: a DML autoencoder, 2 epochs, MLP [512, 256], batch 64, 10 dimensions, 6,000 labels, kNN on folds.
steps: of DML, its autoencoder and MetricVAE with 50 pseudo-inputs; an MLP or convolutions; batches of 64, 128, 256; with both losses in each step.
adam: Adam's part of the steps of that DML autoencoder, alone.
sweep: the 12 trials of table 1's DML autoencoder at 10 dimensions, each of 2 epochs.

Processor seconds are user and system together. Those of `dml` are of the whole process; those of a peer begin after its imports, but in the sweep.
"""

import argparse
import contextlib
import json
import os
import pathlib
import resource
import subprocess
import sys
import tempfile
import time
import tomllib

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[3]
ONE_THREAD = {**os.environ, "OMP_NUM_THREADS": "1", "RAYON_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
EPOCHS, PERCENTS, ALPHAS = 2, [0.01, 0.1, 10.0], [0.25, 0.5, 0.75, 1.0]
IMAGES_A_STEP_COUNT = 2560  # in each measurement of steps: 40 of 64 images, 10 of 256
STEPS_OF_ADAM = 200  # in each measurement of Adam alone
HAS_AMX = "amx_bf16" in pathlib.Path("/proc/cpuinfo").read_text()


def say(work, who, measured):
    print(json.dumps({"work": work, "who": who, **measured}), flush=True)


@contextlib.contextmanager
def children(measured):
    """Puts into `measured` what the child processes took that end meanwhile."""
    used = lambda: sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])
    wall, processor = time.perf_counter(), used()
    yield
    measured.update(seconds=time.perf_counter() - wall, processor=used() - processor)


class Server:
    """A process that answers one JSON request a line."""

    def __init__(self, *command):
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=ONE_THREAD)

    def __call__(self, **request):
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            sys.exit(f"error: {' '.join(map(str, self.process.args))} ended without an answer to {request}")
        return json.loads(answer)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()


def peer(arguments, who):
    return Server(sys.executable, HERE / "peer.py", who, arguments.mnist)


def toml(value):
    """A value in TOML's inline form."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {toml(inner)}" for key, inner in value.items()) + " }"
    return json.dumps(value)


def trial_file(precision):
    """Table 1's base with what the trial has otherwise."""
    trial = tomllib.loads((ROOT / "xtask/sweeps/table-1.toml").read_text())["base"]
    trial["data"]["labelled_percent"] = 10.0
    trial["model"].update(system="dml_autoencoder", latent_dim=10)
    trial["training"].update(epochs=EPOCHS, precision=precision)
    trial["evaluation"]["protocols"] = ["test_folds"]
    return "".join(f"{key} = {toml(value)}\n" for key, value in trial.items())


def our_trial(arguments, precision):
    """`dml run` on a store of one trial."""
    with tempfile.TemporaryDirectory() as folder:
        new = pathlib.Path(folder, "trial.toml")
        new.write_text(trial_file(precision))
        checked = subprocess.run([arguments.dml, "check", new], check=True, capture_output=True, text=True)
        trial = pathlib.Path(folder, "trials", checked.stdout.split()[-1])
        trial.mkdir(parents=True)
        new.rename(trial / "trial.toml")
        measured = {}
        with children(measured):
            run = [arguments.dml, "run", "--device", "cpu", "--threads", "1", trial]
            subprocess.run(run, check=True, stdout=subprocess.DEVNULL, env=ONE_THREAD)
        return {**measured, "score": score(trial)}


def score(trial):
    outcome = json.loads((trial / "result.json").read_text())["outcome"]
    return outcome["scores"]["test_folds.knn.accuracy"]


def their_trial(arguments, who):
    with peer(arguments, who) as ask:
        answer = ask(do="trial", percent=10.0, alpha=0.5, epochs=EPOCHS)
    return {"seconds": answer["seconds"], "processor": answer["processor"], "score": answer["accuracy"]}


def trial(arguments):
    for _ in range(arguments.rounds):
        say("trial", "ours", our_trial(arguments, "f32"))
        if HAS_AMX:
            say("trial", "ours in bf16", our_trial(arguments, "bf16"))
        for who in ["usual", "tuned"]:
            say("trial", who, their_trial(arguments, who))


def steps(arguments):
    precisions = ["f32", "bf16"] if HAS_AMX else ["f32"]
    names = {"f32": "ours", "bf16": "ours in bf16"}
    with Server(arguments.step) as ours, peer(arguments, "usual") as usual, peer(arguments, "tuned") as tuned:
        for turn in range(1 + arguments.rounds):
            for network in ["mlp", "conv"]:
                for system in ["dml", "dml_autoencoder", "metric_vae"]:
                    for batch in [64, 128, 256]:
                        n = IMAGES_A_STEP_COUNT // batch
                        request = {"do": "step", "system": system, "network": network, "batch": batch, "steps": n}
                        answers = {names[p]: ours(**request, precision=p) for p in precisions}
                        answers["usual"] = usual(**request)
                        answers["tuned"] = tuned(**request)
                        products = answers["ours"].get("products")
                        if products:
                            answers["products alone"] = products
                        # The first turn makes the models and warms up.
                        for who, answer in answers.items() if turn else ():
                            of_step = {key: answer[key] / n for key in ["seconds", "processor"]}
                            say(f"step of {system}, {network}, batch {batch}", who, of_step)


def adam(arguments):
    with Server(arguments.step) as ours, peer(arguments, "usual") as usual, peer(arguments, "tuned") as tuned:
        for turn in range(1 + arguments.rounds):
            for who, ask in {"ours": ours, "usual": usual, "tuned": tuned}.items():
                answer = ask(do="adam", steps=STEPS_OF_ADAM)
                # The first turn makes the weights and warms up.
                if turn:
                    say("step of Adam", who, {key: answer[key] / STEPS_OF_ADAM for key in ["seconds", "processor"]})


SWEEP = f"""
claim = "The DML autoencoder's rows of table 1 at 10 dimensions, {EPOCHS} epochs each."
command = "cargo xtask bench peers sweep"
seeds = 1
seconds_per_trial = 15.0
extends = "table-1"
[base.training]
epochs = {EPOCHS}
[base.evaluation]
protocols = ["test_folds"]
[select]
"training.epochs" = {EPOCHS}
[[grid]]
"model.system" = "dml_autoencoder"
"model.latent_dim" = 10
"data.labelled_percent" = {PERCENTS}
"routine.alpha" = {ALPHAS}
[[table]]
name = "rows"
title = "The rows"
rows = ["data.labelled_percent", "routine.alpha"]
scores = ["test_folds.knn.accuracy"]
"""


def our_sweep(arguments):
    """`xtask sweep`, with its report."""
    with tempfile.TemporaryDirectory() as folder:
        file, store, report = (pathlib.Path(folder, name) for name in ["peers.toml", "store", "report"])
        file.write_text(SWEEP)
        measured = {}
        with children(measured):
            command = [arguments.xtask, "sweep", file, "--store", store, "--out", report, "--dml", arguments.dml]
            options = ["--jobs", "2", "--device", "cpu", "--quiet"]
            subprocess.run([*command, *options], check=True, stdout=subprocess.DEVNULL)
        scores = [score(trial) for trial in (store / "trials").iterdir()]
        return {**measured, "score": sum(scores) / len(scores)}


def usual_sweep(arguments):
    """Two processes, each with every other trial."""
    trials = [{"do": "trial", "percent": percent, "alpha": alpha, "epochs": EPOCHS} for percent in PERCENTS for alpha in ALPHAS]
    measured, scores = {}, []
    with children(measured), peer(arguments, "usual") as first, peer(arguments, "usual") as second:
        for server, own in [(first, trials[0::2]), (second, trials[1::2])]:
            server.process.stdin.write("".join(json.dumps(trial) + "\n" for trial in own))
            server.process.stdin.close()
        for server in [first, second]:
            scores += [json.loads(line)["accuracy"] for line in server.process.stdout]
    return {**measured, "score": sum(scores) / len(scores)}


def sweep(arguments):
    for _ in range(arguments.rounds):
        say("sweep", "ours", our_sweep(arguments))
        say("sweep", "usual", usual_sweep(arguments))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    for name in ["dml", "xtask", "step", "mnist"]:
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("parts", nargs="*")
    arguments = parser.parse_args()
    parts = {"trial": trial, "steps": steps, "adam": adam, "sweep": sweep}
    try:
        for name in arguments.parts or parts:
            parts[name](arguments)
    except subprocess.CalledProcessError as error:
        sys.exit(f"error: {' '.join(map(str, error.cmd))} failed: {error.stderr or 'it said why above'}")

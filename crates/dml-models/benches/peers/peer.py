"""The work of this project as people write it with PyTorch today. `turns.py` starts it; it answers one JSON request a line.

    python3 peer.py usual|tuned FOLDER-OF-MNIST

usual: a DataLoader over a Dataset with a transform, pytorch-metric-learning's loss and miner, the default Adam, scikit-learn's kNN.
tuned: all images as one tensor, a triplet loss over the pairs of a batch, fused Adam, denormal numbers flushed, scikit-learn's kNN.

Both train the networks, losses and routines of `dml`: MLP [512, 256] or convolutions [32, 64] with 128 units, 10 dimensions, a triplet loss of
margin 0.2 over all active triplets, squared errors summed over the pixels of an image, Adam at 0.001. Requests:

{"do": "trial", "percent": 10.0, "alpha": 0.5, "epochs": 2}: a DML autoencoder, alternating by epoch, from files to scores.
{"do": "step", "system": "metric_vae", "network": "conv", "batch": 64, "steps": 20}: as many steps more of such a model.
{"do": "adam", "steps": 100}: Adam's part alone of as many steps of a DML autoencoder's MLP.
"""

import gzip
import json
import math
import os
import pathlib
import sys
import time
from itertools import repeat

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import numpy as np
import torch
from pytorch_metric_learning import distances, losses, miners
from sklearn.metrics import adjusted_mutual_info_score
from sklearn.model_selection import KFold
from sklearn.neighbors import KNeighborsClassifier
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

LATENT, MARGIN, COMPONENTS = 10, 0.2, 50


def idx(folder, name):
    """An idx file, unpacked or not, as an array."""
    path = pathlib.Path(folder) / name
    content = path.read_bytes() if path.exists() else gzip.decompress(path.with_name(f"{name}.gz").read_bytes())
    n_dimensions = content[3]
    shape = np.frombuffer(content, ">i4", n_dimensions, 4)
    return np.frombuffer(bytearray(content), np.uint8, offset=4 + 4 * n_dimensions).reshape(shape)


def mnist(folder, split):
    return idx(folder, f"{split}-images-idx3-ubyte"), idx(folder, f"{split}-labels-idx1-ubyte").astype(np.int64)


class Model(nn.Module):
    """An encoder, and a decoder and a posterior for those that have them."""

    def __init__(self, system, network):
        super().__init__()
        relu = nn.ReLU
        if network == "mlp":
            self.encoder = nn.Sequential(nn.Linear(784, 512), relu(), nn.Linear(512, 256), relu())
            mirror = [nn.Linear(LATENT, 256), relu(), nn.Linear(256, 512), relu(), nn.Linear(512, 784)]
        else:
            halve = {"kernel_size": 3, "stride": 2, "padding": 1}
            convolutions = [nn.Conv2d(1, 32, **halve), relu(), nn.Conv2d(32, 64, **halve), relu()]
            self.encoder = nn.Sequential(nn.Unflatten(1, (1, 28, 28)), *convolutions, nn.Flatten(), nn.Linear(3136, 128), relu())
            dense = [nn.Linear(LATENT, 128), relu(), nn.Linear(128, 3136), relu(), nn.Unflatten(1, (64, 7, 7))]
            double = {**halve, "output_padding": 1}
            mirror = [*dense, nn.ConvTranspose2d(64, 32, **double), relu(), nn.ConvTranspose2d(32, 1, **double), nn.Flatten()]
        features = 256 if network == "mlp" else 128
        self.mean = nn.Linear(features, LATENT)
        self.logvar = nn.Linear(features, LATENT) if system == "metric_vae" else None
        self.decoder = None if system == "dml" else nn.Sequential(*mirror, nn.Sigmoid())
        self.pseudo_inputs = None

    def start_prior(self, images):
        """A VampPrior, whose pseudo-inputs start as images."""
        self.pseudo_inputs = nn.Parameter(images[:COMPONENTS].clone())

    def embed(self, images):
        return self.mean(self.encoder(images))

    def posterior(self, images):
        features = self.encoder(images)
        return self.mean(features), self.logvar(features)

    def latent(self, images):
        """A point of the latent space for each image, and the KL of its posterior to the prior, where it has one."""
        if self.logvar is None:
            return self.embed(images), 0.0
        mean, logvar = self.posterior(images)
        z = mean + torch.randn_like(mean) * (logvar / 2).exp()
        return z, (mean, logvar, z)

    def kl(self, mean, logvar, z):
        """One sample's estimate, in nats, averaged over the images."""
        prior_mean, prior_logvar = self.posterior(self.pseudo_inputs.clamp(0, 1))
        log_density = lambda z, mean, logvar: -0.5 * (logvar + (z - mean) ** 2 / logvar.exp() + math.log(2 * math.pi)).sum(-1)
        of_prior = torch.logsumexp(log_density(z[:, None], prior_mean, prior_logvar), 1) - math.log(COMPONENTS)
        return (log_density(z, mean, logvar) - of_prior).mean()

    def unsupervised(self, images):
        """The mean over the images of the squared error summed over pixels, and the KL term."""
        z, posterior = self.latent(images)
        value = F.mse_loss(self.decoder(z), images, reduction="sum") / len(images)
        return value if self.logvar is None else value + self.kl(*posterior)


class Images(Dataset):
    """As a Dataset is mostly written: an image at a time, through a transform."""

    def __init__(self, images, labels, transform):
        self.images, self.labels, self.transform = images, labels, transform

    def __len__(self):
        return len(self.images)

    def __getitem__(self, i):
        return self.transform(self.images[i]), int(self.labels[i])


class Usual:
    """What a tutorial has."""

    flush_denormals = False

    def __init__(self):
        distance = distances.LpDistance(p=2, normalize_embeddings=False)
        self.miner = miners.TripletMarginMiner(margin=MARGIN, type_of_triplets="all", distance=distance)
        self.loss = losses.TripletMarginLoss(margin=MARGIN, distance=distance)

    @staticmethod
    def data(images, labels):
        return Images(images, labels, lambda image: torch.from_numpy(image).flatten().float() / 255)

    @staticmethod
    def batches(data, size):
        return DataLoader(data, batch_size=size, shuffle=True)

    @staticmethod
    def some(data, rows):
        return torch.utils.data.Subset(data, rows)

    @staticmethod
    def blocks(data):
        return DataLoader(data, batch_size=500)

    @staticmethod
    def optimiser(parameters):
        return torch.optim.Adam(parameters, lr=1e-3)

    def metric_loss(self, z, labels):
        return self.loss(z, labels, self.miner(z, labels))


class Tuned:
    """What somebody writes who has looked at a profile."""

    flush_denormals = True

    @staticmethod
    def data(images, labels):
        return torch.from_numpy(images.reshape(len(images), -1)).float() / 255, torch.from_numpy(labels)

    @staticmethod
    def batches(data, size):
        images, labels = data
        for rows in torch.randperm(len(images)).split(size):
            yield images.index_select(0, rows), labels.index_select(0, rows)

    @staticmethod
    def some(data, rows):
        rows = torch.from_numpy(rows)
        return data[0][rows], data[1][rows]

    @staticmethod
    def blocks(data):
        return zip(data[0].split(500), data[1].split(500))

    @staticmethod
    def optimiser(parameters):
        return torch.optim.Adam(parameters, lr=1e-3, fused=True)

    def metric_loss(self, z, labels):
        """Pairs of one class against all of the other classes: a small part of all [b, b, b] triplets."""
        distance = torch.cdist(z, z)
        same = labels[:, None] == labels
        anchors, positives = same.clone().fill_diagonal_(False).nonzero(as_tuple=True)
        violation = (distance[anchors, positives] + MARGIN)[:, None] - distance[anchors]
        active = (violation > 0) & ~same[anchors]
        return (violation * active).sum() / active.sum().clamp_min(1)


def endless(make):
    while True:
        yield from make()


class Training:
    """A model and its optimiser, and one epoch of their training."""

    def __init__(self, peer, model, data, labelled, batch, n):
        self.peer, self.model, self.data, self.batch, self.steps = peer, model, data, batch, math.ceil(n / batch)
        if model.logvar is not None:
            images, _ = next(iter(peer.batches(data, COMPONENTS)))
            model.start_prior(images)
        self.optimiser = peer.optimiser(model.parameters())
        self.labelled = endless(lambda: peer.batches(labelled, batch))

    def epoch(self, supervised, unsupervised):
        """With these weights of both losses; as many steps as the images have batches."""
        model, total = self.model, 0.0
        # A model without an unsupervised loss looks at no unlabelled image.
        batches = self.peer.batches(self.data, self.batch) if unsupervised else repeat((None, None), self.steps)
        for images, _ in batches:
            self.optimiser.zero_grad()
            loss = 0.0
            if unsupervised:
                loss = loss + unsupervised * model.unsupervised(images)
            if supervised:
                images, labels = next(self.labelled)
                loss = loss + supervised * self.peer.metric_loss(model.latent(images)[0], labels)
            loss.backward()
            self.optimiser.step()
            if model.pseudo_inputs is not None:
                with torch.no_grad():
                    model.pseudo_inputs.clamp_(0, 1)
            total += loss.item()
        return total


def factors(alpha, epoch):
    """The thesis's rule: odd epochs have both losses, even ones the reconstruction; at alpha = 1 there is no other."""
    return (1 - alpha if epoch % 2 else 0.0, alpha)


def score(embeddings, labels):
    """Accuracy and agreement of kNN, fitted on two thirds of the embeddings and asked about the rest, three times."""
    accuracies, agreements = [], []
    for fit, ask in KFold(3, shuffle=True, random_state=0).split(embeddings):
        predicted = KNeighborsClassifier().fit(embeddings[fit], labels[fit]).predict(embeddings[ask])
        accuracies.append(np.mean(predicted == labels[ask]))
        agreements.append(adjusted_mutual_info_score(labels[ask], predicted))
    return {"accuracy": float(np.mean(accuracies)), "ami": float(np.mean(agreements))}


class Answers:
    def __init__(self, peer, folder):
        self.peer, self.folder, self.trainings, self.optimiser = peer, folder, {}, None

    def trial(self, percent, alpha, epochs):
        (images, labels), (test_images, test_labels) = mnist(self.folder, "train"), mnist(self.folder, "t10k")
        rows = np.random.default_rng(0).permutation(len(images))[: int(len(images) * percent / 100)]
        data = self.peer.data(images, labels)
        model = Model("dml_autoencoder", "mlp")
        training = Training(self.peer, model, data, self.peer.some(data, rows), 64, len(images))
        for epoch in range(1, epochs + 1):
            training.epoch(*factors(alpha, epoch))
        with torch.no_grad():
            blocks = self.peer.blocks(self.peer.data(test_images, test_labels))
            embeddings = torch.cat([model.embed(block) for block, _ in blocks]).numpy()
        return score(embeddings, test_labels)

    def step(self, system, network, batch, steps):
        """As many steps as asked for, on as many batches of images, a tenth of which have a label."""
        name = system, network, batch
        if name not in self.trainings:
            images, labels = mnist(self.folder, "train")
            n = steps * batch
            data = self.peer.data(images[:n], labels[:n])
            labelled = self.peer.some(data, np.arange(n // 10))
            self.trainings[name] = Training(self.peer, Model(system, network), data, labelled, batch, n)
        self.trainings[name].epoch(*{"dml": (1.0, 0.0)}.get(system, (0.5, 0.5)))
        return {}

    def adam(self, steps):
        """With a gradient that stays."""
        if self.optimiser is None:
            parameters = list(Model("dml_autoencoder", "mlp").parameters())
            sum(parameter.square().sum() for parameter in parameters).backward()
            self.optimiser = self.peer.optimiser(parameters)
        for _ in range(steps):
            self.optimiser.step()
        return {}

    def __call__(self, request):
        work = getattr(self, request.pop("do"))
        wall, processor = time.perf_counter(), time.process_time()
        answer = work(**request)
        return {**answer, "seconds": time.perf_counter() - wall, "processor": time.process_time() - processor}


if __name__ == "__main__":
    peer = {"usual": Usual, "tuned": Tuned}[sys.argv[1]]()
    torch.manual_seed(0)
    torch.set_num_threads(1)
    torch.set_flush_denormal(peer.flush_denormals)
    answers = Answers(peer, sys.argv[2])
    for line in sys.stdin:
        print(json.dumps(answers(json.loads(line))), flush=True)

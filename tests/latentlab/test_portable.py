"""Decoders without PyTorch: the same pictures, or a reason why there are none."""

import base64
import json

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from latentlab.data.batches import to_pictures
from latentlab.decoding import Places, decode
from latentlab.errors import NotPortable
from latentlab.models import build_model
from latentlab.models.likelihoods import LIKELIHOODS
from latentlab.models.networks import NETWORKS
from latentlab.models.networks.custom import Custom
from latentlab.models.vae import VAE
from latentlab.portable import export
from latentlab.portable.export import portable
from latentlab.portable.interpreter import run

WIDTHS = {"conv": (6, 8), "deep_conv": (6, 8), "mlp": (12,), "residual": (6, 8), "burgess": ()}


def lively(model, seed=0):
    """The model with statistics and weights as training leaves them, so that no step is idle."""
    generator = torch.Generator().manual_seed(seed)

    def drawn(like, low, high):
        return torch.rand(like.shape, generator=generator) * (high - low) + low

    with torch.no_grad():
        for layer in model.modules():
            if isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
                layer.weight.mul_(2)
            if isinstance(layer, nn.BatchNorm2d | nn.GroupNorm):
                layer.weight.copy_(drawn(layer.weight, 0.5, 1.5))
                layer.bias.copy_(drawn(layer.bias, -0.5, 0.5))
            if isinstance(layer, nn.BatchNorm2d):
                layer.running_mean.copy_(drawn(layer.running_mean, -0.5, 0.5))
                layer.running_var.copy_(drawn(layer.running_var, 0.2, 2.0))
    return model.eval()


def in_halves(model):
    """The model with weights that 16 bits hold exactly: then a program must agree to the last."""
    with torch.no_grad():
        for weights in model.parameters():
            weights.copy_(weights.half().float())
    return model


def small(name="vae", *, channels=3, side=20, seed=0, **settings):
    model = build_model(name, settings, channels=channels, side=side, seed=seed)
    return in_halves(lively(model, seed))


def codes_for(model, count=50, seed=0):
    shape = (count, model.latents + len(model.conditions))
    return np.random.default_rng(seed).normal(size=shape) * 2


def exact(model, codes):
    """The model's own mean pictures, (n, side, side, channels), not rounded."""
    z, context = codes[:, : model.latents], codes[:, model.latents :]
    with torch.no_grad():
        told = torch.from_numpy(context).float() if model.conditions else None
        made = model.decode(torch.from_numpy(z).float(), told)
    return made.permute(0, 2, 3, 1).numpy()


def check(model, within=1e-4):
    codes = codes_for(model)
    program = portable(model, codes)
    wanted = exact(model, codes)
    assert wanted.std(axis=0).max() > 0.01  # the pictures depend on the code
    assert np.abs(run(program, codes) - wanted).max() < within
    assert program.deviation <= 1
    assert program.checked == len(codes)
    return program


@pytest.mark.parametrize("network", sorted(NETWORKS))
@pytest.mark.parametrize(("side", "channels"), [(20, 3), (29, 1)])
def test_every_network_gives_the_same_pictures(network, side, channels):
    model = small(network=network, widths=WIDTHS[network], latents=4, side=side, channels=channels)
    # The scales and shifts that batch statistics come to are rounded whatever the weights are.
    check(model, within=2e-3 if network == "deep_conv" else 1e-4)


@pytest.mark.parametrize("likelihood", sorted(LIKELIHOODS))
@pytest.mark.parametrize("channels", [1, 3])
def test_every_likelihood_gives_its_mean_or_a_reason(likelihood, channels):
    model = small(likelihood=likelihood, widths=(6,), latents=4, channels=channels, side=16)
    if likelihood == "autoregressive":
        with pytest.raises(NotPortable, match="Autoregressive"):
            portable(model, codes_for(model))
    else:
        with torch.no_grad():  # larger outputs, so that both branches of a mean are taken
            model.decoder.expand.weight.mul_(8)
        check(model)


def test_sharp_and_wide_mixtures_have_the_same_mean():
    model = small(likelihood="logistic_mixture", widths=(6,), latents=4, side=16)
    for shift in (-6.0, -1.0):
        with torch.no_grad():
            model.decoder.pixels[-1].bias[20:35] = shift  # logarithms of scales
        check(in_halves(model))


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("vae", {"masked": True}),
        ("autoencoder", {}),
        ("flow_vae", {"flow": "planar"}),
        ("hierarchical_vae", {"upper_latents": 3}),
        ("conditional_vae", {"conditions": ("Smiling", "Male"), "masked": True}),
    ],
)
def test_every_model_gives_the_same_pictures(name, settings):
    program = check(small(name, widths=(6,), latents=4, **settings))
    assert program.inputs == {"hierarchical_vae": 7, "conditional_vae": 6}.get(name, 4)


@pytest.mark.parametrize("name", ["vq_vae", "vq_vae_2"])
def test_codes_on_a_grid_cannot_be_carried(name):
    model = build_model(name, {}, channels=3, side=32, seed=0)
    with pytest.raises(NotPortable, match="grid of codes"):
        portable(model, codes_for(model, 2))


def with_decoder(decoder, side, latents=3, channels=3):
    """A model with this decoder; the encoder is not looked at."""
    network = Custom(
        lambda channels, side: nn.Flatten(),
        lambda inputs, outputs, side: decoder,
        "own",
        channels,
        side,
    )
    whole = build_model(
        "vae", {"widths": (2,), "latents": latents}, channels=channels, side=8, seed=0
    )
    made = network.decoder(latents, channels)
    return in_halves(lively(VAE(nn.Flatten(), whole.head, made, whole.likelihood, latents)))


GEOMETRY = [
    (kernel, stride, padding, dilation, extra)
    for kernel in (1, 2, 3, 4)
    for stride in (1, 2, 3)
    for padding in (0, 1, 2)
    for dilation in (1, 2)
    for extra in (0, 1)
    if padding <= kernel // 2 and extra < max(stride, dilation) and dilation * (kernel - 1) < 7
]


def test_convolutions_of_every_geometry_agree():
    torch.manual_seed(0)
    tried = 0
    for kernel, stride, padding, dilation, extra in GEOMETRY:
        up = nn.ConvTranspose2d(
            2, 3, kernel, stride=stride, padding=padding, dilation=dilation, output_padding=extra
        )
        down = nn.Conv2d(
            2, 3, (kernel, 1), stride=(stride, 1), padding=(padding, 0), dilation=dilation
        )
        for layer in (up, down):
            body = nn.Sequential(nn.Linear(3, 2 * 7 * 7), nn.Unflatten(1, (2, 7, 7)), layer)
            with torch.no_grad():
                shape = body(torch.zeros(1, 3)).shape
            if min(shape) < 1:
                continue
            square = min(shape[2:])
            model = with_decoder(body, square) if shape[2] == shape[3] else as_model(body)
            codes = codes_for(model, 4)
            assert np.abs(run(portable(model, codes), codes) - exact(model, codes)).max() < 1e-4
            tried += 1
    assert tried > 80


def as_model(decoder, latents=3):
    """The same for maps that are not square, which no network of latentlab would make."""
    whole = build_model("vae", {"widths": (2,), "latents": latents}, channels=3, side=8, seed=0)
    return in_halves(VAE(nn.Flatten(), whole.head, decoder, whole.likelihood, latents).eval())


class Free(nn.Module):
    """A user's decoder: functions, methods, branches and sums instead of a chain of layers."""

    def __init__(self, odd=False):
        super().__init__()
        self.dense = nn.Linear(3, 4 * 6 * 6)
        self.one = nn.Conv2d(4, 4, 3, padding=1)
        self.two = nn.Conv2d(8, 3, 3, padding=1)
        self.gate = nn.Linear(3, 4)
        self.normal = nn.GroupNorm(2, 4)
        self.odd = odd

    def forward(self, z):
        x = functional.leaky_relu(self.dense(z), 0.1).view(z.shape[0], 4, 6, 6)
        gate = torch.sigmoid(self.gate(z)).reshape(-1, 4, 1, 1)
        y = x + self.normal(self.one(x)) * gate
        y = functional.elu(2 * y + 0.5).tanh()
        left, right = y.chunk(2, dim=1)
        y = torch.cat([right, left, functional.gelu(x)], dim=1)
        y = functional.interpolate(y, scale_factor=2, mode="bilinear", align_corners=self.odd)
        y = functional.interpolate(functional.softplus(y), size=(31, 31))
        return self.two(functional.silu(y))


@pytest.mark.parametrize("corners", [False, True])
def test_a_decoder_that_somebody_wrote_is_followed_through_its_own_code(corners):
    torch.manual_seed(1)
    check(with_decoder(Free(corners), 31))


class Subclass(nn.Linear):
    def forward(self, x):
        return super().forward(x).abs()


class Branching(nn.Module):
    def __init__(self):
        super().__init__()
        self.dense = nn.Linear(3, 3 * 4 * 4)

    def forward(self, z):
        x = self.dense(z)
        return (x if x.mean() > 0 else -x).view(-1, 3, 4, 4)


def head():
    return nn.Linear(3, 3 * 4 * 4), nn.Unflatten(1, (3, 4, 4))


@pytest.mark.parametrize(
    ("decoder", "reason"),
    [
        (lambda: nn.Sequential(*head(), nn.PReLU()), "layer of the kind PReLU"),
        (
            lambda: nn.Sequential(nn.Linear(3, 3), Subclass(3, 48), nn.Unflatten(1, (3, 4, 4))),
            "calls linear$",
        ),
        (lambda: nn.Sequential(*head(), nn.Conv2d(3, 3, 1, groups=3)), "convolution in groups"),
        (
            lambda: nn.Sequential(*head(), nn.Conv2d(3, 3, 3, padding=1, padding_mode="reflect")),
            "reflect",
        ),
        (Branching, "step by step"),
        (lambda: nn.Sequential(*head(), nn.InstanceNorm2d(3)), "InstanceNorm2d"),
    ],
)
def test_what_is_not_known_is_refused_by_name(decoder, reason):
    model = with_decoder(decoder(), 4)
    with pytest.raises(NotPortable, match=reason):
        portable(model, codes_for(model))


def test_a_layer_that_does_something_else_on_the_side_cannot_give_a_wrong_picture():
    model = small(widths=(6,), latents=4)
    model.decoder.expand.register_forward_hook(lambda layer, given, made: made * 1.5)
    with pytest.raises(NotPortable, match="grey levels"):
        portable(model, codes_for(model))


def test_weights_that_16_bits_cannot_hold_are_refused():
    model = small(widths=(6,), latents=4)
    with torch.no_grad():
        model.decoder.expand.weight[0, 0] = 1e6
    with pytest.raises(NotPortable, match="16 bits cannot hold"):
        portable(model, codes_for(model))


def test_a_model_that_16_bits_spoil_is_refused():
    model = small(widths=(6,), latents=4)
    with torch.no_grad():  # two large numbers that cancel, but for what rounding takes away
        model.decoder.pixels[-1].bias.add_(3000.7)
        model.decoder.pixels[-1].weight.zero_()
    model.likelihood.mean = lambda parameters: (parameters - 3000.7).sigmoid()
    with pytest.raises(NotPortable, match="grey levels"):
        portable(model, codes_for(model))


def test_a_large_decoder_is_refused_with_its_size():
    model = build_model("vae", {"network": "mlp"}, channels=3, side=64, seed=0)
    with pytest.raises(NotPortable, match=r"9\.9 MB of 16-bit weights, and a page carries 4 MB"):
        portable(model, codes_for(model, 2))


def test_a_decoder_that_would_take_seconds_a_picture_is_refused(monkeypatch):
    model = small(widths=(6,), latents=4)
    monkeypatch.setattr(export, "MOST_WORK", 10_000)
    with pytest.raises(NotPortable, match="multiplications"):
        portable(model, codes_for(model))


def test_16_bits_change_pictures_by_a_grey_level_at_most():
    model = lively(build_model("vae", {"latents": 32}, channels=3, side=64, seed=0))
    codes = codes_for(model, 10)
    program = portable(model, codes)
    pictures = decode(model, Places(codes))
    assert pictures.std() > 20  # not flat
    levels = np.round(run(program, codes) * 255)
    assert np.abs(levels - pictures).max() == program.deviation <= 1
    assert program.weights.nbytes == 2 * sum(w.numel() for w in model.decoder.parameters())


def test_json_holds_all_of_it():
    model = small(widths=(6,), latents=4)
    program = portable(model, codes_for(model))
    plain = json.loads(json.dumps(program.plain()))
    halves = np.frombuffer(base64.b64decode(plain["weights"]), "<f2")
    np.testing.assert_array_equal(halves, program.weights)
    assert [op["kind"] for op in plain["ops"]] == [op.kind for op in program.ops]
    assert plain["ops"][-1]["shape"] == [20, 20, 3]


def test_the_reference_stays_as_it_was():
    """Checking leaves the model alone."""
    model = small(widths=(6,), latents=4)
    codes = codes_for(model, 3)
    before = to_pictures(torch.from_numpy(exact(model, codes)).permute(0, 3, 1, 2))
    portable(model, codes)
    after = to_pictures(torch.from_numpy(exact(model, codes)).permute(0, 3, 1, 2))
    np.testing.assert_array_equal(before, after)

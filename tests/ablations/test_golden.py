"""The numbers of every built-in variant, held still.

A stored run is found again by its key, and a key knows the code only by its revisions: if a number
here moves, stored runs no longer are what this code gives, and a revision has to be raised.
"""

from __future__ import annotations

import hashlib

import pytest
import torch
import yaml

from ablations.programs import initial_model
from lenet_variants import catalogue

CPU = torch.device("cpu")
RECIPE = {
    "optimizer": "sgd",
    "learning_rate": 0.1,
    "momentum": 0.9,
    "epochs": 3,
    "batch_size": 100,
}

# sha256 of the initial weights of seed 0 (names and bytes of the state dict in its order), then the
# training losses of three steps on one batch: 100 digits of 28x28, SGD at 0.1 with momentum 0.9.
# (0.001 where rounding errors grow at 0.1: scores that are squared distances, and batch norm).
# Not Adam, which divides by tiny gradients and so turns another CPU's rounding into another loss.
SMALL_STEPS = {"lenet5-1998": 0.001, "lenet-bn": 0.001, "lenet-modern": 0.001}
REVISIONS = {"lenet": 2, "mlp": 1}
"""The revisions of the families under which the numbers below were stored."""

GOLDEN = {
    "lenet": (
        "4810844949473c94427904780e1c5144803728a28a6945d622bf86a9b68cb702",
        (2.317086, 2.310845, 2.304454),
    ),
    "lenet-relu": (
        "4810844949473c94427904780e1c5144803728a28a6945d622bf86a9b68cb702",
        (2.304042, 2.303104, 2.301505),
    ),
    "lenet-avg": (
        "4810844949473c94427904780e1c5144803728a28a6945d622bf86a9b68cb702",
        (2.317076, 2.310836, 2.304446),
    ),
    "lenet-narrow": (
        "c875844add3869bc5bfdec057f150f5aed26edc793e8da262b01d3efeb2b755a",
        (2.326606, 2.317005, 2.306492),
    ),
    "lenet-wide": (
        "d3e8d618a4e85724f2b4038c6246bd871916adb858b188fa455bd7da0383cf5e",
        (2.352650, 2.331604, 2.309603),
    ),
    "lenet-d2l": (
        "71e705be293125ebdd7508f66d05dfbaa539f298333dc94848aec15b883c4e0e",
        (2.347915, 2.330157, 2.310736),
    ),
    "lenet-bn": (
        "0669a264ef2f08206809ce3e1cb50d2e982220293cc8667bd55969e1a45a9e09",
        (2.325111, 2.323218, 2.319637),
    ),
    "lenet5-1998": (
        "74a20ca7046be639e0197738337805d53c88204c0d26d0e54065c35f6a1e587b",
        (4.742642, 3.912347, 3.183182),
    ),
    "lenet5": (
        "4810844949473c94427904780e1c5144803728a28a6945d622bf86a9b68cb702",
        (2.302918, 2.300176, 2.294989),
    ),
    "net1": (
        "811e16fc9615c92a42cb0a4ac6dc8428196a22f8782582ae8be95ff2e888773c",
        (2.315635, 2.101660, 1.811277),
    ),
    "net2": (
        "c6ac59d6f2d237a7c9d6f67d225c9b609cb08823fd95b9a9d2d0bc855e05fcc4",
        (2.359950, 2.235754, 2.115654),
    ),
    "net3": (
        "f95ee79f03d972140f2f47e870cad91e710192edca51217dac6e01d97e27c7df",
        (2.290182, 2.280020, 2.261177),
    ),
    "net4": (
        "bf375a314fa090e83ebc24dfdd813996761415d43c822f1c9c7b702ec1dd97c4",
        (2.305584, 2.287307, 2.254913),
    ),
    "net5": (
        "43cab70dee517cdca7d6e2d45a559a458162995af289be8f3f9f594d3cc104e0",
        (2.327742, 2.274242, 2.185998),
    ),
    "lenet1-1989": (
        "debfb3c6c4917620ec231fa4137ecb5903140dc8cbadb8e1a531ca0bb193d626",
        (2.311118, 2.296669, 2.271145),
    ),
    "lenet-modern": (
        "bdf7bde11e782ac664d8c451ac47c8e96d9320065733e3b426ce9db9325cc47e",
        (2.290461, 2.278781, 2.257487),
    ),
    "lenet-gap": (
        "a47abd85b4f35736e1ba57637d34da757e3b07cbb2e71f4633b641109b3fab82",
        (2.340594, 2.335964, 2.328291),
    ),
    "locally-connected": (
        "35ffac3d398d47e69b7e49ee73815f4a7956e7e884b8d830618df8eb46fe3e0b",
        (2.327311, 2.317397, 2.306481),
    ),
    "mlp": (
        "ebf28259a71194d476b578f300c8c4cc4dff291f88d7b55a787620d2ff19a700",
        (2.324311, 2.272511, 2.189178),
    ),
    "softmax": (
        "811e16fc9615c92a42cb0a4ac6dc8428196a22f8782582ae8be95ff2e888773c",
        (2.315635, 2.101660, 1.811277),
    ),
    "mlp-matched": (
        "f52ac41301b1a54da155a4d1b722025e880c9b6829a6674a9fe82eed3e8bcc8c",
        (2.307382, 2.266261, 2.211020),
    ),
}


@pytest.fixture(params=catalogue.names())
def golden_run(request, plan):
    """The run of a variant on 100 digits, made large enough for every one."""
    found = catalogue.find(request.param)
    # A matched variant cannot be a control at its matched size; at its card's own it can.
    levels = {"hidden": list(found.resolve({})["hidden"])} if found.matched_to else {}
    made = plan(
        control={"variant": request.param, "levels": levels},
        design="arms",
        factors={},
        seeds=[0],
        dataset={"name": "digits", "subset": 100, "image_size": [28, 28]},
        recipe={**RECIPE, "learning_rate": SMALL_STEPS.get(request.param, RECIPE["learning_rate"])},
    )
    return made.runs[0]


def weights_digest(model: torch.nn.Module) -> str:
    digest = hashlib.sha256()
    for name, value in model.state_dict().items():
        digest.update(name.encode())
        digest.update(value.numpy().tobytes())
    return digest.hexdigest()


# The same digest for levels that bring weights of their own and that no variant has.
LEVELS = {
    "pooling=strided_conv": "e60fac7c2db08a36f643a65d7ae69b3a3935907a0acf9bf35f69785e17017f13",
    "norm=group": "bc688e9b8255f8fe0bb2390b511e0fd854c9442c8e797424e2ecf400c748793f",
    "weights=local": "fab21f87dd6a5cffe7973771c94ede11ddc2700fb6e71fc095903d8c43b69847",
    "bias=unit": "89cbbaa05a233f9ab752f4334114438a8ebd838f1f20e659ee2b71d88ef6a918",
    "padding=2": "d7025f3bb567735d959e867f735b52d5fc7ebcc674cb6c34a73d9a4f0c3531f0",
    "output=rbf": "8f510250a4d809e208b39ad41290c9cbb976e70e9e299000060a65fb7441cca3",
}


def test_the_numbers_are_of_the_present_revisions():
    present = {card.family: card.revision for card in map(catalogue.find, catalogue.names())}
    assert present == REVISIONS, "store new numbers where they moved, then the new revision"


def test_golden_numbers_cover_every_built_in_variant():
    assert set(GOLDEN) == set(catalogue.names()), "add the new variant's numbers to GOLDEN"


@pytest.mark.skipif(
    torch.backends.cpu.get_cpu_capability() not in ("AVX2", "AVX512"),
    reason="without fused multiply-add the last bit of a draw differs; the losses below still hold",
)
def test_initial_weights_are_the_stored_ones(golden_run):
    found = weights_digest(initial_model(golden_run, CPU))
    family = catalogue.find(golden_run.variant).family
    assert found == GOLDEN[golden_run.variant][0], (
        f"{golden_run.variant}: the initial weights moved to {found}; if that is meant, raise "
        f"`revision` of the {family!r} cards in lenet_variants/catalogue.py (or TRAINING_REVISION "
        "in ablations/record.py, if every variant moved) and store the new digest"
    )


@pytest.mark.skipif(
    torch.backends.cpu.get_cpu_capability() not in ("AVX2", "AVX512"),
    reason="without fused multiply-add the last bit of a draw differs",
)
@pytest.mark.parametrize("setting", LEVELS)
def test_initial_weights_at_other_levels_are_the_stored_ones(run, setting):
    level, _, value = setting.partition("=")
    control = {"variant": "lenet", "levels": {level: yaml.safe_load(value)}}
    dataset = {"name": "digits", "subset": 100, "image_size": [28, 28]}
    found = weights_digest(initial_model(run(control=control, dataset=dataset), CPU))
    assert found == LEVELS[setting], (
        f"lenet with {setting}: the initial weights moved to {found}; if that is meant, raise "
        "`revision` in lenet_variants/catalogue.py and store the new digest"
    )


def test_training_losses_are_the_stored_ones(golden_run, train):
    found = train(golden_run).curves["train/loss"]
    assert found == pytest.approx(GOLDEN[golden_run.variant][1], abs=3e-5, rel=0), (
        f"{golden_run.variant}: the training losses moved to {found}; if that is meant, raise "
        "TRAINING_REVISION in ablations/record.py (or `revision` of the card's family in "
        "lenet_variants/catalogue.py, if only its networks moved) and store the new losses"
    )

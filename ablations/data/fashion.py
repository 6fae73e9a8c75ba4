"""Fashion-MNIST: the pinned files and the two ways to fetch them.

Read by `sources`. The digests are of the unpacked idx files, because the zip files differ between
publishers in their headers (Debian strips name and time) while what they hold does not.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from ablations.data import debian, idx, mirrors
from ablations.data.published import Pin, PublishedSet, Route

PACKAGE = "dataset-fashion-mnist"

_SHA256 = (
    "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
)


def fetch_from_debian(folder: Path) -> None:
    """Put the four `.gz` files into `folder`, from the Debian package."""
    root = debian.unpack_package(PACKAGE, folder)
    for path in (root / "usr/share/datasets/fashion-mnist").glob("*.gz"):
        path.replace(folder / path.name)


FASHION_MNIST = PublishedSet(
    name="fashion-mnist",
    torchvision_name="FashionMNIST",
    source="Fashion-MNIST, Xiao, Rasul, Vollgraf 2017 (arXiv 1708.07747), MIT; its own split",
    class_names=(
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ),
    pins={stem: Pin("sha256", digest) for stem, digest in zip(idx.STEMS, _SHA256, strict=True)},
    routes=(
        Route("torchvision's download", partial(mirrors.fetch_idx_files, "FashionMNIST")),
        Route(f"the Debian package {PACKAGE}", fetch_from_debian),
    ),
    way_out=(
        "put the four files (.gz or unpacked) of github.com/zalandoresearch/fashion-mnist into a "
        f"folder and name it with --data-dir or ABLATIONS_DATA; or `apt-get install {PACKAGE}`; "
        "or use `dataset: digits`, which needs no download"
    ),
)

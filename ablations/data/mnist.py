"""MNIST and Kuzushiji-MNIST: the pinned files and torchvision's mirrors.

Read by `sources`. The digests are the published ones, of the `.gz` files, so these are kept packed.
"""

from __future__ import annotations

from functools import partial

from ablations.data import idx, mirrors
from ablations.data.published import Pin, PublishedSet, Route

_MNIST_MD5 = (
    "f68b3c2dcbeaaa9fbdd348bbdeb94873",
    "d53e105ee54ea40749a09fcbcd1e9432",
    "9fb629c4189551a2d022fa330f9573f3",
    "ec29112dd5afa0611ce80d1b7f02629c",
)
_KMNIST_MD5 = (
    "bdb82020997e1d708af4cf47b453dcf7",
    "e144d726b3acfaa3e44228e80efcd344",
    "5c965bf0a639b31b8f53240b1b52f4d7",
    "7320c461ea6c1c855c0b718fb2a4b134",
)
_WAY_OUT = (
    "put the four published .gz files into a folder and name it with --data-dir or ABLATIONS_DATA; "
    "or use `idx:FOLDER` for files from elsewhere, or `dataset: digits`, which needs no download"
)


def _pins(digests: tuple[str, ...]) -> dict[str, Pin]:
    return {
        stem: Pin("md5", digest, packed=True)
        for stem, digest in zip(idx.STEMS, digests, strict=True)
    }


MNIST = PublishedSet(
    name="mnist",
    torchvision_name="MNIST",
    source="MNIST, LeCun, Cortes, Burges 1998, usually quoted as CC BY-SA 3.0; its own split",
    class_names=tuple("0123456789"),
    pins=_pins(_MNIST_MD5),
    routes=(Route("torchvision's download", partial(mirrors.fetch_idx_files, "MNIST")),),
    way_out=_WAY_OUT,
)

KMNIST = PublishedSet(
    name="kmnist",
    torchvision_name="KMNIST",
    source="Kuzushiji-MNIST, Clanuwat et al. 2018 (arXiv 1812.01718), CC BY-SA 4.0; its own split",
    class_names=("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"),
    pins=_pins(_KMNIST_MD5),
    routes=(Route("torchvision's download", partial(mirrors.fetch_idx_files, "KMNIST")),),
    way_out=_WAY_OUT,
)

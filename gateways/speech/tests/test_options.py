"""Ports and models as they are written on the command line."""

import pytest

from gateways.speech.chosen_model import serve_another
from gateways.speech.ports import Port, parse_ports


def test_port_names_its_generation_or_is_one_that_clients_know():
    assert parse_ports(["50051", "50052", "6000:older", "50052:current"][:3]) == (
        Port(50051, "current"),
        Port(50052, "older"),
        Port(6000, "older"),
    )
    assert parse_ports(["50052:current"]) == (Port(50052, "current"),)


@pytest.mark.parametrize("texts", [["x"], ["70000"], ["-1"], ["50051:newer"], ["50051", "50051:older"], [""]])
def test_what_is_no_port_is_refused(texts):
    with pytest.raises(ValueError, match=r"."):
        parse_ports(texts)


@pytest.mark.parametrize(
    ("asked", "served", "wrong"),
    [
        ("", {"base"}, False),
        ("base", {"base"}, False),
        ("base", set(), False),
        ("turbo", {"large-v3-turbo"}, False),
        ("large", {"large-v3"}, False),
        ("large-v3", {"base"}, True),
        ("base", {"base", "small"}, True),
    ],
)
def test_model_that_the_workers_do_not_serve_is_named(asked, served, wrong):
    said = serve_another(asked, served)
    assert bool(said) == wrong
    assert not wrong or asked in said

"""The keyword arguments of the functions that send are said once, and both twins take the same."""

from dataclasses import fields
from inspect import getdoc

import pytest

from streamdcm import dicomweb, dimse
from streamdcm.network.failures import pause_after
from streamdcm.network.settings import (
    AssociationOptions,
    AssociationSettings,
    StoreOptions,
    StoreSettings,
    WebOptions,
    WebSettings,
)


@pytest.mark.parametrize(
    ("options", "settings"),
    [(StoreOptions, StoreSettings), (AssociationOptions, AssociationSettings), (WebOptions, WebSettings)],
)
def test_each_argument_has_a_default_and_a_description(options: type, settings: type) -> None:
    names = list(options.__annotations__)
    assert sorted(names) == sorted(field.name for field in fields(settings))
    described = "\n".join(getdoc(kind) or "" for kind in (options, StoreOptions))
    assert all(f"\n{name} : " in described for name in names)


@pytest.mark.parametrize("face", [dimse, dicomweb])
def test_an_argument_that_there_is_not_is_refused_with_the_one_that_is_meant(face) -> None:
    with pytest.raises(TypeError, match="'worker'; did you mean workers"):
        face.store("dicom://host", [], worker=2)


@pytest.mark.parametrize("face", [dimse, dicomweb])
def test_the_twin_says_what_the_other_one_says(face) -> None:
    for heading in ("Parameters", "Returns", "Raises", "Examples", "**kwargs"):
        assert heading in face.store_async.__doc__


def test_pauses_grow_to_about_a_minute():
    pauses = [pause_after(attempts) for attempts in range(1, 3000)]
    assert pauses[:4] == [0.25, 0.5, 1, 2]
    assert pauses == sorted(pauses)
    assert 60 <= pauses[-1] <= 70
    assert pause_after(3000, 0.5) == 0.5

"""docs/aws.md says what the code does."""

from __future__ import annotations

from tests.aws import pages


def test_its_sections_are_there() -> None:
    headings = {line.removeprefix("## ") for line in pages.text().splitlines()}
    assert set(pages.SECTIONS) <= headings


def test_every_option_of_a_deployment_is_documented_and_no_other() -> None:
    assert len(pages.options()) > 20
    assert pages.documented() == pages.options()


def test_prices_are_those_of_the_catalog() -> None:
    assert pages.prices() == pages.dearest()


def test_names_and_tags_are_those_of_what_is_created() -> None:
    assert pages.unnamed() == []

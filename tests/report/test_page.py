"""The page: well formed, self-contained, accessible, and honest about what did not run."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from functools import cache
from html.parser import HTMLParser

import pytest

from parity.record.json import from_json, to_json
from parity.record.records import STATUSES, ModelSection, RunRecord
from parity.report import render
from parity.report.markup import tag
from parity.report.page import headline, shown
from parity.show import wording
from tests.report.sample import record

VOID = {"meta", "br", "col"}


class Outline(HTMLParser):
    """Elements of a page in order, with their attributes, depth checked."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


@cache
def outline() -> Outline:
    parsed = Outline()
    parsed.feed(render(record()))
    parsed.close()
    return parsed


def test_every_element_is_closed_in_order() -> None:
    assert outline().open == []
    assert outline().elements[0][0] == "html"


def test_nothing_is_loaded_and_nothing_runs() -> None:
    page = render(record())
    names = {name for name, _ in outline().elements}
    assert names.isdisjoint({"script", "link", "img", "iframe", "object", "embed", "base", "form", "video"})
    attributes = {key for _, found in outline().elements for key in found}
    assert attributes.isdisjoint({"src", "srcset", "onclick", "onload", "xlink:href"})
    assert not re.search(r"@import|@font-face|https?:|//[a-z]", page)
    assert set(re.findall(r"url\(([^)]*)\)", page)) <= {"#hatch-failed", "#hatch-soft"}
    policies = [found["content"] for _, found in outline().elements if "http-equiv" in found]
    assert policies == ["default-src 'none'; style-src 'unsafe-inline'"]


def test_ids_are_unique_and_every_reference_resolves() -> None:
    ids = Counter(str(found["id"]) for _, found in outline().elements if "id" in found)
    assert [name for name, count in ids.items() if count > 1] == []
    links = [str(found["href"]) for name, found in outline().elements if name == "a"]
    assert links
    assert [link for link in links if link.removeprefix("#") not in ids] == []
    used = set(re.findall(r"url\(#([^)]*)\)", render(record())))
    assert used <= set(ids)


def test_every_picture_has_a_title_and_a_description() -> None:
    ids = {str(found["id"]) for _, found in outline().elements if "id" in found}
    pictures = [found for name, found in outline().elements if name == "svg"]
    assert len(pictures) > 10
    for found in pictures:
        if found.get("aria-hidden") == "true":
            continue
        assert found["role"] == "img"
        assert set(str(found["aria-labelledby"]).split()) <= ids


def test_statuses_are_words_and_signs_not_colours_alone() -> None:
    text = " ".join(outline().text)
    for status in STATUSES:
        assert f"{wording.SYMBOLS[status]} {status}" in text
    assert "no CUDA device here" in text
    assert "no Intel GPU here" in text


def test_failures_are_unfolded_and_passes_are_not() -> None:
    details = [found for name, found in outline().elements if name == "details"]
    ops = ["open" in found for found in details if found.get("class") == "op"]
    assert ops == [True, True, False, False]
    cases = {found["id"]: "open" in found for found in details if found.get("class") == "case-pictures"}
    numbers = [f"case-{i}" for i, result in enumerate(record().results) if result.status == "failed"]
    assert [name for name, unfolded in cases.items() if unfolded] == numbers


def test_text_of_a_case_is_escaped() -> None:
    assert "overflow <&>" in "".join(outline().text)
    assert "overflow <&>" not in render(record())


def test_both_colour_schemes_and_narrow_screens_are_styled() -> None:
    page = render(record())
    assert "prefers-color-scheme: dark" in page
    assert "max-width: 760px" in page
    assert "width=device-width" in page
    style = page[page.index("<style>") : page.index("</style>")]
    light, dark = style.split("prefers-color-scheme: dark", 1)
    used = set(re.findall(r"var\((--[\w-]+)\)", style))
    assert used <= set(re.findall(r"(--[\w-]+):", light))
    assert {"--paper", "--ink", "--passed", "--failed"} <= set(re.findall(r"(--[\w-]+):", dark[:1500]))


def test_cells_carry_the_heading_of_their_column() -> None:
    cells = [found for name, found in outline().elements if name == "td" and "colspan" not in found]
    assert all(found.get("data-label") for found in cells)


def test_rendering_is_deterministic_and_survives_json() -> None:
    assert render(record()) == render(record()) == render(from_json(to_json(record())))


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        ((0, 0, 0, 0, 0), "No case was run"),
        ((0, 0, 0, 3, 9), "No case was run"),
        ((7, 0, 0, 0, 0), "All 7 cases that ran passed"),
        ((7, 0, 0, 1, 2), "All 7 cases that ran passed, 3 did not run"),
        ((7, 1, 0, 1, 2), "1 of 8 cases that ran failed"),
        ((7, 1, 2, 1, 2), "1 of 10 cases that ran failed"),
        ((7, 0, 2, 1, 0), "7 of 9 cases that ran passed, 2 lost subnormal numbers, 1 did not run"),
    ],
)
def test_the_headline_never_counts_what_did_not_run(counts: tuple[int, ...], words: str) -> None:
    assert headline(dict(zip(STATUSES, counts, strict=True))) == words


def test_a_record_without_anything_still_renders() -> None:
    empty = RunRecord(started="", command="", seed=0, seconds=0.0, environment={}, versions={}, spec_hashes={})
    assert "No case was run" in render(empty)
    bare = replace(record(), models=(ModelSection(name="all-MiniLM-L6-v2"),))
    assert "all-MiniLM-L6-v2" in render(bare)


def many() -> RunRecord:
    """As many results as a run of every operation has."""
    found = record()
    passed = [result for result in found.results if result.status == "passed"]
    results = [
        replace(result, op=f"{result.op}_{number}", case=f"{result.case} {case}", pair=f"{result.pair} {pair}")
        for number in range(18)
        for case in range(8)
        for pair in range(6)
        for result in passed
    ]
    return replace(found, results=tuple(results))


def test_a_large_page_has_few_elements() -> None:
    parsed, large = Outline(), many()
    parsed.feed(render(large))
    assert len(large.results) > 4000
    assert len(parsed.elements) < 20_000


def test_a_case_has_one_row() -> None:
    rows = [found for name, found in outline().elements if name == "td" and found.get("data-label") == "Case"]
    assert len(rows) == len({(result.op, result.case) for result in record().results})


def test_the_page_is_walked_by_headings_and_links() -> None:
    ids = {found.get("id") for name, found in outline().elements if name in ("details", "h2")}
    links = [found["href"] for name, found in outline().elements if name == "a"]
    assert {f"#op-{op}" for op in record().by_op} <= set(links)
    assert {f"op-{op}" for op in record().by_op} <= ids
    names = [name for name, _ in outline().elements]
    assert names.count("nav") == 1
    assert sum(name == "h3" for name in names) >= len(record().by_op)


def test_line_two_says_what_was_compared_and_what_was_not_used() -> None:
    words = shown(record())
    assert words.startswith("Compared on ")
    assert "torch:eager" in words
    assert "oracle" not in words
    assert all(device.name in words.partition("Not used: ")[2] for device in record().devices if device.status != "ran")
    assert shown(replace(record(), results=(), devices=())).startswith("Compared on no device: nothing.")


def test_sections_stand_after_the_devices() -> None:
    page = render(record(), (tag("section", tag("h2", "Intel GPUs")),))
    assert page.index("<h2>Devices") < page.index("<h2>Intel GPUs") < page.index('id="operations"')

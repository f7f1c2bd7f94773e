"""The page: summary, devices, operations, models, Intel GPUs, environment."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files

from parity.record.records import RunRecord, Status
from parity.report import cases, model, parts, svg
from parity.report.bars import status_bar
from parity.report.markup import Markup, join, tag
from parity.show import wording

TERMS = (
    (
        "Share of bound",
        "Largest error ÷ error that the specification allows at that element; one above 1 fails the case.",
    ),
    (
        "Shares just below 1",
        "Rounding a right result to its own format may take nearly all of its bound; they are no warning.",
    ),
    (
        "Exact data",
        "Data for which every order of summation is exact, so that both sides must give the same bytes.",
    ),
    ("ulp", "Steps of the output format between the result and the reference."),
    ("Unsupported", "The implementation or the device cannot run the case; the reason is given."),
    ("Not run", "Nothing is known: the case was not executed, and does not count as passed."),
)


def render(record: RunRecord, sections: Sequence[Markup] = ()) -> str:
    """The whole page as HTML text that needs nothing else.

    Args:
        record: the results of a run.
        sections: further ones after the devices, such as `parity.xpu.page.section`.
    """
    title = f"Kernel parity, {wording.moment(record.started)}"
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        # The page can load nothing and run nothing, wherever it is opened.
        tag(
            "meta",
            http_equiv="Content-Security-Policy",
            content="default-src 'none'; style-src 'unsafe-inline'",
        ),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", title),
        tag("style", Markup(files("parity.report").joinpath("style.css").read_text(encoding="utf-8"))),
    )
    main = tag(
        "main",
        _header(record),
        _navigation(record),
        _devices(record),
        *sections,
        cases.operations(record),
        *(model.section(found, number) for number, found in enumerate(record.models)),
        _environment(record),
        _footer(record),
    )
    return f"<!doctype html>\n{tag('html', head, tag('body', _patterns(), main), lang='en')}\n"


def _patterns() -> Markup:
    kinds = ("hatch-failed", "hatch-soft")
    patterns = [svg.hatching(kind, kind) for kind in kinds]
    return tag("svg", tag("defs", *patterns), class_="defs", aria_hidden="true", width=0, height=0)


def headline(counts: dict[Status, int]) -> str:
    """The outcome in one sentence; cases that did not run are never counted as passed."""
    flushed = counts["flushed"]
    total, ran = sum(counts.values()), counts["passed"] + counts["failed"] + flushed
    if not ran:
        return "No case was run"
    if counts["failed"]:
        return f"{wording.whole(counts['failed'])} of {wording.whole(ran)} cases that ran failed"
    rest = "" if ran == total else f", {wording.whole(total - ran)} did not run"
    if flushed:
        passed, of = wording.whole(counts["passed"]), wording.whole(ran)
        return f"{passed} of {of} cases that ran passed, {wording.whole(flushed)} lost subnormal numbers{rest}"
    return f"All {wording.whole(ran)} cases that ran passed{rest}"


def _header(record: RunRecord) -> Markup:
    counts = record.counts
    strip = [
        tag("li", tag("b", wording.whole(count)), parts.status(kind), class_=None if count else "zero")
        for kind, count in counts.items()
    ]
    return tag(
        "header",
        tag(
            "p",
            f"Kernel parity · {wording.moment(record.started)} · {wording.duration(record.seconds)}",
            class_="kicker",
        ),
        tag("h1", headline(counts)),
        tag("p", shown(record)),
        *([tag("p", "Interrupted: what follows is what had run until then.")] if record.interrupted else []),
        tag("ul", *strip, class_="strip"),
        status_bar(counts),
        tag(
            "details",
            tag("summary", "How to read this page"),
            parts.definitions(TERMS),
            class_="note-list",
        ),
    )


def shown(record: RunRecord) -> str:
    """What was compared and where, what was found, and which devices no part of the run used."""
    ran = [result for result in record.results if result.status in ("passed", "failed", "flushed")]
    sides = dict.fromkeys(side for result in ran for side in result.pair.split(" vs "))
    names = ", ".join(side for side in sides if side != "oracle") or "nothing"
    used = ", ".join(device.name for device in record.devices if device.status == "ran") or "no device"
    unused = ", ".join(device.name for device in record.devices if device.status != "ran")
    same = sum(r.bit_identical == "identical" or (r.bound == "same bytes" and r.status == "passed") for r in ran)
    inside = sum(result.status == "passed" for result in ran) - same
    found = f"{wording.whole(same)} comparisons gave the same bytes, {wording.whole(inside)} stayed inside a bound"
    return f"Compared on {used}: {names}. {found}." + (f" Not used: {unused}." if unused else "")


def _navigation(record: RunRecord) -> Markup:
    """Links to the operations and models."""
    links = [tag("a", op, href=f"#op-{op}") for op in record.by_op]
    links += [tag("a", found.name, href=f"#model-{number}") for number, found in enumerate(record.models)]
    return tag("nav", *links, aria_label="Operations and models") if links else Markup("")


def _devices(record: RunRecord) -> Markup:
    if not record.devices:
        return Markup("")
    rows = [
        tag(
            "tr",
            parts.cell("Device", tag("b", device.name), kind="case"),
            parts.cell("Implementations", device.implementations),
            parts.cell("Status", _device_status(device.status)),
            parts.cell("Reason", device.reason or wording.NOTHING),
        )
        for device in record.devices
    ]
    headings = (("Device", False), ("Implementations", False), ("Status", False), ("Reason", False))
    return tag("section", tag("h2", "Devices"), parts.table(headings, rows))


def _device_status(kind: str) -> Markup:
    return parts.status("not run") if kind == "not run" else tag("span", kind)


def _environment(record: RunRecord) -> Markup:
    blocks = [
        tag("div", tag("h3", title), parts.definitions(found.items()))
        for title, found in (
            ("Machine", record.environment),
            ("Versions", record.versions),
        )
        if found
    ]
    hashes = {name: digest[:16] for name, digest in record.spec_hashes.items()}
    summary = tag("summary", f"SHA-256 of {wording.whole(len(hashes))} specifications")
    details = tag("details", summary, parts.definitions(hashes.items()), class_="note-list") if hashes else ""
    return tag("section", tag("h2", "Environment"), tag("div", *blocks, class_="columns"), details)


def _footer(record: RunRecord) -> Markup:
    command = tag("code", record.command, class_="command")
    return tag("footer", tag("p", join("Repeat with ", command, f", seed {record.seed}.")))

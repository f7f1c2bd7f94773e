"""A language model in the report: the picture of margins and errors says what the record says."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from parity.commands.status import FAILED, OK, exit_status
from parity.record.json import from_json, to_json
from parity.record.records import AnswerResult, Drift, ModelSection, Status, StepResult, TokenResult
from parity.report import language, margins, model
from parity.show.language_sections import answers_section, operations_section
from parity.show.model_sections import model_sections, reasons
from tests.report.sample import record

STAGES = ("embedding", *(f"layer {i}" for i in range(30)), "logits")


def token(margin: float, errors: tuple[float, float], taken: str = "Ġa") -> TokenResult:
    other = taken != "Ġa"
    verdict = "equal" if not other else "tie" if margin <= errors[1] else "differs"
    return TokenResult(
        position=3, text="Ġa", margin=margin, errors=errors, tokens=("Ġa", taken), verdict=verdict  # type: ignore[arg-type]
    )  # fmt: skip


def section(*tokens: TokenResult, status: Status = "passed") -> ModelSection:
    step = StepResult(
        scheme="f32", stage="layer 0", step="rms_norm", shape="2×3", pair="torch:eager vs oracle",
        status="passed", bound_share=0.25, max_ulp=0.5,
    )  # fmt: skip
    tail = replace(
        step, step="tokens", status=status, bound_share=None, max_ulp=None, reason="no tie" * (status != "passed")
    )
    lines = tuple(
        Drift(scheme="f32", pair=f"{name} vs float64", errors=tuple(10.0 ** (i / 10 - 5) for i in range(32)))
        for name in ("torch", "jax", "rounded float64")
    )
    answer = AnswerResult(scheme="f32", question="Why <&>?", implementations=("torch", "jax"), tokens=tokens)
    return ModelSection(name="tiny", stages=STAGES, steps=(step, tail), drifts=lines, answers=(answer,))


GOOD = (token(1.0, (0.01, 0.02)), token(0.01, (0.01, 0.02)), token(0.015, (0.01, 0.02), "Ġthe"))


def test_marks_tell_ties_and_faults_apart() -> None:
    (answer,) = section(*GOOD, token(0.5, (0.01, 0.02), "Ġno")).answers
    drawing = margins.draw(answer, margins.decades((answer,)), "m")
    kinds = re.findall(r'class="mark ([\w -]+)"', drawing)
    assert kinds == ["series-2", "series-7 hollow", "series-7 hollow", "beyond"]
    titles = re.findall(r"<title>('[^<]*)</title>", drawing)
    assert titles[0] == "'Ġa', margin 1, errors 0.01, 0.02"
    assert titles[2].endswith("taken 'Ġa', 'Ġthe'")
    assert drawing.count('class="trend trend-') == 2
    assert drawing.count(">a</text>") == 4  # the mark of a space is no label
    assert "1 of 4 tokens differ outside ties. Ties, margins within the errors: 2, of which 1" in drawing


def test_a_margin_below_an_error_is_drawn_below_its_line() -> None:
    (answer,) = section(*GOOD).answers
    drawing = margins.draw(answer, margins.decades((answer,)), "m")
    heights = [float(y) for y in re.findall(r'class="mark series-\d[ \w]*" cx="[\d.]+" cy="([\d.]+)"', drawing)]
    lines = re.findall(r'trend-1" d="M([^"]*)"', drawing)
    errors = [float(point.split()[1]) for point in lines[0].split("L")]
    assert [y > error for y, error in zip(heights, errors, strict=True)] == [False, True, True]


def test_the_axis_spans_margins_and_errors() -> None:
    (answer,) = section(*GOOD).answers
    assert margins.decades((answer,)) == (-2, 0)
    assert margins.decades((replace(answer, tokens=()),)) == (-1, 0)


def test_the_page_has_operations_errors_and_answers() -> None:
    page = model.section(section(*GOOD), 4)
    assert "Why &lt;&amp;&gt;?" in page
    assert "2 of 3 positions are ties" in page
    assert page.count("Relative error after every stage") == 1
    assert page.count("<figure>") == 2
    ticks = re.findall(r'class="tick"[^>]*text-anchor="middle"[^>]*>([^<]*)<', page)
    assert ticks[:4] == ["embedding", "0", "2", "4"]  # thirty numbers would not fit
    assert "encoder" not in page
    assert language.section(replace(section(*GOOD), answers=()), 4) == ""


def test_the_record_crosses_json() -> None:
    whole = replace(record(), results=(), models=(section(*GOOD),))
    assert from_json(to_json(whole)) == whole


@pytest.mark.parametrize(("status", "expected"), [("passed", OK), ("failed", FAILED)])
def test_a_token_outside_a_tie_fails_the_run(status: Status, expected: int) -> None:
    found = section(*GOOD, status=status)
    assert exit_status(replace(record(), results=(), models=(found,)), ()) == expected
    assert bool(list(reasons(found))) == (status == "failed")
    assert ("no tie" in model.section(found, 0)) == (status == "failed")


def test_rows_of_text_have_the_worst_of_each() -> None:
    found = section(*GOOD)
    assert [one.title for one in model_sections(found)][1] == "Answers, token by token"
    assert operations_section(found).rows[0] == ("f32", "rms_norm", "torch:eager vs oracle", "1 passed", "0.50", "0.25")
    assert answers_section(found).rows == (("f32", "Why <&>?", "3", "0", "2", "1", "0.01", "0.02"),)

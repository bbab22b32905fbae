"""A campaign as a picture: SVG, PNG and Mermaid, with counts on its steps if they are at hand.

The picture is made from the plan alone. PNG is rendered with the shipped font only, so it looks the
same on every machine. Imports `chart`, `entrances`, `font`, `palette`, `plan`; reads the font file,
nothing else.
"""

from collections.abc import Mapping
from html import escape
from typing import Final

import resvg_py

from headless.dsl import font, plan
from headless.dsl.chart import INK, Chart
from headless.dsl.entrances import source_words
from headless.dsl.palette import ways

_MARGIN: Final = 24.0
_TITLE: Final = 18.0
_SHAPES: Final = {
    plan.When: ("{{", "}}"),
    plan.If: ("{", "}"),
    plan.Split: ("{", "}"),
    plan.Leave: ("([", "])"),
    plan.Entry: ("([", "])"),
}


def svg(made: plan.Plan, counts: Mapping[int, int] | None = None) -> str:
    """The picture as an SVG document; `counts` are shown on the steps with these numbers."""
    whole = Chart(made, counts).piece(_entrance(made))
    title = made.name or ""
    head = 34.0 if title else 0.0
    wide = max(whole.left + whole.right, font.width(title, _TITLE)) + 2 * _MARGIN
    height = whole.height + head + 2 * _MARGIN
    x = _MARGIN + whole.left
    named = (
        f'<text x="{_MARGIN:g}" y="{_MARGIN + 14:g}" font-size="{_TITLE:g}" fill="{INK}">'
        f"{escape(title, quote=False)}</text>"
        if title
        else ""
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{wide:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {wide:.0f} {height:.0f}" role="img" '
        f'font-family="{font.FAMILY}, Verdana, sans-serif" font-stretch="condensed">'
        f'<rect width="100%" height="100%" fill="#ffffff"/>{named}'
        f'<g transform="translate({x:.1f} {_MARGIN + head:.1f})">{whole.svg}</g></svg>\n'
    )


def png(made: plan.Plan, counts: Mapping[int, int] | None = None, *, zoom: float = 2) -> bytes:
    """The picture as a PNG file, `zoom` pixels for each unit."""
    rendered = resvg_py.svg_to_bytes(
        svg_string=svg(made, counts),
        zoom=zoom,
        skip_system_fonts=True,
        font_files=[font.path()],
        font_family=font.FAMILY,
    )
    return bytes(rendered)


def mermaid(made: plan.Plan, counts: Mapping[int, int] | None = None) -> str:
    """The plan's graph in Mermaid's words, for places that render those."""
    lines = ["flowchart TD"]
    shown = [step for step in made.steps if not isinstance(step, plan.Rule)]
    for step in shown:
        before, after = _SHAPES.get(type(step), ("[", "]"))
        text = "; ".join(_entrance(made)) if step.number == 0 else step.text
        if isinstance(step, plan.Join):
            text = "when all are done"
        if counts and step.number in counts:
            text += f" ({counts[step.number]:,})"
        lines.append(f'  s{step.number}{before}"{_plain(text)}"{after}')
    for step in shown:
        lines.extend(f"  {line}" for line in _ways(step, made))
    if any("--> done" in line or "| done" in line for line in lines):
        lines.append('  done(("end"))')
    return "\n".join(lines) + "\n"


def _entrance(made: plan.Plan) -> list[str]:
    if not made.sources:
        return ["by hand, API or another campaign"]
    told = []
    for source in made.sources:
        if source.sent is not None:
            told.append(f"when {source.sent} is sent")
        else:
            told.append(source_words(source).removeprefix("from ").removeprefix("start "))
    return list(dict.fromkeys(told))


def _ways(step: plan.Step, made: plan.Plan) -> list[str]:
    targets = plan.targets(step)
    labels = [""] * len(targets)
    match step:
        case plan.Whenever(rule=rule):
            body = plan.targets(made.steps[rule])
            return [
                *(_way(step.number, to) for to in targets),
                *(f's{step.number} -. "each time" .-> s{to}' for to in body if to is not None),
            ]
        case plan.If() | plan.When() | plan.Split():
            labels = ways(step)
        case plan.Jump(at_most=None):
            return [_way(step.number, step.to)]
        case plan.Leave():
            return []
        case plan.Loop() | plan.Tick():
            labels = ["each time", "then"]
        case _:
            pass
    return [
        _way(step.number, to, label)
        for to, label in zip(targets, labels, strict=True)
        if to is None or not isinstance(made.steps[to], plan.Rule)
    ]


def _way(number: int, to: plan.Target, label: str = "") -> str:
    end = "done" if to is None else f"s{to}"
    told = f'|"{_plain(label)}"| ' if label else ""
    return f"s{number} -->{told or ' '}{end}"


def _plain(text: str) -> str:
    return text.replace("&", "#amp;").replace('"', "#quot;").replace("<", "#lt;")

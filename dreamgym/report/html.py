"""The pieces of a page: text, tables, pictures, sections. All that comes from files is escaped."""

import base64
from collections.abc import Iterable, Sequence
from html import escape

import numpy as np

from dreamgym.data.png import encode_png

_STYLE = """
:root { color-scheme: light; --line: #d5d9e0; --soft: #5c6573; --bad: #a32020; }
* { box-sizing: border-box; }
body { font: 16px/1.5 system-ui, "DejaVu Sans", sans-serif; color: #1a1f27; background: #fff; margin: 0 auto;
  max-width: 66rem; padding: 1rem 1.25rem 4rem; }
h1 { font-size: 1.6rem; margin: .5rem 0 0; overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; margin: 2.5rem 0 .5rem; border-bottom: 1px solid var(--line); padding-bottom: .25rem; }
h3 { font-size: 1rem; margin: 1.25rem 0 .25rem; }
p { margin: .5rem 0; max-width: 48rem; }
.soft { color: var(--soft); }
.bad { color: var(--bad); }
nav { display: flex; flex-wrap: wrap; gap: .25rem 1rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .9rem; }
th, td { padding: .25rem .75rem .25rem 0; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line); }
td:first-child, th { white-space: nowrap; }
.number { text-align: right; font-variant-numeric: tabular-nums; }
.frames td, .frames th { border: 0; padding: 2px 4px 2px 0; vertical-align: middle; font-weight: normal; }
.frames img { display: block; width: 112px; height: 112px; image-rendering: pixelated;
  outline: 1px solid var(--line); outline-offset: -1px; }
img.chart, video { max-width: 100%; height: auto; display: block; }
code { background: #f0f2f5; padding: .1rem .3rem; border-radius: 3px; overflow-wrap: anywhere; }
details { margin: .5rem 0; }
"""


def page(title: str, sections: Sequence[tuple[str, str]]) -> str:
    """A whole page of sections, ``(heading, HTML)``."""
    names = [heading.split(",")[0].lower().replace(" ", "-") for heading, _ in sections]
    links = "".join(f'<a href="#{n}">{escape(heading)}</a>' for n, (heading, _) in zip(names, sections, strict=True))
    body = "".join(
        f'<section id="{name}"><h2>{escape(heading)}</h2>{content}</section>\n'
        for name, (heading, content) in zip(names, sections, strict=True)
    )
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">'
        f"<style>{_STYLE}</style></head><body>\n"
        f"<header><h1>{escape(title)}</h1><nav>{links}</nav></header>\n<main>{body}</main></body></html>\n"
    )


def text(words: str, kind: str = "") -> str:
    """A paragraph. ``kind`` is a class: ``soft`` or ``bad``."""
    return f"<p{_class(kind)}>{escape(words)}</p>"


def command(words: str) -> str:
    """A command to type."""
    return f"<p><code>{escape(words)}</code></p>"


def folded(summary: str, content: str) -> str:
    """HTML that a click shows."""
    return f"<details><summary>{escape(summary)}</summary>{content}</details>"


def table(head: Sequence[str], rows: Iterable[Sequence[str]], numbers: Sequence[int] = (), bad: int = -1) -> str:
    """A table of text. The columns in ``numbers`` are aligned to the right, and the column ``bad`` is in red."""

    def cell(tag: str, i: int, words: str) -> str:
        kind = "number" if i in numbers else "bad" if i == bad and tag == "td" else ""
        scope = ' scope="col"' if tag == "th" else ""
        return f"<{tag}{scope}{_class(kind)}>{escape(words)}</{tag}>"

    lines = "".join(f"<tr>{''.join(cell('td', i, words) for i, words in enumerate(row))}</tr>\n" for row in rows)
    heads = "".join(cell("th", i, words) for i, words in enumerate(head))
    return f'<div class="wide"><table><thead><tr>{heads}</tr></thead><tbody>\n{lines}</tbody></table></div>'


def frame_table(columns: Sequence[str], rows: Iterable[tuple[str, Sequence[np.ndarray]]]) -> str:
    """Frames, uint8 ``(height, width, 3)``, in rows with a label each."""
    heads = "".join(f'<th scope="col">{escape(name)}</th>' for name in columns)
    lines = []
    for label, frames in rows:
        cells = "".join(
            f'<td><img src="{data_uri(encode_png(frame), "image/png")}" alt="{escape(f"{label}, {name}")}"></td>'
            for name, frame in zip(columns, frames, strict=True)
        )
        lines.append(f'<tr><th scope="row">{escape(label)}</th>{cells}</tr>')
    return (
        f'<div class="wide"><table class="frames"><thead><tr><td></td>{heads}</tr></thead>'
        f"<tbody>{''.join(lines)}</tbody></table></div>"
    )


def chart(svg: bytes, description: str) -> str:
    """A chart, which a screen reader reads as its description."""
    return f'<img class="chart" src="{data_uri(svg, "image/svg+xml")}" alt="{escape(description)}">'


def picture(png: bytes, description: str) -> str:
    """A PNG file."""
    return f'<img class="chart" src="{data_uri(png, "image/png")}" alt="{escape(description)}">'


def film(mp4: bytes, description: str) -> str:
    """A film with controls."""
    return f'<video controls muted aria-label="{escape(description)}" src="{data_uri(mp4, "video/mp4")}"></video>'


def data_uri(content: bytes, kind: str) -> str:
    """Content as an address that holds it."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def _class(kind: str) -> str:
    return f' class="{kind}"' if kind else ""

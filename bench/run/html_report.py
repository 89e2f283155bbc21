"""bench.json as one page without anything from outside: the table, curves, bars of every ratio."""
from html import escape
from math import log10

import table

STYLE = """body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#1a1f2b}
table{border-collapse:collapse;width:100%}td,th{padding:.3rem .5rem;border-bottom:1px solid #d8dce4;text-align:left}
td:nth-child(n+3){font-variant-numeric:tabular-nums}.met{color:#0a7a3d}.missed{color:#b3261e}svg{max-width:100%}
text{font:12px system-ui,sans-serif;fill:#444c5c}h2{margin-top:2rem}"""
COLORS = {"limit": "#9aa3b2", "ringmain": "#1f5fd0", "kafka": "#d9822b", "peer": "#d9822b"}
LEFT, RIGHT, TOP, BOTTOM = 60, 640, 20, 250


def bars(row):
    values = [(name, row[key]) for name, key in (("limit", "limit"), ("ringmain", "ringmain"), ("peer", "peer"))
              if row.get(key)]
    if len(values) < 2:
        return ""
    top = max(value for _, value in values)
    out = []
    for i, (name, value) in enumerate(values):
        width = 520 * value / top
        out.append(f'<rect x="80" y="{i * 22 + 4}" width="{width:.1f}" height="16" fill="{COLORS[name]}"/>'
                   f'<text x="0" y="{i * 22 + 17}">{name}</text>'
                   f'<text x="{86 + width:.1f}" y="{i * 22 + 17}">{table.short(value)}</text>')
    return (f'<h3>{escape(row["title"])}: {escape(row["metric"])}</h3>'
            f'<svg viewBox="0 0 700 {len(values) * 22 + 8}" width="700">{"".join(out)}</svg>')


class Scale:
    """Values to places: logarithmic, with a mark at 1, 2 and 5 of each power of ten that is in range."""

    def __init__(self, values, first, last):
        self.low, self.high = log10(max(min(values), 1e-3)), log10(max(max(values), 1e-3))
        if self.high - self.low < 0.3:
            self.low, self.high = self.low - 0.15, self.high + 0.15
        self.first, self.last = first, last

    def at(self, value):
        return self.first + (self.last - self.first) * (log10(max(value, 1e-3)) - self.low) / (self.high - self.low)

    def marks(self):
        steps = (1, 2, 5) if self.high - self.low < 2.5 else (1,)
        powers = range(int(self.low) - 1, int(self.high) + 2)
        return [step * 10 ** power for power in powers for step in steps
                if self.low <= log10(step * 10 ** power) <= self.high]


def axes(x, y, plot):
    out = [f'<line x1="{LEFT}" y1="{BOTTOM}" x2="{RIGHT}" y2="{BOTTOM}" stroke="#9aa3b2"/>',
           f'<line x1="{LEFT}" y1="{TOP}" x2="{LEFT}" y2="{BOTTOM}" stroke="#9aa3b2"/>']
    for mark in x.marks():
        out.append(f'<text x="{x.at(mark):.1f}" y="{BOTTOM + 16}" text-anchor="middle">{table.short(mark)}</text>')
    for mark in y.marks():
        out.append(f'<line x1="{LEFT}" y1="{y.at(mark):.1f}" x2="{RIGHT}" y2="{y.at(mark):.1f}" stroke="#e8ebf0"/>'
                   f'<text x="{LEFT - 6}" y="{y.at(mark) + 4:.1f}" text-anchor="end">{table.short(mark)}</text>')
    out.append(f'<text x="{RIGHT}" y="{BOTTOM + 34}" text-anchor="end">{escape(plot["x"])}</text>'
               f'<text x="0" y="12">{escape(plot["y"])}</text>')
    return out


def curve(title, plot):
    points = [p for line in plot["lines"].values() for p in line]
    x, y = Scale([p[0] for p in points], LEFT, RIGHT - 20), Scale([p[1] for p in points], BOTTOM, TOP + 10)
    out = axes(x, y, plot)
    for i, (name, line) in enumerate(plot["lines"].items()):
        color = COLORS.get(name, "#d9822b")
        path = " ".join(f"{x.at(a):.1f},{y.at(b):.1f}" for a, b in sorted(line))
        out.append(f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="2"/>')
        out += [f'<circle cx="{x.at(a):.1f}" cy="{y.at(b):.1f}" r="3" fill="{color}"><title>{escape(name)}: '
                f'{table.short(b)} at {table.short(a)}</title></circle>' for a, b in line]
        out.append(f'<rect x="{LEFT + 100 * i + 160}" y="3" width="10" height="10" fill="{color}"/>'
                   f'<text x="{LEFT + 100 * i + 174}" y="12">{escape(name)}</text>')
    return (f'<h3>{escape(title)}</h3><svg viewBox="0 0 700 {BOTTOM + 40}" width="700">{"".join(out)}</svg>')


def page(document):
    peer = document["peer"]
    head = "".join(f"<th>{escape(cell)}</th>" for cell in table.header(peer))
    body = []
    for row in document["rows"]:
        cells = "".join('<td class="{}">{}</td>'.format(
            "missed" if "MISSED" in cell else "met" if "met" in cell else "", escape(cell))
                        for cell in table.cells(row))
        body.append(f"<tr>{cells}</tr>")
    plots = "".join(curve(title, plot) for title, plot in document["curves"].items() if plot["lines"])
    return ("<!doctype html><html lang=en><meta charset=utf-8><title>Ringmain: measured</title>"
            f"<style>{STYLE}</style><h1>Ringmain, measured</h1><p>{document['rounds']} rounds of "
            f"{document['seconds']} s; broker on cores {document['cores']['broker']}, load on "
            f"{document['cores']['load']}. Ratios are taken within each round. Both axes of the curves are "
            "logarithmic.</p>"
            f"<table><tr>{head}</tr>{''.join(body)}</table><h2>Curves</h2>{plots}"
            f"<h2>Each line</h2>{''.join(bars(row) for row in document['rows'])}</html>")

"""bench.json as one page without anything from outside: the table, bars of every ratio, curves."""
from html import escape

import table

STYLE = """body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#1a1f2b}
table{border-collapse:collapse;width:100%}td,th{padding:.3rem .5rem;border-bottom:1px solid #d8dce4;text-align:left}
td:nth-child(n+3){font-variant-numeric:tabular-nums}.met{color:#0a7a3d}.missed{color:#b3261e}svg{max-width:100%}
text{font:12px system-ui,sans-serif;fill:#444c5c}h2{margin-top:2rem}"""
COLORS = {"limit": "#9aa3b2", "ringmain": "#1f5fd0", "kafka": "#d9822b", "peer": "#d9822b"}


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


def curve(title, lines):
    points = [p for line in lines.values() for p in line]
    right, top = max(p[0] for p in points), max(p[1] for p in points)
    from math import log10
    low = log10(max(1, min(p[1] for p in points)))
    high = max(log10(top), low + 0.1)

    def at(p):
        return 50 + 600 * p[0] / right, 250 - 230 * (log10(max(1, p[1])) - low) / (high - low)

    out = ['<line x1="50" y1="250" x2="650" y2="250" stroke="#9aa3b2"/>'
           '<line x1="50" y1="20" x2="50" y2="250" stroke="#9aa3b2"/>',
           f'<text x="0" y="25">{table.short(top)}</text><text x="0" y="254">{table.short(10 ** low)}</text>'
           f'<text x="610" y="270">{table.short(right)}</text>']
    for name, line in lines.items():
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in map(at, sorted(line)))
        x, y = at(max(line))
        color = COLORS.get(name, "#d9822b")
        out.append(f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="2"/>'
                   f'<text x="{x - 40:.1f}" y="{y - 6:.1f}">{escape(name)}</text>')
    return f'<h3>{escape(title)} (logarithmic)</h3><svg viewBox="0 0 700 280" width="700">{"".join(out)}</svg>'


def page(document):
    peer = document["peer"]
    head = "".join(f"<th>{escape(cell)}</th>" for cell in table.header(peer))
    body = []
    for row in document["rows"]:
        cells = "".join('<td class="{}">{}</td>'.format(
            "missed" if "MISSED" in cell else "met" if "met)" in cell else "", escape(cell))
                        for cell in table.cells(row))
        body.append(f"<tr>{cells}</tr>")
    plots = "".join(curve(title, lines) for title, lines in document["curves"].items() if lines)
    return ("<!doctype html><meta charset=utf-8><title>Ringmain: measured</title>"
            f"<style>{STYLE}</style><h1>Ringmain, measured</h1><p>{document['rounds']} rounds of "
            f"{document['seconds']} s; broker on cores {document['cores']['broker']}, load on "
            f"{document['cores']['load']}. Ratios are taken within each round.</p>"
            f"<table><tr>{head}</tr>{''.join(body)}</table><h2>Curves</h2>{plots}"
            f"<h2>Each line</h2>{''.join(bars(row) for row in document['rows'])}")

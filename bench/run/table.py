"""Samples of all rounds -> medians, spreads, ratios, met or missed; as text and for the HTML page."""
from statistics import median


def ratio_of(rounds, a, b):
    """The median of the ratios within each round: the machine's speed at that minute cancels out."""
    pairs = [r[a] / r[b] for r in rounds if r.get(a) and r.get(b)]
    return median(pairs) if pairs else None


def met(ratio, goal):
    if ratio is None or goal is None:
        return None
    return ratio >= goal[1] if goal[0] == ">=" else ratio <= goal[1]


def short(value):
    if value is None:
        return "-"
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def summarize(title, metric_name, suffix, rounds, peer, limit_goal=None, peer_goal=None):
    """rounds: [{"limit": x, "ringmain": y, PEER: z}]; one row of the table."""
    row = {"title": title, "metric": metric_name, "suffix": suffix, "rounds": rounds,
           "limit_goal": limit_goal, "peer_goal": peer_goal}
    for name in ("limit", "ringmain", peer):
        values = [r[name] for r in rounds if r.get(name) is not None]
        key = "peer" if name == peer else name
        row[key] = median(values) if values else None
        row[key + "_spread"] = (max(values) - min(values)) / row[key] if values and row[key] else None
    row["to_limit"], row["to_peer"] = ratio_of(rounds, "ringmain", "limit"), ratio_of(rounds, "ringmain", peer)
    row["limit_met"], row["peer_met"] = met(row["to_limit"], limit_goal), met(row["to_peer"], peer_goal)
    return row


def goal_text(ratio, goal, good):
    if ratio is None:
        return "-"
    text = f"{ratio:.2f}"
    if goal is not None:
        text += f" ({goal[0]} {goal[1]:g} {'met' if good else 'MISSED'})"
    return text


def spread_text(row, key):
    value, spread = row.get(key), row.get(key + "_spread")
    if value is None:
        return "-"
    return short(value) + (f" ±{spread * 50:.0f}%" if spread is not None and len(row["rounds"]) > 1 else "")


def cells(row):
    own = row.get("own")
    of_limit = goal_text(row["to_limit"], row["limit_goal"], row["limit_met"])
    if own:
        of_limit = f"{own[0]} {'met' if own[1] else 'MISSED'}"
        of_limit = of_limit.replace(") ", " ").rstrip() + ")" if "(" in of_limit else of_limit
    return [row["title"], row["metric"], spread_text(row, "limit"), spread_text(row, "ringmain"),
            spread_text(row, "peer"), of_limit, goal_text(row["to_peer"], row["peer_goal"], row["peer_met"])]


def header(peer):
    return ["work", "number", "limit", "ringmain", peer, "of the limit, or goal", f"of {peer}"]


def text(rows, peer):
    """A Markdown table, padded so that it can be read in a terminal, too."""
    lines = [header(peer)] + [cells(row) for row in rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    out = []
    for number, line in enumerate(lines):
        out.append("| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths)) + " |")
        if number == 0:
            out.append("|" + "|".join("-" * (width + 2) for width in widths) + "|")
    goals = [good for row in rows for good in (row["limit_met"], row["peer_met"], (row.get("own") or [0, None])[1])
             if good is not None]
    out.append("")
    out.append(f"{sum(goals)} of {len(goals)} goals met; medians of the rounds, ± half of their spread, ratios within "
               "each round")
    return "\n".join(out)

"""Mutation testing: usage: run.py [--only N[,N...]] [LIST...]; without a list all of tests/mutation/*.list

Makes each single-line mistake of a list in a copy of the tree (build/mutation), builds the tests that the list names and
runs them; a mistake is caught when one fails, hangs, or does not compile with it. Those that survive the fast tests face
the list's slow ones. Prints a line for each, then the score; the exit code is 1 below 95 %.

A list:
  fast: COMMAND           run from the copy; its first word is built by make
  slow: COMMAND
  FILE: OLD  =>  NEW      OLD stands exactly once in the file, on one line; without NEW it goes"""
import glob, os, shlex, shutil, subprocess, sys

BELOW = 0.95
top = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
tree = os.path.join(top, "build", "mutation")

def read_list(path):
    commands, mistakes = {"fast": [], "slow": []}, []
    for number, line in enumerate(open(path), 1):
        line = line.rstrip("\n")
        if not line or line.startswith("#"):
            continue
        head, rest = line.split(": ", 1)
        if head in commands:
            commands[head].append(shlex.split(rest))
        else:
            old, new = (rest + "  ").split("  =>  ")
            new = new.rstrip(" ")
            mistakes.append((number, head, old, new))
    return commands, mistakes

def copy_tree():
    """Only what has changed is copied, so that only that is compiled."""
    command = ["git", "ls-files", "-co", "--exclude-standard"]
    names = subprocess.run(command, cwd=top, capture_output=True, text=True, check=True).stdout.split("\n")
    for name in filter(None, names):
        source, target = os.path.join(top, name), os.path.join(tree, name)
        if not os.path.isfile(source):
            continue
        os.makedirs(os.path.dirname(target), exist_ok=True)
        if not os.path.exists(target) or open(source, "rb").read() != open(target, "rb").read():
            shutil.copy(source, target)

def run(command, seconds):
    try:
        return subprocess.run(command, cwd=tree, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                              timeout=seconds).returncode == 0
    except subprocess.TimeoutExpired:
        return False

def build(commands):
    return run(["make", "-s", "-j4", *{command[0] for command in commands}], 900)

def is_caught(commands):
    """By what, or None."""
    for kind, seconds in (("fast", 180), ("slow", 900)):
        if commands[kind] and not build(commands[kind]):
            return "the compiler"
        for command in commands[kind]:
            if not run(command, seconds):
                return os.path.basename(command[0])
    return None

def try_one(commands, name, old, new):
    path = os.path.join(tree, name)
    text = open(path).read()
    if text.count(old) != 1:
        return "?"
    open(path, "w").write(text.replace(old, new))
    try:
        return is_caught(commands)
    finally:
        open(path, "w").write(text)

def main():
    args = sys.argv[1:]
    only = None
    if args and args[0] == "--only":
        only = {int(n) for n in args[1].split(",")}
        args = args[2:]
    copy_tree()
    caught = total = 0
    for path in args or sorted(glob.glob(os.path.join(top, "tests", "mutation", "*.list"))):
        commands, mistakes = read_list(path)
        if not build(commands["fast"] + commands["slow"]) or is_caught(commands):
            sys.exit(path + ": its tests fail without a mistake")
        for number, name, old, new in mistakes:
            if only and number not in only:
                continue
            by = try_one(commands, name, old, new)
            total += 1
            caught += by not in (None, "?")
            word = "gone    " if by == "?" else "survived" if by is None else "caught  "
            print("%s %s:%d %s: %s  =>  %s%s" % (word, os.path.basename(path), number, name, old, new,
                                              " (%s)" % by if by not in (None, "?") else ""), flush=True)
    print("%d of %d mistakes caught (%.0f %%)" % (caught, total, 100 * caught / max(total, 1)))
    sys.exit(caught < BELOW * total)

main()

# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The checks of the Makefile: each step counts what it ran; a failing one does not keep the later ones from running.

python3 tools/steps.py STEP...        (the steps: see CHECKS and ON_LAB at the end)

The last line is `N passed, N failed`, the sums of the table above it. What counts as one: a linter, a sanity test on one ansible-core, a test of
pytest, a Molecule scenario. The exit code is 0 where nothing failed and something passed.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
import traceback
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from environments import (
    CACHE,
    COLLECTION,
    ROOT,
    Environment,
    SetupError,
    collections_path,
    environments,
    main_environment,
    say,
    the_lab,
    trusting,
)
from jobs import LOGS, Done, Job, beside, run, run_all
from processes import leave_on_signals


@dataclass(frozen=True)
class Tally:
    """One row of the summary."""

    name: str
    passed: int
    failed: int
    skipped: int
    seconds: float


def tally(done: Done) -> Tally:
    """A job that counts one."""
    return Tally(done.job.name, int(done.good), int(not done.good), 0, done.seconds)


@dataclass(frozen=True)
class Check:
    """A job that needs nothing of the others, and how its end is counted.

    patient: no test in it looks at the clock, so that it may run on what the lab's scenarios leave of the processors.
    waits: most of its time it waits for daemons, so that two of its kind share a processor, and nothing else.
    """

    job: Job
    count: Callable[[Done], Tally] = tally
    patient: bool = False
    waits: bool = False


# A session of its own is a scheduling group of its own, in which nice(1) alone would rank its processes among themselves (sched(7)).
_YIELDING = 'test ! -w /proc/self/autogroup || echo 19 > /proc/self/autogroup; exec nice -n 19 "$@"'


def patiently(job: Job, count: Callable[[Done], Tally] = tally) -> Check:
    """A check that gives way to all else that runs."""
    return Check(replace(job, command=["sh", "-c", _YIELDING, "sh", *job.command]), count, patient=True)


def tracked(*patterns: str) -> list[Path]:
    """The project's files that match, committed or not yet, without what git ignores."""
    command = ["git", "ls-files", "-coz", "--exclude-standard", "--", *patterns]
    environment = {**os.environ, **trusting()}
    done = subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE)
    names = done.stdout.split(b"\0")
    return sorted({path for name in names if name and (path := ROOT / os.fsdecode(name)).exists()})


def scripts(interpreter: str, suffix: str) -> list[Path]:
    """The project's files in a language: by suffix, or by the first line where there is none."""
    found = []
    for path in tracked():
        if path.suffix == suffix:
            found.append(path)
        elif not path.suffix and path.is_file():
            with path.open("rb") as file:
                if re.match(rf"#!.*\b{interpreter}\b".encode(), file.readline(200)):
                    found.append(path)
    return found


# Lint


def lint() -> list[Check]:
    """Linters, formatters and types; each counts one."""
    main = main_environment()
    tree = collections_path()
    python = scripts("python3?", ".py")
    shell = scripts("(ba)?sh", ".sh")
    on_targets = [ROOT / "plugins/modules", ROOT / "plugins/module_utils"]
    stateful = "ansible_collections.holdfast.stateful"
    simulators = sorted(ROOT.glob("lab/simulators/*/rootfs/usr/lib/*-simulator"))
    # What the package of an SDS installs.
    simulators += sorted(ROOT.glob("lab/simulators/*/*/opt/emc/scaleio/*/lib"))
    modules = [f"--module={path.stem}" for path in sorted((ROOT / "tools").glob("*.py"))]
    modules += [f"--package={name}" for name in (f"{stateful}.plugins", f"{stateful}.tests", "lab", "benchmarks")]
    modules += [f"--package={path.parent.name}" for folder in simulators for path in folder.glob("*/__init__.py")]
    mypy_path = os.pathsep.join(map(str, (tree, ROOT, ROOT / "tests/conformance", ROOT / "tools", *simulators)))
    jobs = [
        Job("lint: ansible-lint", ["ansible-lint", "--strict"], main.variables()),
        Job(
            "lint: mypy",
            ["mypy", f"--cache-dir={CACHE / 'mypy'}", *modules],
            {**main.variables(), "MYPYPATH": mypy_path},
        ),
        # Without --diff it knows again what it has seen.
        Job(
            "lint: black", ["black", "--check", *python], {**main.variables(), "BLACK_CACHE_DIR": str(CACHE / "black")}
        ),
        Job("lint: ruff", ["ruff", "check", "--no-cache", *python], main.variables()),
        Job("lint: yamllint", ["yamllint", "--strict", "."], main.variables()),
        Job(
            "lint: vermin (Python 3.9 on targets)", ["vermin", "-t=3.9-", "--violations", *on_targets], main.variables()
        ),
        Job("lint: shellcheck", ["shellcheck", "--severity=warning", *shell], main.variables()),
    ]
    return [patiently(job) for job in jobs]


# Sanity

# What the collection does not ship: the linters judge it, ansible-test judges the rest.
NOT_SHIPPED = [f":!{name}" for name in (".ci", "benchmarks", "extensions/molecule", "lab", "tests", "tools")]


def sanity() -> list[Check]:
    """Every test of ansible-test sanity on each ansible-core.

    Compiling and importing is tried on all supported Pythons that are installed by the oldest core, on its own Python by the newest.
    """
    jobs = []
    main = main_environment()
    for wanted in environments():
        python = "default" if wanted == main else ".".join(map(str, wanted.version))
        home = CACHE / f"sanity-{wanted.core}"
        prepare_home(home, wanted)
        jobs.append(
            Job(
                f"sanity ({wanted.title})",
                ["flock", home / "lock", "ansible-test", "sanity", "--color", "no", "--python", python],
                # ansible-test keeps its environments in the home; a configuration of the checkout is none of its business.
                {**wanted.variables(), "HOME": str(home), "ANSIBLE_CONFIG": os.devnull},
                folder=shipped(home),
                progress="^(Running sanity test|WARNING: Skipping)",
                telling=r"^(?!Running sanity test|Installing |Using cached|Collecting |Successfully |\s)",
                minutes=15,
            )
        )
    return [patiently(job, sanity_tally) for job in jobs]


def prepare_home(home: Path, wanted: Environment) -> None:
    """A home for ansible-test with a stand-in for the pip bootstrap that it would download, and the user's settings of pip."""
    source = next(wanted.folder.glob("lib/python3.*/site-packages/ansible_test/_internal/python_requirements.py"))
    pin = re.search(r"pip='([\d.]+)'", source.read_text())
    if not pin:
        raise SetupError(f"{source} names no version of pip: ansible-test has changed, adapt tools/steps.py to it.")
    cache = home / ".ansible/test/cache"
    cache.mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / "tools/get_pip.py", cache / f"get_pip_{pin[1].replace('.', '_')}.py")
    for settings in (".config/pip", ".pip"):
        if (Path.home() / settings).is_dir() and not (home / settings).exists():
            (home / settings).parent.mkdir(parents=True, exist_ok=True)
            (home / settings).symlink_to(Path.home() / settings)


def shipped(home: Path) -> Path:
    """A copy of the shipped files at a path that ansible-test takes for a collection, and a repository, as it lists files by git."""
    tree = home / f"tree-{hashlib.sha256(os.fsencode(ROOT)).hexdigest()[:12]}"
    shutil.rmtree(tree, ignore_errors=True)
    for path in tracked(".", *NOT_SHIPPED) + tracked("tests/config.yml", "tests/sanity"):
        place = tree / COLLECTION / path.relative_to(ROOT)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, place, follow_symlinks=False)
    subprocess.run(["git", "init", "--quiet", tree / COLLECTION], check=True)
    return tree / COLLECTION


def sanity_tally(done: Done) -> Tally:
    """Counts the tests that ran, one per Python where a test runs on several, and those that failed."""
    ran = len(re.findall(r"^Running sanity test ", done.output, re.MULTILINE))
    verdict = re.search(r"The (\d+) sanity test\(s\) listed below", done.output)
    failed = int(verdict[1]) if verdict else int(not done.good)
    skipped = len(re.findall(r"^WARNING: Skipping sanity test", done.output, re.MULTILINE))
    return Tally(done.job.name, max(ran - failed, 0), failed, skipped, done.seconds)


# Tests

# Tests of the simulators of Mesos, with a folder for each other product.
SIMULATORS = "tests/unit/simulators"


def pytest(name: str, wanted: Environment, *arguments: str | Path, minutes: float = 10) -> Job:
    """A job that runs pytest and leaves its counts in a report beside its log."""
    report = LOGS / (re.sub(r"[^\w.-]+", "-", name) + ".xml")
    report.unlink(missing_ok=True)
    command = ["python", "-m", "pytest", f"--junitxml={report}", *arguments]
    variables = {**wanted.variables(), "HYPOTHESIS_STORAGE_DIRECTORY": str(CACHE / "hypothesis")}
    return Job(name, command, variables, progress=r"^=.* in [\d.]+s", minutes=minutes)


def pytest_tally(done: Done) -> Tally:
    """Reads the report; where pytest left none (it did not even start), that is one failure."""
    report = done.job.log.with_suffix(".xml")
    if not report.exists():
        return Tally(done.job.name, 0, 1, 0, done.seconds)
    suite = ElementTree.parse(report).getroot().find("testsuite")
    assert suite is not None
    tests, failures, errors, skipped = (int(suite.get(key, 0)) for key in ("tests", "failures", "errors", "skipped"))
    failed = failures + errors
    return Tally(done.job.name, max(tests - failed - skipped, 0), failed or int(not done.good), skipped, done.seconds)


def units() -> list[Check]:
    """Unit tests of the collection on each ansible-core; once those of programs that know nothing of Ansible, and those that
    run whole playbooks without a lab: on the newest, as the scenarios run them on the oldest."""
    others = [wanted for wanted in environments() if wanted != main_environment()]
    newest = environments()[-1]
    # The longest goes first, the shortest last.
    jobs = [
        pytest(f"units: roles ({newest.title})", newest, _units("roles")),
        *(_plugins(wanted) for wanted in others),
    ]
    return [*(Check(job, pytest_tally) for job in jobs), *quick()]


def quick() -> list[Check]:
    """What of the unit tests an inner loop needs: the collection's on the main ansible-core, and those that need none."""
    main = main_environment()
    jobs = [_plugins(main), pytest("units: benchmarks, lab, tools", main, *map(_units, ("benchmarks", "lab", "tools")))]
    return [Check(job, pytest_tally) for job in jobs]


def _plugins(wanted: Environment) -> Job:
    return pytest(f"units ({wanted.title})", wanted, _units("plugins"))


def _units(folder: str) -> str:
    return f"tests/unit/{folder}"


def conformance() -> list[Check]:
    """The simulators against the rules of the real products, and against what those were seen to do. Daemons start by the hundred."""
    others = sorted(path.name for path in (ROOT / SIMULATORS).iterdir() if (path / "conftest.py").exists())
    runs = {
        "mesos": [SIMULATORS, *(f"--ignore={SIMULATORS}/{name}" for name in others)],
        **{name: [f"{SIMULATORS}/{name}"] for name in others},
        "recorded cases": ["tests/conformance"],
    }
    jobs = [pytest(f"conformance: {name}", main_environment(), *run) for name, run in runs.items()]
    return [Check(job, pytest_tally, waits=True) for job in jobs]


def soak() -> Iterable[Tally]:
    """The tests marked `soak`, on a lab that stays up."""
    with the_lab():
        up = run(Job("start the lab", ["python", "-m", "lab", "up"], main_environment().variables(), progress=""))
        yield tally(up)
        if not up.good:
            return
        job = pytest("soak", main_environment(), "tests/lab", "-m", "soak", "-v", minutes=600)
        yield pytest_tally(run(replace(job, progress=r"PASSED|FAILED|ERROR")))


# Scenarios


def scenarios() -> Iterable[Tally]:
    """Every Molecule scenario on one lab, which `default` creates before and destroys after them.

    SCENARIOS="a b" chooses some. The one that NEWEST_SCENARIO names runs on the newest ansible-core.
    """
    folders = sorted(path.parent.name for path in (ROOT / "extensions/molecule").glob("*/molecule.yml"))
    chosen = os.environ.get("SCENARIOS", "").split() or [name for name in folders if name != "default"]
    unknown = set(chosen) - set(folders)
    if unknown:
        raise SetupError(f"No such scenario: {' '.join(sorted(unknown))}. There are {' '.join(folders) or 'none'}.")
    main, newest = main_environment(), environments()[-1]
    runs = [(name, newest if name == os.environ.get("NEWEST_SCENARIO") else main) for name in chosen]

    with the_lab():
        whole = False
        for name, wanted in runs:
            # What a failed scenario leaves may be broken: mended at once, as it would cost each of the others minutes.
            if not whole:
                # Molecule's record of the hosts may be wrong: `create` must look for itself.
                run(molecule("scenarios: forget the last run", main, "reset", "--scenario-name", "default"))
                created = run(molecule("scenario default: create", main, "create", "--scenario-name", "default"))
                yield tally(created)
                if not created.good:
                    break
            title = f"scenario {name}" + ("" if wanted is main else f" ({wanted.title})")
            done = run(molecule(title, wanted, "test", "--scenario-name", name, "--destroy", "never"))
            yield tally(done)
            whole = done.good
        yield tally(run(molecule("scenario default: destroy", main, "destroy", "--scenario-name", "default")))


def molecule(name: str, wanted: Environment, *arguments: str) -> Job:
    return Job(
        name, ["molecule", *arguments], wanted.variables(), progress=r"\] Executing|^PLAY \[|\d passed", minutes=15
    )


# Those that need no lab run together; the patient ones beside those on the lab.
CHECKS: dict[str, Callable[[], list[Check]]] = {
    step.__name__: step for step in (units, quick, sanity, conformance, lint)
}
ON_LAB: dict[str, Callable[[], Iterable[Tally]]] = {step.__name__: step for step in (scenarios, soak)}


def results(names: Sequence[str]) -> Iterator[Tally]:
    """What the steps counted; one that breaks off counts one failure, and the others still run."""
    checks: list[Check] = []
    for name in names:
        if name in CHECKS:
            try:
                checks += CHECKS[name]()
            except Exception as error:
                yield _broken(name, error)
    on_lab = [name for name in names if name in ON_LAB]
    later = [check for check in checks if check.patient and on_lab]
    now = [check for check in checks if check not in later]
    for each in (1, 2):
        kind = [check for check in now if check.waits == (each > 1)]
        yield from _counted(kind, run_all([check.job for check in kind], each))
    with beside([check.job for check in later]) as wait:
        for name in on_lab:
            say(f"== {name}")
            try:
                yield from ON_LAB[name]()
            except Exception as error:
                yield _broken(name, error)
        yield from _counted(later, wait())


def _counted(checks: Sequence[Check], ends: Sequence[Done]) -> Iterator[Tally]:
    return (check.count(done) for check, done in zip(checks, ends, strict=True))


def _broken(name: str, error: Exception) -> Tally:
    say(f"{name}: {error}" if isinstance(error, SetupError) else f"{name}: {traceback.format_exc()}")
    return Tally(name, 0, 1, 0, 0)


def summary(tallies: list[Tally]) -> None:
    width = max(len(tally.name) for tally in tallies)
    print(f"\n{'step':{width}}  passed  failed  skipped  seconds")
    for tally in tallies:
        print(f"{tally.name:{width}}  {tally.passed:6}  {tally.failed:6}  {tally.skipped:7}  {tally.seconds:7.1f}")


def main(arguments: list[str]) -> int:
    known = {**CHECKS, **ON_LAB}
    if not arguments or set(arguments) - set(known):
        print(__doc__, f"Steps: {' '.join(known)}", file=sys.stderr)
        return 2
    leave_on_signals()
    start = time.monotonic()
    tallies = list(results(arguments))
    summary(tallies)
    passed, failed = sum(tally.passed for tally in tallies), sum(tally.failed for tally in tallies)
    print(f"in {time.monotonic() - start:.0f} s\n\n{passed} passed, {failed} failed")
    return int(failed > 0 or passed == 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""The shape of the project: tests that mirror modules, exact exports, and what imports may load."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("ablations", "lenet_variants", "reports")
MOST_LINES = 400
HEAVY = ("torch", "mlflow", "pandas", "seaborn", "matplotlib", "optuna", "sklearn")

# Modules whose tests are elsewhere, and why.
UNMIRRORED = {
    "ablations/__main__.py": "one call, made by the end-to-end tests",
    "ablations/cli/options.py": "declarations, used by the tests of every command",
    **dict.fromkeys(
        (f"ablations/executors/{name}.py" for name in ("base", "inline")),
        "one contract for every executor, tests/contracts/test_executors.py",
    ),
    "ablations/executors/serving.py": "the other side of the pipe, used by the tests of `local`",
}

MODULES = sorted(
    path.relative_to(ROOT).as_posix() for name in PACKAGES for path in (ROOT / name).rglob("*.py")
)
FILES = [
    *MODULES,
    *sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "tests").rglob("*.py")),
]


def test_the_packages_were_found():
    assert {module.partition("/")[0] for module in MODULES} == set(PACKAGES)


@pytest.mark.parametrize("module", [name for name in MODULES if "__init__" not in name])
def test_module_has_a_test_file_that_mirrors_it(module):
    folder, _, name = module.rpartition("/")
    mirror = ROOT / "tests" / folder / f"test_{name}"
    if module in UNMIRRORED:
        assert not mirror.exists(), f"{module} has a test file; take it off UNMIRRORED"
    else:
        assert mirror.is_file(), f"{module} has no {mirror.relative_to(ROOT)}"


def test_modules_without_a_mirror_still_exist():
    assert set(UNMIRRORED) <= set(MODULES)


@pytest.mark.parametrize("module", MODULES)
def test_module_says_what_it_is(module):
    source = (ROOT / module).read_text(encoding="utf-8")
    assert ast.get_docstring(ast.parse(source)), f"{module} has no docstring"


@pytest.mark.parametrize("module", FILES)
def test_file_is_at_most_400_lines(module):
    source = (ROOT / module).read_text(encoding="utf-8")
    assert source.count("\n") <= MOST_LINES, f"{module} has more than {MOST_LINES} lines; split it"


@pytest.mark.parametrize("name", PACKAGES)
def test_all_is_sorted_and_every_name_of_it_can_be_had(name):
    package = importlib.import_module(name)
    assert package.__all__ == sorted(package.__all__, key=in_order)
    assert len(set(package.__all__)) == len(package.__all__)
    assert all(getattr(package, exported) is not None for exported in package.__all__)


def in_order(name):
    """As ruff sorts `__all__`: constants, then classes, then functions."""
    return (not name.isupper(), not name[0].isupper(), name)


EXPORTS = {
    "ablations": {
        *("AblationsError", "DataError", "SpecError", "StoreError"),
        *("Plan", "RunRecord", "RunSpec", "RunState", "StudySpec", "load_study", "run_study"),
    },
    "lenet_variants": {
        *("DuplicateVariantError", "LevelError", "PluginError", "UnknownVariantError"),
        *(
            "VariantError",
            "Card",
            "Check",
            "Counts",
            "check_variant",
            "count",
            "create",
            "describe",
            "find",
        ),
        *("load_plugin", "match", "names", "register_variant"),
    },
    "reports": {
        *("AnalysisPlan", "ArmFacts", "ClaimSpec", "ContrastSpec", "Endpoint"),
        *("ReportError", "Results", "analyse", "collect_runs"),
    },
}


@pytest.mark.parametrize("name", PACKAGES)
def test_exports_are_exactly_those_that_were_decided(name):
    package = importlib.import_module(name)
    assert set(package.__all__) == EXPORTS[name]
    assert dir(package) == sorted(package.__all__)


@pytest.mark.parametrize("name", PACKAGES)
def test_type_checkers_see_every_lazy_name_at_home(name):
    tree = ast.parse((ROOT / name / "__init__.py").read_text(encoding="utf-8"))
    homes = {
        alias.asname or alias.name: node.module
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith(name)
        for alias in node.names
    }
    package = importlib.import_module(name)
    assert set(homes) == set(package.__all__)
    for exported, home in homes.items():
        assert getattr(package, exported) is getattr(importlib.import_module(home), exported)


@pytest.mark.parametrize("name", PACKAGES)
def test_package_has_no_name_that_it_does_not_export(name):
    with pytest.raises(AttributeError, match=f"module '{name}' has no attribute 'nonsense'"):
        importlib.import_module(name).nonsense  # noqa: B018 (the access is the test)


def loaded_by(*modules):
    """Which heavy libraries a fresh Python has loaded after importing `modules`."""
    code = (
        f"import sys, {', '.join(modules)}\n"
        f"print(*[name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run(  # noqa: S603 (our own Python)
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


def test_importing_the_packages_loads_nothing_heavy():
    assert loaded_by(*PACKAGES) == set()


def test_checking_and_planning_a_study_loads_nothing_heavy():
    modules = ("study_file", "spec", "plan", "arms", "cells", "designs", "record", "history")
    assert loaded_by(*(f"ablations.{name}" for name in modules), "lenet_variants.card") == set()


def test_starting_workers_loads_nothing_heavy():
    assert (
        loaded_by("ablations.hiring", "ablations.executors.crew", "ablations.cli.commands") == set()
    )


def test_analysing_loads_no_torch_no_store_and_no_drawing():
    found = loaded_by("reports.analysis", "reports.plan", "reports.table")
    assert "pandas" in found  # so that the test can see a library at all
    assert not found & {"torch", "mlflow", "seaborn", "matplotlib"}


def test_rendering_and_drawing_load_neither_torch_nor_the_store():
    assert not loaded_by("reports.render", "reports.figures") & {"torch", "mlflow"}


def test_a_worker_loads_neither_the_store_nor_tables_nor_drawing():
    assert not loaded_by("ablations.jobs") & {"mlflow", "pandas", "seaborn", "matplotlib"}

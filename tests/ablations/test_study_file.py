"""Study files on disk: read, overridden from the command line, and the plug-ins they name."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ablations.errors import SpecError
from ablations.study_file import load_study, override, parse_study, plugin_sources


@pytest.fixture
def file(tmp_path, raw_study):
    path = tmp_path / "study.yaml"
    path.write_text(yaml.safe_dump(raw_study(dataset="fashion-mnist")))
    return path


def test_load_study_reads_numbers_that_yaml_takes_for_text(file):
    text = file.read_text().replace("epochs: 1", "epochs: 1\n  learning_rate: 1e-3")
    file.write_text(text)
    assert load_study(file).recipe.learning_rate == 0.001


@pytest.mark.parametrize(
    ("setting", "read", "value"),
    [
        ("recipe.learning_rate=1e-2", lambda s: s.recipe.learning_rate, 0.01),
        (
            "dataset.subset=500",
            lambda s: (s.dataset.name, s.dataset.subset),
            ("fashion-mnist", 500),
        ),
        ("control.levels.pooling=avg", lambda s: s.control.levels["pooling"], "avg"),
        ("seeds=3", lambda s: s.seeds, (0, 1, 2)),
        ("seeds=[4, 5]", lambda s: s.seeds, (4, 5)),
        ("seeds={looks: [3, 5]}", lambda s: (s.seeds, s.looks), ((0, 1, 2, 3, 4), (3, 5))),
        ("seeds=4", lambda s: s.looks, ()),
        ("question=does it, or not?", lambda s: s.question, "does it, or not?"),
        ("factors.recipe.epochs=[1, 2]", lambda s: s.factors["recipe.epochs"], [1, 2]),
        ("endpoint={metric: test/loss, margin: 0.1}", lambda s: s.endpoint.direction, "minimize"),
    ],
)
def test_set_puts_a_value_in_its_place(file, setting, read, value):
    assert read(load_study(file, [setting])) == value


def test_set_goes_into_the_shorthand_of_control(raw_study):
    raw = override(raw_study(control="lenet"), ["control.levels.pooling=avg"])
    assert parse_study(raw).control.model_dump() == {
        "variant": "lenet",
        "levels": {"pooling": "avg"},
    }


def test_later_settings_build_on_earlier_ones(file):
    spec = load_study(file, ["recipe.epochs=3", "recipe.batch_size=8", "recipe.epochs=4"])
    assert (spec.recipe.epochs, spec.recipe.batch_size) == (4, 8)


def test_set_leaves_the_file_and_what_was_read_alone(file, raw_study):
    raw = raw_study()
    override(raw, ["recipe.epochs=9", "control.levels.padding=0", "dataset.subset=10"])
    assert raw == raw_study()
    assert raw["recipe"]["epochs"] == 1
    before = file.read_bytes()
    load_study(file, ["recipe.epochs=9"])
    assert file.read_bytes() == before


def test_an_entry_of_a_list_is_set_by_its_number(raw_study):
    given = raw_study(dataset=["digits", {"name": "mnist", "recipe": {"epochs": 9}}])
    made = override(given, ["dataset.0.subset=500", "dataset.1.recipe.epochs=2"])
    assert made["dataset"] == [
        {"name": "digits", "subset": 500},
        {"name": "mnist", "recipe": {"epochs": 2}},
    ]
    assert given["dataset"] == ["digits", {"name": "mnist", "recipe": {"epochs": 9}}]


@pytest.mark.parametrize(
    ("setting", "problem"),
    [
        ("recipe.epochs", "must read path.to.key=value, got 'recipe.epochs'"),
        ("=3", "must read path.to.key=value, got '=3'"),
        ("question={", "question: '{' is not YAML"),
        ("seeds.x=1", "seeds.x: 'seeds' is no mapping, got 2; set 'seeds' as a whole"),
        (
            "arms.0.name=x",
            "arms.0.name: 'arms.0' is no mapping, got 'mlp'; set 'arms.0' as a whole",
        ),
        (
            "arms.1=mlp",
            "arms.1: '1' is no entry of the list there; number one, 0 to 0",
        ),
        (
            "arms.name=x",
            "arms.name: 'name' is no entry of the list there; number one, 0 to 0",
        ),
    ],
)
def test_bad_setting_is_told(raw_study, setting, problem):
    with pytest.raises(SpecError) as caught:
        override(raw_study(seeds=2, arms=["mlp"]), [setting])
    assert (caught.value.where, caught.value.problems) == ("--set", (problem,))


def test_setting_an_unknown_key_is_told_like_one_in_the_file(file):
    with pytest.raises(
        SpecError, match=r"recipe\.epoch: unknown key 'epoch'; did you mean 'epochs'"
    ):
        load_study(file, ["recipe.epoch=3"])


@given(st.integers(1, 10**6), st.integers(1, 10**6))
def test_order_of_settings_of_different_keys_does_not_matter(epochs, batch):
    settings = [f"recipe.epochs={epochs}", f"recipe.batch_size={batch}"]
    assert override({}, settings) == override({}, settings[::-1])


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"- a\n- b\n", "must be a mapping with the key 'study', got ['a', 'b']"),
        (b"", "must be a mapping with the key 'study', got None"),
        (b"a: [1\n", "is not YAML: while parsing a flow sequence"),
        (b"\xff\xfe\xfa", "is not YAML: "),
        (b"a: !!python/object/apply:os.getcwd []\n", "is not YAML: could not determine a constr"),
    ],
)
def test_file_that_is_no_study_is_told(tmp_path, content, problem):
    path = tmp_path / "bad.yaml"
    path.write_bytes(content)
    with pytest.raises(SpecError) as caught:
        load_study(path)
    assert caught.value.where == str(path)
    (told,) = caught.value.problems
    assert told.startswith(problem)


def test_missing_file_is_told(tmp_path):
    with pytest.raises(SpecError, match="cannot be read: No such file or directory"):
        load_study(tmp_path / "none.yaml")


def write_with_plugins(folder, plugins):
    path = folder / "study.yaml"
    path.write_text(yaml.safe_dump({"plugins": plugins}))
    return path


def test_plugin_sources_are_found_in_the_studys_folder(tmp_path):
    (tmp_path / "nets").mkdir()
    for name in ("a.py", "nets/b.py"):
        (tmp_path / name).write_text("")
    path = write_with_plugins(tmp_path, ["a.py", "nets/b.py"])
    folder = tmp_path.resolve()
    assert plugin_sources(path) == [str(folder / "a.py"), str(folder / "nets/b.py")]


def test_a_plugin_that_is_no_file_is_an_entry_points_name(tmp_path):
    assert plugin_sources(write_with_plugins(tmp_path, ["their-nets"])) == ["their-nets"]


@pytest.mark.parametrize("kind", ["parent", "absolute", "link", "missing", "folder"])
def test_plugin_file_outside_the_studys_folder_is_refused(tmp_path, kind):
    outside = tmp_path / "evil.py"
    outside.write_text("")
    folder = tmp_path / "studies"
    (folder / "nets").mkdir(parents=True)
    (folder / "link.py").symlink_to(outside)
    name = {
        "parent": "../evil.py",
        "absolute": str(outside),
        "link": "link.py",
        "missing": "none.py",
        "folder": "nets",
    }[kind]
    path = write_with_plugins(folder, [name])
    with pytest.raises(SpecError) as caught:
        plugin_sources(path)
    assert caught.value.problems == (
        f"plugins: {name!r} must be a file in the study's folder {folder.resolve()}",
    )


@pytest.mark.parametrize("content", ["a: [", "- 1", "plugins: 3", "plugins: [3]", "study: x"])
def test_files_without_plugins_name_none(tmp_path, content):
    path = tmp_path / "study.yaml"
    path.write_text(content)
    assert plugin_sources(path) == []


def test_a_key_given_twice_is_refused_with_its_line(tmp_path):
    file = tmp_path / "twice.yaml"
    file.write_text("study: a\nseeds: 3\nseeds: 4\n")
    with pytest.raises(SpecError, match="line 3: the key 'seeds' is given twice"):
        load_study(file)

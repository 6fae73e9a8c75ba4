import subprocess
import sys


def test_rendering_loads_neither_torch_nor_mlflow():
    program = (
        "import sys, reports.render;print(sorted({'torch', 'mlflow', 'optuna'} & set(sys.modules)))"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
    assert done.stdout.strip() == "[]"

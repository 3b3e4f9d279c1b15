import pytest
import yaml


class Plain(yaml.SafeDumper):
    """Writes what stands twice twice, without aliases."""

    def ignore_aliases(self, data):
        return True


EXPERIMENT = {
    "id": "9.9-demo",
    "title": "Demo",
    "question": "Does it work?",
    "base": {"network": {"hidden": [10]}, "steps": 20, "batch_size": 8, "optimizer": {"kind": "sgd"}},
    "variants": {"slow": {"optimizer": {"learning_rate": 0.01}}, "fast": {"optimizer": {"learning_rate": 0.1}}},
    "claims": [
        {
            "id": "C99",
            "says": "Fast beats slow.",
            "check": {
                "kind": "ordering",
                "metric": "loss",
                "split": "batch",
                "summary": "mean",
                "lower": "fast",
                "than": "slow",
            },
        }
    ],
}


@pytest.fixture
def project(tmp_path):
    """A project folder with one experiment; call it with changes to write them and get the folder."""
    folder = tmp_path / "config" / "experiments"
    folder.mkdir(parents=True)

    def write(changes=None, name="9.9-demo.yaml", config=None, text=None):
        content = text if text is not None else yaml.dump(EXPERIMENT | (changes or {}), Dumper=Plain, sort_keys=False)
        (folder / name).write_text(content)
        (tmp_path / "config" / "config.yaml").write_text(yaml.safe_dump(config or {"replicates": 3}))
        return tmp_path

    return write

# The study that the rules run, loaded and validated once; nothing starts if it does not hold together.
import json
import re
from hashlib import sha256

from snakemake.exceptions import WorkflowError

from chapter6.registry import StudyError
from chapter6.study.plan import canonical, load_study
from chapter6.study.sources import source_digest, training_digest

try:
    study = load_study(config)
except StudyError as error:
    raise WorkflowError(str(error)) from None

paths = study.paths
ENVIRONMENT = "../envs/study.yaml"


wildcard_constraints:
    experiment="|".join(map(re.escape, study.experiments)),
    variant=r"[^/]+",
    first=r"\d+",
    last=r"\d+",
    replicate=r"\d+",
    round=r"\d+",


def digest(*parts):
    """A short digest of plain data: what a rule watches in place of the data itself."""
    return sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:16]


def experiment_of(wildcards):
    return study.experiments[wildcards.experiment]


rule settings:
    output:
        paths.settings,
    log:
        paths.logs("settings"),
    benchmark:
        paths.benchmark("settings")
    conda:
        ENVIRONMENT
    threads: 1
    params:
        config=study.config.model_dump_json(),
    shell:
        "chapter6 settings --config {params.config:q} --output {output} 2> {log}"

# From runs to tidy tables, and from tables to verdicts.
from dataclasses import asdict


def blocks_of(wildcards):
    experiment = wildcards.experiment
    return [paths.block(experiment, b.variant.name, b.first, b.last) for b in study.blocks(experiment)]


def searches_of(wildcards):
    """What every search of the experiment left: its rounds, and the point that it chose."""
    experiment = experiment_of(wildcards)
    searches = [
        (variant, replicate)
        for variant in experiment.variants.values()
        for replicate in range(variant.replicates)
        if variant.search
    ]
    chosen = [paths.chosen(experiment.id, variant.name, replicate) for variant, replicate in searches]
    rounds = [round_files(experiment.id, variant.name, replicate) for variant, replicate in searches]
    return sum(rounds, start=chosen)


def variants_digest(wildcards):
    experiment = experiment_of(wildcards)
    return digest([asdict(variant) for variant in experiment.variants.values()])


rule tabulate:
    input:
        blocks=blocks_of,
        searches=searches_of,
        settings=ancient(paths.settings),
    output:
        curves=paths.table("{experiment}"),
        settings=paths.table("{experiment}", "settings"),
        runs=paths.table("{experiment}", "runs"),
        histograms=paths.table("{experiment}", "histograms"),
        trials=paths.table("{experiment}", "trials"),
        summary=paths.summary("{experiment}"),
    log:
        paths.logs("tabulate/{experiment}"),
    benchmark:
        paths.benchmark("tabulate/{experiment}")
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
    params:
        variants=variants_digest,
        sources=source_digest("analysis/tables.py", "jobs/tabulate.py"),
    shell:
        "chapter6 tabulate --study {input.settings} --experiment {wildcards.experiment} 2> {log}"


rule judge:
    input:
        tables=rules.tabulate.output,
        settings=ancient(paths.settings),
    output:
        paths.claims("{experiment}"),
    log:
        paths.logs("judge/{experiment}"),
    benchmark:
        paths.benchmark("judge/{experiment}")
    conda:
        ENVIRONMENT
    threads: 1
    params:
        claims=lambda wildcards: digest([repr(claim) for claim in experiment_of(wildcards).claims]),
        sources=source_digest("analysis/*.py"),
    shell:
        "chapter6 judge --study {input.settings} --experiment {wildcards.experiment} 2> {log}"


rule collect:
    input:
        claims=[paths.claims(experiment) for experiment in study.experiments],
        settings=ancient(paths.settings),
    output:
        paths.claims(),
    log:
        paths.logs("collect"),
    benchmark:
        paths.benchmark("collect")
    conda:
        ENVIRONMENT
    threads: 1
    params:
        experiments=list(study.experiments),
    shell:
        "chapter6 collect --study {input.settings} 2> {log}"

# From runs to tidy tables, and from tables to verdicts.


rule tabulate:
    input:
        trained=batches_of,
        searches=searches_of,
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
    priority: 2
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
    params:
        study=paths.settings,
        variants=variants_digest,
        sources=source_digest(
            "analysis/tables.py",
            "intervals.py",
            "words.py",
            "study/gathering.py",
            "study/records.py",
            "study/searches.py",
            "jobs/tabulate.py",
        ),
    shell:
        "chapter6 tabulate --study {params.study} --experiment {wildcards.experiment} 2> {log}"


rule judge:
    input:
        tables=rules.tabulate.output,
    output:
        paths.claims("{experiment}"),
    log:
        paths.logs("judge/{experiment}"),
    benchmark:
        paths.benchmark("judge/{experiment}")
    priority: 2
    conda:
        ENVIRONMENT
    threads: 1
    params:
        study=paths.settings,
        claims=lambda wildcards: digest([repr(claim) for claim in experiment_of(wildcards).claims]),
        sources=source_digest("analysis/*.py", "intervals.py", "metrics.py", "words.py", "jobs/judge.py"),
    shell:
        "chapter6 judge --study {params.study} --experiment {wildcards.experiment} 2> {log}"


rule collect:
    input:
        claims=[paths.claims(experiment) for experiment in study.experiments],
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
        study=paths.settings,
        experiments=list(study.experiments),
        sources=source_digest("jobs/collect.py"),
    shell:
        "chapter6 collect --study {params.study} 2> {log}"

# From runs to tidy tables, and from tables to verdicts.


rule tabulate:
    input:
        results=lambda wildcards: results_of(wildcards.experiment),
        order=order_of(
            "tabulate",
            variants=lambda experiment: digest(plain(experiment.variants)),
            sources=source_digest(
                "analysis/tables.py",
                "intervals.py",
                "metrics.py",
                "settings.py",
                "words.py",
                "study/gathering.py",
                "study/results.py",
                "study/searches.py",
                "study/timings.py",
                "jobs/tabulate.py",
            ),
        ),
    output:
        curves=paths.table("{experiment}"),
        settings=paths.table("{experiment}", "settings"),
        runs=paths.table("{experiment}", "runs"),
        histograms=paths.table("{experiment}", "histograms"),
        trials=paths.table("{experiment}", "trials"),
        times=paths.table("{experiment}", "times"),
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
    shell:
        "chapter6 tabulate --study {params.study} --experiment {wildcards.experiment} 2> {log}"


rule judge:
    input:
        tables=rules.tabulate.output,
        beside=lambda w: [paths.table(other, kind) for other in experiment_of(w).beside for kind in TABLES],
        order=order_of(
            "judge",
            claims=lambda experiment: digest(plain(experiment.spec.claims)),
            sources=source_digest(
                "analysis/*.py",
                "records.py",
                "quantities.py",
                "intervals.py",
                "metrics.py",
                "settings.py",
                "words.py",
                "jobs/judge.py",
            ),
        ),
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
    shell:
        "chapter6 judge --study {params.study} --experiment {wildcards.experiment} 2> {log}"


rule collect:
    input:
        claims=[paths.claims(experiment) for experiment in study.experiments],
        order=order_of_all(
            "collect",
            list(study.experiments),
            source_digest("jobs/collect.py", "analysis/claims.py", "analysis/levels.py", "records.py"),
        ),
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
    shell:
        "chapter6 collect --study {params.study} 2> {log}"

# Figures and the page.
rule draw:
    input:
        tables=rules.tabulate.output,
        order=order_of(
            "draw",
            figures=lambda experiment: digest(plain([experiment.figures, experiment.tables])),
            sources=source_digest("figures/*.py", "intervals.py", "metrics.py", "words.py", "jobs/draw.py"),
        ),
    output:
        directory(paths.figures("{experiment}")),
    log:
        paths.logs("draw/{experiment}"),
    benchmark:
        paths.benchmark("draw/{experiment}")
    priority: 2
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
    params:
        study=paths.settings,
    shell:
        "chapter6 draw --study {params.study} --experiment {wildcards.experiment} 2> {log}"


rule page:
    input:
        figures=[paths.figures(experiment) for experiment in study.experiments],
        claims=[paths.claims(experiment) for experiment in study.experiments],
        order=order_of_all(
            "page",
            digest([plain(experiment.spec) for experiment in study.experiments.values()]),
            digest(plain(study.config.tracking), study.tracking_uri),
            source_digest(
                "report/*.py",
                "report/*/*",
                "analysis/claims.py",
                "analysis/levels.py",
                "records.py",
                "quantities.py",
                "words.py",
                "metrics.py",
                "terminal.py",
                "study/decisions.py",
                "study/resolution.py",
                "study/scores.py",
                "study/tunings.py",
                "jobs/render.py",
                "jobs/outputs.py",
                "jobs/locate.py",
            ),
        ),
        text=collect("reports/text/en/{name}.md", name=glob_wildcards("reports/text/en/{name}.md").name),
    output:
        paths.page,
    log:
        paths.logs("page"),
    benchmark:
        paths.benchmark("page")
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 1000 * attempt,
    params:
        study=paths.settings,
    shell:
        "chapter6 render --study {params.study} 2> {log}"

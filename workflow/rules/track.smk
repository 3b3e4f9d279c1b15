# MLflow mirrors the finished runs. The database can be deleted: `snakemake track` writes it again from the results.
# The SQLite file of the study; nothing where another place keeps the runs.
DATABASE = [paths.database] if study.tracking_uri == f"sqlite:///{paths.database}" else []
WRITERS = int(study.tracking_uri.startswith("sqlite:"))  # of a profile's resource: any SQLite file takes one at a time


rule store:
    output:
        stamp=paths.store,
        database=[update(file) for file in DATABASE],
    log:
        paths.logs("store"),
    benchmark:
        paths.benchmark("store")
    priority: 2
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=1000,
        tracking=WRITERS,
    params:
        uri=study.tracking_uri,
        experiments=[f"--experiment={study.mirrored_as(name)}" for name in study.experiments],
    shell:
        "chapter6 store --uri {params.uri:q} {params.experiments} --output {output.stamp} 2> {log}"


rule track_experiment:
    input:
        store=paths.store,
        database=[ancient(file) for file in DATABASE],
        claims=paths.claims("{experiment}"),
        figures=paths.figures("{experiment}"),
        order=order_of(
            "track",
            question=lambda experiment: experiment.spec.question,
            sources=source_digest("tracking/entries.py", "tracking/mirror.py", "study/resolution.py", "jobs/track.py"),
        ),
    output:
        paths.tracked("{experiment}"),
    log:
        paths.logs("track/{experiment}"),
    benchmark:
        paths.benchmark("track/{experiment}")
    priority: 2
    retries: 1
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 1000 * attempt,
        tracking=WRITERS,
    params:
        study=paths.settings,
        uri=study.tracking_uri,
    shell:
        "chapter6 track --study {params.study} --uri {params.uri:q} --experiment {wildcards.experiment}"
        " --output {output} 2> {log}"


rule track:
    input:
        lambda wildcards: all_results(wildcards) if study.config.tracking.enabled else [],
        tracked_experiments,

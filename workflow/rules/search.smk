# Searches and tuning: what is trained next depends on what was trained before, through files. A round sees the rounds
# before it, so a killed search resumes at its last finished round, and a finished round never changes. A killed tuning
# finds what it trained in the folder beside its output.
rule tune:
    input:
        unpack(data_of),
        order=paths.order("tune", "{experiment}/{variant}"),
        taken=lambda w: sorted(experiment_of(w).tunings[w.variant].taken.files),
    output:
        paths.tuning("{experiment}", "{variant}"),
    log:
        paths.logs("tune/{experiment}/{variant}"),
    benchmark:
        paths.benchmark("tune/{experiment}/{variant}")
    priority: 1
    retries: 2
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 400 * attempt,
        runtime=lambda wildcards, attempt: 30 * attempt,
    params:
        data=data.directory,
        known=paths.run_cache,
    shell:
        "chapter6 tune --order {input.order} --data {params.data:q} --known {params.known} --output {output} 2> {log}"


rule search:
    input:
        unpack(data_of),
        order=paths.order("search", "{experiment}/{variant}-{replicate}"),
        before=lambda w: search_of(w).rounds[: int(w.round) - 1],
        start=lambda w: study.jobs_before(w.experiment, [search_of(w)]),
        taken=lambda w: sorted(variant_of(w).taken.files),
    output:
        paths.search_round("{experiment}", "{variant}", "{replicate}", "{round}"),
    log:
        paths.logs("search/{experiment}/{variant}/{replicate}-{round}"),
    benchmark:
        paths.benchmark("search/{experiment}/{variant}/{replicate}-{round}")
    priority: 1
    retries: 2
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 400 * attempt,
        runtime=lambda wildcards, attempt: 30 * attempt,
    params:
        data=data.directory,
        known=paths.run_cache,
    shell:
        "chapter6 search --order {input.order} --data {params.data:q} --before {input.before} --known {params.known}"
        " --output {output} 2> {log}"


rule choose:
    input:
        unpack(data_of),
        order=paths.order("search", "{experiment}/{variant}-{replicate}"),
        rounds=lambda w: search_of(w).sources,
        start=lambda w: study.jobs_before(w.experiment, [search_of(w)]),
        taken=lambda w: sorted(variant_of(w).taken.files),
    output:
        paths.chosen("{experiment}", "{variant}", "{replicate}"),
    log:
        paths.logs("choose/{experiment}/{variant}/{replicate}"),
    benchmark:
        paths.benchmark("choose/{experiment}/{variant}/{replicate}")
    priority: 1
    retries: 2
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 400 * attempt,
        runtime=lambda wildcards, attempt: 30 * attempt,
    params:
        data=data.directory,
    shell:
        "chapter6 choose --order {input.order} --data {params.data:q} --rounds {input.rounds} --output {output} 2> {log}"


# A step of a chain: which of several variants the next ones go on with, and why.
rule decide:
    input:
        trained=lambda w: study.jobs_deciding(w.experiment, w.decision),
        taken=lambda w: sorted(
            {file for variant in experiment_of(w).decisions[w.decision].among for file in variant.taken.files}
        ),
        order=order_of(
            "decide",
            decisions=lambda experiment: digest(plain(experiment.decisions)),
            sources=source_digest(
                "study/decisions.py", "study/scores.py", "quantities.py", "metrics.py", "jobs/decide.py"
            ),
        ),
    output:
        paths.decision("{experiment}", "{decision}"),
    log:
        paths.logs("decide/{experiment}/{decision}"),
    benchmark:
        paths.benchmark("decide/{experiment}/{decision}")
    priority: 1
    conda:
        ENVIRONMENT
    threads: 1
    params:
        study=paths.settings,
    shell:
        "chapter6 decide --study {params.study} --experiment {wildcards.experiment} --decision {wildcards.decision}"
        " 2> {log}"

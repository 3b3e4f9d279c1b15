# Searches and tuning: what is trained next depends on what was trained before, through files. A round sees the rounds
# before it, so a killed search resumes at its last finished round, and a finished round never changes.
rule tune:
    input:
        unpack(data_of),
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
        run=lambda wildcards: canonical(tuning_of(wildcards).run),
        parameter=lambda wildcards: tuning_of(wildcards).parameter,
        candidates=lambda wildcards: [f"--candidate={value:.6g}" for value in tuning_of(wildcards).candidates],
        seed=study.config.study_seed,
        data=data.directory,
        sources=search_digest(),
    shell:
        "chapter6 tune --run {params.run:q} --parameter {params.parameter} {params.candidates}"
        " --seed {params.seed} --data {params.data:q} --output {output} 2> {log}"


rule search:
    input:
        unpack(data_of),
        before=lambda w: round_files(w.experiment, w.variant, w.replicate, int(w.round) - 1),
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
        run=lambda wildcards: variant_of(wildcards).canonical,
        search=lambda wildcards: canonical(variant_of(wildcards).search),
        seed=study.config.study_seed,
        data=data.directory,
        known=paths.known,
        sources=search_digest(),
    shell:
        "chapter6 search --run {params.run:q} --search {params.search:q} --replicate {wildcards.replicate}"
        " --seed {params.seed} --data {params.data:q} --before {input.before} --known {params.known} --output {output} 2> {log}"


rule choose:
    input:
        unpack(data_of),
        rounds=rounds_to_choose_from,
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
        run=lambda wildcards: variant_of(wildcards).canonical,
        search=lambda wildcards: canonical(variant_of(wildcards).search),
        seed=study.config.study_seed,
        data=data.directory,
        sources=search_digest(),
    shell:
        "chapter6 choose --run {params.run:q} --search {params.search:q} --replicate {wildcards.replicate}"
        " --seed {params.seed} --data {params.data:q} --rounds {input.rounds} --output {output} 2> {log}"
